"""A press minutes or hours after somebody took the alarm: by SMS alone it used to reach nobody (ADR 26)."""

import pytest
from fakes.virtual_kiosk import KEY, VirtualKiosk, example_config

from kiosk import sms_signed
from kiosk.incident import ANEW_AFTER_S
from kiosk.texting import SILENT_EVERY_S

FIRST, SECOND, GATEWAY = "+77010000011", "+77010000013", "+77010000001"
HOURS = 3600.0


def by_sms(**config: object) -> VirtualKiosk:
    return VirtualKiosk(config=example_config(**config)).start().board().modem().offline().quiet()


def drained(virtual: VirtualKiosk, seconds: float, *, wrong: str = "") -> VirtualKiosk:
    """Let time pass with a modem that takes 4 s for a text; those to the mark `wrong` fail."""
    end_s = virtual.now_s + seconds
    while virtual.now_s < end_s:
        if virtual.open_sms is None:
            virtual.run(min(5.0, end_s - virtual.now_s))
            continue
        token = virtual.open_sms
        virtual.run(4.0)
        virtual.sms_done(wrong="busy" if wrong and wrong in token else "")
    return virtual


def answer(virtual: VirtualKiosk, stage: str = "received", presses: int = 0) -> None:
    of = virtual.parts.alarm.cases.open[-1].incident
    signed = sms_signed.sign_answer(
        KEY, number=17, seq=of.seq, pressed_s=of.pressed_utc_ms // 1000, code=of.code, stage=stage,  # type: ignore[arg-type]
        presses=presses,
    )  # fmt: skip
    virtual.sms_from(GATEWAY, signed)


def taken(after_s: float = 0.0, **config: object) -> VirtualKiosk:
    """Give a kiosk whose alarm the centre has by SMS and an officer took, so long ago."""
    virtual = drained(by_sms(**config).press(), 20.0)
    answer(virtual)
    virtual.sms_from(FIRST, f"OK {virtual.code}")
    return drained(virtual, after_s).quiet()


def told(virtual: VirtualKiosk) -> list[int]:
    return [sms_signed.unpack(text.text, KEY).presses for text in virtual.texts if text.number == GATEWAY]


def numbers(virtual: VirtualKiosk) -> set[str]:
    return {text.number for text in virtual.texts}


# ---- somebody is called again


@pytest.mark.parametrize("after_s", [ANEW_AFTER_S + 1.0, 3 * HOURS, 5.8 * HOURS])
def test_a_press_minutes_after_a_persons_word_calls_people_again(after_s: float) -> None:
    """A review found it: one officer's OK made the button mute for six hours."""
    virtual = taken(after_s).press("fitting", for_s=1.2)
    assert drained(virtual, 9.0).texts == []  # a link that is up would have told it by now
    drained(virtual, 120.0)
    assert set(told(virtual)) == {2}
    assert numbers(virtual) == {GATEWAY, FIRST, "+77010000012", SECOND}
    drained(virtual.quiet(), 600.0)
    assert numbers(virtual) == {GATEWAY, FIRST, "+77010000012", SECOND}


def test_a_frightened_double_press_calls_nobody_again() -> None:
    virtual = taken(ANEW_AFTER_S - 10.0).press()
    assert drained(virtual, HOURS).texts == []


def test_people_are_called_until_a_person_answers_again() -> None:
    virtual = drained(taken(HOURS).press(), 60.0).quiet()
    answer(virtual, "accepted")
    assert told(drained(virtual, 300.0)) == []  # the gateway answered to what was told it
    assert FIRST in numbers(virtual)
    virtual.quiet().sms_from(SECOND, f"OK {virtual.code}")
    assert drained(virtual, 10.0).quiet().stages == ["accepted"]
    assert drained(virtual, HOURS).texts == []
    virtual.press()
    assert told(drained(virtual, 60.0)) == [3]


def test_a_link_that_confirms_the_press_in_time_calls_nobody_by_sms() -> None:
    virtual = taken(HOURS).online()
    virtual.reply("accepted", presses=1)
    virtual.quiet().press().run(3.0)
    virtual.reply("accepted", presses=2)
    assert drained(virtual, 600.0).texts == []


def test_a_link_that_does_not_confirm_it_is_not_waited_for_longer_than_10_s() -> None:
    virtual = taken(HOURS).online()
    virtual.reply("accepted", presses=1)
    virtual.quiet().press().run(9.0)
    assert virtual.alerts
    assert virtual.texts == []
    assert drained(virtual, 30.0).texts


def test_the_internet_that_is_back_ends_the_calls_once_the_centre_counts_the_press() -> None:
    virtual = drained(taken(HOURS).press(), 60.0).online()
    virtual.reply("accepted", presses=1)
    assert drained(virtual.quiet(), 120.0).texts
    virtual.online().reply("accepted", presses=2)
    drained(virtual, 10.0)
    assert drained(virtual.quiet(), 600.0).texts == []


def test_a_power_cut_forgets_neither_the_press_nor_that_the_centre_knows_of_the_first() -> None:
    virtual = taken(HOURS).press().restart().board().modem().offline()
    assert told(drained(virtual, 60.0)) == [2]
    again = taken(HOURS).restart().board().modem().offline()
    assert drained(again, 1200.0).texts == []


def test_a_closing_that_did_not_know_of_the_press_leaves_an_alarm() -> None:
    virtual = taken(HOURS).press()
    old = virtual.parts.alarm.cases.open[-1].incident.alert_id
    answer(virtual, "en_route")  # crossed with the press: it is no answer to it
    answer(virtual, "closed", presses=1)
    (case,) = virtual.parts.alarm.cases.open
    assert case.incident.alert_id != old


def test_a_closing_whose_count_is_full_ends_no_press_that_nobody_knows_of() -> None:
    virtual = drained(by_sms().press().press().press().press(), 20.0)
    answer(virtual)
    virtual.sms_from(FIRST, f"OK {virtual.code}")
    old = virtual.parts.alarm.cases.open[-1].incident.alert_id
    drained(virtual, HOURS).press()
    answer(virtual, "closed", presses=4)
    (case,) = virtual.parts.alarm.cases.open
    assert case.incident.alert_id != old


def test_texts_a_minute_stay_bounded_however_often_it_is_pressed() -> None:
    virtual = taken(HOURS)
    for _ in range(30):
        before = len(virtual.texts)
        for _ in range(20):
            virtual.press()
            virtual.send_all_sms().run(2.6)
        assert len(virtual.texts) - before <= 10


# ---- the centre


def test_a_text_to_the_centre_that_failed_once_goes_out_though_an_officer_took_the_alarm() -> None:
    """A review found it: the centre never learned of the alarm, so nobody could close it."""
    virtual = by_sms().press().run(4.0).sms_done(wrong="busy")
    virtual.run(1.0).sms_done().sms_from(FIRST, f"OK {virtual.code}")
    drained(virtual.quiet(), 30.0)
    assert told(virtual) == [1]


def test_the_centre_is_written_to_until_it_answers_and_nobody_else() -> None:
    virtual = drained(by_sms().press(), 20.0)
    virtual.sms_from(FIRST, f"OK {virtual.code}")
    drained(virtual, 60.0).quiet()
    drained(virtual, 4 * SILENT_EVERY_S)
    assert numbers(virtual) == {GATEWAY}
    assert len(virtual.texts) == 4
    answer(virtual)
    assert drained(virtual.quiet(), HOURS).texts == []


def test_presses_after_the_receipt_are_told_to_the_centre_with_the_next_round() -> None:
    virtual = drained(by_sms().press(), 20.0)
    answer(virtual)
    virtual.press().press("fitting", for_s=1.2).quiet()
    drained(virtual, 240.0)
    assert told(virtual)[0] == 3
    answer(virtual)
    drained(virtual, 10.0)
    assert told(drained(virtual.quiet(), 600.0)) == []


# ---- what is said


def test_after_such_a_press_nobody_is_said_to_have_it_until_somebody_has() -> None:
    virtual = taken(HOURS, voice__mode="spoken").press()
    assert virtual.said == ["pressed_again"]
    assert drained(virtual, 300.0).said == ["pressed_again"]
    virtual.sms_from(FIRST, f"OK {virtual.code}")
    assert virtual.said == ["pressed_again", "accepted"]
    assert drained(virtual, 60.0).said == ["pressed_again", "accepted", "accepted"]


def test_it_is_said_again_once_a_link_confirmed_the_press() -> None:
    virtual = taken(HOURS, voice__mode="spoken").press()
    drained(virtual, 120.0).online()
    virtual.reply("accepted", presses=2)
    assert drained(virtual, 60.0).said[:2] == ["pressed_again", "accepted"]


def test_after_a_power_cut_it_is_not_said_either() -> None:
    virtual = taken(HOURS, voice__mode="spoken").press().restart().board().modem().offline()
    assert drained(virtual, 120.0).said == []
