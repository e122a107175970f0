"""A copy of the whole database while everything runs.

SQLite copies itself; for PostgreSQL its own `pg_dump` is called. The copy holds personal data: it is made
readable by its owner only, and never under a name that is taken.
"""

import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

from sqlalchemy import URL, make_url

from kiosk.messages import KioskError

DUMP_S = 3600.0


class BackupFailed(KioskError, OSError):
    """No copy was made."""


def back_up(url: str, password_file: str | None, to: Path) -> int:
    """Write a checked copy to `to`, on disk when it returns; give its size in bytes. Raises BackupFailed."""
    if to.exists():
        raise BackupFailed(f"{to} exists already: name a file that does not")
    part = to.with_name(f"{to.name}.part")
    parsed = make_url(url)
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            if parsed.get_backend_name() == "sqlite":
                _copy_sqlite(Path(parsed.database or ""), part)
            else:
                _dump_postgres(parsed, password_file, part)
            _sync(part)
            size = part.stat().st_size
            part.rename(to)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        _sync(to.parent)
    except (OSError, sqlite3.Error) as error:
        if isinstance(error, BackupFailed):
            raise
        raise BackupFailed(f"{to}: {error}") from error
    return size


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _copy_sqlite(source: Path, part: Path) -> None:
    """Copy in one step: readers never hold a WAL's writer up, and no write can begin the copy anew."""
    if not source.exists():
        raise BackupFailed(f"{source}: there is no such file; has the centre run with this configuration?")
    old = sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)
    try:
        new = sqlite3.connect(part)
        try:
            old.backup(new)
            new.execute("PRAGMA journal_mode=DELETE")
            (verdict,) = new.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise BackupFailed(f"{source} is damaged: {verdict}")
        finally:
            new.close()
    finally:
        old.close()


def _dump_postgres(url: URL, password_file: str | None, part: Path) -> None:
    program = shutil.which("pg_dump")
    if program is None:
        raise BackupFailed("pg_dump is not installed: apt install postgresql-client")
    environment = dict(os.environ)
    if password_file is not None:
        environment["PGPASSWORD"] = Path(password_file).read_text(encoding="utf-8").strip()
    name = url.set(drivername="postgresql", password=None).render_as_string()
    done = subprocess.run(
        [program, "--format=custom", "--no-password", f"--file={part}", f"--dbname={name}"],
        env=environment, capture_output=True, text=True, timeout=DUMP_S, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise BackupFailed(f"pg_dump: {done.stderr.strip()[:300]}")
