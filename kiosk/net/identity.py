"""This kiosk's key and certificate on disk: replaced together or not at all, whenever the power is cut.

A new key waits in `<key>.pending`. Once a certificate for it stands whole in `<cert>.new`, the change is
decided: `finish` carries it out, and is called before the files are used. Never lets others read a key.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path

from kiosk.config import Tls
from kiosk.messages import DeviceError

SECRET_MODE, PUBLIC_MODE = 0o600, 0o644


def pending_key(files: Tls) -> Path:
    """Name the file of a key whose certificate is still asked for."""
    return Path(f"{files.key}.pending")


def replace(files: Tls, certificate: bytes, *, like: Path | None = None) -> None:
    """Put the certificate and its pending key in the place of the old ones. Raises DeviceError."""
    write(_staged(files), certificate, PUBLIC_MODE, like=like)
    finish(files)


def finish(files: Tls) -> None:
    """Carry out a change that was decided; does nothing when there is none. Raises DeviceError.

    Begins only what this user may end: a new key beside an old certificate would close every door.
    """
    if not _staged(files).exists():
        return
    for path in (Path(files.key), Path(files.cert), pending_key(files), _staged(files)):
        if _is_held(path):
            raise DeviceError(f"{path}: cannot be replaced: it is not the kiosk's user's")
    try:
        with suppress(FileNotFoundError):
            pending_key(files).replace(files.key)
            _sync(Path(files.key).parent)
        with suppress(FileNotFoundError):
            _staged(files).replace(files.cert)
            _sync(Path(files.cert).parent)
    except OSError as error:
        raise DeviceError(f"{files.cert}: cannot be replaced: {error.strerror}") from error


def write(path: Path, data: bytes, mode: int, *, like: Path | None = None) -> None:
    """Write a file whole, on disk before it has its name. Raises DeviceError.

    The owner of its folder owns it, or that of the folder `like`, where there is one: keys lie in a sticky
    folder of root's, and the daemon, which is not root, has to read and to replace them.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.unlink(missing_ok=True)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            if os.geteuid() == 0:
                owner = (like if like is not None and like.is_dir() else path.parent).stat()
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        beside.replace(path)
        _sync(path.parent)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise DeviceError(f"{path}: cannot be written: {error.strerror}") from error


def _staged(files: Tls) -> Path:
    return Path(f"{files.cert}.new")


def _is_held(path: Path) -> bool:
    """Tell whether a sticky folder keeps this user from replacing a file."""
    try:
        file, folder = path.lstat(), path.parent.stat()
    except OSError:
        return False  # what is wrong there is told by whoever replaces it
    return bool(folder.st_mode & stat.S_ISVTX) and os.geteuid() not in (0, file.st_uid, folder.st_uid)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
