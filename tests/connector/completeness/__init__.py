"""The completeness ledger: what the cursors have passed is found again, put right, explained or asked about."""
