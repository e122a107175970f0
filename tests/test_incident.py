"""One incident: its stages go up, and only a person ends it."""

from dataclasses import replace
from itertools import permutations, product
from typing import Any, get_args

import pytest
from msgspec import convert, structs, to_builtins

from kiosk.bodies import STAGES, AlertId, Clock, Reply, ReplyStage, Stage
from kiosk.closing import outlives
from kiosk.incident import (
    MAX_ALSO,
    Aged,
    Answered,
    Attempted,
    Heard,
    Incident,
    Known,
    Over,
    PressedAgain,
    Taken,
    Unheard,
    rank,
    step,
)
from kiosk.kept import PRESSES_MAX, record, recounted, revive
from kiosk.messages import IncidentRecord, LastPress
from kiosk.wire import UTC_MAX_MS, bounded_utc_ms

UTC_MS = 1_790_000_000_000
MAX_S = 21_600.0
OLD_FIELDS = {  # of the first journals
    "alert_id", "kind", "button", "pressed_utc_ms", "clock", "seq", "code", "stage", "presses", "also",
    "by", "duty",
}  # fmt: skip
REPLIES: tuple[ReplyStage, ...] = get_args(ReplyStage)
STATES = {
    "pressed": Unheard(),
    "sending": Unheard(attempting=True),
    "received": Heard(),
    "accepted": Taken("accepted"),
    "en_route": Taken("en_route"),
    "on_scene": Taken("on_scene"),
    "closed": Over(),
}


def again(button: str = "counter", s: float = 130.0, clock: Clock = "synced") -> PressedAgain:
    utc_ms = UTC_MS + round((s - 100) * 1000)
    return PressedAgain(s, LastPress(button=button, utc_ms=utc_ms, clock=clock))


EVENTS = [Attempted(), again(), Aged(), *(Answered(stage, "op-1") for stage in REPLIES)]


def incident(**changes: Any) -> Incident:
    made = Incident(
        alert_id=AlertId("01TEST"), kind="press", button="counter", pressed_s=100.0,
        pressed_utc_ms=UTC_MS, clock="synced", seq=7, code="4711",
    )  # fmt: skip
    return replace(made, **changes)


def kept(stage: Stage = "sending", **changes: Any) -> IncidentRecord:
    return replace(record(incident(state=STATES[stage])), **changes)


def test_every_state_has_the_stage_that_people_know() -> None:
    assert [incident(state=state).stage for state in STATES.values()] == list(STAGES)
    assert [rank(stage) for stage in STAGES] == list(range(7))


def test_stages_never_go_back_whatever_comes() -> None:
    for state, event in product(STATES.values(), EVENTS):
        before = incident(state=state)
        assert rank(step(before, event).stage) >= rank(before.stage), (state, event)


def test_answers_in_any_order_end_at_the_highest() -> None:
    for answers in permutations(REPLIES[:4]):
        now = incident(state=Unheard(attempting=True))
        for stage in answers:
            now = step(now, Answered(stage))
        assert now.stage == "on_scene"


def test_a_repeated_answer_changes_nothing_not_even_who_took_it() -> None:
    taken = step(incident(), Answered("accepted", "op-1"))
    assert step(taken, Answered("accepted", "op-2")) is taken
    assert step(taken, Answered("received", "op-2")) is taken


def test_who_answered_is_kept_until_somebody_else_goes_further() -> None:
    taken = step(incident(), Answered("accepted", "op-1"))
    assert step(taken, Answered("en_route")).by == "op-1"
    assert step(taken, Answered("on_scene", "op-2")).by == "op-2"
    assert step(taken, Answered("closed", "op-3")).by == "op-3"
    assert step(incident(), Answered("received", "centre")).by == ""


def test_an_attempt_makes_it_sending_and_never_undoes_an_answer() -> None:
    assert step(incident(), Attempted()).stage == "sending"
    heard = incident(state=Heard())
    assert step(heard, Attempted()) is heard


def test_a_further_press_is_counted_in_every_open_state_and_never_cancels() -> None:
    for stage, state in STATES.items():
        pressed = step(incident(state=state), again("fitting"))
        assert pressed.stage == stage
        assert pressed.presses == (1 if stage == "closed" else 2)


def test_other_buttons_are_told_once_each_and_bounded() -> None:
    now = incident()
    for number in range(12):
        for _ in range(2):
            now = step(now, again(f"button{number}"))
    now = step(now, again())
    assert now.presses == 26
    assert now.also == tuple(f"button{number}" for number in range(MAX_ALSO))


def test_only_a_closed_or_its_age_ends_it() -> None:
    for state, event in product(list(STATES.values())[:-1], EVENTS):
        ended = isinstance(step(incident(state=state), event).state, Over)
        assert ended == (event in (Aged(), Answered("closed", "op-1"))), (state, event)
    assert step(incident(), Aged()).state == Over(expired=True)


def test_what_is_over_stays_as_it_is() -> None:
    over = incident(state=Over(expired=True))
    for event in EVENTS:
        assert step(over, event) is over


def test_only_an_open_press_outlives_a_close_that_knew_of_fewer_presses() -> None:
    def closed(presses: int, stage: ReplyStage = "closed") -> Reply:
        return Reply(alert_id="01TEST", stage=stage, at="2026-11-21T10:00:00Z", presses=presses)

    twice = incident(presses=2)
    assert outlives(twice, closed(1), "mqtt")
    for same in (
        outlives(twice, closed(2), "mqtt"),
        outlives(twice, closed(0), "mqtt"),  # a centre that echoes no presses
        outlives(twice, closed(1, "on_scene"), "mqtt"),
        outlives(replace(twice, kind="drill"), closed(1), "mqtt"),
        outlives(replace(twice, kind="tamper"), closed(1), "mqtt"),
        outlives(replace(twice, state=Over()), closed(1), "mqtt"),
    ):
        assert not same


@pytest.mark.parametrize("stage", ["accepted", "en_route", "on_scene"])
def test_by_text_a_press_before_a_persons_last_word_counts_as_looked_at(stage: ReplyStage) -> None:
    closed = Reply(alert_id="01TEST", stage="closed", at="2026-11-21T10:00:00Z", presses=1)
    taken = step(step(incident(), again()), Answered(stage))
    assert taken.presses_taken == 2
    assert not outlives(taken, closed, "sms")
    assert outlives(taken, closed, "mqtt")
    assert outlives(taken, closed, "https")
    pressed = step(taken, again())
    assert outlives(pressed, closed, "sms")
    assert not outlives(pressed, replace_count(closed, 3), "sms")
    assert not outlives(pressed, replace_count(closed, 0), "sms")


def test_what_the_centre_counts_beyond_what_the_journal_kept_is_counted_on_from() -> None:
    forgot = revive(kept("accepted"), now_s=50.0, utc_ms=UTC_MS + 500, max_s=MAX_S)
    assert recounted(forgot, 3, again()).presses == 3
    pressed = step(forgot, again())
    for _ in range(2):
        pressed = recounted(pressed, 3, again())  # of the newest press it did not know
        assert pressed.presses == 4
    assert recounted(forgot, PRESSES_MAX + 1, again()) == forgot
    assert recounted(incident(), 3, again()) == incident()  # nothing was forgotten


def test_of_a_press_that_only_the_centre_remembers_the_6_h_count_from_when_that_is_heard() -> None:
    """The journal never had it: it was some time before, and no alert ends too early (478016114.19)."""
    forgot = revive(kept("received"), now_s=50.0, utc_ms=UTC_MS + 500, max_s=MAX_S)
    counted = recounted(forgot, 2, again())
    assert (counted.last_s, counted.last) == (130.0, again().last)
    assert revive(record(counted), now_s=5.0, utc_ms=UTC_MS + 32_000, max_s=MAX_S).last_s == 3.0
    pressed = recounted(step(forgot, again()), 2, again(s=140.0))
    assert (pressed.last_s, pressed.last) == (130.0, again().last)  # the newest is its own


def test_a_press_soon_after_a_word_that_crossed_with_an_older_one_is_no_new_alarm() -> None:
    """That older one was told meanwhile: the 120 s run from the newest word (651751067.54)."""
    pressed = step(incident(state=Taken("en_route"), taken_s=0.0), again(s=130.0))
    crossed = step(pressed, Answered("on_scene", s=135.0))
    assert crossed.escalating
    told = step(crossed, Known(presses=2, live=True))
    assert not told.escalating
    assert not step(told, again(s=200.0)).escalating
    assert step(told, again(s=255.0)).escalating


def test_a_late_answer_that_counts_fewer_presses_answers_no_press_anew_whatever_texts_told() -> None:
    """The centre had read of four presses of seven, and "accepted" was said aloud of all (741384802.466)."""
    pressed = step(incident(presses=6, state=Taken("accepted"), taken_s=0.0), again(s=130.0))
    texted = step(pressed, Known(presses=7, live=False))
    assert (texted.known, texted.escalating) == (7, True)
    assert step(texted, Known(presses=4, live=True)).escalating
    assert not step(texted, Known(presses=7, live=True)).escalating


def test_a_receipt_is_no_persons_word() -> None:
    assert step(incident(presses=2), Answered("received")).presses_taken == 0


def replace_count(reply: Reply, presses: int) -> Reply:
    return structs.replace(reply, presses=presses)


def test_it_escalates_until_a_person_took_it() -> None:
    assert [stage for stage, state in STATES.items() if incident(state=state).escalating] == [
        "pressed",
        "sending",
        "received",
    ]


# ---- the journal


@pytest.mark.parametrize("stage", STAGES)
def test_a_record_gives_back_the_same_incident(stage: Stage) -> None:
    before = incident(state=STATES[stage], presses=3, also=("fitting",), by="op-1", duty=False)
    after = revive(record(before), now_s=5000.0, utc_ms=UTC_MS + 60_000, max_s=MAX_S)
    lives_from_s = 5000.0 if stage in ("pressed", "sending") else None
    assert after == replace(before, base=3, pressed_s=4940.0, again_s=lives_from_s, resumed=True)
    assert record(after) == record(before)


def test_its_age_goes_on_over_a_restart() -> None:
    assert revive(kept(), now_s=50.0, utc_ms=UTC_MS + 30_000, max_s=MAX_S).pressed_s == 20.0
    assert revive(kept(), now_s=50.0, utc_ms=UTC_MS + 500, max_s=MAX_S).pressed_s == 49.5
    assert revive(kept("accepted"), now_s=50.0, utc_ms=UTC_MS + 30_000, max_s=MAX_S).last_s == 20.0


def test_its_last_press_is_the_one_that_its_age_counts_from() -> None:
    assert incident().last_s == 100.0
    assert step(incident(), again(s=130.0)).last_s == 130.0
    pressed = step(incident(state=Heard()), again(s=9100.0))
    after = revive(record(pressed), now_s=50.0, utc_ms=UTC_MS + 10_000_000, max_s=MAX_S)
    assert (after.pressed_s, after.last_s) == (50.0 - 10_000.0, 50.0 - 1000.0)
    assert record(after) == record(pressed)


def test_a_record_of_an_older_journal_is_read_without_what_it_did_not_keep() -> None:
    old = {name: value for name, value in to_builtins(kept("accepted")).items() if name in OLD_FIELDS}
    after = revive(convert(old, IncidentRecord), now_s=50.0, utc_ms=UTC_MS + 30_000, max_s=MAX_S)
    assert (after.stage, after.presses, after.last_s) == ("accepted", 1, 20.0)


def test_a_last_press_by_an_unsynced_clock_tells_no_age() -> None:
    pressed = step(incident(state=Heard()), again(s=9100.0, clock="unsynced"))
    assert revive(record(pressed), now_s=50.0, utc_ms=UTC_MS + 10_000_000, max_s=MAX_S).last_s == 50.0


@pytest.mark.parametrize("stage", ["pressed", "sending"])
def test_what_nobody_has_yet_has_all_its_time_after_a_restart(stage: Stage) -> None:
    before = kept(stage, last=LastPress(button="counter", utc_ms=UTC_MS + 1, clock="synced"))
    after = revive(before, now_s=50.0, utc_ms=UTC_MS + 21_500_000, max_s=MAX_S)
    assert (after.pressed_s, after.last_s) == (50.0 - 21_500.0, 50.0)


@pytest.mark.parametrize("jump_ms", [-10 * 365 * 86_400_000, -1, 10 * 365 * 86_400_000, 21_600_000])
def test_a_clock_that_jumped_never_ends_an_incident_that_nobody_closed(jump_ms: int) -> None:
    assert revive(kept(), now_s=50.0, utc_ms=UTC_MS + jump_ms, max_s=MAX_S).pressed_s == 50.0


def test_a_time_from_an_unsynced_clock_tells_no_age() -> None:
    assert revive(kept(clock="unsynced"), now_s=50.0, utc_ms=UTC_MS + 30_000, max_s=MAX_S).pressed_s == 50.0


@pytest.mark.parametrize("torn", [-1, 10**18])
def test_a_torn_time_or_count_is_brought_into_bounds(torn: int) -> None:
    revived = revive(kept(pressed_utc_ms=torn, presses=-4), now_s=50.0, utc_ms=UTC_MS, max_s=MAX_S)
    assert revived.pressed_utc_ms in (0, UTC_MAX_MS)
    assert revived.presses == 1
    assert bounded_utc_ms(UTC_MS) == UTC_MS
