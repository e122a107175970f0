import math
from pathlib import Path

import pytest
from fakes import centre_world
from fakes.centre_engines import engine
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from kiosk import wire
from kiosk.bodies import Alert
from kiosk.messages import Now
from kiosk.monitor import cases
from kiosk.monitor.records import Case
from kiosk.monitor.store import contacts
from kiosk.monitor.store.contacts import Contact

__all__ = ["engine"]
ALMATY = (43.238, 76.945)


def one(contact_id: str, **changes: object) -> Contact:
    base = {"kind": "crisis_centre", "name_kk": "Орталық", "name_ru": "Центр", "phone": "+77000000000"}
    return Contact(contact_id=contact_id, **(base | changes))  # type: ignore[arg-type]


KNOWN = (
    one("n-102", kind="national", phone="102"),
    one("far", lat=51.13, lon=71.43, kato="710000000"),
    one("near", lat=43.25, lon=76.95, kato="750000000"),
    one("same-town", lat=43.20, lon=76.80, kato="750000000"),
    one("region-only", kato="751234567"),
    one("other-region", kato="100000000"),
)


def test_national_numbers_come_first_then_the_nearest_by_distance(engine: Engine) -> None:
    with engine.begin() as connection:
        contacts.replace_all(connection, KNOWN, 5)
        found = contacts.nearest(connection, *ALMATY, "750000000")
        assert [near.contact.contact_id for near in found] == ["n-102", "near", "same-town", "far"]
        assert found[0].km is None
        assert 950 < (found[3].km or 0) < 1000
        more = contacts.nearest(connection, *ALMATY, "750000000", limit=9)
        assert [near.contact.contact_id for near in more][-1] == "region-only"


def test_an_import_replaces_everything_and_a_failed_one_nothing(engine: Engine) -> None:
    with engine.begin() as connection:
        contacts.replace_all(connection, KNOWN, 5)
    with pytest.raises(Exception, match=r"(?i)unique|duplicate"), engine.begin() as connection:
        contacts.replace_all(connection, (one("x"), one("x")), 6)
    with engine.begin() as connection:
        assert contacts.count(connection) == len(KNOWN)
        contacts.replace_all(connection, (), 7)
        assert contacts.count(connection) == 0


def test_the_list_is_searched_and_read_page_by_page(engine: Engine) -> None:
    with engine.begin() as connection:
        contacts.replace_all(connection, KNOWN, 5)
        ids = sorted(known.contact_id for known in KNOWN)
        assert [found.contact_id for found in contacts.search(connection, limit=2)] == ids[:2]
        assert [found.contact_id for found in contacts.search(connection, after=ids[1])] == ids[2:]
        assert [found.contact_id for found in contacts.search(connection, "NATIONAL")] == ["n-102"]
        assert contacts.search(connection, "%") == ()
        found = contacts.find(connection, "near")
        assert found is not None
        assert (found.lat, found.changed_ms) == (43.25, 5)
        assert contacts.find(connection, "nobody") is None


@given(st.floats(-90, 90), st.floats(-180, 180), st.floats(-90, 90), st.floats(-180, 180))
def test_a_distance_is_the_same_both_ways_and_never_beyond_the_antipode(
    lat: float, lon: float, other_lat: float, other_lon: float
) -> None:
    there = contacts.great_circle_km(lat, lon, other_lat, other_lon)
    back = contacts.great_circle_km(other_lat, other_lon, lat, lon)
    assert math.isclose(there, back, abs_tol=1e-6)
    assert 0 <= there <= math.pi * contacts.EARTH_KM + 1e-6


def test_nothing_that_speaks_to_kiosks_knows_the_contacts() -> None:
    """What is sent to a kiosk is made in these modules: none of them may read the contacts."""
    package = Path(contacts.__file__).parents[1]
    for name in (
        "fleet",
        "caseload",
        "cases",
        "crew",
        "uplink",
        "link",
        "roster",
        "kiosks",
        "effects",
        "desk",
    ):
        text = (package / f"{name}.py").read_text(encoding="utf-8")
        assert "contacts" not in text, name


def test_a_kiosk_never_hears_who_took_over() -> None:
    alert = wire.parse(Alert, centre_world.an_alert_body())
    assert isinstance(alert, Alert)
    now = Now(s=1.0, utc_ms=1_790_000_000_000, fresh_id="x", chance=0.5)
    taken = cases.act(cases.open_case(alert, "mqtt", now), "accept", "aigerim", "", now)
    assert isinstance(taken, Case)
    closed = cases.act(taken, "close", "aigerim", "Орталық", now)
    assert isinstance(closed, Case)
    case = cases.with_outcome(closed, "referred", "sample-almaty")
    assert case.stages[-1].referral == "sample-almaty"
    for entry in case.stages:
        body = wire.encode(cases.reply(case, entry)).decode()
        assert "sample-almaty" not in body
        assert "referral" not in body
        assert "Орталық" not in body
