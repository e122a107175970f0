"""What became of one kiosk: its state, heartbeats summed up over time, events and alerts. Reads only."""

from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, select

from kiosk.bodies import Event
from kiosk.monitor.records import Kiosk
from kiosk.monitor.store.schema import alerts, events, kiosks, spans

FINE_S, COARSE_S = 300, 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Beats:
    """Heartbeats of one span: how many, and the worst of what they told; None where they told nothing."""

    begins_s: int
    beats: int
    lost: int
    temp_c: int | None
    signal_dbm: int | None
    balance_kzt: float | None
    rtt_ms: int | None
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PastAlert:
    """One alert in a list; times are UTC ms, None where it has not come to that."""

    alert_id: str
    kiosk_id: str
    kind: str
    kato: str
    pressed_ms: int
    received_ms: int
    door: str
    late: bool
    presses: int
    accepted_ms: int | None
    en_route_ms: int | None
    on_scene_ms: int | None
    closed_ms: int | None
    outcome: str


ALERT_COLUMNS = (
    alerts.c.alert_id, alerts.c.kiosk_id, alerts.c.kind, alerts.c.kato, alerts.c.pressed_ms,
    alerts.c.received_ms, alerts.c.door, alerts.c.late, alerts.c.presses, alerts.c.accepted_ms,
    alerts.c.en_route_ms, alerts.c.on_scene_ms, alerts.c.closed_ms, alerts.c.outcome,
)  # fmt: skip


def past_alert(row: Any) -> PastAlert:
    """Read a row of ALERT_COLUMNS."""
    return PastAlert(**row._asdict())


def split(faults: str) -> tuple[str, ...]:
    """Give the codes of a column that holds several."""
    return tuple(code for code in faults.split(",") if code)


def find_kiosk(connection: Connection, kiosk_id: str) -> Kiosk | None:
    """Give a kiosk's newest state; None when it was never heard or its row cannot be read."""
    body = connection.execute(select(kiosks.c.body).where(kiosks.c.kiosk_id == kiosk_id)).scalar()
    if body is None:
        return None
    try:
        return msgspec.json.decode(body, type=Kiosk)
    except msgspec.DecodeError:
        return None


def beats(
    connection: Connection, kiosk_id: str, *, span_s: int, since_s: int, until_s: int
) -> tuple[Beats, ...]:
    """Give the spans of `span_s` that begin in [since_s, until_s), oldest first; silent ones may lack."""
    chosen = and_(
        spans.c.kiosk_id == kiosk_id,
        spans.c.span_s == span_s,
        spans.c.begins_s >= since_s,
        spans.c.begins_s < until_s,
    )
    columns = (
        spans.c.begins_s, spans.c.beats, spans.c.lost, spans.c.temp_c, spans.c.signal_dbm,
        spans.c.balance_kzt, spans.c.rtt_ms, spans.c.faults,
    )  # fmt: skip
    return tuple(
        Beats(
            begins_s=row.begins_s,
            beats=row.beats,
            lost=row.lost,
            temp_c=row.temp_c,
            signal_dbm=row.signal_dbm,
            balance_kzt=row.balance_kzt,
            rtt_ms=row.rtt_ms,
            faults=split(row.faults),
        )
        for row in connection.execute(select(*columns).where(chosen).order_by(spans.c.begins_s))
    )


def last_events(
    connection: Connection, kiosk_id: str, *, limit: int, before: int | None = None
) -> tuple[tuple[int, Event], ...]:
    """Give the newest events with their numbers, newest first; `before` a number goes further back."""
    query = select(events.c.number, events.c.body).where(events.c.kiosk_id == kiosk_id)
    if before is not None:
        query = query.where(events.c.number < before)
    found: list[tuple[int, Event]] = []
    for number, body in connection.execute(query.order_by(events.c.number.desc()).limit(limit)):
        try:
            found.append((number, msgspec.json.decode(body, type=Event)))
        except msgspec.DecodeError:
            continue
    return tuple(found)


def last_alerts(
    connection: Connection, kiosk_id: str, *, limit: int, before_ms: int | None = None
) -> tuple[PastAlert, ...]:
    """Give the newest alerts of a kiosk, newest first; `before_ms` goes further back."""
    query = select(*ALERT_COLUMNS).where(alerts.c.kiosk_id == kiosk_id)
    if before_ms is not None:
        query = query.where(alerts.c.received_ms < before_ms)
    newest = query.order_by(alerts.c.received_ms.desc(), alerts.c.alert_id).limit(limit)
    return tuple(past_alert(row) for row in connection.execute(newest))
