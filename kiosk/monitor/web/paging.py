"""Where a page of a long list goes on: the sort key of its last row, as text in an address. Pure.

Keys instead of offsets: the millionth row costs as much as the first. Never trusted: `read` checks it.
"""

import base64
from typing import TypeVar

import msgspec

LONGEST = 400

T = TypeVar("T")


def write(*key: int | str) -> str:
    """Write the sort key of the last row shown."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def read(text: str, kind: type[T]) -> T | None:
    """Read a key of `kind`, such as tuple[int, str]; None for anything else, which begins at the front."""
    if not text or len(text) > LONGEST:
        return None
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=kind)
    except (ValueError, msgspec.MsgspecError):
        return None
