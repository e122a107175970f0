"""Phones, shifts and the plan that the core works by, on the real tables."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, create_engine, insert, update

from kiosk.monitor.records import Person
from kiosk.monitor.rota import MINUTE_MS, MONDAY_MS, Shift
from kiosk.monitor.store import duty, schema

NOW_MS = MONDAY_MS + 2800 * 7 * 1440 * MINUTE_MS + 9 * 60 * MINUTE_MS  # a Monday, 09:00 in Almaty
AIGUL = Person(person_id="aigul", phone="+77010000001", language="kk")
JOHN = Person(person_id="john", phone="+77010000002", language="latin")


@pytest.fixture
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    schema.metadata.create_all(engine)
    with engine.begin() as connection:
        add_person(connection, "aigul", "officer", "kk", AIGUL.phone)
        add_person(connection, "john", "technician", "en", JOHN.phone)
        add_person(connection, "gone", "officer", "ru", "+77010000003", active=False)
        add_person(connection, "silent", "officer", "ru", "")
        yield connection
    engine.dispose()


def add_person(
    connection: Connection, name: str, role: str, language: str, phone: str, *, active: bool = True
) -> None:
    row = {
        "person_id": name, "name": name.title(), "role": role, "language": language, "phone": phone,
        "active": active, "created_ms": 1, "changed_ms": 1,
    }  # fmt: skip
    connection.execute(insert(schema.people).values(row))


def add_kiosk(connection: Connection, name: str, number: int) -> None:
    words = {f"{what}_{lang}": what for what in ("name", "address", "entrance") for lang in ("kk", "ru")}
    row = {
        "kiosk_id": name, "number": number, "lat": 43.2, "lon": 76.9, "accuracy_m": 5, "kato": "750000000",
        "created_ms": 1, "changed_ms": 1,
    }  # fmt: skip
    connection.execute(insert(schema.registry).values(row | words))


def test_whoever_has_a_shift_now_is_on_duty(connection: Connection) -> None:
    duty.add_shift(connection, Shift(person_id="aigul", weekday=0, begins_minute=0, ends_minute=1440))
    duty.add_shift(connection, Shift(person_id="john", tier=2, begins_ms=NOW_MS, ends_ms=NOW_MS + 1))
    duty.add_shift(connection, Shift(person_id="gone", weekday=0, ends_minute=1440))
    plan = duty.load_plan(connection, NOW_MS)
    assert plan.tiers == ((AIGUL,), (JOHN,))
    assert plan.people == (AIGUL, JOHN)
    assert not plan.nobody


def test_without_anybody_on_duty_every_active_officer_with_a_phone_is_called(connection: Connection) -> None:
    plan = duty.load_plan(connection, NOW_MS)
    assert plan.nobody
    assert plan.tiers == ((AIGUL,),)


def test_without_any_officer_everybody_with_a_phone_is_called(connection: Connection) -> None:
    assert duty.set_phone(connection, "aigul", "", 2)
    assert duty.load_plan(connection, NOW_MS).tiers == ((JOHN,),)
    assert duty.set_phone(connection, "john", "", 2)
    assert duty.load_plan(connection, NOW_MS).tiers == ()
    assert not duty.set_phone(connection, "nobody", "", 2)


def test_the_registry_comes_with_its_places_and_is_read_again_only_when_it_changed(
    connection: Connection,
) -> None:
    reader = duty.PlanReader()
    add_kiosk(connection, "kz-1", 17)
    (kiosk,) = reader.read(connection, NOW_MS).kiosks
    assert (kiosk.kiosk_id, kiosk.number, kiosk.revoked) == ("kz-1", 17, False)
    assert kiosk.place is not None
    assert kiosk.place.name.kk == "name"
    assert reader.read(connection, NOW_MS).kiosks[0] is kiosk
    connection.execute(update(schema.registry).values(revoked_ms=5, changed_ms=5))
    assert reader.read(connection, NOW_MS).kiosks[0].revoked


def test_shifts_come_back_as_they_were_kept_and_old_ones_are_left_out(connection: Connection) -> None:
    weekly = Shift(person_id="aigul", tier=2, weekday=6, begins_minute=1200, ends_minute=1920)
    away = Shift(person_id="john", begins_ms=10, ends_ms=20, away=True)
    for shift in (weekly, away):
        duty.add_shift(connection, shift)
    assert [shift.ends_minute for shift in duty.shifts(connection)] == [1920, 0]
    assert [shift.away for shift in duty.shifts(connection)] == [False, True]
    (left,) = duty.shifts(connection, ended_since_ms=20)
    assert duty.remove_shift(connection, left.shift_id)
    assert not duty.remove_shift(connection, left.shift_id)
    with pytest.raises(ValueError, match="tier"):
        duty.add_shift(connection, Shift(person_id="aigul", tier=0, begins_ms=1, ends_ms=2))
