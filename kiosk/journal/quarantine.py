"""Setting a damaged store aside, so that the kiosk arms and somebody can look at it later.

Owns the names of such files and how many are kept. Never deletes the newest and never a folder.
"""

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

COMPANIONS = ("-wal", "-shm")
MARK = ".damaged-"


def set_aside(path: Path, keep: int) -> str:
    """Rename the store and its companions, UTC time in the name; gives the new name; raises OSError."""
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    taken = {other.name for other in path.parent.iterdir()}
    names = (f"{path.name}{MARK}{stamp}{suffix}" for suffix in ("", *(f".{n}" for n in range(1, 10_000))))
    name = next(name for name in names if name not in taken)
    # The store goes first: a log left without its store is ignored by SQLite, the reverse would lose data.
    path.rename(path.with_name(name))
    for companion in COMPANIONS:
        with suppress(FileNotFoundError):
            path.with_name(path.name + companion).rename(path.with_name(name + companion))
    _prune(path, name, keep)
    return name


def _prune(path: Path, newest: str, keep: int) -> None:
    old = sorted(
        (
            other
            for other in path.parent.iterdir()
            if other.name.startswith(path.name + MARK)
            and not other.name.endswith(COMPANIONS)
            and other.name != newest
        ),
        key=lambda other: other.lstat().st_mtime_ns,
    )
    for other in old[: max(0, len(old) - (keep - 1))]:
        for suffix in ("", *COMPANIONS):
            with suppress(OSError):  # a folder, or gone already: keeping one more harms nothing
                other.with_name(other.name + suffix).unlink()
