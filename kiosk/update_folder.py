"""The folder in which daemon and installer leave paper for each other: an order, and how it ended.

The daemon owns the folder, the installer is root: nothing here follows a link or trusts a size. Files are
whole or not there, and on the disk when a call returns.
"""

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from kiosk import wire
from kiosk.messages import DeviceError, UpdateSeen
from kiosk.ports import Post
from kiosk.updates import UpdateOutcome, UpdateRequest

T = TypeVar("T")
REQUEST, OUTCOME = "request.json", "outcome.json"
PAPER_MAX = 4096
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class UpdateFolder:
    """ports.Updates: `state` is the daemon's own folder; `update` in it is made when it is needed."""

    def __init__(self, state: Path, post: Post) -> None:
        self._folder = state / "update"
        self._post = post

    def request(self, request: UpdateRequest) -> None:
        """Lay an order down; an older outcome goes first, so that none can be taken for this one's."""
        try:
            self._folder.mkdir(mode=0o750, exist_ok=True)
            (self._folder / OUTCOME).unlink(missing_ok=True)
        except OSError as error:
            raise DeviceError(f"{self._folder}: cannot be written: {error.strerror}") from error
        boot_id, boot_s = boot()
        write(self._folder, REQUEST, msgspec.structs.replace(request, boot_id=boot_id, boot_s=boot_s))

    def look(self) -> None:
        """Post whether an order lies there, and the outcome if there is one."""
        ordered = (self._folder / REQUEST).exists()
        self._post(UpdateSeen(ordered, read(self._folder, OUTCOME, UpdateOutcome)))

    def forget(self, update_id: str) -> None:
        """Take an outcome away that has served; a newer one stays."""
        outcome = read(self._folder, OUTCOME, UpdateOutcome)
        if outcome is not None and outcome.update_id == update_id:
            remove(self._folder, OUTCOME)


def boot() -> tuple[str, float]:
    """Name this boot of the machine, and give the seconds since it began, sleep included.

    The name is empty where the kernel does not tell.
    """
    boot_id = ""
    with suppress(OSError):
        boot_id = BOOT_ID.read_text(encoding="ascii", errors="replace").strip()
    return boot_id, time.clock_gettime(time.CLOCK_BOOTTIME)


def read(folder: Path, name: str, kind: type[T]) -> T | None:
    """Read one paper; None when there is none, or none that can be used."""
    with suppress(OSError):
        handle = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            if stat.S_ISREG(os.fstat(handle).st_mode):
                found = wire.parse(kind, file.read(PAPER_MAX + 1), PAPER_MAX)
                return None if isinstance(found, wire.Rejected) else found
    return None


def write(folder: Path, name: str, paper: msgspec.Struct) -> None:
    """Write one paper whole, readable by the folder's owner. Raises DeviceError."""
    beside = f".{name}.new"
    try:
        with _opened(folder) as at:
            with suppress(FileNotFoundError):
                os.unlink(beside, dir_fd=at)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            handle = os.open(beside, flags, 0o640, dir_fd=at)
            with os.fdopen(handle, "wb") as file:
                owner = os.fstat(at)
                if os.geteuid() == 0:
                    os.fchown(handle, owner.st_uid, owner.st_gid)
                file.write(msgspec.json.encode(paper))
                file.flush()
                os.fsync(handle)
            os.rename(beside, name, src_dir_fd=at, dst_dir_fd=at)
            os.fsync(at)
    except OSError as error:
        raise DeviceError(f"{folder / name}: cannot be written: {error.strerror}") from error


def remove(folder: Path, name: str) -> None:
    """Take a paper away, durably. Raises DeviceError."""
    try:
        with _opened(folder) as at:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=at)
            os.fsync(at)
    except OSError as error:
        raise DeviceError(f"{folder / name}: cannot be removed: {error.strerror}") from error


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """Hold a folder open, not by a link: whoever owns the one above cannot swap it meanwhile."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)
