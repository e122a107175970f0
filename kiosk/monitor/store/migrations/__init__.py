"""How an older database becomes today's, step by step, for SQLite and PostgreSQL alike."""

HEAD = "0009"  # the newest step; a test compares it with the files
