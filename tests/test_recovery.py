"""The ladder of a modem that fell silent (pitfall 26), in virtual time."""

from kiosk.recovery import (
    OUTCOME_MAX_S,
    STEADY_S,
    WAIT_MAX_S,
    Ill,
    Rung,
    State,
    Trying,
    Well,
    climb,
    due_s,
    fell,
    opening,
    rose,
)


def climbs(state: State, count: int, *, powered: bool = True) -> tuple[list[Rung], list[float]]:
    """Let every attempt fail at once; give the rungs and the waits before them."""
    rungs: list[Rung] = []
    waits: list[float] = []
    now_s = 100.0
    for _ in range(count):
        state = fell(state, now_s)
        assert isinstance(state, Ill)
        waits.append(state.at_s - now_s)
        now_s = state.at_s
        state, rung = climb(state, now_s, powered=powered)
        rungs.append(rung)
    return rungs, waits


def test_it_reopens_twice_resets_takes_the_power_and_begins_again() -> None:
    rungs, waits = climbs(Well(0.0), 6)
    assert rungs == ["reopen", "reopen", "cfun", "power", "reopen", "reopen"]
    assert waits == [0.5, 4.0, 6.0, 8.0, WAIT_MAX_S, WAIT_MAX_S]


def test_a_board_without_a_power_pin_resets_once_more() -> None:
    assert climbs(Well(0.0), 4, powered=False)[0] == ["reopen", "reopen", "cfun", "cfun"]


def test_waits_are_never_longer_than_10_s() -> None:
    assert max(climbs(opening(0.0), 50)[1]) == WAIT_MAX_S


def test_an_opening_without_an_outcome_is_given_up() -> None:
    assert due_s(opening(100.0)) == 100.0 + OUTCOME_MAX_S
    assert fell(opening(100.0), 220.0) == Ill(0, 220.5)


def test_an_open_session_is_left_alone() -> None:
    assert rose(Trying(1, 500.0), 100.0) == Well(100.0, 1)
    assert rose(Ill(2, 500.0), 100.0) == Well(100.0, 2)
    assert rose(Well(100.0), 200.0) == Well(100.0)
    assert due_s(Well(100.0)) is None


def test_falling_twice_in_a_row_does_not_put_the_next_rung_off() -> None:
    assert fell(Ill(1, 104.0), 103.0) == Ill(1, 104.0)
    assert due_s(Ill(1, 104.0)) == 104.0


def test_a_modem_that_opens_well_and_hangs_at_every_text_climbs_all_the_same() -> None:
    """Pitfall 26: it would else be reopened for ever and never be reset."""
    state: State = Well(0.0)
    rungs, now_s = [], 100.0
    for _ in range(4):
        state = fell(state, now_s)
        assert isinstance(state, Ill)
        trying, rung = climb(state, now_s, powered=True)
        rungs.append(rung)
        state, now_s = rose(trying, now_s + 4.0), now_s + 45.0
    assert rungs == ["reopen", "reopen", "cfun", "power"]


def test_a_modem_that_was_well_for_long_starts_at_the_lowest_rung() -> None:
    assert fell(Well(100.0, 3), 100.0 + STEADY_S) == Ill(0, 100.5 + STEADY_S)
