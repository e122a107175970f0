"""Make a check and the write after it one step for all who share a PostgreSQL; SQLite's writers queue anyway.

READ COMMITTED lets two transactions check at once, each before the other's write. Never waits for a row.
"""

from enum import IntEnum

from sqlalchemy import Connection, text

TAKE = text("SELECT pg_advisory_xact_lock(:lock)")


class Lock(IntEnum):
    """What one transaction at a time decides; each number is one of PostgreSQL's advisory locks."""

    NAMES = 0x70616E62  # kiosks and the centre's own certificates; 0x70616E61 is the migrations'
    ROLLOUTS = 0x70616E63
    ADMINS = 0x70616E64


def take(db: Connection, lock: Lock) -> None:
    """Wait until no other transaction holds it, and hold it to the end of this one.

    What is read afterwards holds until then. Raises OperationalError after the engine's `lock_timeout`.
    """
    if db.dialect.name == "postgresql":
        db.execute(TAKE, {"lock": int(lock)})
