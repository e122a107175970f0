"""The installer's trial: one expected press is no alarm, and whatever is in doubt is one."""

import msgspec
import pytest
from fakes.virtual_kiosk import VirtualKiosk, example_config

from kiosk.bodies import Token
from kiosk.effects import Answer, Say
from kiosk.messages import (
    DrillAsked,
    EdgeSeen,
    InputName,
    SayAsked,
    TrialAsked,
    VoiceBroke,
    VoiceEnded,
    VoiceStarted,
)
from kiosk.rehearsal import TRIAL_MAX_S, TRIALS_MAX

ASK = Token("ask.1")


def kiosk(**changes: object) -> VirtualKiosk:
    return VirtualKiosk(config=example_config(**changes)).start().board().modem().online().quiet()


def trial(virtual: VirtualKiosk, button: str = "counter", seconds: float = 60.0) -> dict[str, object]:
    virtual.feed(TrialAsked(token=ASK, button=button, seconds=seconds))
    answer = dict(virtual.of(Answer)[-1].state)
    virtual.run(0.1)
    return answer


def test_the_expected_press_is_a_trial_spoken_as_a_test_and_told_to_the_centre() -> None:
    virtual = kiosk()
    assert trial(virtual) == {"ok": True, "seconds": 60.0}
    assert virtual.said == ["drill"]
    virtual.press("counter")
    assert virtual.stages == []
    assert virtual.alerts == []
    assert virtual.said == ["drill", "drill"]
    assert virtual.tells("trial_pressed") == [{"button": "counter"}]
    assert {("trial_begun", "info"), ("trial_pressed", "info")} <= set(virtual.events)


def test_it_takes_one_press_and_the_next_one_is_an_alarm() -> None:
    virtual = kiosk()
    trial(virtual)
    virtual.press("counter").press("counter")
    assert virtual.stages == ["sending"]
    assert virtual.alerts[0].kind == "press"


def test_another_button_is_an_alarm_and_ends_the_trial() -> None:
    virtual = kiosk()
    trial(virtual)
    virtual.press("fitting", for_s=1.5)
    assert virtual.stages == ["sending"]
    assert virtual.tells("trial_over") == [{"button": "counter", "reason": "another press"}]
    assert virtual.tells("trial_pressed") == []


def test_a_press_that_began_before_the_trial_is_an_alarm() -> None:
    virtual = kiosk()
    virtual.edge("counter", pressed=True)
    trial(virtual)
    virtual.run(0.3)
    assert virtual.stages == ["sending"]


def test_edges_that_come_late_count_by_their_own_time() -> None:
    virtual = kiosk()
    began_s = virtual.now_s
    virtual.sleep(0.5)
    trial(virtual)
    high = virtual.wired("counter", pressed=True)
    virtual.feed(EdgeSeen(input=InputName("counter"), high=high, at_s=began_s))
    virtual.run(0.3)
    assert virtual.stages == ["sending"]


def test_a_contact_that_was_closed_at_the_start_is_an_alarm_when_it_is_let_go() -> None:
    virtual = VirtualKiosk()
    virtual.take(virtual.core.start(virtual.now()))
    virtual.level("counter", pressed=True)
    virtual.run(0.1)
    virtual.online()
    assert trial(virtual)["ok"]
    virtual.edge("counter", pressed=False)
    virtual.run(0.3)
    assert virtual.parts.alarm.cases.newest("press")


def test_it_ends_by_itself_and_later_presses_are_alarms() -> None:
    virtual = kiosk()
    trial(virtual, seconds=1e9)
    virtual.run(TRIAL_MAX_S + 0.1)
    assert virtual.tells("trial_over") == [{"button": "counter", "reason": "time is up"}]
    virtual.press("counter")
    assert virtual.stages == ["sending"]


def test_a_press_begun_in_time_and_seen_after_it_is_an_alarm() -> None:
    virtual = kiosk()
    trial(virtual, seconds=1.0)
    pressed_s = virtual.now_s + 0.5
    virtual.sleep(1.5)
    high = virtual.wired("counter", pressed=True)
    virtual.feed(EdgeSeen(input=InputName("counter"), high=high, at_s=pressed_s))
    virtual.run(0.3)
    assert virtual.stages == ["sending"]


def test_while_anything_is_open_there_is_no_trial_and_a_press_counts() -> None:
    for begin in (lambda v: v.press("fitting", for_s=1.5), lambda v: v.feed(DrillAsked(token=ASK))):
        virtual = kiosk()
        begin(virtual)
        assert trial(virtual)["ok"] is False
        virtual.press("counter")
        assert virtual.parts.alarm.cases.newest("press")


def test_what_opens_during_a_trial_makes_the_press_an_alarm() -> None:
    virtual = kiosk()
    trial(virtual)
    virtual.feed(DrillAsked(token=ASK))
    virtual.press("counter")
    assert virtual.parts.alarm.cases.newest("press")


def test_a_restart_ends_it() -> None:
    virtual = kiosk()
    trial(virtual)
    again = virtual.restart().online()
    again.press("counter")
    assert again.stages == ["sending"]


@pytest.mark.parametrize("seconds", [float("nan"), -5.0, 0.0])
def test_a_span_that_is_none_is_bounded(seconds: float) -> None:
    answer = trial(kiosk(), seconds=seconds)
    assert answer["ok"]
    assert answer["seconds"] in (1.0, TRIAL_MAX_S)


def test_one_trial_at_a_time_of_a_button_that_there_is() -> None:
    virtual = kiosk()
    assert trial(virtual, "tamper") == {"ok": False, "reason": "no such button"}
    trial(virtual)
    assert trial(virtual, "fitting") == {"ok": False, "reason": "a trial is under way"}


def test_trials_without_end_are_refused_until_an_hour_has_passed() -> None:
    virtual = kiosk()
    for _ in range(TRIALS_MAX):
        assert trial(virtual, seconds=1.0)["ok"]
        virtual.run(1.1)
    assert "enough" in str(trial(virtual)["reason"])
    virtual.run(3600)
    assert trial(virtual)["ok"]


@pytest.mark.parametrize(("guard", "taps"), [("hold", 1), ("double", 2)])
def test_a_guarded_button_is_tried_by_its_own_rule(guard: str, taps: int) -> None:
    button = example_config().buttons[0]
    guarded = msgspec.structs.replace(button, guard=guard)
    virtual = kiosk(buttons=(guarded,))
    trial(virtual)
    virtual.run(6)
    for _ in range(taps):
        virtual.press(guarded.name, for_s=1.2 if guard == "hold" else 0.2)
    assert virtual.tells("trial_pressed")
    assert virtual.stages == []


def test_the_first_of_two_taps_before_the_trial_is_in_doubt_and_so_an_alarm() -> None:
    guarded = msgspec.structs.replace(example_config().buttons[0], guard="double")
    virtual = kiosk(buttons=(guarded,))
    virtual.press(guarded.name, for_s=0.2)
    trial(virtual)
    virtual.press(guarded.name, for_s=0.2)
    assert virtual.stages == ["sending"]


# ---- prompts


def test_a_prompt_is_said_to_be_heard_and_its_end_told() -> None:
    virtual = kiosk()
    virtual.feed(SayAsked(ASK, "received"))
    assert virtual.of(Answer)[-1].state == {"ok": True}
    assert virtual.of(Say) == [Say("received")]
    virtual.feed(VoiceStarted(key="received", language="kk", source="clip"))
    virtual.feed(VoiceEnded("received"))
    assert virtual.tells("rehearsed") == [{"key": "received", "sounded": True}]
    virtual.feed(VoiceEnded("received"))
    assert len(virtual.tells("rehearsed")) == 1


def test_a_real_press_cuts_a_rehearsed_prompt_off_in_the_middle() -> None:
    virtual = kiosk()
    virtual.feed(SayAsked(ASK, "en_route"))
    virtual.feed(VoiceStarted(key="en_route", language="kk", source="clip"))
    virtual.press("counter")
    assert Say("pressed", cut=True) in virtual.of(Say)


def test_nothing_is_rehearsed_during_an_alarm_or_that_does_not_exist() -> None:
    virtual = kiosk()
    virtual.feed(SayAsked(ASK, "sirens"))
    assert virtual.of(Answer)[-1].state == {"ok": False, "reason": "no such prompt"}
    virtual.press("counter").quiet()
    virtual.feed(SayAsked(ASK, "closed"))
    assert virtual.of(Answer)[-1].state == {"ok": False, "reason": "an incident is open"}
    assert "closed" not in virtual.said


def test_words_of_a_trial_that_still_sound_are_taken_for_those_that_are_rehearsed() -> None:
    virtual = kiosk()
    trial(virtual)
    virtual.press("counter")
    virtual.feed(VoiceStarted(key="drill", language="kk", source="clip"))
    virtual.feed(SayAsked(ASK, "drill"))
    virtual.feed(VoiceEnded("drill"))
    assert virtual.tells("rehearsed") == [{"key": "drill", "sounded": True}]


def test_the_end_of_other_words_is_not_the_end_of_what_is_rehearsed() -> None:
    virtual = kiosk()
    virtual.feed(VoiceStarted(key="drill", language="kk", source="clip"))
    virtual.feed(SayAsked(ASK, "closed"))
    virtual.feed(VoiceEnded("drill"))
    assert virtual.tells("rehearsed") == []
    virtual.feed(VoiceEnded("closed"))
    assert virtual.tells("rehearsed") == [{"key": "closed", "sounded": False}]


def test_a_speaker_that_breaks_ends_what_is_rehearsed() -> None:
    virtual = kiosk()
    virtual.feed(SayAsked(ASK, "closed"))
    virtual.feed(VoiceBroke("no card"))
    assert virtual.tells("rehearsed") == [{"key": "closed", "sounded": False}]
