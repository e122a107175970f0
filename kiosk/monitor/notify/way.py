"""What every way out for the centre's SMS promises."""

from collections.abc import Callable
from typing import Protocol

Done = Callable[[str], None]


class Way(Protocol):
    """One way out; `send` never blocks and calls `done` once, with a reason where it failed."""

    name: str

    def open(self) -> None:
        """Begin."""

    def send(self, name: str, number: str, body: str, done: Done) -> None:
        """Send one SMS; `name` is the same each time that this text is tried, and names no person's phone."""

    def close(self) -> None:
        """End; idempotent."""
