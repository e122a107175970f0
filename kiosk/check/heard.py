"""What a device posted while somebody tests it: collected, and waited for with a deadline."""

import threading
import time
from typing import TypeVar

from kiosk.messages import KioskEvent

E = TypeVar("E")


class Heard:
    """A ports.Post that keeps everything; safe from any thread."""

    def __init__(self) -> None:
        self._events: list[KioskEvent] = []
        self._more = threading.Condition()

    def __call__(self, event: KioskEvent) -> None:
        """Take an event."""
        with self._more:
            self._events.append(event)
            self._more.notify_all()

    def of(self, kind: type[E]) -> list[E]:
        """Give the events of one kind so far."""
        with self._more:
            return [event for event in self._events if isinstance(event, kind)]

    def wait(self, kinds: tuple[type[KioskEvent], ...], timeout_s: float) -> KioskEvent | None:
        """Give the first event of these kinds, waiting up to `timeout_s` seconds; None when none came."""
        end_s = time.monotonic() + timeout_s
        with self._more:
            while True:
                for event in self._events:
                    if isinstance(event, kinds):
                        return event
                if not self._more.wait(max(0.0, end_s - time.monotonic())):
                    return None
