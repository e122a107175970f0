"""Between the values of `records` and rows: what a column holds, and what can be read back.

Never touches a connection. No text from outside can make a row that a database refuses.
"""

import logging
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Row

from kiosk.bodies import STAGES, Alert, Event, Route
from kiosk.monitor.records import Case, Inbound, Kiosk, StageEntry, Text
from kiosk.wire import Rejected, utc_ms

LOG = logging.getLogger(__name__)
T = TypeVar("T")
Values = dict[str, Any]
# A kiosk without a clock dates its events by 1970: then the time at which they came says more.
OLDEST_EVENT_MS, AHEAD_EVENT_MS = 31 * 86_400_000, 86_400_000
DOORS: tuple[Route, ...] = ("mqtt", "https", "sms")


def clean(text: str, limit: int) -> str:
    """Cut a text to its column; PostgreSQL takes no NUL, and neither database a half of a surrogate pair."""
    cut = text[:limit].replace("\0", "\ufffd")
    return cut if cut.isascii() else cut.encode("utf-8", "replace").decode()


def alert_row(case: Case, *, now_ms: int, writer: str) -> Values:
    """Give the row of an alert that is new; stages fill in the rest."""
    alert = case.alert
    pressed = utc_ms(alert.pressed_at)
    return {
        "alert_id": alert.alert_id,
        "sms_id": "",
        "kiosk_id": alert.kiosk_id,
        "kind": alert.kind,
        "kato": alert.place.kato,
        "pressed_ms": case.received_ms if isinstance(pressed, Rejected) else pressed,
        "received_ms": case.received_ms,
        "door": case.door,
        "also_by": ",".join(case.also_by),
        "age_s": case.age_s,
        "late": case.late,
        "clock_note": case.clock_note,
        "presses": alert.presses,
        "outcome": "",
        "sms_from": clean(case.sms_from, 16),
        "body": msgspec.json.encode(alert),
        "written_ms": now_ms,
        "writer": writer,
    }


def stage_row(alert_id: str, entry: StageEntry) -> Values:
    """Give the row of a stage."""
    return {
        "alert_id": alert_id,
        "stage": entry.stage,
        "at_ms": entry.at_ms,
        "who": clean(entry.by, 64),
        "note": clean(entry.note, 280),
        "via": entry.via,
        "outcome": entry.outcome,
        "referral": clean(entry.referral, 64),
    }


def kiosk_row(kiosk: Kiosk, now_ms: int) -> Values:
    """Give the row of a kiosk."""
    beat = kiosk.heartbeat
    return {
        "kiosk_id": kiosk.kiosk_id,
        "life": kiosk.life,
        "why": kiosk.why,
        "since_ms": kiosk.since_ms,
        "heard_ms": kiosk.heard_ms,
        "state": "" if beat is None else beat.state,
        "faults": "" if beat is None else clean(",".join(beat.faults), 1100),
        "twin": kiosk.twin,
        "missing": len(kiosk.missing),
        "version": clean(kiosk.version, 60),
        "body": msgspec.json.encode(kiosk),
        "written_ms": now_ms,
    }


def event_row(event: Event, now_ms: int) -> Values:
    """Give the row of an event."""
    at = utc_ms(event.at)
    believable = not isinstance(at, Rejected) and -OLDEST_EVENT_MS < at - now_ms < AHEAD_EVENT_MS
    return {
        "kiosk_id": event.kiosk_id,
        "event_id": event.event_id,
        "at_ms": at if believable else now_ms,
        "code": clean(event.code, 60),
        "state": event.state,
        "body": msgspec.json.encode(event),
    }


def text_row(text: Text, alert_id: str, now_ms: int) -> Values:
    """Give the row of an SMS of the centre."""
    return {
        "alert_id": alert_id,
        "step": clean(text.step, 24),
        "recipient": clean(text.to, 64),
        "kind": text.kind,
        "tier": text.tier,
        "state": text.state,
        "at_ms": text.at_ms,
        "tries": text.tries,
        "reason": clean(text.reason, 200),
        "written_ms": now_ms,
    }


def inbound_row(inbound: Inbound) -> Values:
    """Give the row of an SMS that came in."""
    return {
        "message_id": clean(inbound.message_id, 128),
        "door": inbound.door,
        "at_ms": inbound.at_ms,
        "sender": clean(inbound.sender, 24),
        "verdict": inbound.verdict,
        "reason": clean(inbound.reason, 200),
        "kiosk_id": clean(inbound.kiosk_id, 64),
        "alert_id": clean(inbound.alert_id, 64),
    }


def routes(text: str) -> tuple[Route, ...]:
    """Read `also_by`."""
    return tuple(door for door in DOORS if door in text.split(","))


def readable(bodies: Iterable[bytes], kind: type[T]) -> list[T]:
    """Decode each body; one that an older or newer version wrote differently is logged and passed over."""
    values: list[T] = []
    for body in bodies:
        try:
            values.append(msgspec.json.decode(body, type=kind))
        except msgspec.DecodeError as error:
            LOG.warning("store row=unreadable kind=%s reason=%r", kind.__name__, str(error))
    return values


def stage_entry(row: Row[Any]) -> StageEntry:
    """Read a stage."""
    return StageEntry(
        stage=row.stage,
        at_ms=row.at_ms,
        by=row.who,
        note=row.note,
        via=row.via,
        outcome=row.outcome,
        referral=row.referral,
    )


def case_of(row: Row[Any], stages: Iterable[StageEntry]) -> Case | None:
    """Read an alert; None when its body cannot be read."""
    for alert in readable([row.body], Alert):
        return Case(
            alert=alert,
            received_ms=row.received_ms,
            door=row.door,
            age_s=row.age_s,
            late=bool(row.late),
            clock_note=row.clock_note,
            stages=tuple(sorted(stages, key=lambda entry: STAGES.index(entry.stage))),
            also_by=routes(row.also_by),
            sms_from=row.sms_from,
        )
    return None


def text_of(row: Row[Any]) -> Text:
    """Read an SMS of the centre."""
    return Text(
        alert_id=row.alert_id,
        step=row.step,
        to=row.recipient,
        kind=row.kind,
        tier=row.tier,
        state=row.state,
        at_ms=row.at_ms,
        tries=row.tries,
        reason=row.reason,
    )
