"""The fleet as a list: the newest state of each kiosk joined with the registry. Reads only.

A kiosk may be registered and never heard, or heard and not registered: both are shown.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, Select, func, literal, or_, select

from kiosk.monitor.records import Kiosk
from kiosk.monitor.regions import CODES
from kiosk.monitor.store.history import split
from kiosk.monitor.store.schema import alerts, events, kiosks, registry

Show = Literal["attention", "all", "silent", "stopped", "faulty", "twin", "missing", "new"]
SHOWS: tuple[Show, ...] = get_args(Show)
UNREGISTERED = "--"
DRILLS = ("drill_passed", "drill_failed")
SEARCH_MAX = 60
Clause = ColumnElement[bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What to list: `region` is two digits, `--` for kiosks without a place, or empty for all of them."""

    text: str = ""
    region: str = ""
    show: Show = "all"
    after: str = ""  # the last id of the page before
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One kiosk of the list; `life` is `unknown` where it was never heard."""

    kiosk_id: str
    name_kk: str = ""
    name_ru: str = ""
    address_kk: str = ""
    address_ru: str = ""
    kato: str = ""
    registered: bool = False
    revoked: bool = False
    life: str = "unknown"
    why: str = ""
    since_ms: int = 0
    heard_ms: int = 0
    state: str = ""
    faults: tuple[str, ...] = ()
    twin: bool = False
    missing: tuple[int, ...] = ()
    version: str = ""
    drill_ms: int = 0
    drill_passed: bool = False
    open_alerts: int = 0


SHOWN = (
    kiosks.c.life, kiosks.c.why, kiosks.c.since_ms, kiosks.c.heard_ms, kiosks.c.state, kiosks.c.faults,
    kiosks.c.twin, kiosks.c.missing, kiosks.c.version,
)  # fmt: skip
PLACE = (
    registry.c.name_kk, registry.c.name_ru, registry.c.address_kk, registry.c.address_ru, registry.c.kato,
    registry.c.revoked_ms,
)  # fmt: skip
FAULTY = kiosks.c.state == "faulty"
IN_USE = registry.c.revoked_ms.is_(None)  # a revoked kiosk is out of service: its silence troubles nobody
TROUBLE: dict[str, Clause] = {
    "silent": kiosks.c.life == "silent",
    "stopped": kiosks.c.life == "stopped",
    "faulty": FAULTY,
    "twin": kiosks.c.twin,
    "missing": kiosks.c.missing > 0,
}


def listed(connection: Connection, search: Search) -> tuple[tuple[Line, ...], bool]:
    """Give one page of kiosks by their ids, and whether more follow."""
    wanted = search.limit + 1
    found = [_line(row) for row in connection.execute(_heard(search).limit(wanted))]
    if search.show in {"all", "new"} and search.region != UNREGISTERED:
        found += [_never(row) for row in connection.execute(_unheard(search).limit(wanted))]
    found.sort(key=lambda line: line.kiosk_id)
    page = found[: search.limit]
    return tuple(_complete(connection, page)), len(found) > search.limit


def one(connection: Connection, kiosk_id: str) -> Line | None:
    """Give the line of one kiosk; None where it was neither registered nor heard."""
    exact = Search(limit=1)
    heard = connection.execute(_heard(exact).where(kiosks.c.kiosk_id == kiosk_id)).first()
    if heard is not None:
        return _complete(connection, [_line(heard)])[0]
    never = connection.execute(_unheard(exact).where(registry.c.kiosk_id == kiosk_id)).first()
    return None if never is None else _complete(connection, [_never(never)])[0]


def _heard(search: Search) -> Select[Any]:
    query = (
        select(kiosks.c.kiosk_id, registry.c.kiosk_id.label("registered"), *SHOWN, *PLACE)
        .join_from(kiosks, registry, registry.c.kiosk_id == kiosks.c.kiosk_id, isouter=True)
        .where(
            kiosks.c.kiosk_id > search.after,
            *_of_region(search.region),
            *_like(search.text, kiosks.c.kiosk_id),
        )
    )
    if search.show == "attention":
        query = query.where(IN_USE, or_(*TROUBLE.values()))
    elif search.show in TROUBLE:
        query = query.where(IN_USE, TROUBLE[search.show])
    elif search.show == "new":
        query = query.where(kiosks.c.life == "unknown")
    return query.order_by(kiosks.c.kiosk_id)


def _unheard(search: Search) -> Select[Any]:
    heard = select(literal(1)).where(kiosks.c.kiosk_id == registry.c.kiosk_id).exists()
    return (
        select(registry.c.kiosk_id, *PLACE)
        .where(
            registry.c.kiosk_id > search.after,
            ~heard,
            *_of_region(search.region),
            *_like(search.text, registry.c.kiosk_id),
        )
        .order_by(registry.c.kiosk_id)
    )


def _of_region(region: str) -> tuple[Clause, ...]:
    if region == UNREGISTERED:
        return (or_(registry.c.kato.is_(None), func.substr(registry.c.kato, 1, 2).not_in(CODES)),)
    return (func.substr(registry.c.kato, 1, 2) == region,) if region else ()


def _like(text: str, id_column: ColumnElement[str]) -> tuple[Clause, ...]:
    """Match part of id, name or address; databases fold only Latin letters, so the usual forms are tried."""
    text = text.strip()[:SEARCH_MAX].replace("\0", "")
    if not text:
        return ()
    forms = {text, text.lower(), text.upper(), text.capitalize()}
    found = [id_column.contains(text.lower(), autoescape=True)]
    found += [column.contains(form, autoescape=True) for column in PLACE[:4] for form in sorted(forms)]
    return (or_(*found),)


def _line(row: Row[Any]) -> Line:
    return Line(
        kiosk_id=row.kiosk_id,
        registered=row.registered is not None,
        life=row.life,
        why=row.why,
        since_ms=row.since_ms,
        heard_ms=row.heard_ms,
        state=row.state,
        faults=split(row.faults),
        twin=row.twin,
        missing=(0,) * row.missing,
        version=row.version,
        **_place(row),
    )


def _never(row: Row[Any]) -> Line:
    return Line(kiosk_id=row.kiosk_id, registered=True, **_place(row))


def _place(row: Row[Any]) -> dict[str, Any]:
    words = {
        name: getattr(row, name) or "" for name in ("name_kk", "name_ru", "address_kk", "address_ru", "kato")
    }
    return {**words, "revoked": row.revoked_ms is not None}


def _complete(connection: Connection, page: list[Line]) -> list[Line]:
    """Add to the lines of one page what other tables know."""
    ids = [line.kiosk_id for line in page]
    drills: dict[str, tuple[int, bool]] = {}
    newest = (
        select(events.c.kiosk_id, events.c.code, func.max(events.c.at_ms))
        .where(events.c.kiosk_id.in_(ids), events.c.code.in_(DRILLS))
        .group_by(events.c.kiosk_id, events.c.code)
    )
    for kiosk_id, code, at_ms in connection.execute(newest):
        drills[kiosk_id] = max(drills.get(kiosk_id, (0, False)), (at_ms, code == "drill_passed"))
    waiting = (
        select(alerts.c.kiosk_id, func.count())
        .where(alerts.c.closed_ms.is_(None), alerts.c.kind != "drill", alerts.c.kiosk_id.in_(ids))
        .group_by(alerts.c.kiosk_id)
    )
    waits: dict[str, int] = {row[0]: row[1] for row in connection.execute(waiting)}
    gaps = _gaps(connection, [line.kiosk_id for line in page if line.missing])
    return [
        replace(
            line,
            drill_ms=drills.get(line.kiosk_id, (0, False))[0],
            drill_passed=drills.get(line.kiosk_id, (0, False))[1],
            open_alerts=waits.get(line.kiosk_id, 0),
            missing=gaps.get(line.kiosk_id, line.missing),
        )
        for line in page
    ]


def _gaps(connection: Connection, ids: list[str]) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for kiosk_id, body in connection.execute(
        select(kiosks.c.kiosk_id, kiosks.c.body).where(kiosks.c.kiosk_id.in_(ids))
    ):
        try:
            found[kiosk_id] = msgspec.json.decode(body, type=Kiosk).missing
        except msgspec.DecodeError:
            continue
    return found
