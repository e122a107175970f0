"""The open cases: found, replaced, bounded."""

from typing import Any

from kiosk.bodies import AlertId
from kiosk.cases import CASES_MAX, Case, Cases, tell
from kiosk.effects import Tell
from kiosk.incident import Heard, Incident, Over


def case(name: str, **changes: Any) -> Case:
    fields = {
        "alert_id": AlertId(name), "kind": "press", "button": "counter", "pressed_s": 100.0,
        "pressed_utc_ms": 0, "clock": "synced", "seq": 7, "code": "4711",
    }  # fmt: skip
    return Case(incident=Incident(**(fields | changes)))  # type: ignore[arg-type]


def of(*cases: Case) -> Cases:
    made = Cases()
    for one in cases:
        made.add(one)
    return made


def names(cases: Cases) -> list[str]:
    return [one.incident.alert_id for one in cases.open]


def test_a_case_is_found_by_its_id_and_the_newest_by_its_kind() -> None:
    cases = of(case("a"), case("b"), case("c", kind="drill"))
    assert cases.find("a") == case("a")
    assert cases.find("x") is None
    assert cases.newest("press") == case("b")
    assert cases.newest("tamper") is None


def test_a_case_is_replaced_in_its_place() -> None:
    cases = of(case("a"), case("b"))
    cases.put(case("a", presses=2))
    assert cases.open == (case("a", presses=2), case("b"))


def test_no_other_kind_can_push_a_press_out() -> None:
    cases = of(*(case(f"p{number}") for number in range(CASES_MAX)))
    cases.add(case("t", kind="tamper"))
    assert names(cases) == [f"p{number}" for number in range(CASES_MAX)]
    cases.add(case("new"))
    assert names(cases)[0] == "p1"
    assert names(cases)[-1] == "new"


def test_a_press_pushes_the_oldest_of_another_kind_out_first() -> None:
    cases = of(case("p"), case("t", kind="tamper"), *(case(f"p{number}") for number in range(CASES_MAX - 2)))
    cases.add(case("new"))
    assert "t" not in names(cases)
    assert "p" in names(cases)


def test_an_attempt_is_noted_on_an_open_case_only() -> None:
    cases = of(case("a"), case("b", state=Heard()))
    for name in ("a", "b", "x"):
        cases.attempted(name)
    assert [one.incident.stage for one in cases.open] == ["sending", "received"]


def test_what_is_over_is_dropped_but_a_drill_waits_for_its_judge() -> None:
    cases = of(case("a", state=Over()), case("b"), case("d", kind="drill", state=Over()))
    cases.drop_ended(0.0)
    assert names(cases) == ["b", "d"]
    cases.drop("d")
    assert names(cases) == ["b"]


def test_people_who_follow_learn_id_kind_and_detail() -> None:
    told = tell("received", case("a").incident, path="mqtt")
    assert told == Tell("received", (("alert_id", "a"), ("kind", "press"), ("path", "mqtt")))
