"""The second path in the real core, in virtual time: acceptance, order, and what must not wait."""

from typing import Any

import pytest
from fakes.virtual_kiosk import DOORS, VirtualKiosk, example_config

from kiosk.bodies import Token
from kiosk.config import Contact
from kiosk.effects import PostAlert, ProbeHttps, SendSms
from kiosk.messages import BodyRefused, DrillAsked, HttpsAnswered, HttpsFailed

ACCEPTANCE_S = 6.0


def kiosk(**changes: Any) -> VirtualKiosk:
    return VirtualKiosk(config=example_config(https=DOORS, **changes)).start().board()


def test_with_mqtt_known_down_the_alert_leaves_in_the_turn_of_the_press_beside_the_first_text() -> None:
    virtual = kiosk().offline().modem().quiet()
    virtual.press()
    turn = next(turn for turn in virtual.turns if any(isinstance(e, PostAlert) for e in turn))
    assert [type(effect) for effect in turn[:2]] == [PostAlert, SendSms]
    assert virtual.posts[0].route == "https"
    assert virtual.stages == ["sending"]


def test_with_mqtt_silent_the_alert_goes_by_https_within_the_acceptance_time() -> None:
    virtual = kiosk().online()
    began_s = virtual.now_s
    virtual.press()
    virtual.run(4.0)
    assert virtual.posts == []
    virtual.run(1.5)
    assert len(virtual.posts) == 1
    assert virtual.now_s - began_s <= ACCEPTANCE_S
    virtual.door_says()
    assert virtual.stages == ["received"]
    assert virtual.said[-1] == "received"


def test_a_receipt_by_mqtt_in_time_leaves_the_doors_in_peace() -> None:
    virtual = kiosk().online()
    virtual.press()
    virtual.reply("received")
    virtual.run(55)
    assert (virtual.posts, virtual.polls) == ([], [])
    virtual.run(20)  # it was asked again by MQTT, and nobody answered
    assert len(virtual.polls) == 1


def test_mqtt_is_tried_throughout_whatever_https_brought() -> None:
    virtual = kiosk().online()
    virtual.press()
    virtual.run(5.5)
    virtual.door_says()
    before = len(virtual.alerts)
    virtual.run(60)
    assert len(virtual.alerts) > before


def test_an_error_is_no_receipt_and_the_next_door_is_tried_soon() -> None:
    virtual = kiosk().offline()
    virtual.press(for_s=0.05)
    virtual.door_fails()
    assert virtual.stages == ["sending"]
    virtual.run(0.5)
    assert [alert.attempt for alert in virtual.posts] == [1, 2]
    assert len({alert.alert_id for alert in virtual.posts}) == 1


def test_a_receipt_about_another_alert_is_none() -> None:
    virtual = kiosk().offline()
    virtual.press(for_s=0.05)
    virtual.feed(HttpsAnswered(token=Token("post.other.9"), replies=()))
    assert virtual.parts.alarm.doors.post is not None
    virtual.feed(HttpsFailed(Token("post.other.9"), "late"))
    assert virtual.stages == ["sending"]


def test_a_worker_that_never_answers_is_given_up_and_tried_again() -> None:
    virtual = kiosk().offline()
    virtual.press(for_s=0.05)
    virtual.run(60)
    assert len(virtual.posts) >= 3
    assert virtual.tells("post_failed")


def test_later_stages_come_by_asking_one_question_at_a_time() -> None:
    virtual = kiosk().offline()
    virtual.press(for_s=0.05)
    virtual.door_says()
    assert [poll.after for poll in virtual.polls] == ["received"]
    virtual.run(20)
    assert len(virtual.polls) == 1
    virtual.door_says("accepted", poll=True)
    assert virtual.stages == ["accepted"]
    virtual.run(3)
    assert [poll.after for poll in virtual.polls] == ["received", "accepted"]
    virtual.door_fails(poll=True)
    virtual.run(40)
    assert len(virtual.polls) == 3
    virtual.door_says("closed", poll=True)
    virtual.run(100)
    assert virtual.stages == []
    assert len(virtual.polls) == 3


def test_asking_ends_when_mqtt_is_up_and_has_answered_and_begins_again_when_it_falls() -> None:
    virtual = kiosk().offline()
    virtual.press(for_s=0.05)
    virtual.door_says()
    virtual.online()
    virtual.reply("received", alert=virtual.posts[-1])
    virtual.feed(HttpsAnswered(token=virtual.polls[-1].token))
    virtual.run(60)
    assert len(virtual.polls) == 1
    virtual.offline()
    assert len(virtual.polls) == 2


def test_a_second_press_is_posted_at_once_and_only_till_it_is_confirmed() -> None:
    virtual = kiosk().offline()
    virtual.press(for_s=0.05)
    virtual.door_says()
    virtual.press(for_s=0.05)
    assert [alert.presses for alert in virtual.posts] == [1, 2]
    virtual.door_says(presses=2)
    virtual.run(120)
    assert len(virtual.posts) == 2


def test_an_acceptance_by_sms_is_told_to_the_centre() -> None:
    virtual = kiosk().offline()
    virtual.press(for_s=0.05)
    virtual.door_says()
    virtual.sms_from("+77010000011", f"ok {virtual.code}")
    assert [alert.stage for alert in virtual.posts][-1] == "accepted"


def test_a_press_goes_before_a_drill_and_is_asked_about_before_a_tamper() -> None:
    virtual = kiosk(tamper=Contact(pin=22, wiring="nc", pull="up")).offline()
    virtual.edge("tamper", pressed=True)
    virtual.run(0.2)
    virtual.door_says()
    tampered = virtual.polls[-1].alert_id
    virtual.press(for_s=0.05)
    virtual.door_says()
    pressed = virtual.posts[-1].alert_id
    virtual.feed(HttpsAnswered(token=virtual.polls[-1].token))
    for _ in range(3):
        virtual.run(3)
        assert virtual.polls[-1].alert_id == pressed
        virtual.feed(HttpsAnswered(token=virtual.polls[-1].token))
    assert tampered != pressed


def test_what_the_broker_says_nobody_listens_to_goes_by_https_at_once() -> None:
    virtual = kiosk().online()
    virtual.press(for_s=0.05)
    virtual.puback(0x10)
    assert len(virtual.posts) == 1


def test_an_answer_by_mqtt_that_cannot_be_read_is_asked_for_at_the_door_at_once() -> None:
    virtual = kiosk().online()
    virtual.press(for_s=0.05)
    virtual.reply("received")
    virtual.run(1.0)
    assert virtual.polls == []
    virtual.feed(BodyRefused("cmd", "JSON is malformed"))  # which is no answer
    virtual.run(1.0)
    assert virtual.polls == []
    virtual.feed(BodyRefused("ack", "JSON is malformed"))
    virtual.reply("received")
    virtual.run(1.0)
    (poll,) = virtual.polls
    assert poll.alert_id == virtual.alerts[0].alert_id


def test_a_drill_without_mqtt_goes_by_https_and_says_that_mqtt_is_missing() -> None:
    virtual = kiosk().offline()
    virtual.order("drill")
    virtual.feed(virtual_drill())
    virtual.door_says()
    assert virtual.posts[0].kind == "drill"
    virtual.run(100)
    assert "mqtt" in virtual.tells("drill_failed")[-1]["missing"]
    assert "https" not in virtual.tells("drill_failed")[-1]["missing"]
    assert virtual.polls == []


def test_a_drill_whose_doors_failed_names_them() -> None:
    virtual = kiosk().offline()
    virtual.feed(virtual_drill())
    virtual.run(100)
    assert "https" in virtual.tells("drill_failed")[-1]["missing"]


def virtual_drill() -> Any:
    return DrillAsked(token=Token("ask"))


def test_a_restart_posts_what_was_open_and_asks_for_what_came_meanwhile() -> None:
    virtual = kiosk().offline()
    virtual.press(for_s=0.05)
    virtual.door_says()
    again = virtual.restart()
    again.offline()
    assert again.posts[0].alert_id == virtual.posts[0].alert_id
    again.door_says("accepted")
    assert again.stages == ["accepted"]


@pytest.mark.parametrize("https", [None, DOORS])
def test_without_doors_nothing_is_posted_asked_or_probed(https: Any) -> None:
    virtual = VirtualKiosk(config=example_config(https=https)).start().offline()
    virtual.press()
    virtual.run(100)
    assert bool(virtual.posts) is bool(https)
    assert bool(virtual.of(ProbeHttps)) is False  # never while an incident is open


def test_what_belongs_to_no_call_changes_nothing() -> None:
    virtual = kiosk().offline()
    virtual.press(for_s=0.05)
    call = virtual.parts.alarm.doors.post
    assert call is not None
    virtual.parts.alarm.cases.open = ()
    assert virtual.feed(HttpsFailed(call.token, "late"))[-1:] != [PostAlert]
    assert virtual.parts.alarm.doors.post is None
