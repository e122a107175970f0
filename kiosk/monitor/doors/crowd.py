"""How many connections there may be, and from whom. A newcomer is never turned away for an old one's sake.

A kiosk whose link flaps leaves dead connections behind: its oldest one goes, so that an alert finds a door.
"""

from collections import deque
from collections.abc import Callable

KIOSK_EACH, STRANGER_EACH = 8, 8
STRANGERS, ALL = 64, 8192
Drop = Callable[[], None]


class Crowd:
    """Counts connections by who they are; whoever must go is told by its own `drop`."""

    def __init__(self) -> None:
        self._of: dict[str, deque[Drop]] = {}
        self._strangers: deque[tuple[str, Drop]] = deque()
        self._all = 0

    def enter(self, who: str, drop: Drop, *, stranger: bool) -> bool:
        """Count a connection in; False when there is no room at all."""
        if self._all >= ALL:
            return False
        mine = self._of.setdefault(who, deque())
        mine.append(drop)
        self._all += 1
        if stranger:
            self._strangers.append((who, drop))
        if len(mine) > (STRANGER_EACH if stranger else KIOSK_EACH):
            mine[0]()
        elif len(self._strangers) > STRANGERS:
            self._strangers[0][1]()
        return True

    def leave(self, who: str, drop: Drop) -> None:
        """Count a connection out; one that never came in changes nothing."""
        mine = self._of.get(who)
        if mine is None or drop not in mine:
            return
        mine.remove(drop)
        self._all -= 1
        if not mine:
            del self._of[who]
        if (who, drop) in self._strangers:
            self._strangers.remove((who, drop))
