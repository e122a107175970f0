"""Every kiosk that the centre knows, with its latest events. Pure.

Bounded: a stranger's heartbeat never pushes a known kiosk out, an alert always gets in.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import replace

from kiosk.bodies import Event, KioskId
from kiosk.effects import Tell
from kiosk.messages import Now
from kiosk.monitor import kiosks
from kiosk.monitor.effects import FleetEffect
from kiosk.monitor.ledger import Ledger
from kiosk.monitor.messages import BodyRefused, HeartbeatArrived, StatusArrived
from kiosk.monitor.records import Kiosk, StoreEvent, StoreKiosk
from kiosk.wire import utc_text

EVENTS_SHOWN = 20  # of each kiosk, in memory
FLUSH_S = 10.0  # heartbeats reach the disk together: one commit in 10 s whatever their number
DETAIL_MAX = 280  # the contract's limit of an event's detail


class Roster:
    """Kiosks by id, at most `limit`."""

    def __init__(self, ledger: Ledger, limit: int) -> None:
        self._ledger = ledger
        self._limit = limit
        self._kiosks: dict[KioskId, Kiosk] = {}
        self._events: dict[KioskId, deque[Event]] = {}
        self._dirty: set[KioskId] = set()
        self._flushed_s = 0.0
        self.refused = 0

    def all(self) -> tuple[Kiosk, ...]:
        """Give every kiosk."""
        return tuple(self._kiosks.values())

    def get(self, kiosk_id: str) -> Kiosk | None:
        """Give one kiosk."""
        return self._kiosks.get(KioskId(kiosk_id))

    def events(self, kiosk_id: str) -> tuple[Event, ...]:
        """Give the latest events of one kiosk, oldest first."""
        return tuple(self._events.get(KioskId(kiosk_id), ()))

    def restore(self, restored: Iterable[Kiosk], events: Iterable[Event], now: Now) -> None:
        """Begin with what the store held; what came meanwhile wins, and silence is judged anew."""
        for kiosk in restored:
            self._kiosks.setdefault(kiosk.kiosk_id, replace(kiosk, heard_s=now.s))
        for event in events:
            self._ring(KioskId(event.kiosk_id)).append(event)

    def _ring(self, kiosk_id: KioskId) -> deque[Event]:
        return self._events.setdefault(kiosk_id, deque(maxlen=EVENTS_SHOWN))

    def _meet(self, kiosk_id: KioskId, now: Now) -> Kiosk | None:
        """Give a kiosk, known or new; None when there is no room for a new one."""
        known = self._kiosks.get(kiosk_id)
        if known is not None:
            return known
        if len(self._kiosks) >= self._limit:
            return None
        return Kiosk(kiosk_id=kiosk_id, since_ms=now.utc_ms, heard_s=now.s)

    def _put(self, old: Kiosk, new: Kiosk) -> list[FleetEffect]:
        """Keep a kiosk's new state and tell what people should know of the change."""
        self._kiosks[new.kiosk_id] = new
        self._dirty.add(new.kiosk_id)
        out: list[FleetEffect] = []
        name = ("kiosk", new.kiosk_id)
        if new.life != old.life:
            silent = new.life == "silent"
            detail = (name, ("why", new.why), ("was", old.life))
            out.append(Tell(f"kiosk_{new.life}", detail, "error" if silent else "info"))
        if new.twin and not old.twin:
            out.append(Tell("kiosk_twin", (name,), "error"))
        if len(new.missing) > len(old.missing):
            gap = ("seq", ",".join(str(number) for number in new.missing))
            out.append(Tell("alerts_missing", (name, gap), "error"))
        return out

    def _no_room(self, leaf: str) -> list[FleetEffect]:
        self.refused += 1
        if not _seldom(self.refused):
            return []
        detail = (("leaf", leaf), ("reason", f"there are {self._limit} kiosks already"))
        return [Tell("body_refused", (*detail, ("count", self.refused)), "error")]

    def on_heartbeat(self, notice: HeartbeatArrived, now: Now) -> list[FleetEffect]:
        """Take a heartbeat in."""
        kiosk = self._meet(notice.kiosk_id, now)
        if kiosk is None:
            return self._no_room("hb")
        return self._put(kiosk, kiosks.on_heartbeat(kiosk, notice.heartbeat, now))

    def on_status(self, notice: StatusArrived, now: Now, *, settled: bool) -> list[FleetEffect]:
        """Take a birth, stop or will in."""
        kiosk = self._meet(notice.kiosk_id, now)
        if kiosk is None:
            return self._no_room("status")
        new = kiosks.on_status(kiosk, notice.status, now, retained=notice.retained, settled=settled)
        return self._put(kiosk, new)

    def on_alert(self, kiosk_id: KioskId, seq: int, now: Now) -> list[FleetEffect]:
        """Follow the numbers of a kiosk's alerts; its alert makes room for a kiosk that is new."""
        if kiosk_id not in self._kiosks and len(self._kiosks) >= self._limit:
            least = min(self._kiosks.values(), key=lambda known: (known.life == "online", known.heard_s))
            self._forget(least.kiosk_id)
        kiosk = self._meet(kiosk_id, now) or Kiosk(kiosk_id=kiosk_id)
        return self._put(kiosk, kiosks.on_alert_seq(kiosk, seq))

    def _forget(self, kiosk_id: KioskId) -> None:
        del self._kiosks[kiosk_id]
        self._events.pop(kiosk_id, None)
        self._dirty.discard(kiosk_id)

    def on_event(self, event: Event, now: Now) -> list[FleetEffect]:
        """Keep an event; a repeated one changes nothing."""
        kiosk_id = KioskId(event.kiosk_id)
        kiosk = self._meet(kiosk_id, now)
        if kiosk is None:
            return self._no_room("event")
        if any(known.event_id == event.event_id for known in self._ring(kiosk_id)):
            return []
        self._ring(kiosk_id).append(event)
        self._ledger.write(StoreEvent(event))
        detail = (("kiosk", kiosk_id), ("code", event.code), ("state", event.state))
        told = Tell("kiosk_event", detail, "warning" if event.state == "raised" else "info")
        return [*self._put(kiosk, kiosk), told]

    def note(self, kiosk_id: KioskId, code: str, detail: str, now: Now) -> None:
        """Add an entry of the centre's own to a kiosk's events."""
        event = Event(
            event_id=now.fresh_id,
            kiosk_id=kiosk_id,
            at=utc_text(now.utc_ms),
            code=code,
            detail=detail[:DETAIL_MAX],
        )
        self._ring(kiosk_id).append(event)
        self._ledger.write(StoreEvent(event))

    def on_refused(self, notice: BodyRefused, now: Now) -> list[FleetEffect]:
        """Count what cannot be read; an unreadable alert is still somebody pressing, so it is told."""
        self.refused += 1
        kiosk = self._kiosks.get(notice.kiosk_id)
        count = self.refused if kiosk is None else kiosk.refused + 1
        if kiosk is not None:
            self._put(kiosk, replace(kiosk, refused=count))
            if notice.leaf == "alert":
                self.note(notice.kiosk_id, "alert-unreadable", notice.reason, now)
        if notice.leaf != "alert" and not _seldom(count):
            return []
        detail = (("kiosk", notice.kiosk_id), ("leaf", notice.leaf), ("reason", notice.reason))
        return [Tell("body_refused", (*detail, ("count", count)), "error")]

    def judge(self, now: Now, *, since_s: float, silent_after_s: float) -> list[FleetEffect]:
        """Find out who fell silent; `since_s` is when the centre itself began to hear."""
        out: list[FleetEffect] = []
        for kiosk in self.all():
            judged = kiosks.judge(kiosk, now, since_s=since_s, silent_after_s=silent_after_s)
            if judged is not kiosk:
                out += self._put(kiosk, judged)
        return out

    def flush_due(self, now: Now) -> None:
        """Flush when it is time."""
        if now.s - self._flushed_s >= FLUSH_S:
            self._flushed_s = now.s
            self.flush()

    def flush(self) -> None:
        """Write what changed since the last flush; the newest state of each kiosk only."""
        for kiosk_id in sorted(self._dirty):
            self._ledger.write(StoreKiosk(self._kiosks[kiosk_id]))
        self._dirty.clear()

    def write_all(self) -> None:
        """Write every kiosk and its events again, into a store that is new."""
        self._dirty.update(self._kiosks)
        self.flush()
        for ring in self._events.values():
            for event in ring:
                self._ledger.write(StoreEvent(event))


def _seldom(count: int) -> bool:
    """Tell of the 1st, 2nd, 4th, 8th … so that a flood of rubbish is not a flood of log lines."""
    return count & (count - 1) == 0
