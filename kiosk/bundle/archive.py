"""A tar of regular files, to the letter: so little may be in it that every header can be judged whole.

Owns 512-byte headers (POSIX.1-1988 ustar; GNU tar's own format where it says the same) and never interprets
links, devices, folders, sparse files, pax or GNU extensions: those are refused by name. Reads no content.
"""

import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from kiosk.bundle.manifest import GET_ANOTHER, BundleRefused

BLOCK = 512
RECORD_MAX = 1 << 20  # zeros behind the end: GNU tar fills up to its record, 10 KiB by default
OTHER_TYPES = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a character device",
    b"4": "a block device",
    b"5": "a folder",
    b"6": "a named pipe",
    b"7": "a contiguous file",
    b"D": "a folder's listing",
    b"K": "a GNU long link name",
    b"L": "a GNU long name",
    b"M": "a part of a file in several volumes",
    b"N": "an old GNU long name",
    b"S": "a sparse file",
    b"V": "a volume's label",
    b"X": "a Solaris pax header",
    b"g": "a global pax header",
    b"x": "a pax header",
}
OCTAL = re.compile(rb"[0-7]+[ \0]*")


@dataclass(frozen=True, slots=True)
class Member:
    """One regular file of the archive: its content begins at byte `offset`."""

    name: str
    size: int
    offset: int


def members(file: BinaryIO, total: int, where: str) -> Iterator[Member]:
    """Give each member in order, header judged, content skipped. `total` is the file's size in bytes.

    Raises BundleRefused at the first thing that is no plain regular file, and when the end is not an end.
    """
    at = 0
    while True:
        file.seek(at)
        header = file.read(BLOCK)
        if len(header) < BLOCK:
            raise BundleRefused(f"{where}: is cut off at byte {total}; copy it again, or {GET_ANOTHER}")
        if not any(header):
            _judge_end(file, total - at - BLOCK, where)
            return
        name, size = _judge(header, at, where)
        at += BLOCK
        padded = -(-size // BLOCK) * BLOCK
        if at + padded > total:
            raise BundleRefused(f"{where}: is cut off within {name}; copy it again, or {GET_ANOTHER}")
        file.seek(at + size)
        if any(file.read(padded - size)):
            raise _odd(where, at, f"{name} is followed by bytes that belong to no file")
        yield Member(name, size, at)
        at += padded


def header_of(name: str, size: int) -> bytes:
    """Write one header: mode 0644, root, time 0, so that equal content gives equal bytes."""
    info = tarfile.TarInfo(name)
    info.size = size
    try:
        return info.tobuf(tarfile.USTAR_FORMAT)
    except ValueError as error:
        raise BundleRefused(f"{name}: the name or its last part is too long for a tar; shorten it") from error


def _judge(header: bytes, at: int, where: str) -> tuple[str, int]:
    if _number(header[148:156]) != sum(header) - sum(header[148:156]) + 8 * ord(" "):
        raise _odd(where, at, "a header's check sum is wrong")
    kind = header[156:157]
    if kind not in (b"0", b"\0"):
        raise _odd(where, at, f"there is {OTHER_TYPES.get(kind, 'something unknown')}, not a regular file")
    magic = header[257:265]
    name: bytes | None = _field(header[0:100])
    if magic == b"ustar\x0000":
        prefix, rest = _field(header[345:500]), header[500:]
        name = b"/".join(filter(None, (prefix, name))) if name is not None and prefix is not None else None
    elif magic == b"ustar  \0":
        rest = header[345:]
    else:
        raise _odd(where, at, "a header is neither ustar's nor GNU tar's")
    size = _number(header[124:136])
    if name is None or size is None or any(rest) or any(header[157:257]):
        raise _odd(where, at, "a header holds more than a name and a size")
    try:
        return name.decode("ascii"), size
    except UnicodeDecodeError as error:
        raise _odd(where, at, "a name is no ASCII") from error


def _judge_end(file: BinaryIO, left: int, where: str) -> None:
    if left < BLOCK:
        raise BundleRefused(f"{where}: is cut off at its end; copy it again, or {GET_ANOTHER}")
    if left > RECORD_MAX or any(file.read(left)):
        raise BundleRefused(f"{where}: something follows its end; {GET_ANOTHER}")


def _field(raw: bytes) -> bytes | None:
    """Give what stands before the first NUL; None when something other than NUL stands behind it."""
    value, _, rest = raw.partition(b"\0")
    return None if any(rest) else value


def _number(raw: bytes) -> int | None:
    return int(raw.rstrip(b" \0"), 8) if OCTAL.fullmatch(raw) else None


def _odd(where: str, at: int, what: str) -> BundleRefused:
    return BundleRefused(f"{where}: byte {at}: {what}; it was not made by the desk; {GET_ANOTHER}")
