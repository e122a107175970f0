"""Whether retention may believe the clock: what it deletes by a wrong one is gone for good.

The fact `swept_ms` says when the last sweep was; before the first, what was noted last serves. A clock far
ahead of it may be wrong, or the centre was off: it is believed once it has held for a day of running time,
which survives restarts. It never deletes anything.
"""

import logging
import time
from collections.abc import Callable

from sqlalchemy import Connection, func, select

from kiosk.monitor.store.facts import keep
from kiosk.monitor.store.schema import alerts, audit, events, facts

LOG = logging.getLogger(__name__)
DAY_MS = 86_400_000
AHEAD_MAX_MS = 3 * DAY_MS  # a long weekend without power is no reason to wait
HOLDS_S = 86_400
LOOKS_MAX_S = 7200.0  # between two looks, each hour: whoever had not the lease did not look
SWEPT, SEEN, HELD = "swept_ms", "doubted_ms", "doubted_s"


class Trust:
    """One monitor's; `seconds` is its running time."""

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._looked_s: float | None = None

    def believes(self, connection: Connection, now_ms: int) -> bool:
        """Tell whether a sweep by this clock may begin, and note it; asked before each, in a transaction."""
        now_s = self._seconds()
        ran_s = min(now_s - self._looked_s, LOOKS_MAX_S) if self._looked_s is not None else 0.0
        self._looked_s = now_s
        known = _read(connection)
        swept_ms = known.get(SWEPT, _newest_ms(connection) or now_ms)
        if now_ms - swept_ms > AHEAD_MAX_MS:
            steady = abs(now_ms - known.get(SEEN, 0)) <= AHEAD_MAX_MS
            held_s = known.get(HELD, 0) + round(ran_s) if steady else 0
            if held_s < HOLDS_S:
                keep(connection, {SEEN: now_ms, HELD: held_s})
                ahead_days = (now_ms - swept_ms) // DAY_MS
                LOG.error("retention waits=clock ahead_days=%d held_s=%d of=%d", ahead_days, held_s, HOLDS_S)
                return False
        keep(connection, {SWEPT: now_ms, SEEN: 0, HELD: 0})
        return True


def _read(connection: Connection) -> dict[str, int]:
    query = select(facts.c.name, facts.c.value).where(facts.c.name.in_((SWEPT, SEEN, HELD)))
    return {row.name: row.value for row in connection.execute(query)}


def _newest_ms(connection: Connection) -> int:
    """Give when something was noted last, 0 for a centre that has noted nothing."""
    newest = [select(func.max(column)) for column in (alerts.c.received_ms, events.c.at_ms, audit.c.at_ms)]
    return max(connection.scalar(query) or 0 for query in newest)
