"""The daemon's end of its control socket.

Owns the socket file, its clients and their limits. One thread, nothing blocks: a client that is slow, silent
or hostile is dropped, and neither `publish` nor a reply ever waits for one. Never decides anything.
"""

import errno
import logging
import selectors
import socket
import stat
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from kiosk.control.connection import MAX_LINE_BYTES, Connection, Object, line_of
from kiosk.messages import DeviceError

MAX_CLIENTS = 8
MAX_WAITING = 4  # questions of one client that are not answered yet
IDLE_S = 60.0  # a client that neither asks nor watches gives its place back
MODE = 0o660
FOLDER_MODE = 0o750

Reply = Callable[[Object], None]
Handle = Callable[[Object, Reply], None]
LOG = logging.getLogger(__name__)


class ControlServer:
    """Answer local questions and stream events.

    `handle(request, reply)` runs on this server's thread and must not block; `reply` may be called later,
    from any thread, and counts once. `{"ask": "watch"}` is answered here: that client gets every event.
    """

    def __init__(
        self,
        path: Path,
        handle: Handle,
        *,
        idle_s: float = IDLE_S,
        clients: int = MAX_CLIENTS,
        waiting: int = MAX_WAITING,
    ) -> None:
        self._max_clients = clients
        self._max_waiting = waiting
        self._path = path
        self._handle = handle
        self._idle_s = idle_s
        self._lock = threading.Lock()
        self._clients: set[Connection] = set()
        self._closing = threading.Event()
        self._selector = selectors.DefaultSelector()
        self._waker, self._woken = socket.socketpair()
        self._listener: socket.socket | None = None
        self._inode = 0
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)

    def open(self) -> None:
        """Make the socket and serve it; raises DeviceError."""
        try:
            self._path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            _demand_free(self._path)
            self._listener = self._bind()
        except OSError as error:
            self._shut()
            raise DeviceError(f"control socket {self._path}: {error.strerror or error}") from error
        for ours in (self._waker, self._woken, self._listener):
            ours.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._thread.start()

    def publish(self, event: Object) -> None:
        """Send an event to every watcher; never blocks, never raises."""
        with self._lock:
            watchers = [client for client in self._clients if client.watching]
            if not watchers:  # nobody looks: a whole region may come back to life meanwhile
                return
            line = line_of(event)
            for client in watchers:
                client.append(line)
        self._wake()

    def close(self) -> None:
        """Hang up on everybody and remove the socket; idempotent; returns within 2 s."""
        self._closing.set()
        self._wake()
        if self._thread.ident is None:
            self._shut()
        elif self._thread is not threading.current_thread():
            self._thread.join(2.0)
        with suppress(OSError):
            if self._inode and self._path.stat().st_ino == self._inode:
                self._path.unlink()
        self._inode = 0

    def _bind(self) -> socket.socket:
        """Bind beside and rename: the name never leads to a socket that is not ready or too open."""
        beside = self._path.with_name(f".{self._path.name}")
        beside.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(str(beside))
            beside.chmod(MODE)
            listener.listen(self._max_clients)
            self._inode = beside.stat().st_ino
            beside.replace(self._path)
        except OSError:
            listener.close()
            raise
        return listener

    def _wake(self) -> None:
        with suppress(OSError):  # full: the thread is awake anyway; closed: nobody is left to wake
            self._waker.send(b"!")

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                for key, _ in self._selector.select(self._patience_s()):
                    self._attend(key.fileobj, key.data)
                for client in self._all():
                    self._tend(client)
        except Exception:
            LOG.exception("control stopped=unexpected")
        finally:
            for client in self._all():
                self._drop(client)
            self._shut()

    def _shut(self) -> None:
        for ours in (self._listener, self._waker, self._woken, self._selector):
            if ours is not None:
                ours.close()

    def _all(self) -> list[Connection]:
        with self._lock:
            return list(self._clients)

    def _patience_s(self) -> float | None:
        """Sleep until the next idle client is due; for ever while there is none."""
        due = [client.heard_s + self._idle_s for client in self._all() if client.idle]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _attend(self, source: object, client: Connection | None) -> None:
        if client is not None:
            for line in client.read():
                self._answer(client, line)
        elif source is self._woken:
            with suppress(OSError):
                self._woken.recv(4096)
        elif self._listener is not None:
            self._accept(self._listener)

    def _accept(self, listener: socket.socket) -> None:
        try:
            link, _ = listener.accept()
        except BlockingIOError:
            return
        except OSError as error:  # no descriptor left for it: the same call would fail again at once
            LOG.warning("control accept=failed reason=%r", error.strerror)
            self._closing.wait(0.2)
            return
        client = Connection(link, time.monotonic())
        full = len(self._all()) >= self._max_clients
        with self._lock:
            self._clients.add(client)
        self._selector.register(link, selectors.EVENT_READ, client)
        if full:
            self._refuse(client, f"busy: {self._max_clients} clients are connected already")

    def _answer(self, client: Connection, line: bytes) -> None:
        client.heard_s = time.monotonic()
        try:
            request = msgspec.json.decode(line, type=Object)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._refuse(client, f"not a JSON object on one line of at most {MAX_LINE_BYTES} bytes")
            return
        if request.get("ask") == "watch":
            with self._lock:
                client.watching = True
                client.append(line_of({"watching": True}))
        elif client.waiting >= self._max_waiting:
            self._refuse(client, f"too many questions at once: at most {self._max_waiting}")
        else:
            self._hand_over(client, request)

    def _hand_over(self, client: Connection, request: Object) -> None:
        open_question = [client]

        def reply(answer: Object) -> None:
            line = line_of(answer)
            with self._lock:
                if open_question:
                    open_question.pop().waiting -= 1
                    client.append(line)
            self._wake()

        with self._lock:
            client.waiting += 1
        try:
            self._handle(request, reply)
        except Exception:
            LOG.exception("control request=failed")
            reply({"error": "the daemon failed to handle this; its log says why"})

    def _refuse(self, client: Connection, reason: str) -> None:
        with self._lock:
            client.append(line_of({"error": reason}))
        client.leaving = True

    def _tend(self, client: Connection) -> None:
        """Send what is due, and drop who is gone, late or done with."""
        rest = client.send(self._lock)
        overdue = client.idle and time.monotonic() >= client.heard_s + self._idle_s
        if client.doomed or overdue or (client.leaving and not rest):
            self._drop(client)
        else:
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if rest else 0)
            self._selector.modify(client.link, wanted, client)

    def _drop(self, client: Connection) -> None:
        with self._lock:
            self._clients.discard(client)
        self._selector.unregister(client.link)
        client.link.close()


def _demand_free(path: Path) -> None:
    """Let a dead daemon's socket be replaced; raises OSError for a living one or another kind of file."""
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise OSError(errno.EEXIST, "a file that is no socket is in its place; remove it")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.5)
        with suppress(ConnectionRefusedError):
            probe.connect(str(path))
            raise OSError(errno.EADDRINUSE, "another daemon serves it")
