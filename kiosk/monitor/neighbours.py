"""The other monitors on the same database: which one escalates, and what they wrote.

Runs on the core's thread, so that a core that hangs loses the lease. On SQLite there is no other monitor. It
never decides what follows from what it reads.
"""

import logging
from collections.abc import Callable

from sqlalchemy import Connection

from kiosk.monitor.messages import LeaseChanged, NewsRead
from kiosk.monitor.records import Case, Kiosk, Text
from kiosk.monitor.store import Store, StoreBroken, lease, reading
from kiosk.monitor.store.engine import clock_ms

LOG = logging.getLogger(__name__)
RENEW_S, ASK_S = 3.0, 1.0  # how often the lease is renewed, and asked for by who has it not
MARGIN_S = 1.0  # we doubt that much before the database may give it to another
NEWS_S = 1.0
# A row is dated when its transaction begins and seen when it ends: look back as far as that may take, and now
# and then much further, for one that stalled.
BACK_MS, FAR_BACK_MS = 10_000, 600_000
FAR_S = 30.0
Notices = list[LeaseChanged | NewsRead]


def apart(notice: object) -> list[NewsRead]:
    """Give every word of some news by itself, so that one that trips over a bug holds up no other one."""
    if not isinstance(notice, NewsRead):
        return []
    parts = [NewsRead(cases=(case,)) for case in notice.cases]
    parts += [NewsRead(kiosks=(kiosk,)) for kiosk in notice.kiosks]
    parts += [NewsRead(texts=(text,)) for text in notice.texts]
    return parts if len(parts) > 1 else []


class Neighbours:
    """What this monitor, `holder` among the leases, knows of the others."""

    def __init__(self, store: Store, name: str, seconds: Callable[[], float]) -> None:
        self._store = store
        self._name = name
        self._seconds = seconds
        self._holder = name
        self._until_s: float | None = None
        self._caught_up = False
        self._lease_s = self._news_s = self._far_s = 0.0
        self._cursor_ms = 0
        self._alerts: dict[str, int] = {}
        self._texts: dict[tuple[str, str, str], Text] = {}

    @property
    def holds(self) -> bool:
        """Tell whether this monitor is the one that cleans up, beyond doubt."""
        return self._until_s is not None and self._seconds() < self._until_s

    def begin(self, boot: int) -> None:
        """Name this start among the leases: one that was killed keeps its lease to the end of its life."""
        self._holder = f"{self._name}/{boot}"

    def look(self, *, loaded: bool, link_up: bool) -> Notices:
        """Renew the lease and read news where it is time; nothing while the store cannot be read."""
        out: Notices = []
        now_s = self._seconds()
        try:
            if not self._store.shared:
                out += self._alone(loaded=loaded)
            elif loaded and now_s >= self._lease_s:
                out += self._lease(now_s)
            if loaded and self._store.shared and now_s >= self._news_s:
                self._news_s = now_s + NEWS_S
                out += self._news(now_s, kiosks=not link_up)
        except StoreBroken as error:
            LOG.warning("neighbours read=failed reason=%r", str(error))
        return out

    def confirm(self) -> list[LeaseChanged]:
        """Ask again for a lease that ran out; where nobody can be asked, go on: rather twice than never."""
        if self._until_s is None or self.holds:
            return []
        try:
            return self._lease(self._seconds())
        except StoreBroken as error:
            LOG.warning("lease doubtful=%r", str(error))
            return []

    def _alone(self, *, loaded: bool) -> list[LeaseChanged]:
        """Hold the lease where there is nobody else, even while the file cannot be read."""
        texts: tuple[Text, ...] = ()
        if self._caught_up or (self._until_s is not None and not loaded):
            return []
        if loaded:
            texts = self._open_texts()
            self._caught_up = True
        self._until_s = float("inf")
        return [LeaseChanged(True, texts)]

    def _lease(self, now_s: float) -> list[LeaseChanged]:
        held, certain = self._until_s is not None, self.holds
        self._lease_s = now_s + (RENEW_S if held else ASK_S)
        if not self._store.run(self._take, writes=True):
            self._until_s = None
            return [LeaseChanged(False)] if held else []
        texts = () if certain else self._open_texts()
        self._until_s = now_s + lease.LIFE_S - MARGIN_S
        return [] if certain else [LeaseChanged(True, texts, kept=held)]

    def _take(self, connection: Connection) -> bool:
        return lease.take(connection, lease.ESCALATION, self._holder)

    def _open_texts(self) -> tuple[Text, ...]:
        return tuple(self._store.run(reading.open_texts))

    def _news(self, now_s: float, *, kiosks: bool) -> list[NewsRead]:
        """Read what was written since the last look; what was seen already is passed over."""
        far = now_s >= self._far_s
        if far:
            self._far_s = now_s + FAR_S
        first = self._cursor_ms == 0
        back_ms = FAR_BACK_MS if far and not first else BACK_MS
        cases, heard, texts = self._store.run(lambda connection: self._read(connection, back_ms, kiosks))
        if far:
            self._forget()
        if not (cases or heard or texts):
            return []
        return [NewsRead(cases=tuple(cases), kiosks=tuple(heard), texts=tuple(texts))]

    def _read(
        self, connection: Connection, back_ms: int, kiosks: bool
    ) -> tuple[list[Case], list[Kiosk], list[Text]]:
        now_ms = clock_ms(connection)
        since_ms = (self._cursor_ms or now_ms) - back_ms
        written = reading.alerts_written(connection, since_ms, but=self._name)
        fresh = [alert_id for alert_id, at_ms in written.items() if self._alerts.get(alert_id) != at_ms]
        cases = reading.cases_named(connection, fresh) if fresh else []
        texts = [
            text
            for text in reading.texts_written(connection, since_ms)
            if self._texts.get((text.alert_id, text.step, text.to)) != text
        ]
        heard = reading.kiosks_written(connection, since_ms) if kiosks else []
        unread = set(fresh) - {case.alert.alert_id for case in cases}  # the next look finds these again
        self._alerts.update({name: at_ms for name, at_ms in written.items() if name not in unread})
        self._texts.update({(text.alert_id, text.step, text.to): text for text in texts})
        self._cursor_ms = now_ms
        return cases, heard, texts

    def _forget(self) -> None:
        """Keep memory bounded: what is forgotten is read once more and changes nothing."""
        if len(self._alerts) > reading.NEWS_MAX:
            self._alerts.clear()
        if len(self._texts) > reading.NEWS_MAX:
            self._texts.clear()

    def close(self) -> None:
        """Let another monitor escalate at once."""
        if self._until_s is None or not self._store.shared:
            return
        self._until_s = None
        try:
            self._store.run(
                lambda connection: lease.give_up(connection, lease.ESCALATION, self._holder), writes=True
            )
        except StoreBroken as error:
            LOG.warning("lease kept=%r", str(error))
