"""The fleet as counts by region: how many kiosks are what, how many alerts wait. Reads only."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, literal, select

from kiosk.monitor.regions import region_of
from kiosk.monitor.store.fleetlist import FAULTY, IN_USE, UNREGISTERED, Clause
from kiosk.monitor.store.schema import alerts, kiosks, registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """How many kiosks of a region are what; `faulty` only among those online; alerts without drills."""

    code: str
    kiosks: int = 0
    online: int = 0
    silent: int = 0
    stopped: int = 0
    new: int = 0
    faulty: int = 0
    twins: int = 0
    missing: int = 0
    open_alerts: int = 0


def _count(clause: Clause) -> ColumnElement[int]:
    return func.sum(case((clause, 1), else_=0))


def regions(connection: Connection) -> dict[str, Region]:
    """Count the kiosks and open alerts of every region that has any; `--` holds those without a place."""
    tally: dict[str, dict[str, int]] = {}
    for row in connection.execute(_kiosk_counts()):
        counts = row._asdict()
        _add(tally, _code(counts.pop("area")), counts)
    area = func.substr(alerts.c.kato, 1, 2).label("area")
    waiting = (
        select(area, func.count().label("open_alerts"))
        .where(alerts.c.closed_ms.is_(None), alerts.c.kind != "drill")
        .group_by(area)
    )
    for row in connection.execute(waiting):
        _add(tally, _code(row.area), {"open_alerts": row.open_alerts})
    return {code: Region(code=code, **counts) for code, counts in tally.items()}


def _code(area: str | None) -> str:
    return region_of(area or "") or UNREGISTERED


def _add(tally: dict[str, dict[str, int]], code: str, counts: dict[str, int]) -> None:
    mine = tally.setdefault(code, {})
    for name, count in counts.items():
        mine[name] = mine.get(name, 0) + int(count)


def _kiosk_counts() -> Select[Any]:
    """Count the heard ones by region, then those never heard, in one query."""
    area = func.substr(registry.c.kato, 1, 2).label("area")
    heard = kiosks.c.life.is_not(None)
    both = kiosks.join(registry, registry.c.kiosk_id == kiosks.c.kiosk_id, isouter=True)
    registered = select(*_counts(area, heard)).select_from(both).where(IN_USE).group_by(area)
    lonely = ~select(literal(1)).where(kiosks.c.kiosk_id == registry.c.kiosk_id).exists()
    count, none = func.count(), literal(0)
    never = select(
        area, count.label("kiosks"), none.label("online"), none.label("silent"), none.label("stopped"),
        count.label("new"), none.label("faulty"), none.label("twins"), none.label("missing"),
    ).where(lonely, IN_USE).group_by(area)  # fmt: skip
    return registered.union_all(never)  # type: ignore[return-value]


def _counts(area: ColumnElement[str], heard: Clause) -> tuple[ColumnElement[Any], ...]:
    online = kiosks.c.life == "online"
    return (
        area,
        _count(heard).label("kiosks"),
        _count(online).label("online"),
        _count(kiosks.c.life == "silent").label("silent"),
        _count(kiosks.c.life == "stopped").label("stopped"),
        _count(kiosks.c.life == "unknown").label("new"),
        _count(and_(online, FAULTY)).label("faulty"),
        _count(kiosks.c.twin).label("twins"),
        _count(kiosks.c.missing > 0).label("missing"),
    )
