"""What the simulation holds for true about a text that names an incident by its four digits."""

from types import SimpleNamespace
from typing import Any

import pytest

from kiosk.effects import Tell
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
