"""The judge of a played incident: each rule once kept and once broken."""

from typing import Any

import pytest

from kiosk.demo.judge import Outcome, Plan

ID = "01JZZZZZZZZZZZZZZZZZZZZZZZ"
PERSON = ("accepted", "en_route", "on_scene", "closed")
AT_CENTRE = [{"alert_id": ID, "late": False}]


def outcome(*whats: str | dict[str, Any], at_centre: list[dict[str, Any]] = AT_CENTRE) -> Outcome:
    """Make an outcome; a bare word is an event, `~word` the prompt that says it."""
    made = Outcome(at_centre=at_centre)
    for what in whats:
        if isinstance(what, dict):
            made.take(what)
        elif what.startswith("~"):
            made.take({"what": "said", "key": what[1:], "lang": "ru"})
        else:
            made.take({"what": what, "alert_id": ID})
    return made


def told(*stages: str) -> list[str]:
    return [word for stage in stages for word in (stage, f"~{stage}")]


GOOD = told("pressed", "received", *PERSON)
SMS = [*told("pressed"), {"what": "sent", "path": "sms"}, {"what": "sms_sent", "parts": 1}, *told(*PERSON)]
LATE = [{"alert_id": ID, "late": True}]


def test_a_whole_incident_is_right() -> None:
    played = outcome(*GOOD)
    assert played.faults(Plan()) == []
    assert played.summary() == {
        "alert_id": ID, "stages": ["pressed", "received", *PERSON], "paths": [],
        "said": ["pressed", "received", *PERSON], "delivered_at_centre": 1, "late": False,
    }  # fmt: skip


def test_an_incident_by_sms_is_right_without_the_centres_receipt() -> None:
    assert outcome(*SMS).faults(Plan(cut=("mqtt",), accept="sms")) == []


def test_an_incident_with_everything_cut_is_right_when_it_arrives_late() -> None:
    plan = Plan(cut=("mqtt", "gsm"), restore_after_s=5)
    assert outcome(*GOOD, at_centre=LATE).faults(plan) == []


def test_an_incident_that_never_gets_out_is_right_when_nothing_untrue_is_said() -> None:
    plan = Plan(cut=("mqtt", "gsm"), accept="none")
    assert outcome(*told("pressed"), "~trying", at_centre=[]).faults(plan) == []


WRONG = [
    (Plan(), [*GOOD, "received"], AT_CENTRE, "went back or were repeated"),
    (Plan(), told("pressed", "received"), AT_CENTRE, "never reached: accepted, closed"),
    (Plan(), ["pressed", "~received", "received", *told(*PERSON)], AT_CENTRE, "before it was true"),
    (Plan(), [*GOOD, {"what": "sms_sent", "parts": 2}], AT_CENTRE, "more than one segment"),
    (Plan(cut=("mqtt",), accept="sms"), GOOD, AT_CENTRE, "did not go by SMS"),
    (Plan(), GOOD, AT_CENTRE * 2, "2 times instead of 1"),
    (Plan(), GOOD, [], "0 times instead of 1"),
    (Plan(cut=("mqtt", "gsm"), restore_after_s=5), GOOD, AT_CENTRE, "not mark the late alert"),
    (Plan(voice="off"), GOOD, AT_CENTRE, "voice is off"),
    (Plan(voice="cover"), GOOD, AT_CENTRE, "more than the cover phrase"),
    (Plan(), ["pressed", "received", *PERSON], AT_CENTRE, "acceptance was not said"),
]  # fmt: skip


@pytest.mark.parametrize(("plan", "whats", "at_centre", "fault"), WRONG)
def test_what_is_wrong_is_named(plan: Plan, whats: list[Any], at_centre: list[Any], fault: str) -> None:
    assert any(fault in found for found in outcome(*whats, at_centre=at_centre).faults(plan))


def test_only_the_first_press_names_the_alert_and_each_path_counts_once() -> None:
    paths = [{"what": "sent", "path": path} for path in ("mqtt", "sms", "mqtt")]
    played = outcome("pressed", {"what": "pressed", "alert_id": "another"}, *paths)
    assert played.alert_id == ID
    assert played.paths == ["mqtt", "sms"]


def test_a_stage_is_told_by_voice_where_the_shop_speaks_and_by_its_event_elsewhere() -> None:
    played = outcome("accepted")
    assert not played.told("accepted", Plan())
    assert played.told("accepted", Plan(voice="off"))
