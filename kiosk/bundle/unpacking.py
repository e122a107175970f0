"""Take files out of a verified bundle; each is hashed again on its way, and is on disk afterwards."""

import hashlib
import os
import shutil
from pathlib import Path
from typing import BinaryIO

from kiosk.bundle.archive import Member
from kiosk.bundle.checking import CHUNK, Verified, open_regular
from kiosk.bundle.manifest import BundleRefused
from kiosk.messages import KioskError

CONTENT_MAX = 1 << 20  # bytes that are taken into memory at once


class UnpackingFailed(KioskError, OSError):
    """A sound bundle could not be laid down here; the message says why and what to do."""


def extract(verified: Verified, folder: Path, *, under: str = "") -> None:
    """Lay the files down in `folder`, which must be new or empty; all of them, or none.

    `under` takes the files below one path of the bundle only, for example "voice". Files of a kiosk's bundle
    are readable by their owner only, because there are secrets among them. All is fsync'd when it returns.
    Raises UnpackingFailed (disk full, folder in use) or BundleRefused (changed since it was verified).
    """
    names = [name for name in verified.names if not under or name.startswith(f"{under}/")]
    mode = 0o600 if verified.header.kind == "kiosk" else 0o644
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UnpackingFailed(f"{folder}: is not empty; name a new folder")
        try:
            with open_regular(verified.path) as file:
                for name in names:
                    _lay(file, verified, name, folder, mode)
            _sync_folders(folder)
        except BaseException:
            _empty(folder)
            raise
    except OSError as error:
        if isinstance(error, UnpackingFailed):
            raise
        reason = error.strerror or str(error)
        raise UnpackingFailed(f"{folder}: {reason}; make room or mend the disk, then try again") from error


def content(verified: Verified, name: str) -> bytes:
    """Give one small file (at most 1 MiB), hashed again. Raises BundleRefused."""
    member = verified.members.get(name)
    if member is None:
        raise BundleRefused(f"{verified.path}: holds no {name}; get a bundle of this version from the desk")
    if member.size > CONTENT_MAX:
        raise BundleRefused(f"{verified.path}: {name} is too large ({member.size} bytes)")
    try:
        with open_regular(verified.path) as file:
            file.seek(member.offset)
            read = file.read(member.size)
    except OSError as error:
        raise BundleRefused(f"{verified.path}: cannot be read: {error.strerror}; copy it again") from error
    _demand(verified, name, hashlib.sha256(read).hexdigest())
    return read


def _lay(file: BinaryIO, verified: Verified, name: str, folder: Path, mode: int) -> None:
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    with os.fdopen(handle, "wb") as out:
        digest = _copy(file, verified.members[name], out)
        out.flush()
        os.fsync(out.fileno())
    _demand(verified, name, digest)


def _copy(file: BinaryIO, member: Member, out: BinaryIO) -> str:
    digest = hashlib.sha256()
    file.seek(member.offset)
    left = member.size
    while left > 0 and (piece := file.read(min(CHUNK, left))):
        digest.update(piece)
        out.write(piece)
        left -= len(piece)
    return digest.hexdigest()


def _demand(verified: Verified, name: str, digest: str) -> None:
    if digest != verified.digests[name]:
        raise BundleRefused(f"{verified.path}: {name} changed since it was checked; copy the file again")


def _sync_folders(folder: Path) -> None:
    for path in (folder, *(path for path in folder.rglob("*") if path.is_dir()), folder.parent):
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
