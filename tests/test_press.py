"""One contact: what counts as a press, to the millisecond."""

import itertools

from kiosk.press import (
    NOISY_S,
    Down,
    Held,
    HeldAtStart,
    Idle,
    Press,
    Stuck,
    Time,
    Unread,
    Up,
    Verdict,
    advance,
    lose,
    observe,
    step,
    wake_s,
)
from kiosk.wiring import Rules

SINGLE = Rules()
HOLD = Rules(guard="hold", hold_s=1.0)
DOUBLE = Rules(guard="double", double_s=1.5)


class Finger:
    """A contact wired to ground with a pull-up; `down` and `up` are levels seen at a time."""

    def __init__(self, rules: Rules = SINGLE, *, released: bool = True) -> None:
        self.press = Press(rules=rules)
        self.verdicts: list[Verdict] = []
        if released:
            self.up(0.0).wait(1.0)

    def see(self, down: bool, at_s: float) -> "Finger":
        high = self.press.rules.is_down(high=True) == down
        self.press, verdicts = observe(self.press, high=high, at_s=at_s)
        self.verdicts += verdicts
        return self

    def down(self, at_s: float) -> "Finger":
        return self.see(True, at_s)

    def up(self, at_s: float) -> "Finger":
        return self.see(False, at_s)

    def wait(self, until_s: float) -> "Finger":
        self.press, verdicts = advance(self.press, until_s)
        self.verdicts += verdicts
        return self


def test_a_press_counts_once_its_level_was_stable_for_15_ms() -> None:
    finger = Finger().down(10.0).wait(10.014)
    assert finger.verdicts == []
    assert finger.wait(10.015).verdicts == ["pressed"]


def test_five_bounces_are_one_press() -> None:
    """Pitfall 13: debounce is ours, and tested here."""
    finger = Finger()
    for bounce in range(5):
        finger.down(10.0 + bounce / 500).up(10.001 + bounce / 500)
    finger.down(10.010).wait(10.5).up(10.6).down(10.601).up(10.602).wait(11.0)
    assert finger.verdicts == ["pressed"]


def test_a_tap_of_30_ms_counts() -> None:
    """Pitfall 14: a library's 50 ms would lose it."""
    assert Finger().down(10.0).up(10.030).wait(10.1).verdicts == ["pressed"]


def test_a_tap_of_30_ms_counts_even_when_both_edges_come_late_and_together() -> None:
    """Pitfall 14: the kernel's time of an edge matters, not the time of its arrival."""
    finger = Finger()
    finger.wait(20.0)
    finger.down(19.0).up(19.030)
    assert finger.verdicts == ["pressed"]


def test_interference_of_10_ms_does_not_count_however_late_it_is_seen() -> None:
    """Pitfall 19: phantom presses."""
    assert Finger().down(10.0).up(10.010).wait(60.0).verdicts == []


def test_an_edge_older_than_the_newest_level_is_ignored() -> None:
    finger = Finger().down(10.0).wait(10.1).up(9.0).wait(10.2)
    assert isinstance(finger.press.state, Held)
    assert finger.press.is_down


def test_a_repeated_level_changes_nothing() -> None:
    finger = Finger().down(10.0).down(10.010).wait(10.015)
    assert finger.verdicts == ["pressed"]


def test_one_episode_gives_one_verdict_however_long_it_lasts() -> None:
    """Pitfall 16: one alert per episode."""
    finger = Finger().down(10.0)
    for tenth in range(1, 200):
        finger.wait(10.0 + tenth / 10).down(10.0 + tenth / 10)
    assert finger.verdicts == ["pressed"]


def test_a_second_episode_gives_a_second_verdict() -> None:
    finger = Finger().down(10.0).up(10.2).wait(10.3).down(10.4).wait(10.5)
    assert finger.verdicts == ["pressed", "pressed"]


def test_a_lost_release_is_found_by_a_level_read() -> None:
    """Pitfall 16."""
    finger = Finger().down(10.0).wait(10.1)
    finger.up(15.0).wait(15.1).down(16.0).wait(16.1)
    assert finger.verdicts == ["pressed", "pressed"]


# ---- guards


def test_hold_counts_only_when_the_contact_stays_closed_long_enough() -> None:
    assert Finger(HOLD).down(10.0).up(10.9).wait(12.0).verdicts == []
    assert Finger(HOLD).down(10.0).wait(10.999).verdicts == []
    assert Finger(HOLD).down(10.0).wait(11.0).verdicts == ["pressed"]


def test_hold_counts_once_an_episode() -> None:
    assert Finger(HOLD).down(10.0).wait(11.0).wait(12.0).wait(20.0).verdicts == ["pressed"]


def test_a_hold_that_nobody_looked_at_in_time_still_counts() -> None:
    """The turn came after even `stuck_s`: it was held long enough, so it is an alarm first."""
    assert Finger(HOLD).down(10.0).wait(50.0).wait(60.0).verdicts == ["pressed", "stuck"]


def test_a_hold_whose_edges_come_late_and_together_counts() -> None:
    assert Finger(HOLD).down(10.0).up(11.2).wait(30.0).verdicts == ["pressed"]


def test_double_counts_the_second_press_within_its_time() -> None:
    finger = Finger(DOUBLE).down(10.0).up(10.2).wait(10.3)
    assert finger.verdicts == []
    assert finger.down(11.5).wait(11.6).verdicts == ["pressed"]


def test_double_takes_a_late_second_press_for_the_first_of_a_new_pair() -> None:
    finger = Finger(DOUBLE).down(10.0).up(10.2).wait(10.3).down(11.6).up(11.8).wait(12.0)
    assert finger.verdicts == []
    assert finger.down(12.5).wait(13.0).verdicts == ["pressed"]


def test_double_does_not_take_three_presses_for_two_alarms() -> None:
    finger = Finger(DOUBLE)
    for at_s in (10.0, 10.4, 10.8):
        finger.down(at_s).up(at_s + 0.2).wait(at_s + 0.3)
    assert finger.verdicts == ["pressed"]


# ---- held at start, stuck, lost, noisy


def test_a_contact_held_at_start_is_a_press_once_somebody_lets_go() -> None:
    """Pitfall 15: neither edge nor hold tells of it; the level read at start does."""
    finger = Finger(released=False).down(1.0).wait(5.0)
    assert isinstance(finger.press.state, HeldAtStart)
    assert finger.verdicts == []
    assert finger.up(5.0).wait(5.1).verdicts == ["pressed"]


def test_a_contact_let_go_just_before_stuck_s_is_a_press_though_it_settles_after() -> None:
    finger = Finger(released=False).down(0.0).wait(1.0).up(29.99)
    assert finger.wait(31.0).verdicts == ["pressed"]


def test_a_contact_held_at_start_for_longer_is_a_fault_and_never_an_alarm() -> None:
    """Pitfall 15: the documented rule."""
    finger = Finger(released=False).down(0.0).wait(30.0)
    assert finger.verdicts == ["stuck"]
    assert finger.up(40.0).wait(41.0).verdicts == ["stuck", "freed"]
    assert finger.down(50.0).wait(51.0).verdicts[-1] == "pressed"


def test_a_contact_that_stays_closed_after_its_press_is_stuck_once() -> None:
    finger = Finger().down(10.0).wait(40.0).wait(50.0).down(60.0).wait(70.0)
    assert finger.verdicts == ["pressed", "stuck"]
    assert isinstance(finger.press.state, Stuck)


def test_a_stuck_contact_that_bounces_shut_again_stays_stuck() -> None:
    finger = Finger().down(10.0).wait(40.0).up(41.0).down(41.005).wait(42.0)
    assert finger.verdicts == ["pressed", "stuck"]


def test_a_hold_that_bounces_for_5_ms_goes_on() -> None:
    finger = Finger(HOLD).down(10.0).wait(10.4).up(10.5).down(10.505).wait(11.1)
    assert finger.verdicts == ["pressed"]


def test_a_lost_line_knows_nothing_and_comes_back_as_at_start() -> None:
    finger = Finger().down(10.0).wait(10.1)
    finger.press = lose(finger.press)
    assert isinstance(finger.press.state, Unread)
    assert finger.press.contact is None
    assert not finger.press.is_down
    assert finger.wait(100.0).verdicts == ["pressed"]
    finger.down(101.0).wait(102.0)
    assert isinstance(finger.press.state, HeldAtStart)


def test_a_line_that_never_rests_is_told_as_noisy_and_as_quiet_again() -> None:
    """Pitfall 19: hum on a long wire would else leave a deaf button that nobody knows of."""
    finger = Finger()
    for cycle in range(int(NOISY_S * 60)):
        finger.down(10.0 + cycle / 50).up(10.01 + cycle / 50)
    assert finger.verdicts == ["noisy"]
    assert finger.wait(1000.0).verdicts == ["noisy", "quiet"]


def test_a_line_is_noisy_once_it_has_not_rested_for_10_s() -> None:
    finger = Finger()
    for cycle in range(int(NOISY_S * 50)):
        finger.down(10.0 + cycle / 50).up(10.01 + cycle / 50)
    assert finger.verdicts == []
    assert finger.wait(10.0 + NOISY_S).verdicts == ["noisy"]


def test_once_it_is_quiet_a_press_is_a_press_and_new_noise_is_told_anew() -> None:
    finger = Finger()
    for begin_s in (10.0, 1000.0):
        for cycle in range(int(NOISY_S * 60)):
            finger.down(begin_s + cycle / 50).up(begin_s + 0.01 + cycle / 50)
        finger.wait(begin_s + 100.0)
        finger.down(begin_s + 200.0).wait(begin_s + 200.1).up(begin_s + 200.2).wait(begin_s + 201.0)
    assert finger.verdicts == ["noisy", "quiet", "pressed"] * 2


def test_a_press_through_the_noise_still_counts() -> None:
    finger = Finger()
    for cycle in range(int(NOISY_S * 60)):
        finger.down(10.0 + cycle / 50).up(10.01 + cycle / 50)
    finger.down(finger.press.contact.since_s + 0.01)
    assert finger.wait(1000.0).verdicts[:3] == ["noisy", "quiet", "pressed"]


# ---- when to wake, and every pair of state and input


def test_it_asks_to_be_woken_exactly_when_there_is_something_to_say() -> None:
    finger = Finger()
    assert wake_s(Press(rules=SINGLE)) is None
    assert wake_s(finger.press) is None
    assert wake_s(finger.down(10.0).press) == 10.015
    assert wake_s(finger.wait(10.015).press) == 40.0
    assert wake_s(finger.wait(40.0).press) is None
    assert wake_s(Finger(HOLD).down(10.0).wait(10.1).press) == 11.0
    assert wake_s(Finger(HOLD).down(10.0).wait(11.0).press) == 40.0
    assert wake_s(Finger(released=False).down(1.0).wait(2.0).press) == 31.0


def test_sleeping_until_each_wake_gives_what_looking_all_the_time_gives() -> None:
    for rules, held_s in itertools.product((SINGLE, HOLD, DOUBLE), (0.01, 0.03, 0.5, 1.2, 31.0)):
        eager, lazy = Finger(rules), Finger(rules)
        for finger in (eager, lazy):
            finger.down(10.0)
        for tick in range(int(held_s * 1000)):
            eager.wait(10.0 + tick / 1000)
        while (due_s := wake_s(lazy.press)) is not None and due_s <= 10.0 + held_s:
            lazy.wait(due_s)
        for finger in (eager, lazy):
            finger.up(10.0 + held_s).wait(100.0)
        assert eager.verdicts == lazy.verdicts, (rules, held_s)
        assert eager.press.state == lazy.press.state == Idle(eager.press.state.tap_s)


def test_every_state_takes_every_input_and_none_but_these_move_it() -> None:
    """Total: the transitions of the theory of operation, and nothing else."""
    states = {
        "Unread": Unread(),
        "Idle": Idle(),
        "Held": Held(0.0, True),
        "HeldAtStart": HeldAtStart(0.0),
        "Stuck": Stuck(),
    }
    inputs = {"down": Down(1.0), "up": Up(), "soon": Time(1.0), "late": Time(30.0)}
    moves = {
        (name, word): type(after).__name__
        for name, state in states.items()
        for word, event in inputs.items()
        if type(after := step(state, event, SINGLE)[0]) is not type(state)
    }
    assert moves == {
        ("Unread", "down"): "HeldAtStart",
        ("Unread", "up"): "Idle",
        ("Idle", "down"): "Held",
        ("Held", "up"): "Idle",
        ("Held", "late"): "Stuck",
        ("HeldAtStart", "up"): "Idle",
        ("HeldAtStart", "late"): "Stuck",
        ("Stuck", "up"): "Idle",
    }
