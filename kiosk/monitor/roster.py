"""Every kiosk that the centre knows, with its latest events. Pure.

Bounded: a stranger's heartbeat never pushes a known kiosk out, an alert always gets in.
"""

from collections import deque
from collections.abc import Iterable

from msgspec.structs import replace

from kiosk.bodies import Event, KioskId
from kiosk.effects import Tell
from kiosk.messages import Now
from kiosk.monitor import kiosks
from kiosk.monitor.effects import FleetEffect, ShowKiosk
from kiosk.monitor.ledger import Ledger
from kiosk.monitor.messages import BodyRefused, HeartbeatArrived, HeartbeatsArrived, StatusArrived
from kiosk.monitor.records import Kiosk, StoreEvent, StoreKiosk
from kiosk.monitor.spans import Spans
from kiosk.monitor.unwritten import Unwritten
from kiosk.wire import utc_text

EVENTS_SHOWN = 20  # of each kiosk, in memory
DETAIL_MAX = 280  # the contract's limit of an event's detail


class Roster:
    """Kiosks by id, at most `limit`."""

    def __init__(self, ledger: Ledger, limit: int) -> None:
        self._ledger = ledger
        self._limit = limit
        self._kiosks: dict[KioskId, Kiosk] = {}
        self._events: dict[KioskId, deque[Event]] = {}
        self._unwritten = Unwritten()
        self._heard: dict[KioskId, None] = {}  # those that may fall silent, longest unheard first
        self._twins: set[KioskId] = set()
        self.spans = Spans(ledger, limit)
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
        """Take over what the store held; what was heard later wins, and silence is judged anew."""
        for kiosk in restored:
            known = self._kiosks.get(kiosk.kiosk_id)
            if known is None or (known.heard_ms, known.since_ms) < (kiosk.heard_ms, kiosk.since_ms):
                self._keep(replace(kiosk, heard_s=now.s))
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

    def _keep(self, kiosk: Kiosk) -> None:
        """Keep a kiosk where its silence will be looked for: in the order of the last word of each."""
        kiosk_id = kiosk.kiosk_id
        old = self._kiosks.get(kiosk_id)
        self._kiosks[kiosk_id] = kiosk
        if old is None or old.heard_s != kiosk.heard_s or old.life != kiosk.life:
            self._heard.pop(kiosk_id, None)
            if kiosk.life in {"online", "unknown"}:
                self._heard[kiosk_id] = None
        (self._twins.add if kiosk.twin else self._twins.discard)(kiosk_id)

    def _put(self, old: Kiosk, new: Kiosk, now: Now) -> list[FleetEffect]:
        """Keep a kiosk's new state and tell what people should know of the change."""
        self._keep(new)
        self._unwritten.add(new.kiosk_id, now.s)
        out: list[FleetEffect] = []
        name = ("kiosk", new.kiosk_id)
        if (new.life, new.twin, len(new.missing)) != (old.life, old.twin, len(old.missing)):
            self._unwritten.drop(new.kiosk_id)
            self._ledger.write(StoreKiosk(new))  # at once: pages read it from the store
            out.append(ShowKiosk(new))
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

    def _meet_heartbeat(self, notice: HeartbeatArrived, now: Now) -> list[FleetEffect]:
        kiosk = self._meet(notice.kiosk_id, now)
        if kiosk is None:
            return self._no_room("hb")
        new = kiosks.on_heartbeat(kiosk, notice.heartbeat, now, merged=notice.merged)
        self._count(notice, new.heartbeats_lost - kiosk.heartbeats_lost, now)
        return self._put(kiosk, new, now)

    def _count(self, beat: HeartbeatArrived, lost: int, now: Now) -> None:
        self.spans.add(beat.kiosk_id, beat.heartbeat, now, beats=1 + beat.merged, lost=lost)

    def on_heartbeats(self, notice: HeartbeatArrived | HeartbeatsArrived, now: Now) -> list[FleetEffect]:
        """Take heartbeats in: most of many change nothing that anybody must be told of."""
        if isinstance(notice, HeartbeatArrived):
            return self._meet_heartbeat(notice, now)
        out: list[FleetEffect] = []
        known, heard = self._kiosks, self._heard
        for beat in notice.heartbeats:
            kiosk_id = beat.kiosk_id
            old = known.get(kiosk_id)
            if old is None:
                out += self._meet_heartbeat(beat, now)
                continue
            new = kiosks.on_heartbeat(old, beat.heartbeat, now, merged=beat.merged)
            self._count(beat, new.heartbeats_lost - old.heartbeats_lost, now)
            if old.life != "online" or new.twin != old.twin or len(new.missing) != len(old.missing):
                out += self._put(old, new, now)
            else:
                known[kiosk_id] = new
                heard.pop(kiosk_id, None)
                heard[kiosk_id] = None
                self._unwritten.add(kiosk_id, now.s)
        self.flush_due(now)
        return out

    def on_status(self, notice: StatusArrived, now: Now, *, settled: bool) -> list[FleetEffect]:
        """Take a birth, stop or will in."""
        kiosk = self._meet(notice.kiosk_id, now)
        if kiosk is None:
            return self._no_room("status")
        new = kiosks.on_status(kiosk, notice.status, now, retained=notice.retained, settled=settled)
        return self._put(kiosk, new, now)

    def on_alert(self, kiosk_id: KioskId, seq: int, now: Now) -> list[FleetEffect]:
        """Follow the numbers of a kiosk's alerts; its alert makes room for a kiosk that is new."""
        if kiosk_id not in self._kiosks and len(self._kiosks) >= self._limit:
            least = min(self._kiosks.values(), key=lambda known: (known.life == "online", known.heard_s))
            self._forget(least.kiosk_id)
        kiosk = self._meet(kiosk_id, now) or Kiosk(kiosk_id=kiosk_id)
        return self._put(kiosk, kiosks.on_alert_seq(kiosk, seq), now)

    def _forget(self, kiosk_id: KioskId) -> None:
        del self._kiosks[kiosk_id]
        self._events.pop(kiosk_id, None)
        self._unwritten.drop(kiosk_id)
        self._heard.pop(kiosk_id, None)
        self._twins.discard(kiosk_id)

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
        return [*self._put(kiosk, kiosk, now), told]

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
            self._put(kiosk, replace(kiosk, refused=count), now)
            if notice.leaf == "alert":
                self.note(notice.kiosk_id, "alert-unreadable", notice.reason, now)
        if notice.leaf != "alert" and not _seldom(count):
            return []
        detail = (("kiosk", notice.kiosk_id), ("leaf", notice.leaf), ("reason", notice.reason))
        return [Tell("body_refused", (*detail, ("count", count)), "error")]

    def judge(self, now: Now, *, since_s: float, silent_after_s: float) -> list[FleetEffect]:
        """Find out who fell silent; `since_s` is when the centre itself began to hear."""
        due, out = set(self._twins), list[FleetEffect]()
        for kiosk_id in self._heard:
            if now.s - max(self._kiosks[kiosk_id].heard_s, since_s) <= silent_after_s:
                break
            due.add(kiosk_id)
        for kiosk_id in sorted(due):
            kiosk = self._kiosks[kiosk_id]
            judged = kiosks.judge(kiosk, now, since_s=since_s, silent_after_s=silent_after_s)
            if judged is not kiosk:
                out += self._put(kiosk, judged, now)
        return out

    def flush_due(self, now: Now) -> None:
        """Write what has waited long enough."""
        self.spans.write_due(now)
        self._write(self._unwritten.take_due(now.s))

    def flush(self) -> None:
        """Write what changed since the last flush; the newest state of each kiosk only."""
        self._write(self._unwritten.take_all())
        self.spans.write_all()

    def _write(self, kiosk_ids: Iterable[KioskId]) -> None:
        for kiosk_id in kiosk_ids:
            self._ledger.write(StoreKiosk(self._kiosks[kiosk_id]))

    def write_all(self) -> None:
        """Write every kiosk and its events again, into a store that is new."""
        self._unwritten.take_all()
        self._write(self._kiosks)
        for ring in self._events.values():
            for event in ring:
                self._ledger.write(StoreEvent(event))


def _seldom(count: int) -> bool:
    """Tell of the 1st, 2nd, 4th, 8th … so that a flood of rubbish is not a flood of log lines."""
    return count & (count - 1) == 0
