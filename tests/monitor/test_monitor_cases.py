"""One alert at the centre: late or not, merged or not, and how far people took it."""

import pytest
from fakes.virtual_centre import UTC_MS, an_alert

from kiosk.messages import Now
from kiosk.monitor import cases
from kiosk.monitor.records import Case
from kiosk.wire import Rejected, utc_text


def at(age_s: float = 0.0) -> Now:
    return Now(s=age_s, utc_ms=UTC_MS + round(age_s * 1000), chance=0.0, fresh_id="x")


def a_case(age_s: float = 0.0, **changes: object) -> Case:
    return cases.open_case(an_alert(**changes), "mqtt", at(age_s))


def took(case: Case | Rejected) -> Case:
    assert isinstance(case, Case)
    return case


def stages(case: Case) -> list[str]:
    return [entry.stage for entry in case.stages]


@pytest.mark.parametrize(("age_s", "late"), [(0, False), (4, False), (5, True), (7200, True)])
def test_an_alert_that_took_long_is_marked_late(age_s: float, late: bool) -> None:
    """Pitfall 11: a replayed alarm must not look new."""
    case = a_case(age_s)
    assert (case.late, case.age_s, case.clock_note) == (late, age_s, "")


def test_an_alert_that_waited_in_the_kiosk_is_late_whatever_the_clocks_say() -> None:
    case = a_case(0, clock="unsynced", sent_at=utc_text(UTC_MS + 90_000))
    assert case.late
    assert case.clock_note == "unsynced"


def test_an_unsynced_clock_is_noted_and_never_makes_an_alert_late() -> None:
    """Pitfall 32: no RTC; the kiosk may believe that it is years earlier."""
    case = a_case(0, clock="unsynced", pressed_at="2020-01-01T00:00:00Z", sent_at="2020-01-01T00:00:01Z")
    assert not case.late
    assert (case.age_s, case.clock_note) == (1, "unsynced")


def test_a_synced_clock_that_is_ahead_is_noted() -> None:
    case = a_case(-61)
    assert (case.late, case.age_s, case.clock_note) == (False, 0, "ahead")


def test_whatever_a_kiosk_writes_the_time_of_the_press_can_be_told() -> None:
    case = a_case(pressed_at="0001-01-01T00:00:00Z", sent_at="9999-12-31T23:59:59Z")
    assert 0 <= case.received_ms - case.age_s * 1000 < 1000
    assert a_case(pressed_at="9999-12-31T23:59:59Z").age_s == 0


@pytest.mark.parametrize("field", ["pressed_at", "sent_at"])
def test_a_time_that_does_not_exist_is_noted_and_the_alert_taken(field: str) -> None:
    case = a_case(**{field: "2026-13-45T25:61:61Z"})
    assert (case.late, case.clock_note) == (False, "unreadable")
    assert stages(case) == ["received"]


def test_an_alert_that_was_accepted_by_sms_comes_in_as_accepted() -> None:
    case = a_case(stage="accepted", by="officer-2")
    assert stages(case) == ["received", "accepted"]
    assert case.stages[1].by == "officer-2"
    assert case.stages[1].via == "kiosk"


def test_somebody_on_the_way_has_accepted_too() -> None:
    case = a_case(stage="en_route", by="officer-2")
    assert stages(case) == ["received", "accepted", "en_route"]


@pytest.mark.parametrize("stage", ["pressed", "sending", "received", "closed"])
def test_a_kiosk_can_only_tell_of_a_person_who_took_it_and_never_closes(stage: str) -> None:
    assert stages(a_case(stage=stage)) == ["received"]


def test_a_repeat_that_adds_nothing_is_the_very_same_case() -> None:
    case = a_case()
    assert cases.merge(case, an_alert(), at(3)) is case


def test_a_repeat_adds_presses_and_buttons_and_never_takes_any_away() -> None:
    case = a_case(presses=2, also=("fitting-room",))
    merged = cases.merge(case, an_alert(presses=3, attempt=4, also=("stock",)), at(3))
    again = cases.merge(merged, an_alert(presses=1), at(4))
    assert again is merged
    assert (merged.alert.presses, merged.alert.attempt) == (3, 4)
    assert merged.alert.also == ("fitting-room", "stock")
    assert stages(merged) == ["received"]


def test_a_drill_that_becomes_a_press_is_a_press_and_never_the_other_way() -> None:
    case = cases.merge(a_case(kind="drill"), an_alert(kind="press"), at(1))
    assert not cases.is_drill(case)
    assert not cases.is_drill(cases.merge(case, an_alert(kind="drill"), at(2)))


def test_a_repeat_brings_an_acceptance_by_sms_once() -> None:
    case = cases.merge(a_case(), an_alert(stage="accepted", by="officer-2"), at(9))
    assert stages(case) == ["received", "accepted"]
    assert cases.merge(case, an_alert(stage="accepted", by="officer-2"), at(10)) is case


def test_people_lead_an_alert_from_acceptance_to_its_end() -> None:
    case = a_case()
    assert cases.is_waiting(case)
    case = took(cases.act(case, "accept", "op-1", "", at(5)))
    case = took(cases.act(case, "en_route", "op-2", "", at(9)))
    case = took(cases.act(case, "on_scene", "op-2", "", at(60)))
    case = took(cases.act(case, "close", "op-1", "all well", at(90)))
    assert stages(case) == ["received", "accepted", "en_route", "on_scene", "closed"]
    assert cases.is_closed(case)
    assert not cases.is_waiting(case)
    assert case.stages[-1].note == "all well"


def test_going_at_once_is_an_acceptance_too() -> None:
    case = took(cases.act(a_case(), "on_scene", "op-1", "", at(5)))
    assert stages(case) == ["received", "accepted", "on_scene"]


def test_saying_the_same_twice_changes_nothing() -> None:
    case = took(cases.act(a_case(), "accept", "op-1", "", at(5)))
    assert cases.act(case, "accept", "op-1", "", at(6)) is case
    there = took(cases.act(case, "on_scene", "op-1", "", at(7)))
    assert cases.act(there, "on_scene", "op-9", "", at(8)) is there


def test_a_second_officer_learns_who_has_the_alert() -> None:
    case = took(cases.act(a_case(), "accept", "op-1", "", at(5)))
    refused = cases.act(case, "accept", "op-2", "", at(6))
    assert refused == Rejected("already accepted by op-1")
    nameless = cases.act(a_case(stage="accepted"), "accept", "op-2", "", at(6))
    assert nameless == Rejected("already accepted by a person at the site")


def test_stages_never_go_back() -> None:
    case = took(cases.act(a_case(), "on_scene", "op-1", "", at(5)))
    assert cases.act(case, "en_route", "op-1", "", at(6)) == Rejected(
        "already on_scene; stages never go back"
    )
    closed = took(cases.act(a_case(), "close", "op-1", "", at(5)))
    assert isinstance(cases.act(closed, "accept", "op-1", "", at(6)), Rejected)


@pytest.mark.parametrize(("by", "note"), [("", ""), ("x" * 61, ""), ("op-1", "n" * 281)])
def test_who_and_note_have_their_limits(by: str, note: str) -> None:
    assert isinstance(cases.act(a_case(), "accept", by, note, at()), Rejected)


def test_a_reply_counts_presses_and_keeps_the_note_at_the_centre() -> None:
    case = took(cases.act(a_case(presses=3), "close", "op-1", "her name", at(90)))
    reply = cases.reply(case, case.stages[-1])
    assert (reply.stage, reply.by, reply.presses, reply.note) == ("closed", "op-1", 3, "")
    assert reply.at == utc_text(UTC_MS + 90_000)


def test_what_the_store_held_is_joined_with_what_came_while_it_was_broken() -> None:
    stored = took(cases.act(a_case(), "accept", "op-1", "", at(5)))
    fresh = took(cases.act(a_case(40, presses=2), "close", "op-2", "", at(50)))
    joined = cases.rejoin(stored, fresh, at(60))
    assert stages(joined) == ["received", "accepted", "closed"]
    assert joined.received_ms == UTC_MS
    assert joined.alert.presses == 2


def test_a_press_after_the_end_is_not_counted_so_that_the_kiosk_opens_it_anew() -> None:
    closed = took(cases.act(a_case(presses=1), "close", "op-1", "", at(9)))
    merged = cases.merge(closed, an_alert(presses=2, attempt=3, also=("stock",)), at(12))
    assert (merged.alert.presses, merged.alert.also, merged.alert.attempt) == (1, (), 3)
    assert cases.reply(merged, merged.stages[-1]).presses == 1
    assert cases.is_pressed_after_the_end(merged, 2)
    assert not cases.is_pressed_after_the_end(merged, 1)
