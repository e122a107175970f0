"""People's phones and shifts, and the plan that the centre's core works by.

It knows SQL and never decides who is on duty: that is `rota`'s.
"""

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Row, delete, insert, select

from kiosk.bodies import KioskId, Place, Words
from kiosk.monitor import rota
from kiosk.monitor.records import Person, Plan, Registered
from kiosk.monitor.rota import Shift
from kiosk.monitor.store import people, registry, schema

SCRIPTS: dict[str, Literal["kk", "ru", "latin"]] = {"kk": "kk", "ru": "ru", "en": "latin"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Somebody whom a shift may name; `phone` is empty where there is none."""

    person_id: str
    name: str
    role: str
    language: str
    phone: str
    active: bool


def members(connection: Connection) -> tuple[Member, ...]:
    """Give everybody, by name."""
    of = schema.people.c
    columns = (of.person_id, of.name, of.role, of.language, of.phone, of.active)
    rows = connection.execute(select(*columns).order_by(of.name, of.person_id))
    return tuple(Member(**row) for row in rows.mappings())


def set_phone(connection: Connection, person_id: str, phone: str, now_ms: int) -> bool:
    """Write a person's phone (international, or empty for none); False when there is no such person.

    Raises PhoneTaken.
    """
    return people.change(connection, person_id, now_ms, phone=phone)


def shifts(connection: Connection, *, ended_since_ms: int = 0) -> tuple[Shift, ...]:
    """Give every weekly shift, and those one-off ones and absences that end after `ended_since_ms`."""
    table = schema.shifts
    still = (table.c.weekday.is_not(None)) | (table.c.ends_ms > ended_since_ms)
    rows = connection.execute(select(table).where(still).order_by(table.c.shift_id))
    return tuple(_shift(row) for row in rows)


def _shift(row: Row[Any]) -> Shift:
    return Shift(
        shift_id=row.shift_id,
        person_id=row.person_id,
        tier=row.tier,
        weekday=row.weekday,
        begins_minute=row.begins_minute or 0,
        ends_minute=row.ends_minute or 0,
        begins_ms=row.begins_ms or 0,
        ends_ms=row.ends_ms or 0,
        away=row.away,
    )


def add_shift(connection: Connection, shift: Shift) -> int:
    """Keep a shift and give its id; raises ValueError that says what is wrong with it."""
    wrong = rota.problem(shift)
    if wrong:
        raise ValueError(wrong)
    weekly = shift.weekday is not None
    row = {
        "person_id": shift.person_id,
        "tier": shift.tier,
        "weekday": shift.weekday,
        "begins_minute": shift.begins_minute if weekly else None,
        "ends_minute": shift.ends_minute if weekly else None,
        "begins_ms": None if weekly else shift.begins_ms,
        "ends_ms": None if weekly else shift.ends_ms,
        "away": shift.away,
    }
    done = connection.execute(insert(schema.shifts).values(row).returning(schema.shifts.c.shift_id))
    return int(done.scalar_one())


def remove_shift(connection: Connection, shift_id: int) -> bool:
    """Take a shift away; False when there is none."""
    return connection.execute(delete(schema.shifts).where(schema.shifts.c.shift_id == shift_id)).rowcount == 1


class PlanReader:
    """Reads plans; the registry, which may be long, only when it has changed."""

    def __init__(self) -> None:
        self._seen: tuple[Any, ...] = ()
        self._kiosks: tuple[Registered, ...] = ()

    def read(self, connection: Connection, now_ms: int) -> Plan:
        """Give who is on duty now and which kiosks there are."""
        able = {member.person_id: member for member in members(connection) if member.active and member.phone}
        on_duty = rota.on_duty(shifts(connection, ended_since_ms=now_ms), now_ms, frozenset(able))
        tiers = tuple(tuple(_person(able[name]) for name in tier.people) for tier in on_duty)
        if not tiers:
            officers = tuple(_person(member) for member in able.values() if member.role == "officer")
            officers = officers or tuple(_person(member) for member in able.values())
            tiers = (officers,) if officers else ()
        return Plan(
            tiers=tiers,
            kiosks=self._registered(connection),
            people=tuple(_person(member) for member in able.values()),
            nobody=not on_duty,
        )

    def _registered(self, connection: Connection) -> tuple[Registered, ...]:
        seen = registry.changes(connection)
        if seen != self._seen:
            rows = connection.execute(select(schema.registry).order_by(schema.registry.c.kiosk_id))
            self._kiosks = tuple(_kiosk(row) for row in rows)
            self._seen = seen
        return self._kiosks


def load_plan(connection: Connection, now_ms: int) -> Plan:
    """Read one plan; whoever reads often keeps a PlanReader."""
    return PlanReader().read(connection, now_ms)


def _person(member: Member) -> Person:
    return Person(
        person_id=member.person_id, phone=member.phone, language=SCRIPTS.get(member.language, "latin")
    )


def _kiosk(row: Row[Any]) -> Registered:
    place = Place(
        name=Words(kk=row.name_kk, ru=row.name_ru),
        address=Words(kk=row.address_kk, ru=row.address_ru),
        entrance=Words(kk=row.entrance_kk, ru=row.entrance_ru),
        lat=row.lat,
        lon=row.lon,
        accuracy_m=row.accuracy_m,
        kato=row.kato,
        phone=row.phone or None,
    )
    return Registered(
        kiosk_id=KioskId(row.kiosk_id),
        number=row.number,
        place=place,
        revoked=row.revoked_ms is not None,
    )
