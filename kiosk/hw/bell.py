"""Own a pipe that wakes a thread which waits on files; ringing never blocks and never fails."""

import os
import select
import threading
from contextlib import suppress


class Bell:
    """Rung by any thread, listened to by one."""

    def __init__(self) -> None:
        self.fd, self._rope = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._lock = threading.Lock()

    def ring(self) -> None:
        """Wake the listener now, or when it next listens; nothing after `close`."""
        with self._lock:
            if self._rope >= 0:
                with suppress(BlockingIOError):  # it has 64 KiB of rings to hear already
                    os.write(self._rope, b"!")

    def heard(self) -> None:
        """Take note of all rings so far."""
        with suppress(BlockingIOError):
            os.read(self.fd, 1 << 16)

    def listen(self, timeout_s: float | None) -> None:
        """Wait until it rings, at most `timeout_s` seconds."""
        select.select([self.fd], [], [], timeout_s)
        self.heard()

    def close(self) -> None:
        """Release the pipe; called by the listener."""
        with self._lock:
            for fd in (self._rope, self.fd):
                os.close(fd)
            self._rope = self.fd = -1
