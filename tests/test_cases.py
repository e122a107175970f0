"""The open cases: found, replaced, bounded."""

from dataclasses import replace
from typing import Any

import pytest
from fakes.virtual_kiosk import KEY, VirtualKiosk

from kiosk import sms_signed
from kiosk.bodies import AlertId, Token
from kiosk.cases import CASES_MAX, LATE_ANSWER_S, Case, Cases, tell
from kiosk.effects import Tell
from kiosk.incident import Heard, Incident, Over
from kiosk.messages import DrillAsked, JournalLoaded, Snapshot

OFFICER = "+77010000011"


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
    cases.drop("d", 0.0)
    assert names(cases) == ["b"]


def test_a_code_is_free_that_no_other_case_has_or_had_lately() -> None:
    cases = of(
        case("a", code="1001"), case("d", code="1002", kind="drill"), case("t", code="1003", state=Over())
    )
    codes = ("1001", "1002", "1003", "1004")
    assert [cases.is_free(code) for code in codes] == [False, False, False, True]
    cases.drop_ended(10.0)
    cases.drop("d", 20.0)
    assert [cases.is_free(code) for code in codes] == [False, False, False, True]
    cases.drop_ended(10.0 + LATE_ANSWER_S)
    assert [cases.is_free(code) for code in codes] == [False, False, True, True]
    assert [cases.ended_lately(code, 10.0 + LATE_ANSWER_S) for code in codes] == [False, True, False, False]


def test_a_code_that_two_open_alarms_share_names_neither() -> None:
    assert of(case("a"), case("b")).of_code("4711") is None
    assert of(case("a"), case("d", kind="drill")).of_code("4711") is None
    assert of(case("t", kind="tamper"), case("a")).of_code("4711") == case("a")


# ---- four digits, one alarm


def let_the_next_have(virtual: VirtualKiosk, code: str) -> None:
    """Move the calendar to a second in which the next number gives this code: one in 9000 does."""
    seq, ms = virtual.parts.alarm.seq + 1, virtual.utc_ms
    while sms_signed.reply_code(KEY, number=17, seq=seq, pressed_s=ms // 1000) != code:
        ms += 1000
    virtual.utc_ms = ms - 15  # the contact settles in that second


def test_an_answer_to_a_drill_never_takes_the_alarm_that_ended_it() -> None:
    virtual = VirtualKiosk().start().board().modem().offline()
    virtual.feed(DrillAsked(token=Token("t"), duty=True))
    of_drill = virtual.code
    let_the_next_have(virtual, of_drill)
    virtual.press()
    virtual.sms_from(OFFICER, f"OK {of_drill}")
    assert virtual.stages == ["pressed"]
    virtual.sms_from(OFFICER, f"OK {virtual.code}")
    assert virtual.stages == ["accepted"]


def test_an_alarm_soon_after_another_has_a_code_of_its_own() -> None:
    virtual = VirtualKiosk().start().board().modem().online().press()
    old, seq = virtual.code, virtual.parts.alarm.seq
    virtual.reply("closed")
    let_the_next_have(virtual, old)
    virtual.quiet().press()
    assert virtual.code != old
    assert virtual.alerts[-1].seq == seq + 2  # so the centre derives the same code
    virtual.sms_from(OFFICER, f"OK {virtual.code}")
    assert virtual.stages == ["accepted"]


def test_two_alarms_that_the_journal_left_with_one_code_are_not_taken_by_it() -> None:
    virtual = VirtualKiosk().begin().offline().modem().press()
    (early,) = virtual.core.snapshot(virtual.now()).incidents
    virtual.feed(
        JournalLoaded(Snapshot(seq=41, incidents=(replace(early, alert_id=AlertId("01KEPT"), seq=41),)))
    )
    assert len({one.incident.code for one in virtual.parts.alarm.cases.open}) == 1
    virtual.sms_from(OFFICER, f"OK {early.code}")
    assert virtual.stages == ["sending", "sending"]


def test_numbers_are_passed_over_for_so_long_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A press must come through whatever the codes."""
    monkeypatch.setattr(Cases, "is_free", lambda *_: False)
    virtual = VirtualKiosk().start().online().press()
    assert virtual.alerts[-1].seq == 1


def test_people_who_follow_learn_id_kind_and_detail() -> None:
    told = tell("received", case("a").incident, path="mqtt")
    assert told == Tell("received", (("alert_id", "a"), ("kind", "press"), ("path", "mqtt")))
