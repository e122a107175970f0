"""A damaged SQLite file: how it is found, and how it is set aside so that the centre starts anyway.

It never deletes anything: the damaged file and its companions may be mended by hand.
"""

import logging
import os
import sqlite3
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

LOG = logging.getLogger(__name__)
# Reading every page of a big file takes longer than kiosks should wait for; there only what a start reads is
# checked, and the rest when SQLite itself meets damage.
WHOLE_MAX_B = 256 * 1024 * 1024
READ_AT_START = ("alembic_version", "kiosks", "facts", "leases")
WRITES_WAL = slice(18, 19)  # of the file's head: 2 in every file that the centre wrote, 1 in a backup


def is_damage(error: BaseException) -> bool:
    """Tell whether the file itself is broken, not only the access to it."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        error = error.orig
    return isinstance(error, sqlite3.DatabaseError) and getattr(
        error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT
    ) & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def check(connection: Connection, path: Path, *, suspect: bool) -> None:
    """Look for damage; the whole file when it is small or `suspect`. Raises sqlite3.DatabaseError."""
    whole = suspect or path.stat().st_size <= WHOLE_MAX_B
    there = {name for (name,) in connection.exec_driver_sql("SELECT name FROM sqlite_schema")}
    for table in [""] if whole else [name for name in READ_AT_START if name in there]:
        question = f"PRAGMA quick_check('{table}')" if table else "PRAGMA quick_check(1)"
        verdict = connection.exec_driver_sql(question).scalar()
        if verdict != "ok":
            raise sqlite3.DatabaseError(f"malformed: {verdict}")


def part_from_wal(path: Path) -> None:
    """Set a log aside that belonged to another file: SQLite would write it over the copy put in its place.

    A backup never has one, nor has a file that was made beside a damaged one. Raises OSError.
    """
    with suppress(FileNotFoundError):
        with path.open("rb") as file:
            head = file.read(20)
        if head[WRITES_WAL] != b"\1" or not Path(f"{path}-wal").exists():
            return
        mark = _mark()
        _rename(path, f".stale-{mark}", ("-wal", "-shm"))
        LOG.error("store file=%s wal=set_aside mark=%s reason='it is of another file'", path, mark)


def set_aside(path: Path, reason: str) -> str:
    """Rename the damaged file and its companions, and give the new name."""
    mark = _mark()
    _rename(path, f".damaged-{mark}", ("", "-wal", "-shm"))
    LOG.error("store quarantined=%s reason=%r", f"{path}.damaged-{mark}", reason)
    return f"{path}.damaged-{mark}"


def _mark() -> str:
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")


def _rename(path: Path, infix: str, endings: tuple[str, ...]) -> None:
    for ending in endings:
        with suppress(FileNotFoundError):
            Path(f"{path}{ending}").rename(f"{path}{infix}{ending}")
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Wait until the disk has the names of a folder's files; raises OSError."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
