"""Heartbeats cross from the ears' process to the core as frames on a pipe, and nothing else gets through."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.monitor.hearing import FRAME_MAX, LENGTH, Down, Hearing, Some, Up, encode
from kiosk.monitor.messages import EarsFell, EarsRose
from kiosk.monitor.uplink import Beats, BeatsWaiting

TOPIC = "pana/v1/k/kz-1/hb"
ENDED = EarsFell("the process ended")


def hear(data: bytes) -> tuple[dict[str, tuple[bytes, int]], list[object]]:
    """Let the core listen to these bytes; give what waits then, and what was posted."""
    posted: list[object] = []
    beats = Beats(posted.append)
    Hearing(beats, posted.append).listen(io.BytesIO(data))
    return beats.take(), posted


def test_heartbeats_wait_for_the_core_and_it_is_told_once() -> None:
    frames = encode(Some(((TOPIC, b"one", 0),))) + encode(Some(((TOPIC, b"two", 2),)))
    assert hear(frames) == ({TOPIC: (b"two", 3)}, [BeatsWaiting(), ENDED])


def test_rises_falls_and_the_end_of_the_pipe_are_told() -> None:
    frames = encode(Up("broker:8883")) + encode(Some(())) + encode(Down("cut"))
    assert hear(frames) == ({}, [EarsRose("broker:8883"), EarsFell("cut"), ENDED])


def test_a_frame_without_measure_ends_the_pipe() -> None:
    assert hear(LENGTH.pack(FRAME_MAX + 1) + b"x") == ({}, [ENDED])


def test_a_torn_frame_ends_the_pipe() -> None:
    assert hear(encode(Some(((TOPIC, b"one", 0),)))[:-1]) == ({}, [ENDED])
    assert hear(b"\x00\x00") == ({}, [ENDED])


@given(st.binary(max_size=200))
def test_whatever_comes_the_core_goes_on(data: bytes) -> None:
    _, posted = hear(data)
    assert posted[-1] == ENDED


def test_a_bug_that_ends_the_listening_is_told_too() -> None:
    """Else the core would take the whole fleet for silent."""
    posted: list[object] = []
    beats = Beats(lambda _: 1 / 0)  # type: ignore[arg-type]
    with pytest.raises(ZeroDivisionError):
        Hearing(beats, posted.append).listen(io.BytesIO(encode(Some(((TOPIC, b"one", 0),)))))
    assert posted == [ENDED]
