"""Heartbeats of each kiosk summed up in spans of 5 minutes, for the plots and the figures. Pure.

What is summed up here is added to what the store holds, so a span that a restart cut in two is whole again.
Only the monitor that holds the lease writes: others hear the same heartbeats, and would count them twice.
"""

from collections import deque
from itertools import islice

from msgspec.structs import replace

from kiosk.bodies import Heartbeat, KioskId
from kiosk.messages import Now
from kiosk.monitor.ledger import Ledger
from kiosk.monitor.records import FINE_S, Span, StoreSpan

LATE_S = 60  # a kiosk that says nothing more: its last span is closed that long after its end
WRITE_EVERY_S = 0.25  # spans end at the same moment for all kiosks: they are written a part at a time …
WRITE_ROWS, WRITE_PARTS = 200, 100  # … within half a minute


class Spans:
    """The span under way of each kiosk, and those that wait to be written."""

    def __init__(self, ledger: Ledger, limit: int) -> None:
        self._ledger = ledger
        self._open: dict[KioskId, Span] = {}  # the one that began first stands first
        self._done: deque[Span] = deque(maxlen=2 * limit)  # while the store is broken the oldest give way
        self._wrote_s = 0.0
        self.writes = True

    def add(self, kiosk_id: KioskId, heartbeat: Heartbeat, now: Now, *, beats: int, lost: int) -> None:
        """Count one heartbeat that stands for `beats`, after `lost` that never came."""
        begins_s = now.utc_ms // 1000 // FINE_S * FINE_S
        span = self._open.get(kiosk_id)
        if span is None or span.begins_s != begins_s:
            if span is not None:
                self._done.append(self._open.pop(kiosk_id))
            span = Span(kiosk_id=kiosk_id, begins_s=begins_s)
        sms, mqtt, faults = heartbeat.links.sms, heartbeat.links.mqtt, span.faults
        if heartbeat.faults and not faults.issuperset(heartbeat.faults):
            faults |= set(heartbeat.faults)
        self._open[kiosk_id] = replace(
            span,
            beats=span.beats + beats,
            lost=span.lost + lost,
            temp_c=_most(span.temp_c, heartbeat.board.temp_c),
            signal_dbm=_least(span.signal_dbm, sms.signal_dbm if sms else None),
            balance_kzt=sms.balance_kzt if sms and sms.balance_kzt is not None else span.balance_kzt,
            rtt_ms=_most(span.rtt_ms, mqtt.rtt_ms if mqtt else None),
            faults=faults,
        )

    def write_due(self, now: Now) -> None:
        """Write a part of what is over."""
        if now.s - self._wrote_s < WRITE_EVERY_S:
            return
        self._wrote_s = now.s
        over_s = now.utc_ms // 1000 - FINE_S - LATE_S
        for kiosk_id, span in tuple(islice(self._open.items(), WRITE_ROWS)):
            if span.begins_s > over_s:
                break
            self._done.append(self._open.pop(kiosk_id))
        if not self.writes:
            self._done.clear()
        elif not self._ledger.fault:
            self._write(max(WRITE_ROWS, len(self._done) // WRITE_PARTS))

    def write_all(self) -> None:
        """Write everything, also what is under way: the centre ends, or another one will go on."""
        self._done.extend(self._open.values())
        self._open.clear()
        if self.writes:
            self._write(len(self._done))

    def _write(self, count: int) -> None:
        for _ in range(min(count, len(self._done))):
            self._ledger.write(StoreSpan(self._done.popleft()))


def _most(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return one if other is None else other
    return max(one, other)


def _least(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return one if other is None else other
    return min(one, other)
