"""The MQTT route of one incident, by hand and in order."""

from dataclasses import replace
from typing import Any

import pytest

from kiosk.bodies import AlertId, Reply, ReplyStage
from kiosk.config import Timing
from kiosk.delivery import (
    BACKOFF,
    MQTT_RETRY_MAX_S,
    Links,
    MqttRoute,
    mqtt_asked,
    mqtt_began,
    mqtt_changed,
    mqtt_due_s,
    mqtt_rose,
    mqtt_told,
)
from kiosk.incident import Heard, Incident, Over, Taken, Unheard

TIMING = Timing()
UP = Links(mqtt="up")


def incident(**changes: Any) -> Incident:
    made = Incident(
        alert_id=AlertId("01TEST"), kind="press", button="counter", pressed_s=100.0,
        pressed_utc_ms=0, clock="synced", seq=7, code="4711",
    )  # fmt: skip
    return replace(made, **changes)


def reply(stage: ReplyStage = "received", presses: int = 1) -> Reply:
    return Reply(alert_id="01TEST", stage=stage, at="2026-11-21T10:00:00Z", presses=presses)


def test_a_new_incident_is_due_at_once_on_a_link_that_is_up() -> None:
    assert mqtt_due_s(MqttRoute(), incident(), UP) == 0.0


@pytest.mark.parametrize("state", ["down", "unknown"])
def test_nothing_is_published_while_not_connected(state: Any) -> None:
    """Pitfall 2: paho would queue it without limit."""
    assert mqtt_due_s(MqttRoute(), incident(), Links(mqtt=state)) is None


def test_it_is_tried_throughout_ever_slower_up_to_a_minute() -> None:
    route, now_s, waits = MqttRoute(), 100.0, []
    for attempt in range(1, 40):
        route = mqtt_began(route, now_s, TIMING)
        assert route.attempt == attempt
        due_s = mqtt_due_s(route, incident(), UP)
        assert due_s is not None
        waits.append(due_s - now_s)
        now_s = due_s
    assert waits[:4] == pytest.approx([TIMING.mqtt_retry_s * BACKOFF**tries for tries in range(4)])
    assert [round(wait_s, 6) for wait_s in waits] == sorted(round(wait_s, 6) for wait_s in waits)
    assert waits[-1] == pytest.approx(MQTT_RETRY_MAX_S)


def test_once_the_centre_knows_all_we_know_it_only_asks_now_and_then_what_became_of_it() -> None:
    """A broker may acknowledge an answer and lose it: nobody would tell it again, and people be called on."""
    heard = incident(state=Heard())
    route = mqtt_told(mqtt_began(MqttRoute(), 100.0, TIMING), reply(), heard)
    assert mqtt_due_s(route, heard, UP) == 160.0
    taken = replace(heard, state=Taken("accepted"))
    assert mqtt_due_s(mqtt_told(route, reply("accepted"), taken), taken, UP) == 400.0
    asked = mqtt_asked(route, 160.0)
    assert asked.attempt == route.attempt
    assert mqtt_due_s(asked, heard, UP) == 220.0


@pytest.mark.parametrize("kind", ["drill", "tamper"])
def test_nobody_waits_for_a_persons_answer_to_a_drill_or_tamper(kind: Any) -> None:
    heard = incident(state=Heard(), kind=kind)
    route = mqtt_told(mqtt_began(MqttRoute(), 100.0, TIMING), reply(), heard)
    assert mqtt_due_s(route, heard, UP) == (None if kind == "drill" else 400.0)


def test_a_further_press_is_told_at_once() -> None:
    heard = incident(state=Heard())
    route = mqtt_told(mqtt_began(MqttRoute(), 100.0, TIMING), reply(), heard)
    again = replace(heard, presses=2)
    changed = mqtt_changed(route)
    assert mqtt_due_s(changed, again, UP) == 0.0
    assert mqtt_began(changed, 200.0, TIMING).again_s == 200.0 + TIMING.mqtt_retry_s
    assert mqtt_due_s(mqtt_told(route, reply(presses=2), again), again, UP) == 160.0


def test_what_a_person_said_by_sms_is_told_until_the_centre_confirms_it() -> None:
    taken = incident(state=Taken("accepted"))
    route = mqtt_told(MqttRoute(), reply("received"), taken)
    assert mqtt_due_s(route, taken, UP) == 0.0
    assert mqtt_due_s(mqtt_told(route, reply("accepted"), taken), taken, UP) == 300.0


def test_a_centre_that_never_echoes_presses_is_told_again() -> None:
    heard = incident(state=Heard())
    assert mqtt_due_s(mqtt_told(MqttRoute(), reply(presses=0), heard), heard, UP) is not None


def test_an_echo_of_presses_to_come_does_not_hush_them() -> None:
    heard = incident(state=Heard())
    route = mqtt_told(MqttRoute(), reply(presses=99), heard)
    assert mqtt_due_s(route, replace(heard, presses=2), UP) is not None


def test_an_older_answer_takes_nothing_back() -> None:
    taken = incident(state=Taken("accepted"), presses=2)
    route = mqtt_told(MqttRoute(), reply("accepted", presses=2), taken)
    assert mqtt_told(route, reply("received", presses=1), taken) == route


def test_a_new_connection_tells_everything_again_so_that_missed_answers_come() -> None:
    heard = incident(state=Heard())
    route = mqtt_told(mqtt_began(MqttRoute(), 100.0, TIMING), reply(), heard)
    risen = mqtt_rose(route)
    assert mqtt_due_s(risen, heard, UP) == 0.0
    assert risen.attempt == 1
    assert mqtt_began(risen, 200.0, TIMING).again_s == 200.0 + TIMING.mqtt_retry_s


def test_after_a_new_connection_an_answer_hushes_only_what_it_confirms() -> None:
    """Of what was confirmed before, nothing counts: a broker may have lost its store meanwhile."""
    taken = incident(state=Taken("accepted"), presses=2)
    risen = mqtt_rose(mqtt_told(MqttRoute(), reply("accepted", presses=2), taken))
    assert mqtt_told(risen, reply("received", presses=2), taken).owes(taken)
    assert mqtt_told(risen, reply("accepted", presses=1), taken).owes(taken)
    assert not mqtt_told(risen, reply("accepted", presses=2), taken).owes(taken)
    once = replace(taken, presses=1)
    assert mqtt_told(risen, reply("accepted", presses=0), once).owes(once)


def test_an_incident_that_is_over_is_not_published() -> None:
    assert mqtt_due_s(MqttRoute(), incident(state=Over()), UP) is None
    assert mqtt_due_s(MqttRoute(), incident(state=Unheard()), UP) is not None
