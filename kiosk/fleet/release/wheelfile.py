"""RECORD of a wheel: every file with its hash (binary distribution format). Pure."""

import base64
import hashlib
from collections.abc import Mapping


def record(files: Mapping[str, bytes], info: str) -> dict[str, bytes]:
    """Give RECORD as one more file of the wheel."""
    lines = [f"{name},sha256={_digest(content)},{len(content)}" for name, content in sorted(files.items())]
    name = f"{info}/RECORD"
    return {name: "\n".join([*lines, f"{name},,", ""]).encode()}


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
