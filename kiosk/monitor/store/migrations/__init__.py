"""How an older database becomes today's, step by step, for SQLite and PostgreSQL alike."""

HEAD = "0009"  # the newest step; a test compares it with the files
KNOWN = frozenset(f"{number:04}" for number in range(int(HEAD) + 1))
