"""Heartbeats between the network's thread and the owner's: gathered, newest only, never before a will."""

from typing import Any

from kiosk.monitor import uplink
from kiosk.monitor.uplink import GATHER_S, Beats, BeatsWaiting


def made() -> tuple[Beats, list[Any]]:
    posted: list[Any] = []
    return Beats(posted.append), posted


def test_heartbeats_of_a_moment_are_handed_over_together() -> None:
    beats, posted = made()
    assert not beats.hand_over(100.0)
    beats.add("a", b"1")
    assert beats.hand_over(100.01)
    beats.add("b", b"1")
    assert posted == []
    assert not beats.hand_over(100.0 + 2 * GATHER_S)
    assert posted == [BeatsWaiting()]
    assert beats.take() == {"a": (b"1", 0), "b": (b"1", 0)}
    assert beats.take() == {}


def test_the_owner_is_told_once_however_long_it_takes() -> None:
    beats, posted = made()
    beats.add("a", b"1")
    for number in range(50):
        beats.hand_over(100.0 + number)
    assert len(posted) == 1


def test_a_newer_heartbeat_takes_the_place_of_an_older_one_and_counts_it() -> None:
    beats, _ = made()
    for number in range(1, 4):
        beats.add("a", b"%d" % number)
    assert beats.take() == {"a": (b"3", 2)}


def test_many_are_taken_a_part_at_a_time_so_that_an_alert_can_come_between(monkeypatch: Any) -> None:
    monkeypatch.setattr(uplink, "PART", 2)
    beats, posted = made()
    for name in "abcde":
        beats.add(name, b"1")
    beats.hand_over(100.0, at_once=True)
    parts = []
    while posted:
        posted.pop()
        parts.append(sorted(beats.take()))
    assert parts == [["a", "b"], ["c", "d"], ["e"]]


def test_a_newer_one_that_comes_between_two_parts_loses_none(monkeypatch: Any) -> None:
    monkeypatch.setattr(uplink, "PART", 1)
    beats, posted = made()
    for name in "ab":
        beats.add(name, b"1")
    assert beats.take() == {"a": (b"1", 0)}
    beats.add("b", b"2")
    beats.hand_over(100.0, at_once=True)
    assert [beats.take(), beats.take(), beats.take()] == [{"b": (b"1", 0)}, {"b": (b"2", 0)}, {}]
    assert len(posted) == 4


def test_before_a_will_all_that_was_heard_is_handed_over_at_once() -> None:
    beats, posted = made()
    beats.hand_over(100.0)
    beats.add("a", b"1")
    assert not beats.hand_over(100.0, at_once=True)
    assert posted == [BeatsWaiting()]


def test_topics_without_end_fill_no_memory(monkeypatch: Any) -> None:
    monkeypatch.setattr(uplink, "WAITING_MAX", 3)
    beats, _ = made()
    for name in "abcde":
        beats.add(name, b"1")
    beats.add("a", b"2")
    assert beats.take() == {"a": (b"2", 1), "b": (b"1", 0), "c": (b"1", 0)}
