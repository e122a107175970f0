"""The daemon's log on a pipe or socket that nobody reads: lines are dropped, nothing ever waits."""

import contextlib
import logging
import os
import socket
from collections.abc import Iterator

import pytest

from kiosk.commands.run import Unwaiting

LINE = "x" * 1000


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    log = logging.getLogger("unread")
    log.setLevel(logging.INFO)
    log.propagate = False
    yield log
    log.handlers.clear()


@pytest.fixture
def ends() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    for end in (reading, writing):
        with contextlib.suppress(OSError):
            os.close(end)


def drained(reading: int) -> str:
    os.set_blocking(reading, False)
    data = b""
    with contextlib.suppress(BlockingIOError):
        while piece := os.read(reading, 1 << 16):
            data += piece
    return data.decode()


def test_a_full_pipe_holds_nobody_up_and_the_gap_is_told(log: logging.Logger, ends: tuple[int, int]) -> None:
    reading, writing = ends
    log.addHandler(Unwaiting(writing))
    for _ in range(1000):
        log.info(LINE)
    before = drained(reading).count(LINE)
    assert 10 < before < 1000
    log.info("after")
    assert drained(reading).split() == [f"log_lines_dropped={1000 - before}", "after"]
    log.info("again")
    assert drained(reading) == "again\n"


def test_a_socket_whose_other_end_hangs_holds_nobody_up(log: logging.Logger) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        log.addHandler(Unwaiting(ours.fileno()))
        for _ in range(5000):
            log.info(LINE)
        theirs.setblocking(False)
        assert theirs.recv(1000).startswith(b"xxx")


def test_a_traceback_longer_than_a_pipe_takes_at_once_is_written_piece_by_piece(
    log: logging.Logger, ends: tuple[int, int]
) -> None:
    reading, writing = ends
    log.addHandler(Unwaiting(writing))
    log.info("y" * 30_000)
    assert drained(reading) == "y" * 30_000 + "\n"


def test_a_reader_that_is_gone_is_no_error(log: logging.Logger, ends: tuple[int, int]) -> None:
    reading, writing = ends
    log.addHandler(Unwaiting(writing))
    os.close(reading)
    log.info("nobody hears this")


def test_a_wrong_log_call_is_told_and_raises_nothing(ends: tuple[int, int]) -> None:
    reading, writing = ends
    Unwaiting(writing).handle(
        logging.LogRecord("unread", logging.INFO, "loop.py", 7, "%d lines", ("three",), None)
    )
    assert "log_call=wrong file=loop.py:7" in drained(reading)
