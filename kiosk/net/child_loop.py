"""The loop of a device's child process: commands on stdin, the device's descriptor, answers on stdout.

Owns the waiting. It sleeps in poll() without a timeout while nothing is due, and ends the process when
stdin ends, even while a driver's call is stuck. Imports little: the child must stay small.
"""

from __future__ import annotations

import json
import os
import select
import threading
import time
from collections import deque

TYPE_CHECKING = False  # as typing has it; importing typing costs this small process 1 MB
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    Fields = dict[str, Any]
    Tell = Callable[[Fields], None]

    class Served(Protocol):
        """What the loop needs of a session."""

        fd: int | None

        def answer(self, ask: Fields) -> None:
            """Carry out one command and tell its result."""

        def listen(self) -> None:
            """Take in what the device writes by itself."""

        def work(self) -> None:
            """Do one piece of what is due."""

        def wait_ms(self) -> int | None:
            """Say how long may be slept."""


_GRACE_S = 0.3
_READ_BYTES = 65536
_LOST = select.POLLHUP | select.POLLERR | select.POLLNVAL
VANISHED = {"event": "gone", "reason": "the modem's device vanished"}


def private_stdout() -> Tell:
    """Keep stdout for our lines alone: whatever a library prints goes to stderr."""
    out = os.dup(1)
    os.dup2(2, 1)

    def tell(fields: Fields) -> None:
        os.write(out, json.dumps(fields).encode("ascii") + b"\n")

    return tell


class Sentinel:
    """Read commands, and see the end of stdin or of the device while a driver's call is stuck.

    `bell` is readable when `commands` holds something new; None in it is the end.
    """

    def __init__(self, tell: Tell) -> None:
        self.commands: deque[bytes | None] = deque()
        self.bell, self._ring = os.pipe()
        self._news, self._tell_news = os.pipe()
        self._device: int | None = None
        self._tell = tell
        threading.Thread(target=self._run, daemon=True).start()

    def watch(self, device: int) -> None:
        """Look after this descriptor too, from now on."""
        self._device = device
        os.write(self._tell_news, b"\0")

    def _run(self) -> None:
        poller = select.poll()
        poller.register(0, select.POLLIN)
        poller.register(self._news, select.POLLIN)
        pending = b""
        while True:
            for fd, _events in poller.poll():
                if fd == 0:
                    read = os.read(0, _READ_BYTES)
                    if not read:
                        self._end()
                    *lines, pending = (pending + read).split(b"\n")
                    self._push(*lines)
                elif fd == self._news and self._device is not None:
                    os.read(self._news, 1)
                    poller.register(self._device, 0)  # only its end: what it says is the driver's
                else:
                    self._tell(VANISHED)
                    self._end()

    def _push(self, *lines: bytes | None) -> None:
        self.commands.extend(lines)
        os.write(self._ring, b"\0")

    def _end(self) -> None:
        self._push(None)
        # the driver may be stuck for minutes: give it a moment, then leave without it
        time.sleep(_GRACE_S)
        os._exit(0)


def serve(session: Served, tell: Tell) -> None:
    """Serve until stdin ends or the device vanishes."""
    sentinel = Sentinel(tell)
    poller = select.poll()
    poller.register(sentinel.bell, select.POLLIN)
    watched: int | None = None
    while True:
        for fd, events in poller.poll(session.wait_ms()):
            if fd == sentinel.bell:
                os.read(sentinel.bell, _READ_BYTES)
            elif events & _LOST:
                poller.unregister(fd)  # the sentinel tells it and ends this
            else:
                session.listen()
        while sentinel.commands:
            line = sentinel.commands.popleft()
            if line is None:
                return
            session.answer(json.loads(line))
            if watched is None and session.fd is not None:
                watched = session.fd
                poller.register(watched, select.POLLIN)
                sentinel.watch(watched)
        session.work()
