"""SPS Commerce's mailbox over HTTPS (Transaction API v5, sps.md §3): list, read, post, delete, history."""
