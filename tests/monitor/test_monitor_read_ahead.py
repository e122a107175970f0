"""The socket that reads ahead gives every byte once, in order, and never waits for more than was asked."""

import socket
import ssl
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.monitor.read_ahead import RECORDS, PlainContext, ReadAhead


class Stream:
    """A socket that gives its pieces one by one, then says that there is nothing, then ends."""

    def __init__(self, pieces: list[Any]) -> None:
        self.pieces = pieces
        self.calls = 0

    def recv(self, size: int) -> bytes:
        self.calls += 1
        if not self.pieces:
            raise BlockingIOError
        return self.pieces.pop(0)

    def __getattr__(self, name: str) -> Any:
        return lambda *_: name


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=20), st.lists(st.integers(1, 20), min_size=1))
def test_every_byte_comes_once_and_in_order(pieces: list[bytes], sizes: list[int]) -> None:
    ahead = ReadAhead(Stream(list(pieces)))
    got, turn = b"", 0
    while True:
        size = sizes[turn % len(sizes)]
        turn += 1
        try:
            piece = ahead.recv(size)
        except BlockingIOError:
            break
        assert 0 < len(piece) <= size
        got += piece
    assert got == b"".join(pieces)
    assert ahead.pending() == 0


def test_one_system_call_serves_many_small_reads() -> None:
    stream = Stream([b"0123456789"])
    ahead = ReadAhead(stream)
    assert [ahead.recv(1) for _ in range(4)] == [b"0", b"1", b"2", b"3"]
    assert stream.calls == 1
    assert ahead.pending() == 6


def test_the_end_of_the_stream_is_an_empty_read() -> None:
    one, other = socket.socketpair()
    ahead = PlainContext().wrap_socket(one)
    ahead.do_handshake()
    other.sendall(b"x")
    other.close()
    assert ahead.recv(9) == b"x"
    assert ahead.recv(9) == b""
    ahead.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        ahead.recv(1)


@pytest.mark.parametrize("nothing_more", [BlockingIOError, ssl.SSLWantReadError])
def test_all_that_has_come_is_fetched_at_once(nothing_more: type[Exception]) -> None:
    stream = Records([b"12", b"345", nothing_more(), b"6"])
    ahead = ReadAhead(stream)
    assert ahead.recv(1) == b"1"
    assert ahead.pending() == 4
    assert ahead.recv(9) == b"2345"
    assert ahead.recv(9) == b"6"


def test_an_end_behind_data_is_told_after_it() -> None:
    ahead = ReadAhead(Records([b"12", b""]))
    assert [ahead.recv(9), ahead.recv(9), ahead.recv(9)] == [b"12", b"", b""]


def test_one_fetch_takes_a_bounded_number_of_records() -> None:
    ahead = ReadAhead(Records([b"x"] * 500))
    ahead.recv(1)
    assert ahead.pending() == RECORDS - 1


class Records(Stream):
    """A TLS socket that does not wait: one record at a time."""

    def recv(self, size: int) -> bytes:
        if not self.pieces:
            raise BlockingIOError
        piece = self.pieces.pop(0)
        if isinstance(piece, Exception):
            raise piece
        return piece

    def gettimeout(self) -> float:
        return 0.0
