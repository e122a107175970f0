"""The CA's files: read only where nobody else may read the key, written whole or not at all."""

import os
import stat
from pathlib import Path

from kiosk.monitor.ca.authority import Authority, Pair
from kiosk.monitor.ca.shapes import CaError

SECRET_MODE, PUBLIC_MODE = 0o600, 0o644


def load(cert: str, key: str) -> Authority:
    """Read the CA; raises CaError where a file is missing, unusable, or the key open to others."""
    try:
        mode = stat.S_IMODE(Path(key).stat().st_mode)
        if mode & 0o077:
            raise CaError(f"{key} can be read by others (mode {mode:04o}); run: chmod 600 {key}")
        return Authority(Path(cert).read_bytes(), Path(key).read_bytes())
    except OSError as error:
        raise CaError(f"the CA cannot be used: {error.filename}: {error.strerror}") from error


def write_pair(pair: Pair, cert: Path, key: Path) -> None:
    """Write a new key and certificate; raises CaError where one of them exists or cannot be written."""
    for path in (cert, key):
        if path.exists():
            raise CaError(f"{path} exists already; nothing was written")
    write(key, pair.key, SECRET_MODE)
    write(cert, pair.cert, PUBLIC_MODE)


def write(path: Path, data: bytes, mode: int) -> None:
    """Write a file beside and rename, on disk before it has its name; raises CaError."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.unlink(missing_ok=True)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise CaError(f"{path} cannot be written: {error.strerror}") from error
