"""Kiosks that wait for the next stage of their alert: who they are, how many, and what wakes them.

Owned by one event loop. Never holds a reply: a wake-up only says that it is worth looking.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from kiosk.monitor.feed import View

EACH = 4  # of one kiosk: an incident and its drill, and as many whose connection died unseen


class Waiting:
    """Wakes whoever waits for an alert, or everybody when events may have been missed."""

    def __init__(self) -> None:
        self._bells: dict[str, set[asyncio.Event]] = {}
        self._of: Counter[str] = Counter()
        self.closed = False

    @contextmanager
    def bell(self, kiosk_id: str, alert_id: str) -> Iterator[asyncio.Event | None]:
        """Give the bell that rings for this alert; None when this kiosk waits too often already."""
        if self._of[kiosk_id] >= EACH:
            yield None
            return
        bell = asyncio.Event()
        if self.closed:
            bell.set()
        self._of[kiosk_id] += 1
        self._bells.setdefault(alert_id, set()).add(bell)
        try:
            yield bell
        finally:
            self._of[kiosk_id] -= 1
            self._of += Counter()  # forgets those at zero
            self._bells[alert_id].discard(bell)
            if not self._bells[alert_id]:
                del self._bells[alert_id]

    def hear(self, event: View) -> None:
        """Ring for what the centre says has happened."""
        match event:
            case {"what": "case", "alert": {"alert_id": str(alert_id)}}:
                bells = self._bells.get(alert_id, set())
            case {"what": "feed_up"}:
                bells = self._all()
            case _:
                return
        for bell in bells:
            bell.set()

    def close(self) -> None:
        """Let nobody wait any more: the doors are about to end."""
        self.closed = True
        for bell in self._all():
            bell.set()

    def _all(self) -> set[asyncio.Event]:
        return {bell for some in self._bells.values() for bell in some}
