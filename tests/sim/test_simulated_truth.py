"""What the simulation holds for true about a text that names an incident by its four digits."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from kiosk.bodies import AlertId
from kiosk.effects import Tell
from kiosk.journal.record import pack
from kiosk.messages import IncidentRecord, Snapshot
from kiosk.simulate.laws import truth as judged
from kiosk.simulate.laws.fact import Fact
from kiosk.simulate.laws.truth import Truth


@pytest.fixture
def truth(monkeypatch: pytest.MonkeyPatch) -> Truth:
    monkeypatch.setattr(judged, "_own", lambda _box, _id: SimpleNamespace(code="4807"))
    return Truth()


def pressed(truth: Truth, alert_id: str, now_s: float) -> Fact:
    box: Any = SimpleNamespace(who="k1", number=1)
    truth.turned(box, [Tell("pressed", (("alert_id", alert_id),))], now_s)
    return truth.facts[alert_id]


def test_a_text_is_about_every_incident_with_its_code(truth: Truth) -> None:
    fact = pressed(truth, "A1", 10.0)
    truth.wrote("accepted", "4807", 20.0)
    assert fact.said == {"accepted": 20.0}


def test_a_text_under_way_may_meet_a_new_incident_that_has_the_code_of_a_long_closed_one(
    truth: Truth,
) -> None:
    old = pressed(truth, "A1", 10.0)
    truth.says(old, "closed", 20.0)
    truth.wrote("accepted", "4807", 1000.0)
    assert pressed(truth, "A2", 1003.0).said == {"accepted": 1003.0}


def test_a_text_under_way_is_no_answer_to_a_new_incident_while_another_may_be_meant(truth: Truth) -> None:
    old = pressed(truth, "A1", 10.0)
    truth.wrote("accepted", "4807", 15.0)
    assert pressed(truth, "A2", 17.0).said == {}
    truth.says(old, "closed", 20.0)
    assert pressed(truth, "A3", 30.0).said == {}


def test_a_drill_is_for_people_only_where_that_was_ordered_before_it(truth: Truth) -> None:
    def drilled(who: str, alert_id: str) -> bool:
        box: Any = SimpleNamespace(who=who, number=1)
        truth.turned(box, [Tell("drill", (("alert_id", alert_id),))], 10.0)
        return truth.facts[alert_id].duty

    truth.drill_ordered("k1", duty=False)
    truth.drill_ordered("k2", duty=True)
    assert not drilled("k1", "old")
    truth.drill_ordered("k1", duty=True)
    assert drilled("k1", "new")
    assert not truth.facts["old"].duty
    assert not pressed(truth, "A1", 998.0).duty


def test_of_two_presses_of_one_moment_the_one_opened_last_is_the_newest(truth: Truth) -> None:
    """Two alerts closed together, each pressed again before: both presses are opened in the same turn."""
    pressed(truth, "A1", 10.0)
    newer = pressed(truth, "A2", 10.0)
    assert truth.newest("k1") is newer


def disk(*alert_ids: str, damaged: bool = False, anew: bool = False) -> Any:
    kept = tuple(
        IncidentRecord(
            alert_id=AlertId(alert_id), kind="press", button="counter", pressed_utc_ms=0, clock="synced",
            seq=1, code="4807", stage="sending", anew=anew,
        )
        for alert_id in alert_ids
    )  # fmt: skip
    packed = pack(Snapshot(incidents=kept))
    return SimpleNamespace(packed=replace(packed, sha256="torn") if damaged else packed)


def died(truth: Truth, on_disk: Any, now_s: float) -> list[str]:
    box: Any = SimpleNamespace(who="k1", number=1, disk=on_disk)
    return [fact.alert_id for fact in truth.died(box, now_s)]


def test_what_lay_on_a_whole_disk_must_lie_there_at_the_next_crash(truth: Truth) -> None:
    pressed(truth, "A1", 10.0)
    assert died(truth, disk("A1"), 20.0) == []
    assert died(truth, disk("A1"), 30.0) == []
    assert died(truth, disk("A2"), 40.0) == ["A1"]
    assert died(truth, disk("A2"), 50.0) == []


def test_what_a_disk_never_had_or_a_damaged_one_lost_is_forgotten(truth: Truth) -> None:
    never, lost = pressed(truth, "A1", 10.0), pressed(truth, "A2", 11.0)
    assert died(truth, disk("A2"), 20.0) == []
    assert died(truth, disk("A2", damaged=True), 30.0) == []
    assert (never.forgotten_s, lost.forgotten_s) == (20.0, 30.0)


def test_an_incident_that_ended_in_a_life_whose_disk_stood_still_is_again_what_the_disk_has(
    truth: Truth,
) -> None:
    """What the centre had answered is not on the disk, and is asked for anew (326708655.35)."""
    fact = pressed(truth, "A1", 10.0)
    fact.answered = True
    box: Any = SimpleNamespace(who="k1", number=1)
    truth.turned(box, [Tell("closed", (("alert_id", "A1"), ("by", "officer-21")))], 15.0)
    assert died(truth, disk("A1"), 20.0) == []
    truth.turned(box, [Tell("resumed", (("alert_id", "A1"), ("stage", "sending")))], 25.0)
    assert (fact.on_kiosk, fact.kiosk_knows, fact.answered) == (True, "sending", False)


def test_an_answer_to_a_press_anew_that_never_came_to_the_disk_is_waited_for_again(truth: Truth) -> None:
    """People may be called again then: the power went between the answer and its writing (391265376.128)."""
    fact = pressed(truth, "A1", 10.0)
    fact.calls_again = True
    box: Any = SimpleNamespace(who="k1", number=1)
    truth.turned(box, [Tell("sms_reply", (("alert_id", "A1"),))], 15.0)
    assert not fact.calls_again
    assert died(truth, disk("A1", anew=True), 20.0) == []
    assert fact.calls_again
    assert died(truth, disk("A1"), 30.0) == []
    assert not fact.calls_again
