"""Whose turn it is, and how long to rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.net.turns import Turns, rest_s


@given(rounds=st.integers(0, 10_000), chance=st.floats(0, 1, exclude_max=True))
def test_a_rest_is_never_shorter_than_a_quarter_nor_longer_than_ten_seconds(
    rounds: int, chance: float
) -> None:
    """Pitfall 8: paho's own back-off grows to 120 s. Pitfall 12: no flood of reconnects."""
    assert 0.25 <= rest_s(rounds, chance) <= 10.0


def test_chance_spreads_the_fleet_over_the_whole_rest() -> None:
    assert rest_s(20, 0.0) == 0.25
    assert rest_s(20, 0.999) > 9.9
    assert rest_s(0, 0.999) < 0.76


def test_brokers_are_tried_in_turn_beginning_with_the_first() -> None:
    turns = Turns(("a:1", "b:2"), lambda: 0.0)
    seen = []
    for _ in range(3):
        seen.append((turns.take(), turns.round))
        turns.lost(stable=False)
    assert seen == [(("a", 1), 0), (("b", 2), 0), (("a", 1), 1)]


def test_the_rest_grows_by_whole_rounds_so_the_second_broker_is_tried_soon() -> None:
    turns = Turns(("a:1", "b:2"), lambda: 1.0)
    assert [turns.lost(stable=False) for _ in range(6)] == pytest.approx([0.75, 0.75, 1.5, 1.5, 3.0, 3.0])


def test_only_a_stable_link_starts_the_rest_anew() -> None:
    """Pitfall 39: two cards with one identity throw each other out; not at full speed for ever."""
    turns = Turns(("a:1",), lambda: 1.0)
    unstable = [turns.lost(stable=False) for _ in range(6)]
    assert unstable[-1] == 10.0
    assert turns.lost(stable=True) == 0.75
