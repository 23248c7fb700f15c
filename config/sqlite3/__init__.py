"""Django's SQLite for several processes that write all the time: each waits for its turn (see `base`)."""
