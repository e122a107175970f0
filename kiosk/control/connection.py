"""One client of the control socket: its buffers and their limits.

Owns no thread and no lock: only the server's thread calls `read` and `send`, and `append` is called with the
server's lock held. Never grows beyond its limits, whatever the other side does.
"""

import socket
from collections.abc import Iterator
from threading import Lock
from typing import Any

import msgspec

MAX_LINE_BYTES = 64 * 1024
MAX_UNSENT_BYTES = 256 * 1024  # a watcher that is this far behind is dropped

Object = dict[str, Any]


class Connection:
    """Buffers of one connected client; `heard_s` is the monotonic time of its last request."""

    def __init__(self, link: socket.socket, heard_s: float) -> None:
        link.setblocking(False)
        self.link = link
        self.heard_s = heard_s
        self.watching = False
        self.waiting = 0  # questions that are not answered yet
        self.leaving = False  # to be closed as soon as all is sent
        self.doomed = False  # to be closed now
        self._inbound = bytearray()
        self._outbound = bytearray()

    @property
    def idle(self) -> bool:
        """Tell whether nobody waits for anything on this connection."""
        return not self.watching and self.waiting == 0

    def append(self, line: bytes) -> None:
        """Take a line to be sent; too many unsent bytes doom the client."""
        if len(self._outbound) + len(line) > MAX_UNSENT_BYTES:
            self.doomed = True
        else:
            self._outbound += line

    def read(self) -> Iterator[bytes]:
        """Yield the whole lines that have come; one that is too long is yielded cut, as it is useless."""
        try:
            data = self.link.recv(MAX_LINE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self.doomed = self.doomed or not data
        self._inbound += data
        if b"\n" in data:
            *lines, rest = self._inbound.split(b"\n")
            self._inbound = rest
            for line in lines:
                if self.doomed or self.leaving:
                    break
                yield bytes(line[:MAX_LINE_BYTES])
        if len(self._inbound) > MAX_LINE_BYTES and not self.leaving:
            yield bytes(self._inbound[:MAX_LINE_BYTES])
        if self.leaving:
            self._inbound.clear()

    def send(self, lock: Lock) -> bool:
        """Send what the other side takes now; tell whether something is left."""
        with lock:
            due = bytes(self._outbound[:MAX_LINE_BYTES])
        try:
            sent = self.link.send(due) if due else 0
        except BlockingIOError:
            sent = 0
        except OSError:
            self.doomed, sent = True, 0
        with lock:
            del self._outbound[:sent]
            return bool(self._outbound)


def line_of(message: Object) -> bytes:
    """Encode a message as one line; what JSON cannot hold becomes an error message."""
    try:
        return msgspec.json.encode(message) + b"\n"
    except (TypeError, ValueError, RecursionError) as error:
        return msgspec.json.encode({"error": f"the daemon's answer cannot be written: {error}"}) + b"\n"
