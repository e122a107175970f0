"""What one monitor knows of the others on the same store: the lease and their news. Pure.

It stands where `kiosk.monitor.neighbours` stands on a real one, and keeps its times.
"""

from kiosk.monitor.messages import LeaseChanged, NewsRead
from kiosk.simulate.agenda import Agenda
from kiosk.simulate.hosts.store import LEASE_S, SharedStore

RENEW_S, ASK_S = 3.0, 1.0
MARGIN_S = 1.0
NEWS_S = 1.0
Notices = list[LeaseChanged | NewsRead]


class Neighbours:
    """One life of a monitor, by its name and boot; `looked_s` is when it has looked last."""

    def __init__(self, agenda: Agenda, store: SharedStore, *, name: str, boot: int) -> None:
        self._agenda = agenda
        self._store = store
        self._name = name
        self._holder = f"{name}/{boot}"
        self._until_s: float | None = None
        self._lease_s = self._news_s = 0.0
        self._seen = 0
        self.looked_s = agenda.now_s

    @property
    def holds(self) -> bool:
        """Tell whether this monitor escalates, beyond doubt."""
        return self._until_s is not None and self._agenda.now_s < self._until_s

    @property
    def escalates(self) -> bool:
        """Tell whether this monitor calls people: it goes on while the store cannot be asked."""
        return self._until_s is not None

    def confirm(self) -> list[LeaseChanged]:
        """Ask again for a lease that has run out."""
        return [] if self._until_s is None or self.holds else self._lease(self._agenda.now_s)

    def look(self, *, link_up: bool, works: bool) -> Notices:
        """Renew the lease and read news where it is time and the store works."""
        out: Notices = []
        if not works:
            return out
        self.looked_s = now_s = self._agenda.now_s
        if now_s >= self._lease_s:
            out += self._lease(now_s)
        if now_s >= self._news_s:
            self._news_s = now_s + NEWS_S
            out += self._news(kiosks=not link_up)
        return out

    def _lease(self, now_s: float) -> list[LeaseChanged]:
        held, certain = self._until_s is not None, self.holds
        self._lease_s = now_s + (RENEW_S if held else ASK_S)
        if not self._store.take_lease(self._holder, now_s):
            self._until_s = None
            return [LeaseChanged(False)] if held else []
        self._until_s = now_s + LEASE_S - MARGIN_S
        return [] if certain else [LeaseChanged(True, self._store.open_texts(), kept=held)]

    def _news(self, *, kiosks: bool) -> list[NewsRead]:
        store, seen = self._store, self._seen
        self._seen = store.version
        if seen == store.version:
            return []
        cases = store.changed_by_others(self._name, seen)
        texts = store.texts_since(seen)
        heard = tuple(store.kiosks.values()) if kiosks else ()
        if not (cases or heard or texts):
            return []
        return [NewsRead(cases=cases, kiosks=heard, texts=texts)]
