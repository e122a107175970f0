"""How to reach the database: one engine for SQLite (WAL, every commit on disk) or PostgreSQL.

It never keeps a password in a URL that could be logged.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DisconnectionError

BUSY_S = 5.0  # another process writes into the same SQLite file
POOL = 4
SILENT_MAX_S = 20.0  # longer than the server lets any statement take
# A server that vanished without a word must not hold the centre up for long; our commits take milliseconds.
POSTGRES: dict[str, Any] = {
    "connect_timeout": 3,
    "tcp_user_timeout": 8000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "options": "-c statement_timeout=15000 -c lock_timeout=5000 -c synchronous_commit=on -c timezone=UTC",
}
CLOCK = text("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)")


def sqlite_url(path: Path) -> str:
    """Name a SQLite file as a URL."""
    return URL.create("sqlite", database=str(path)).render_as_string()


def make_engine(
    url: str, password_file: str | None = None, *, pool: int = POOL, silent_max_s: float = SILENT_MAX_S
) -> Engine:
    """Give an engine for `sqlite:////absolute/path` or `postgresql://user@host/name`.

    A server that says nothing for `silent_max_s` counts as gone. Raises OSError where the password's file
    cannot be read, sqlalchemy.exc.ArgumentError for a wrong URL.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(
            parsed,
            pool_size=pool,
            hide_parameters=True,
            connect_args={"timeout": BUSY_S, "check_same_thread": False},
        )
        event.listen(engine, "connect", _tune_sqlite)
        _follow_file(engine, Path(parsed.database or ""))
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    parsed = parsed.set(drivername="postgresql+psycopg")
    if password_file is not None:
        parsed = parsed.set(password=Path(password_file).read_text(encoding="utf-8").strip())
    engine = create_engine(
        parsed, pool_size=pool, pool_pre_ping=True, hide_parameters=True, connect_args=POSTGRES
    )
    _bound_silence(engine, silent_max_s)
    return engine


def _bound_silence(engine: Engine, max_s: float) -> None:
    from kiosk.monitor.store.silence import Listening  # noqa: PLC0415 - SQLite needs no driver

    def connect(_dialect: object, _record: object, args: Any, named: Any) -> Listening:
        made = Listening.connect(*args, **named)
        made.silent_max_s = max_s
        return made

    event.listen(engine, "do_connect", connect)


@contextmanager
def patient(connection: Connection) -> Iterator[None]:
    """Let the server be silent for as long as it likes: bringing tables up to date may take minutes."""
    raw: Any = connection.connection.dbapi_connection
    if connection.dialect.name == "sqlite":
        yield
        return
    bound_s, raw.silent_max_s = raw.silent_max_s, None
    try:
        yield
    finally:
        raw.silent_max_s = bound_s


def clock_ms(connection: Connection) -> int:
    """Read the database's own clock (UTC ms): one for all monitors that share it."""
    if connection.dialect.name == "sqlite":
        return time.time_ns() // 1_000_000
    return int(connection.execute(CLOCK).scalar_one())


def _tune_sqlite(connection: Any, _record: object) -> None:
    """`synchronous=FULL` makes a WAL commit wait for the disk: what was acknowledged survives a power cut."""
    connection.isolation_level = None  # we begin and end transactions ourselves
    for setting in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {setting}").close()


def _follow_file(engine: Engine, path: Path) -> None:
    """Have kept connections let go of a file that was set aside as damaged, in whichever process they are.

    While no file has the name they stay with the old one: only the core begins the new one.
    """

    def note(_connection: object, record: Any) -> None:
        record.info["inode"] = _inode(path)

    def compare(_connection: object, record: Any, _proxy: object) -> None:
        if _inode(path) not in (None, record.info["inode"]):
            raise DisconnectionError(f"{path} is another file now")

    event.listen(engine, "connect", note)
    event.listen(engine, "checkout", compare)


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _begin_sqlite(connection: Any) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
