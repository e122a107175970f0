"""A TCP proxy on 127.0.0.1 with fault knobs: the Internet that the demo and the tests cut and restore.

Owns one thread and every connection through it. Never looks into what passes.
"""

import contextlib
import select
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from types import TracebackType
from typing import Literal, Self

Way = Literal["both", "up", "down"]  # up: from the client to the server

CHUNK_BYTES = 65536
HELD_BYTES = 1 << 20  # a pipe that holds more stops reading, as a full send buffer would
RESET = struct.pack("ii", 1, 0)  # SO_LINGER with 0 s: close sends RST
IDLE_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Faults:
    cut: bool = False
    swallow: Way | None = None
    delay_s: float = 0.0
    corrupt: bool = False


@dataclass(slots=True, eq=False)
class _Pipe:
    """One direction of one connection: the chunks on their way and when each may arrive."""

    source: socket.socket
    sink: socket.socket
    way: Way
    held: deque[tuple[float, bytes]] = field(default_factory=deque)
    held_bytes: int = 0
    ended: bool = False
    lost: bool = False

    def read(self, faults: _Faults, now_s: float) -> None:
        chunk = self.source.recv(CHUNK_BYTES)
        if not chunk:
            self.ended = True
        elif faults.swallow in {"both", self.way}:
            self.lost = True
        else:
            if faults.corrupt:
                middle = len(chunk) // 2
                chunk = chunk[:middle] + bytes([chunk[middle] ^ 0x10]) + chunk[middle + 1 :]
            self.held.append((now_s + faults.delay_s, chunk))
            self.held_bytes += len(chunk)

    def write(self) -> None:
        due_s, chunk = self.held.popleft()
        sent = self.sink.send(chunk)
        self.held_bytes -= sent
        if sent < len(chunk):
            self.held.appendleft((due_s, chunk[sent:]))

    def due(self, now_s: float) -> bool:
        return bool(self.held) and self.held[0][0] <= now_s

    def finished(self) -> bool:
        """Tell whether all was passed on, the end of the stream too (once)."""
        if not self.ended or self.held:
            return False
        with contextlib.suppress(OSError):
            self.sink.shutdown(socket.SHUT_WR)
        return True


def listen_here(port: int) -> socket.socket:
    """Open the door on this machine's own loopback."""
    return socket.create_server(("127.0.0.1", port), backlog=16)


class TcpLink:
    """Listens on `port` and passes all to `target_port` there; knobs work at run time, from any thread.

    `listen` opens the door elsewhere, as in another network namespace.
    """

    def __init__(
        self, target_port: int, *, port: int = 0, listen: Callable[[int], socket.socket] = listen_here
    ) -> None:
        self._listen = listen
        self._target = ("127.0.0.1", target_port)
        self._faults = _Faults()
        self._turned = False
        self._closing = False
        self._lock = threading.Lock()
        self._pairs: list[tuple[_Pipe, _Pipe]] = []
        self._waker, self._woken = socket.socketpair()
        self._waker.setblocking(False)
        self._woken.setblocking(False)
        self._door: socket.socket | None = listen(port)
        self.port: int = self._door.getsockname()[1]
        self._thread = threading.Thread(target=self._run, name="tcp-link", daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """Reset every connection and refuse new ones."""
        self._turn(replace(self._faults, cut=True))

    def blackhole(self, way: Way = "both") -> None:
        """Keep and accept connections, but swallow what passes `way`; nobody is told."""
        self._turn(replace(self._faults, swallow=way))

    def delay(self, delay_ms: float) -> None:
        """Let everything arrive this much later, in each direction."""
        self._turn(replace(self._faults, delay_s=delay_ms / 1000))

    def corrupt(self) -> None:
        """Flip a bit in every chunk."""
        self._turn(replace(self._faults, corrupt=True))

    def restore(self) -> None:
        """Take all faults away; connections that lost bytes are reset, as TCP could not go on with them."""
        self._turn(_Faults())

    def close(self) -> None:
        """End the thread and every connection; idempotent."""
        self._closing = True
        self._wake()
        self._thread.join(5)
        self._waker.close()
        self._woken.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _turn(self, faults: _Faults) -> None:
        """Set the knobs, and return once the proxy's thread goes by them."""
        with self._lock:
            self._faults, self._turned = faults, True
        deadline_s = time.monotonic() + 5
        while self._turned and self._thread.is_alive() and time.monotonic() < deadline_s:
            self._wake()
            time.sleep(0.001)

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            self._waker.send(b"!")

    def _run(self) -> None:
        while not self._closing:
            if self._turned:
                self._obey()
            self._pass(time.monotonic())
        for pair in list(self._pairs):
            self._reset(pair)
        if self._door is not None:
            self._door.close()

    def _obey(self) -> None:
        with self._lock:
            faults = self._faults
        for pair in list(self._pairs):
            lost = any(pipe.lost for pipe in pair) and faults.swallow is None
            if faults.cut or lost:
                self._reset(pair)
        if faults.cut and self._door is not None:
            self._door.close()
            self._door = None
        elif not faults.cut and self._door is None:
            self._door = self._listen(self.port)
        with self._lock:
            self._turned = self._faults is not faults

    def _pass(self, now_s: float) -> None:
        readers: dict[socket.socket, _Pipe] = {}
        writers: dict[socket.socket, _Pipe] = {}
        wait_s = IDLE_S
        for pipe in (pipe for pair in self._pairs for pipe in pair):
            if not pipe.ended and pipe.held_bytes < HELD_BYTES:
                readers[pipe.source] = pipe
            if pipe.due(now_s):
                writers[pipe.sink] = pipe
            elif pipe.held:
                wait_s = min(wait_s, pipe.held[0][0] - now_s)
        doors = [self._woken] if self._door is None else [self._woken, self._door]
        readable, writable, _ = select.select([*doors, *readers], list(writers), [], wait_s)
        now_s = time.monotonic()  # a delay begins when the bytes are here
        if self._woken in readable:
            with contextlib.suppress(OSError):
                self._woken.recv(4096)
        if self._door is not None and self._door in readable:
            self._admit(self._door)
        moves: list[tuple[_Pipe, Callable[[_Pipe], None]]] = [
            (writers[sock], _Pipe.write) for sock in writable
        ]
        moves += [(readers[sock], partial(_Pipe.read, faults=self._faults, now_s=now_s))
                  for sock in readable if sock in readers]  # fmt: skip
        broken = {id(pipe) for pipe, move in moves if not _moved(pipe, move)}
        for pair in list(self._pairs):
            done = [pipe.finished() for pipe in pair]  # passes each end on, not only the first
            if any(id(pipe) in broken for pipe in pair):
                self._reset(pair)
            elif all(done):
                self._drop(pair)

    def _admit(self, door: socket.socket) -> None:
        client, _ = door.accept()
        try:
            server = socket.create_connection(self._target, timeout=2)
        except OSError:
            _close_by_reset(client)
            return
        for sock in (client, server):
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._pairs.append((_Pipe(client, server, "up"), _Pipe(server, client, "down")))

    def _reset(self, pair: tuple[_Pipe, _Pipe]) -> None:
        self._pairs.remove(pair)
        for pipe in pair:
            _close_by_reset(pipe.source)

    def _drop(self, pair: tuple[_Pipe, _Pipe]) -> None:
        self._pairs.remove(pair)
        for pipe in pair:
            pipe.source.close()


def _moved(pipe: _Pipe, move: Callable[[_Pipe], None]) -> bool:
    """Move bytes; tells whether the connection still stands."""
    try:
        move(pipe)
    except OSError as error:
        return isinstance(error, BlockingIOError)
    return True


def _close_by_reset(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sock.close()
