"""Which kiosks' newest state is not on disk yet, and which of them it is time to write. Pure.

Few kiosks are written in one commit every 7 s; many a part at a time, so that no alert waits for a long one.
"""

from itertools import islice

from kiosk.bodies import KioskId

WAIT_S = 7.0
EVERY_S = 0.1
ROWS = 150  # in one part, or more where more is due …
SPREAD_S = 1.0  # … in parts of that much time: all is out within 10 s whatever its number


class Unwritten:
    """Kiosks by how long they have waited, the longest first."""

    def __init__(self) -> None:
        self._since_s: dict[KioskId, float] = {}
        self._asked_s = 0.0

    def add(self, kiosk_id: KioskId, now_s: float) -> None:
        """Let one wait; one that waits already keeps its turn."""
        self._since_s.setdefault(kiosk_id, now_s)

    def drop(self, kiosk_id: KioskId) -> None:
        """Forget one: it is written, or gone."""
        self._since_s.pop(kiosk_id, None)

    def take_due(self, now_s: float) -> tuple[KioskId, ...]:
        """Take those whose time has come, and with them the next where they are few."""
        waiting, due_s, passed_s = self._since_s, now_s - WAIT_S, now_s - self._asked_s
        if passed_s < EVERY_S:
            return ()
        self._asked_s = now_s
        if not waiting or next(iter(waiting.values())) > due_s:
            return ()
        most = max(ROWS, int(len(waiting) * min(passed_s / SPREAD_S, 1.0)))
        due = sum(1 for since_s in islice(waiting.values(), most) if since_s <= due_s)
        return self._take(max(ROWS, due))

    def take_all(self) -> tuple[KioskId, ...]:
        """Take all."""
        return self._take(len(self._since_s))

    def _take(self, count: int) -> tuple[KioskId, ...]:
        taken = tuple(islice(self._since_s, count))
        for kiosk_id in taken:
            del self._since_s[kiosk_id]
        return taken
