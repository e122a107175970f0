"""The SQLite file of the journal: opening, proving, reading, writing.

Owns its schema and its safety settings (WAL, synchronous=FULL: a commit that returned survives a power cut).
Raises sqlite3.Error, OSError or Damaged; what follows from them is decided by the journal.
"""

import errno
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

from kiosk.journal.record import FORMAT, Damaged, Packed, StageReached, unpack
from kiosk.messages import Snapshot

APPLICATION_ID = 0x50414E41  # "PANA": tells our file from any other SQLite file
MAGIC = b"SQLite format 3\x00"
BUSY_S = 1.0
MAX_PAGES = 2048  # of 4 KiB: 8 MiB, whatever happens
WAL_PAGES = 64  # written back to the main file after that many
CACHE_KIB = 128  # a commit needs the snapshot and both ends of history; SQLite would keep all of it, 1 MiB
HISTORY = (
    "CREATE TABLE history (id INTEGER PRIMARY KEY, at_utc_ms INTEGER NOT NULL, alert_id TEXT NOT NULL, "
    "kind TEXT NOT NULL, stage TEXT NOT NULL, by TEXT NOT NULL)"
)
SNAPSHOT = (
    "CREATE TABLE snapshot (id INTEGER PRIMARY KEY CHECK (id = 1), format INTEGER NOT NULL, "
    "body BLOB NOT NULL, sha256 TEXT NOT NULL)"
)
TABLES = (HISTORY, SNAPSHOT)
FAILURES = (sqlite3.Error, OSError, ValueError)  # Damaged is a ValueError
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})
_IN_USE = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


def open_store(path: Path) -> sqlite3.Connection:
    """Open the store for writing and prove it whole, or make a new one where there is none."""
    if not os.path.lexists(path):
        return _create(path)
    _demand_header(path)
    if not os.access(path, os.W_OK):  # SQLite would open it all the same, and fail at the first write
        raise OSError(errno.EROFS, "the file cannot be written")
    connection = _connect(str(path))
    try:
        _prove(connection)
        _harden(connection)
    except FAILURES:
        connection.close()
        raise
    return connection


def read_only(path: Path) -> Snapshot:
    """Read the snapshot of a store that cannot be written (read-only or full file system)."""
    wal = path.with_name(f"{path.name}-wal")
    if not (wal.exists() and wal.stat().st_size):
        return _read_at(f"{path.absolute().as_uri()}?mode=ro&immutable=1")  # or a missing one would be made
    with suppress(sqlite3.OperationalError):  # the log's index is missing, and cannot be made there
        return _read_at(f"{path.absolute().as_uri()}?mode=ro")
    with tempfile.TemporaryDirectory(prefix="pana-journal-") as elsewhere:
        for part in (path, wal):
            shutil.copy(part, elsewhere)
        return _read_at(f"{(Path(elsewhere) / path.name).as_uri()}?mode=ro")


def _read_at(uri: str) -> Snapshot:
    with closing(_connect(uri, uri=True)) as connection:
        _prove(connection)
        return read(connection)


def read(connection: sqlite3.Connection) -> Snapshot:
    """Read the newest snapshot; an empty one from a store that never had any."""
    row = connection.execute("SELECT format, body, sha256 FROM snapshot WHERE id = 1").fetchone()
    return unpack(*row) if row is not None else Snapshot()


def write(
    connection: sqlite3.Connection, packed: Packed, stages: Sequence[StageReached], keep_rows: int
) -> None:
    """Put a snapshot and new lines of history on disk in one commit; the oldest lines make room."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(
            "INSERT OR REPLACE INTO snapshot VALUES (1, ?, ?, ?)", (packed.format, packed.body, packed.sha256)
        )
        connection.executemany(
            "INSERT INTO history (at_utc_ms, alert_id, kind, stage, by) VALUES (?, ?, ?, ?, ?)",
            [(row.at_utc_ms, row.alert_id, row.kind, row.stage, row.by) for row in stages],
        )
        connection.execute("DELETE FROM history WHERE id <= (SELECT max(id) FROM history) - ?", (keep_rows,))
        connection.execute("COMMIT")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def history(path: Path, limit: int) -> list[StageReached]:
    """Read the newest `limit` lines of history, newest first, beside a running daemon."""
    with closing(_connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        rows = connection.execute(
            "SELECT at_utc_ms, alert_id, kind, stage, by FROM history ORDER BY id DESC LIMIT ?", (limit,)
        ).fetchall()
    return [
        StageReached(at_utc_ms=at, alert_id=alert, kind=kind, stage=stage, by=by)
        for at, alert, kind, stage, by in rows
    ]


def is_damage(error: BaseException) -> bool:
    """Tell whether an error says that the file itself is wrong, rather than that it cannot be reached."""
    return isinstance(error, Damaged) or _code(error) in _DAMAGE


def is_in_use(error: BaseException) -> bool:
    """Tell whether another process holds the store."""
    return _code(error) in _IN_USE


def reason_of(error: BaseException) -> str:
    """Say what went wrong in a way that is safe to log: no path, no content."""
    if isinstance(error, sqlite3.Error):
        return f"{getattr(error, 'sqlite_errorname', 'SQLITE')}: {error}"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return str(error)


def _code(error: BaseException) -> int:
    """Give SQLite's primary result code (its extended codes keep it in the low byte)."""
    return getattr(error, "sqlite_errorcode", -1) & 0xFF if isinstance(error, sqlite3.Error) else -1


def _connect(name: str, *, uri: bool = False) -> sqlite3.Connection:
    # close() may come from another thread than the worker's; a lock of the journal keeps them apart
    connection = sqlite3.connect(name, timeout=BUSY_S, isolation_level=None, check_same_thread=False, uri=uri)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    return connection


def _create(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    connection = _connect(str(path))
    try:
        _harden(connection)
        connection.execute("BEGIN IMMEDIATE")
        for table in TABLES:
            connection.execute(table)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {FORMAT}")
        connection.execute("COMMIT")
        path.chmod(0o640)
        _sync_folder(path.parent)
    except FAILURES:
        connection.close()
        raise
    return connection


def _harden(connection: sqlite3.Connection) -> None:
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise OSError(f"the file system allows no write-ahead log (SQLite chose {mode})")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")
    connection.execute(f"PRAGMA journal_size_limit = {WAL_PAGES * 4096}")
    connection.execute(f"PRAGMA max_page_count = {MAX_PAGES}")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")


def _demand_header(path: Path) -> None:
    """Refuse what is no SQLite file before SQLite sees it: it would delete the log of an empty one."""
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise Damaged("the file is empty or no SQLite file")


def _prove(connection: sqlite3.Connection) -> None:
    """Check that this is our file, of our format, and whole."""
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise Damaged("the file is not a journal of this software")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != FORMAT:
        raise Damaged(f"format {version}, this software reads {FORMAT}")
    tables = tuple(row[0] for row in connection.execute("SELECT sql FROM sqlite_master ORDER BY name"))
    if tables != TABLES:
        raise Damaged("the tables are not this software's")
    verdict = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if verdict != "ok":
        raise Damaged(f"integrity check: {verdict}")


def _sync_folder(folder: Path) -> None:
    """Make a new file's name survive a power cut, too (fsync(2): the directory needs its own)."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
