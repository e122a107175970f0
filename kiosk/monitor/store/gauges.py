"""How alerts and texts stand, counted for a monitoring system. Reads only; names no kiosk and no person."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, case, func, select
from sqlalchemy.sql.elements import ColumnElement

from kiosk.monitor.outbox import UNNEEDED
from kiosk.monitor.store.fleetcounts import Region, regions
from kiosk.monitor.store.schema import alerts, certificates, texts

DAY_MS = 86_400_000
EXPIRING_DAYS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauges:
    """The state of the network at one moment; ages in seconds, 0 where there is nothing.

    `alerts` is by (kind, stage) and counts open ones; `oldest_*` leave drills out; `texts` leave out those
    no longer needed. `certificates_expiring`: names whose newest ends within 30 days or has ended.
    """

    regions: Mapping[str, Region]
    alerts: Mapping[tuple[str, str], int]
    oldest_open_s: float
    oldest_unaccepted_s: float
    texts: Mapping[str, int]
    certificates_expiring: int


def gauges(connection: Connection, now_ms: int) -> Gauges:
    """Count everything at `now_ms` (UTC ms) in one read."""
    now_at = _stage().label("stage")
    open_now = alerts.c.closed_ms.is_(None)
    counted = (
        select(alerts.c.kind, now_at, func.count().label("count")).where(open_now).group_by("kind", "stage")
    )
    oldest = select(func.min(alerts.c.received_ms)).where(open_now, alerts.c.kind != "drill")
    waiting = oldest.where(alerts.c.accepted_ms.is_(None))
    sent = (
        select(texts.c.state, func.count().label("count"))
        .where(texts.c.reason != UNNEEDED)
        .group_by(texts.c.state)
    )
    ending = (
        select(certificates.c.kiosk_id)
        .where(certificates.c.revoked_ms.is_(None))
        .group_by(certificates.c.kiosk_id)
        .having(func.max(certificates.c.not_after_ms) < now_ms + EXPIRING_DAYS * DAY_MS)
        .subquery()
    )
    return Gauges(
        regions=regions(connection),
        alerts={(kind, stage): count for kind, stage, count in connection.execute(counted)},
        oldest_open_s=_age_s(connection, oldest, now_ms),
        oldest_unaccepted_s=_age_s(connection, waiting, now_ms),
        texts={row[0]: row[1] for row in connection.execute(sent)},
        certificates_expiring=connection.execute(select(func.count()).select_from(ending)).scalar_one(),
    )


def _stage() -> ColumnElement[str]:
    return case(
        (alerts.c.on_scene_ms.is_not(None), "on_scene"),
        (alerts.c.en_route_ms.is_not(None), "en_route"),
        (alerts.c.accepted_ms.is_not(None), "accepted"),
        else_="received",
    )


def _age_s(connection: Connection, oldest: Select[Any], now_ms: int) -> float:
    received_ms: int | None = connection.execute(oldest).scalar_one()
    return 0.0 if received_ms is None else max(0.0, (now_ms - received_ms) / 1000)
