"""What systemd is told: ready, status, still alive, stopping (sd_notify(3)).

Owns the datagram socket. Never blocks, never raises, and does nothing where systemd did not ask.
"""

import logging
import os
import socket
from collections.abc import Mapping

log = logging.getLogger(__name__)


class Notifier:
    """Talks to the service manager named by `environ` (NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID).

    Every method returns whether the manager got it. The caller feeds the watchdog from the loop whose
    progress it guards, never from a timer.
    """

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        environ = os.environ if environ is None else environ
        self.watchdog_s = _watchdog_s(environ)
        self._address = environ.get("NOTIFY_SOCKET", "")
        self._socket: socket.socket | None = None
        self._is_ready = False
        if self._address.startswith(("/", "@")):
            self._socket = socket.socket(
                socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
            )

    def ready(self, status: str = "") -> bool:
        """Say that the start is done: the button is armed."""
        return self._send(f"READY=1{_status(status)}")

    def status(self, text: str) -> bool:
        """Show one line in `systemctl status`."""
        return self._send(_status(text).lstrip("\n"))

    def alive(self) -> bool:
        """Feed the watchdog."""
        return self._send("WATCHDOG=1")

    def turned(self) -> bool:
        """Say after the first healthy turn that the start is done, and feed the watchdog after each."""
        if not self._is_ready:
            self._is_ready = self.ready()
        return self.alive()

    def stopping(self, status: str = "") -> bool:
        """Say that an ordered end has begun."""
        return self._send(f"STOPPING=1{_status(status)}")

    def close(self) -> None:
        """Close the socket; idempotent."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, text: str) -> bool:
        if self._socket is None:
            return False
        # "@" stands for the leading NUL of Linux's abstract names.
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        try:
            self._socket.sendto(text.encode(), address)
        except OSError as error:
            log.debug("systemd notify=lost reason=%s", error)
            return False
        return True


def _status(text: str) -> str:
    return f"\nSTATUS={' '.join(text.split())}" if text else ""


def _watchdog_s(environ: Mapping[str, str]) -> float | None:
    """Give the seconds within which the watchdog wants to be fed, or None when nobody watches."""
    period, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not period.isdecimal() or int(period) == 0 or (pid and pid != str(os.getpid())):
        return None
    return int(period) / 1e6
