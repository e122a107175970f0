"""The loop of a device's child process: commands on stdin, the device's descriptor, answers on stdout.

Owns the waiting. It sleeps in poll() without a timeout while nothing is due, and ends the process when
stdin ends, even while a driver's call is stuck. Imports little: the child must stay small.
"""

from __future__ import annotations

import _thread
import json
import os
import select
import sys
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
_LOST = select.POLLHUP | select.POLLERR | select.POLLNVAL


def private_stdout() -> Tell:
    """Keep stdout for our lines alone: whatever a library prints goes to stderr."""
    out = os.dup(1)
    os.dup2(2, 1)

    def tell(fields: Fields) -> None:
        os.write(out, json.dumps(fields).encode("ascii") + b"\n")

    return tell


def serve(session: Served, tell: Tell) -> None:
    """Serve until stdin ends or the device vanishes."""
    commands: deque[bytes | None] = deque()
    wake_read, wake_write = os.pipe()
    _thread.start_new_thread(_read_commands, (commands, wake_write))
    poller = select.poll()
    poller.register(wake_read, select.POLLIN)
    watched: int | None = None
    while True:
        for fd, events in poller.poll(session.wait_ms()):
            if fd == wake_read:
                os.read(wake_read, 64)
            elif events & _LOST:
                tell({"event": "gone", "reason": "the modem's device vanished"})
                return
            else:
                session.listen()
        while commands:
            line = commands.popleft()
            if line is None:
                return
            session.answer(json.loads(line))
            if watched is None and session.fd is not None:
                watched = session.fd
                poller.register(watched, select.POLLIN)
        session.work()


def _read_commands(commands: deque[bytes | None], wake: int) -> None:
    for line in sys.stdin.buffer:
        commands.append(line)
        os.write(wake, b"\0")
    commands.append(None)
    os.write(wake, b"\0")
    # a driver's call may be stuck for minutes; the parent is gone or wants this to end
    time.sleep(_GRACE_S)
    os._exit(0)
