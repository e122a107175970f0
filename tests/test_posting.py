"""The HTTPS route of one incident, by hand and in order."""

from dataclasses import replace
from typing import Any

import pytest
from test_delivery import incident, reply

from kiosk.config import Timing
from kiosk.delivery import Links
from kiosk.incident import Heard, Over, Taken
from kiosk.posting import (
    NEXT_DOOR_S,
    POLL_REST_S,
    POST_RETRY_MAX_S,
    POST_RETRY_S,
    PostRoute,
    began,
    changed,
    due_s,
    garbled,
    mqtt_moved,
    poll_due_s,
    poll_failed,
    polled,
    published,
    told,
)

TIMING = Timing()
UP, DOWN = Links(mqtt="up"), Links(mqtt="down")
KNOWN = PostRoute(told_presses=1, told_rank=2)


@pytest.mark.parametrize("links", [DOWN, Links(mqtt="up", listened=False)])
def test_where_mqtt_is_known_not_to_help_https_goes_at_once(links: Links) -> None:
    assert due_s(PostRoute(), incident(), links, TIMING) == 0.0


@pytest.mark.parametrize("mqtt", ["up", "unknown"])
def test_else_it_goes_when_no_receipt_came_in_time(mqtt: Any) -> None:
    assert due_s(PostRoute(), incident(), Links(mqtt=mqtt), TIMING) == 100.0 + TIMING.https_after_s


def test_a_centre_that_knows_all_we_know_is_left_in_peace() -> None:
    heard = incident(state=Heard())
    assert due_s(told(PostRoute(), reply(), heard, "mqtt"), heard, DOWN, TIMING) is None
    assert due_s(PostRoute(), incident(state=Over()), DOWN, TIMING) is None


def test_a_further_press_is_owed_again_from_then_on() -> None:
    heard = incident(state=Heard(), presses=2)
    route = changed(began(KNOWN, 100.0, 1), incident(state=Heard()), 300.0)
    assert due_s(route, heard, DOWN, TIMING) == 0.0
    assert due_s(route, heard, UP, TIMING) == 300.0 + TIMING.https_after_s


def test_pressing_again_and_again_does_not_put_off_what_is_owed_already() -> None:
    route = changed(PostRoute(), incident(), 104.0)
    assert due_s(route, incident(presses=2), UP, TIMING) == 100.0 + TIMING.https_after_s


def test_an_echo_of_presses_to_come_does_not_hush_them() -> None:
    heard = incident(state=Heard())
    route = told(PostRoute(), reply(presses=99), heard, "https")
    assert route.owes(replace(heard, presses=2))


def test_every_door_is_tried_soon_and_then_ever_slower() -> None:
    route, now_s, waits = PostRoute(), 100.0, []
    for attempt in range(1, 60):
        route = began(route, now_s, 3)
        assert route.attempt == attempt
        waits.append(round(route.again_s - now_s, 6))
        now_s = route.again_s
    assert waits[:3] == [NEXT_DOOR_S, NEXT_DOOR_S, POST_RETRY_S]
    assert waits == sorted(waits)
    assert waits[-1] == POST_RETRY_MAX_S
    assert began(PostRoute(), 0.0, 1).again_s == POST_RETRY_S


def test_a_door_is_asked_once_the_centre_has_the_alert_and_until_mqtt_has_answered() -> None:
    heard = incident(state=Heard())
    assert poll_due_s(PostRoute(), heard, DOWN) is None
    assert poll_due_s(KNOWN, heard, DOWN) == 0.0
    assert poll_due_s(KNOWN, heard, UP) == 0.0
    by_mqtt = told(KNOWN, reply(), heard, "mqtt")
    assert poll_due_s(by_mqtt, heard, UP) is None
    assert poll_due_s(by_mqtt, heard, DOWN) == 0.0
    assert poll_due_s(mqtt_moved(by_mqtt), heard, UP) == 0.0


def test_a_publish_that_mqtt_leaves_unanswered_lets_a_door_be_asked() -> None:
    """A broker may look well and lose every answer."""
    heard = incident(state=Heard())
    by_mqtt = told(KNOWN, reply(), heard, "mqtt")
    doubted = published(by_mqtt, 100.0, TIMING)
    assert poll_due_s(doubted, heard, UP) == 100.0 + TIMING.https_after_s
    assert published(doubted, 103.0, TIMING) == doubted
    assert poll_due_s(told(doubted, reply(), heard, "mqtt"), heard, UP) is None


def test_an_answer_by_mqtt_that_cannot_be_read_is_asked_for_at_a_door_whatever_else_can_be() -> None:
    """Of three answers "received" could be read, and the kiosk called on for minutes (725199558.1)."""
    heard = incident(state=Heard())
    broken = told(garbled(told(KNOWN, reply(), heard, "mqtt")), reply(), heard, "mqtt")
    assert poll_due_s(broken, heard, UP) == 0.0
    asked = polled(broken, 100.5)
    assert poll_due_s(asked, heard, UP) is None
    assert poll_due_s(garbled(asked), heard, UP) == 100.5 + POLL_REST_S


@pytest.mark.parametrize("changes", [{"state": Over()}, {"kind": "drill", "state": Taken("accepted")}])
def test_nobody_asks_about_what_is_over_or_a_drill(changes: Any) -> None:
    assert poll_due_s(KNOWN, incident(**changes), DOWN) is None


def test_a_question_rests_a_little_and_after_failures_ever_longer() -> None:
    assert polled(KNOWN, 50.0).poll_s == 50.0 + POLL_REST_S
    route, waits = KNOWN, []
    for _ in range(30):
        route = poll_failed(route, 100.0)
        waits.append(round(route.poll_s - 100.0, 6))
    assert waits[0] == POST_RETRY_S
    assert waits == sorted(waits)
    assert waits[-1] == POST_RETRY_MAX_S
    assert polled(route, 50.0).poll_tries == mqtt_moved(route).poll_tries == 0
