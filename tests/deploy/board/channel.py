"""A root shell in the guest for the test: one script at a time through a port, with its status and output.

It is the test's own window; nothing of the kiosk goes through it.
"""

import base64
import contextlib
import itertools
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

ASK_AGAIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Done:
    """How a script ended; status 124 is its deadline."""

    status: int
    text: str


class GuestGone(TimeoutError):
    """The guest does not answer: not booted yet, hung, or its port was lost with a reset."""


class Channel:
    """The host's end of the agent's port."""

    def __init__(self, link: socket.socket, *, alive: Callable[[], bool]) -> None:
        self._link = link
        self._alive = alive
        self._ids = itertools.count(1)
        self._rest = b""

    def run(self, script: str, *, within_s: float = 60.0) -> Done:
        """Run a script as root; raises GuestGone when no answer comes in time."""
        number = f"{time.monotonic_ns():x}.{next(self._ids)}"
        words = base64.b64encode(script.encode()).decode()
        self._link.sendall(f"{number} {int(within_s)} {words}\n".encode())
        deadline_s = time.monotonic() + within_s + 30.0
        while True:
            word, found, status, text = (*self._line(deadline_s).split(" "), "", "", "")[:4]
            if (word, found) == ("done", number):  # a serial line may echo what was asked
                return Done(int(status), base64.b64decode(text).decode("utf-8", "replace").rstrip("\n"))

    def wait_until_up(self, *, within_s: float) -> None:
        """Wait for the agent of a booting guest; what was asked before a reset is lost, so ask again."""
        deadline_s = time.monotonic() + within_s
        while time.monotonic() < deadline_s and self._alive():
            number = f"{time.monotonic_ns():x}.up"
            self._link.sendall(f"{number} 5 {base64.b64encode(b'true').decode()}\n".encode())
            with contextlib.suppress(GuestGone):
                while not self._line(time.monotonic() + ASK_AGAIN_S).startswith(f"done {number} "):
                    pass
                return
        raise GuestGone(f"the guest's agent is not up; at most {within_s:.0f} s were given")

    def close(self) -> None:
        """Let go of the port."""
        self._link.close()

    def _line(self, deadline_s: float) -> str:
        while b"\n" not in self._rest:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0 or not self._alive():
                raise GuestGone("the guest does not answer")
            self._link.settimeout(min(left_s, 1.0))
            with contextlib.suppress(TimeoutError):
                data = self._link.recv(65536)
                if not data:
                    raise GuestGone("QEMU has ended")
                self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode("ascii", "replace")
