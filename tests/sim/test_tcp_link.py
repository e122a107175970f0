"""The TCP proxy: every fault that the other tests rely on must be a true one."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from kiosk.sim.link import TcpLink

pytestmark = pytest.mark.real
PATIENCE_S = 10.0


class Echo:
    """A server that sends everything back and counts what it got."""

    def __init__(self) -> None:
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        self.got = bytearray()
        self.ended = threading.Event()
        self._news = threading.Condition()
        self._guests: list[socket.socket] = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                guest, _ = self._door.accept()
                self._guests.append(guest)
                threading.Thread(target=self._serve, args=(guest,), daemon=True).start()

    def _serve(self, guest: socket.socket) -> None:
        with contextlib.suppress(OSError), guest:
            while chunk := guest.recv(65536):
                with self._news:
                    self.got += chunk
                    self._news.notify_all()
                guest.sendall(chunk)
            guest.sendall(b"bye")
            guest.shutdown(socket.SHUT_WR)
        self.ended.set()

    def wait_for(self, count: int) -> None:
        with self._news:
            assert self._news.wait_for(lambda: len(self.got) >= count, PATIENCE_S)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)  # wakes the thread out of accept
        self._door.close()
        for guest in self._guests:
            guest.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    one = Echo()
    yield one
    one.close()


@pytest.fixture
def line(echo: Echo) -> Iterator[TcpLink]:
    with TcpLink(echo.port) as one:
        yield one


def dial(line: TcpLink) -> socket.socket:
    return socket.create_connection(("127.0.0.1", line.port), timeout=PATIENCE_S)


def test_everything_passes_both_ways(line: TcpLink) -> None:
    sent = bytes(range(256)) * 8192  # 2 MB: more than any buffer on the way
    with dial(line) as guest:
        threading.Thread(target=guest.sendall, args=(sent,), daemon=True).start()
        back = bytearray()
        while len(back) < len(sent):
            back += guest.recv(65536)
        assert bytes(back) == sent


def test_the_end_of_one_way_leaves_the_other_open(line: TcpLink) -> None:
    with dial(line) as guest:
        guest.sendall(b"hello")
        guest.shutdown(socket.SHUT_WR)
        back = b""
        while chunk := guest.recv(64):
            back += chunk
        assert back == b"hellobye"


def test_a_cut_resets_what_stands_and_refuses_what_comes(line: TcpLink) -> None:
    with dial(line) as guest:
        guest.sendall(b"x")
        assert guest.recv(1) == b"x"
        line.cut()
        with pytest.raises(ConnectionResetError):
            guest.recv(1)
    with pytest.raises(ConnectionRefusedError):
        dial(line)


def test_a_restored_line_lets_new_connections_through_on_the_same_port(line: TcpLink) -> None:
    port = line.port
    line.cut()
    line.restore()
    assert line.port == port
    with dial(line) as guest:
        guest.sendall(b"x")
        assert guest.recv(1) == b"x"


def test_a_blackhole_accepts_and_swallows(line: TcpLink, echo: Echo) -> None:
    line.blackhole()
    with dial(line) as guest:
        guest.sendall(b"lost")
        guest.settimeout(0.2)
        with pytest.raises(TimeoutError):
            guest.recv(1)
        assert echo.got == b""
        deadline_s = time.monotonic() + PATIENCE_S
        while not any(pipe.lost for pair in list(line._pairs) for pipe in pair):
            assert time.monotonic() < deadline_s
        line.restore()
        guest.settimeout(PATIENCE_S)
        with pytest.raises(ConnectionResetError):
            guest.recv(1)


def test_a_blackhole_of_one_way_lets_the_other_through(line: TcpLink, echo: Echo) -> None:
    with dial(line) as guest:
        line.blackhole("down")
        guest.sendall(b"heard")
        echo.wait_for(5)
        guest.settimeout(0.2)
        with pytest.raises(TimeoutError):
            guest.recv(1)


def test_a_delayed_byte_comes_late_and_in_order(line: TcpLink, echo: Echo) -> None:
    line.delay(100)
    with dial(line) as guest:
        assert not echo.ended.wait(0.05)  # the link has nothing to do meanwhile, and still looks at its clock
        begun_s = time.monotonic()
        guest.sendall(b"a")
        guest.sendall(b"b")
        back = guest.recv(1) + guest.recv(1)
        assert back == b"ab"
        assert time.monotonic() - begun_s >= 0.2


def test_corruption_changes_bytes_but_not_their_number(line: TcpLink, echo: Echo) -> None:
    line.corrupt()
    with dial(line) as guest:
        guest.sendall(b"\x00" * 5)
        echo.wait_for(5)
        assert len(echo.got) == 5
        assert any(echo.got)


def test_a_dead_target_resets_its_callers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with TcpLink(port) as line, pytest.raises(ConnectionResetError), dial(line) as guest:
        guest.recv(1)  # the reset may even be there before `dial` returns


def test_closing_ends_everything_and_may_be_done_twice(echo: Echo) -> None:
    line = TcpLink(echo.port)
    with dial(line) as guest:
        line.close()
        line.close()
        with pytest.raises(ConnectionResetError):
            guest.recv(1)
    with pytest.raises(ConnectionRefusedError):
        dial(line)
