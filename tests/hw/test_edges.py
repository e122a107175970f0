"""The reader thread lives through everything."""

import contextlib
import os
import threading
from collections.abc import Iterator

import pytest
from fakes.gpio_bench import PATIENCE_S, Heard

from kiosk.hw.edges import EdgeReader


@pytest.fixture
def reader() -> Iterator[EdgeReader]:
    made = EdgeReader()
    yield made
    made.close()


@pytest.fixture
def pipes() -> Iterator[list[tuple[int, int]]]:
    made = [os.pipe(), os.pipe()]
    yield made
    for pair in made:
        for fd in pair:
            os.close(fd)


@contextlib.contextmanager
def gate(reader: EdgeReader) -> Iterator[threading.Event]:
    """Hold the reader's thread in a line of its own until the event is set."""
    fd, entered, opened = os.eventfd(1), threading.Event(), threading.Event()

    def hold() -> None:
        os.eventfd_read(fd)
        entered.set()
        opened.wait(PATIENCE_S)

    reader.watch(fd, hold)
    try:
        assert entered.wait(PATIENCE_S)
        yield opened
    finally:
        opened.set()
        reader.forget(fd)
        os.close(fd)


def test_each_descriptor_is_told_when_it_is_ready(reader: EdgeReader, pipes: list[tuple[int, int]]) -> None:
    heard = [Heard(), Heard()]
    for (read_fd, _), told in zip(pipes, heard, strict=True):
        reader.watch(read_fd, lambda fd=read_fd, told=told: told(os.read(fd, 9)))
    os.write(pipes[1][1], b"b")
    os.write(pipes[0][1], b"a")
    assert heard[0].wait(1) == [b"a"]
    assert heard[1].wait(1) == [b"b"]


def test_a_reader_nobody_uses_has_no_thread_and_is_well(reader: EdgeReader) -> None:
    assert reader.alive
    reader.close()
    reader.close()


def test_an_unforeseen_failure_costs_one_line_and_not_the_thread(
    reader: EdgeReader, pipes: list[tuple[int, int]], caplog: pytest.LogCaptureFixture
) -> None:
    """Pitfall 17: one exception made lgpio deaf for every button."""
    (bad, bad_end), (good, good_end) = pipes
    heard = Heard()

    def fail() -> None:
        raise RuntimeError("unforeseen")

    reader.watch(bad, fail)
    reader.watch(good, lambda: heard(os.read(good, 9)))
    os.write(bad_end, b"x")
    os.write(good_end, b"1")
    heard.wait(1)
    os.write(good_end, b"2")
    assert heard.wait(2) == [b"1", b"2"]
    assert reader.alive
    assert "unforeseen" in caplog.text


def test_a_forgotten_descriptor_is_silent_and_may_be_watched_again(
    reader: EdgeReader, pipes: list[tuple[int, int]]
) -> None:
    (first, first_end), (second, second_end) = pipes
    heard = Heard()
    reader.watch(first, lambda: heard("first"))
    reader.forget(first)
    reader.forget(first)
    os.write(first_end, b"x")
    reader.watch(second, lambda: heard(os.read(second, 9)))
    os.write(second_end, b"y")
    assert heard.wait(1) == [b"y"]
    reader.watch(first, lambda: heard(os.read(first, 9)))
    assert heard.wait(2) == [b"y", b"x"]


def test_one_line_may_forget_another_that_is_ready_too(
    reader: EdgeReader, pipes: list[tuple[int, int]]
) -> None:
    heard = Heard()

    def forget_the_other(mine: int, other: int) -> None:
        reader.forget(other)
        heard(os.read(mine, 9))

    with gate(reader) as held:
        for (mine, end), (other, _) in zip(pipes, reversed(pipes), strict=True):
            os.write(end, b"x")
            reader.watch(mine, lambda mine=mine, other=other: forget_the_other(mine, other))
        held.set()
        assert heard.wait(1) == [b"x"]
    with gate(reader) as held:  # the reader has come round once more
        held.set()
    assert heard.calls == [b"x"]
    assert reader.alive


def test_it_can_be_closed_from_inside_and_used_again(
    reader: EdgeReader, pipes: list[tuple[int, int]]
) -> None:
    (first, first_end), _ = pipes
    heard = Heard()

    def close() -> None:
        os.read(first, 9)
        reader.close()
        heard("closed")

    reader.watch(first, close)
    os.write(first_end, b"x")
    heard.wait(1)
    reader.watch(first, lambda: heard(os.read(first, 9)))
    os.write(first_end, b"again")
    assert heard.wait(2)[1] == b"again"


def test_a_dead_thread_is_noticed_and_the_next_watch_revives_all(
    reader: EdgeReader, pipes: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pitfall 17: with lgpio even a new Button stayed deaf."""
    (first, first_end), (second, second_end) = pipes
    heard = Heard()
    with monkeypatch.context() as patch:
        patch.setattr(EdgeReader, "_serve", die)
        patch.setattr(threading, "excepthook", lambda _: None)
        reader.watch(first, lambda: heard(os.read(first, 9)))
        os.write(first_end, b"1")
        assert reader._thread is not None
        reader._thread.join(PATIENCE_S)
        assert not reader.alive
        reader.forget(second)
    reader.watch(second, lambda: heard(os.read(second, 9)))
    assert reader.alive
    assert heard.wait(1) == [b"1"]
    os.write(second_end, b"2")
    assert heard.wait(2) == [b"1", b"2"]


def test_a_reader_whose_thread_died_can_be_closed(
    reader: EdgeReader, pipes: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EdgeReader, "_serve", die)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    reader.watch(pipes[0][0], lambda: None)
    os.write(pipes[0][1], b"1")
    assert reader._thread is not None
    reader._thread.join(PATIENCE_S)
    reader.forget(pipes[0][0])
    reader.close()


def test_a_descriptor_is_left_alone_for_as_long_as_it_asks_and_the_others_are_served(
    reader: EdgeReader, pipes: list[tuple[int, int]]
) -> None:
    """A line in a storm is always ready."""
    (noisy, noisy_end), (quiet, quiet_end) = pipes
    heard = [Heard(), Heard()]

    def rest() -> float:
        heard[0]("asked")
        return PATIENCE_S

    reader.watch(noisy, rest)
    reader.watch(quiet, lambda: heard[1](os.read(quiet, 1)))
    os.write(noisy_end, b"always")
    heard[0].wait(1)
    for count in range(1, 6):
        os.write(quiet_end, b".")
        heard[1].wait(count)
    assert heard[0].calls == ["asked"]


def test_after_a_rest_a_descriptor_is_asked_again_even_if_nothing_came(
    reader: EdgeReader, pipes: list[tuple[int, int]]
) -> None:
    (fd, end), _ = pipes
    heard, rests = Heard(), iter((0.001, 0.0, None))

    def take() -> float | None:
        heard("asked")
        os.set_blocking(fd, False)
        with contextlib.suppress(BlockingIOError):
            os.read(fd, 9)
        return next(rests, None)

    reader.watch(fd, take)
    os.write(end, b"x")
    heard.wait(3)
    with gate(reader) as held:  # once more round: it waits for the next byte now
        held.set()
    assert len(heard.calls) == 3
    os.write(end, b"y")
    assert len(heard.wait(4)) == 4


@pytest.mark.parametrize("by", ["itself", "another"])
def test_a_descriptor_that_rests_may_be_forgotten_and_watched_again(
    reader: EdgeReader, pipes: list[tuple[int, int]], by: str
) -> None:
    (fd, end), _ = pipes
    heard = Heard()

    def rest() -> float:
        if by == "itself":
            reader.forget(fd)
        heard("rests")
        return PATIENCE_S

    reader.watch(fd, rest)
    os.write(end, b"x")
    heard.wait(1)
    with gate(reader) as held:  # it rests by now
        held.set()
    reader.forget(fd)
    reader.watch(fd, lambda: heard(os.read(fd, 9)))
    assert heard.wait(2) == ["rests", b"x"]


def test_a_dead_thread_s_rests_are_over_when_another_begins(
    reader: EdgeReader, pipes: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    (fd, end), (second, second_end) = pipes
    heard = Heard()
    reader.watch(fd, lambda: (heard("asked"), PATIENCE_S)[1])
    os.write(end, b"x")
    heard.wait(1)
    with gate(reader) as held:
        held.set()
    with monkeypatch.context() as patch:
        patch.setattr(EdgeReader, "_serve", die)
        patch.setattr(threading, "excepthook", lambda _: None)
        reader.watch(second, lambda: heard(os.read(second, 9)))
        os.write(second_end, b"2")
        assert reader._thread is not None
        reader._thread.join(PATIENCE_S)
    reader.forget(second)
    reader.watch(second, lambda: heard(os.read(second, 9)))
    assert set(heard.wait(3)) == {"asked", b"2"}


def die(*_: object) -> None:
    raise MemoryError("what no guard can catch")
