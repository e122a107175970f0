"""Bring a database up to today's tables, whoever starts first.

Several processes may try at once: one does it, the others wait and find it done.
"""

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from kiosk.messages import KioskError
from kiosk.monitor.store import migrations
from kiosk.monitor.store.engine import patient
from kiosk.monitor.store.schema import metadata

LOCK = 0x70616E61  # of this product's migrations among PostgreSQL's advisory locks


class StoreTooNew(KioskError, OSError):
    """A newer program has changed the database; this one leaves it alone."""


def bring_up_to_date(engine: Engine) -> None:
    """Make or change the tables as needed, in one transaction.

    Raises sqlalchemy.exc.SQLAlchemyError, or StoreTooNew where a newer program was here before.
    """
    with engine.connect() as connection:
        refuse_newer(connection)
        if _version(connection) == migrations.HEAD:
            return
    writing = engine.connect().execution_options(writes=True)
    with writing as connection, patient(connection), connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        if _version(connection) != migrations.HEAD:
            upgrade(connection)


def refuse_newer(connection: Connection) -> None:
    """Raise StoreTooNew where the database is of a version that this program does not know."""
    found = _version(connection)
    if found is not None and found not in migrations.KNOWN:
        raise StoreTooNew(
            f"the database is of version {found}, this program knows {migrations.HEAD} at most: "
            "start the newer program, or put a copy from before it in place"
        )


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def upgrade(connection: Connection, target: str = "head") -> None:
    """Run every step up to `target` in the transaction that is open."""
    from alembic.config import Config  # noqa: PLC0415 - loaded only by the start that needs it
    from alembic.runtime.environment import EnvironmentContext  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    script = ScriptDirectory(str(Path(migrations.__file__).parent))
    with EnvironmentContext(
        Config(), script, fn=lambda revision, _context: script._upgrade_revs(target, revision)  # noqa: SLF001 - what alembic's own command does
    ) as environment:  # fmt: skip
        environment.configure(connection=connection, target_metadata=metadata)
        environment.run_migrations()
