"""What the centre's core reads back: alerts that are open or young, kiosks, and what other monitors wrote."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, and_, func, or_, select

from kiosk.bodies import Event
from kiosk.monitor.caseload import KEEP_CLOSED_MS
from kiosk.monitor.cases import is_sms_name
from kiosk.monitor.records import Case, Kiosk, Text
from kiosk.monitor.store import rows
from kiosk.monitor.store.alarms import read_stages
from kiosk.monitor.store.bulk import among
from kiosk.monitor.store.engine import clock_ms
from kiosk.monitor.store.schema import alerts, events, kiosks, texts

CLOSED_LOADED = 500  # closed alerts of the last hours that a kiosk may still ask about
EVENTS_LOADED = 20  # of each kiosk
NEWS_MAX = 1000  # rows in one look; the next look goes on


def cases_of(connection: Connection, query: Select[Any]) -> list[Case]:
    """Give the alerts that `query` selects, with their stages; one without any is not there yet."""
    found = connection.execute(query).all()
    entries = read_stages(connection, (row.alert_id for row in found))
    read = (rows.case_of(row, entries[row.alert_id]) for row in found if row.alert_id in entries)
    return [case for case in read if case is not None]


def find(connection: Connection, alert_id: str) -> Case | None:
    """Give one alert by its id, or by the one that it had while only its SMS was known."""
    names = (alerts.c.alert_id, alerts.c.sms_id) if is_sms_name(alert_id) else (alerts.c.alert_id,)
    for name in names:
        if found := cases_of(connection, select(alerts).where(name == alert_id)):
            return found[0]
    return None


def open_alerts() -> Select[Any]:
    """Select every alert that nobody has closed, oldest first."""
    return select(alerts).where(alerts.c.closed_ms.is_(None)).order_by(alerts.c.received_ms)


def closed_alerts(since_ms: int) -> Select[Any]:
    """Select the newest closed alerts that came since."""
    young = and_(alerts.c.closed_ms.is_not(None), alerts.c.received_ms >= since_ms)
    return select(alerts).where(young).order_by(alerts.c.received_ms.desc()).limit(CLOSED_LOADED)


def all_kiosks(connection: Connection) -> list[Kiosk]:
    """Give every kiosk."""
    return rows.readable(connection.execute(select(kiosks.c.body)).scalars(), Kiosk)


def latest_events(connection: Connection) -> list[Event]:
    """Give the latest events of each kiosk, oldest first."""
    of_it = events.alias()
    first = (
        select(of_it.c.number)
        .where(of_it.c.kiosk_id == kiosks.c.kiosk_id)
        .order_by(of_it.c.number.desc())
        .limit(1)
        .offset(EVENTS_LOADED - 1)
        .correlate(kiosks)
        .scalar_subquery()
    )
    query = (
        select(events.c.body)
        .join(
            kiosks, and_(events.c.kiosk_id == kiosks.c.kiosk_id, events.c.number >= func.coalesce(first, 0))
        )
        .order_by(events.c.number)
    )
    return rows.readable(connection.execute(query).scalars(), Event)


def alerts_written(connection: Connection, since_ms: int, *, but: str) -> dict[str, int]:
    """Give which alerts were written since, and when, but those that only `but` wrote."""
    query = (
        select(alerts.c.alert_id, alerts.c.written_ms)
        .where(alerts.c.written_ms >= since_ms, alerts.c.writer != but)
        .order_by(alerts.c.written_ms)
        .limit(NEWS_MAX)
    )
    return {row.alert_id: row.written_ms for row in connection.execute(query)}


def cases_named(connection: Connection, ids: Sequence[str]) -> list[Case]:
    """Give these alerts."""
    found: list[Case] = []
    for wanted in among(connection, alerts.c.alert_id, ids):
        found += cases_of(connection, select(alerts).where(wanted))
    return found


def kiosks_written(connection: Connection, since_ms: int) -> list[Kiosk]:
    """Give the kiosks that were written since."""
    query = select(kiosks.c.body).where(kiosks.c.written_ms >= since_ms)
    return rows.readable(connection.execute(query).scalars(), Kiosk)


def texts_written(connection: Connection, since_ms: int) -> list[Text]:
    """Give the SMS that were written since."""
    query = select(texts).where(texts.c.written_ms >= since_ms).order_by(texts.c.written_ms).limit(NEWS_MAX)
    return [rows.text_of(row) for row in connection.execute(query)]


def open_texts(connection: Connection) -> list[Text]:
    """Give every SMS so far of alerts that are open, and the answers to kiosks of those just closed."""
    still_open = select(alerts.c.alert_id).where(alerts.c.closed_ms.is_(None))
    lately = alerts.c.closed_ms >= clock_ms(connection) - KEEP_CLOSED_MS
    answered = and_(texts.c.kind == "answer", texts.c.alert_id.in_(select(alerts.c.alert_id).where(lately)))
    wanted = or_(texts.c.alert_id.in_(still_open), answered)
    query = select(texts).where(wanted).order_by(texts.c.at_ms)
    return [rows.text_of(row) for row in connection.execute(query)]
