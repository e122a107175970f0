"""The judge of the soak must see what grows and what is left behind."""

import os
import random

import pytest

from chaos.vitals import Vitals, deep_bytes, growth_percent, left_over, look


def vitals(fds: int = 20, threads: int = 6, children: int = 1) -> Vitals:
    return Vitals(at_s=0.0, rss_mib=40.0, fds=fds, threads=threads, children=children)


def test_a_level_with_noise_and_outliers_does_not_grow() -> None:
    chance = random.Random(1)
    points = [(float(at), 40.0 + chance.uniform(-0.1, 0.1)) for at in range(60)]
    points[30] = (30.0, 55.0)
    assert abs(growth_percent(points)) < 0.3


def test_a_steady_climb_is_seen_under_the_same_noise() -> None:
    chance = random.Random(2)
    points = [(float(at), 40.0 + 0.01 * at + chance.uniform(-0.1, 0.1)) for at in range(60)]
    assert 1.2 < growth_percent(points) < 1.8


def test_growth_of_one_point_is_not_asked() -> None:
    with pytest.raises(ValueError, match="two points"):
        growth_percent([(0.0, 1.0)])


def test_a_handle_more_than_ever_before_is_left_over() -> None:
    assert left_over([vitals(), vitals(fds=22)], [vitals(fds=24), vitals(fds=23)]) == 1
    assert left_over([vitals()], [vitals(threads=8, children=2)]) == 3


def test_fewer_of_one_kind_do_not_make_up_for_more_of_another() -> None:
    assert left_over([vitals()], [vitals(fds=10, threads=7)]) == 1


def test_this_process_has_vitals() -> None:
    seen = look(os.getpid(), 1.0)
    assert seen.rss_mib > 5
    assert min(seen.fds, seen.threads) >= 1


def test_what_is_held_twice_is_counted_once_and_at_any_depth() -> None:
    text = "long" * 1000
    one = deep_bytes([text])
    assert one > 4000
    assert deep_bytes([text, text]) < one + 100
    assert deep_bytes({"a": [{"b": (text, "other" * 1000)}]}) > one + 5000
