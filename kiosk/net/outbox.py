"""The hand-over of publishes from the worker's thread to the network thread.

Owns the wake-up socket. Never keeps anything over a disconnection: what was not taken is given back.
"""

import contextlib
import socket
import threading
from collections import deque
from dataclasses import dataclass
from typing import Literal

from kiosk.bodies import Token

Weight = Literal["alert", "event", "beat"]
# Unanswered publishes allowed at once: alerts keep room that events cannot fill; paho's window is 20.
ROOM: dict[Weight, int] = {"alert": 16, "event": 8, "beat": 16}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One publish, ready to go; QoS 0 for a beat."""

    token: Token
    topic: str
    payload: bytes
    weight: Weight


class Outbox:
    """Open only while the link is up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._parcels: deque[Parcel] = deque()
        self._is_open = False
        self._waker, self._woken = socket.socketpair()
        self._waker.setblocking(False)
        self._woken.setblocking(False)

    def put(self, parcel: Parcel) -> str:
        """Hand a parcel over; gives why not, or an empty text."""
        with self._lock:
            if not self._is_open:
                return "not connected"
            if len(self._parcels) >= ROOM[parcel.weight]:
                return "too many publishes at once"
            self._parcels.append(parcel)
        self.wake()
        return ""

    def take(self) -> tuple[Parcel, ...]:
        """Take all parcels, oldest first."""
        with self._lock:
            parcels = tuple(self._parcels)
            self._parcels.clear()
        return parcels

    def open(self) -> None:
        """Accept parcels from now on."""
        with self._lock:
            self._is_open = True

    def shut(self) -> tuple[Parcel, ...]:
        """Accept no more parcels and give back those not taken."""
        with self._lock:
            self._is_open = False
        return self.take()

    def wake(self) -> None:
        """Wake the network thread out of its select."""
        with self._lock, contextlib.suppress(OSError):  # full: it will wake anyway; closed: nobody waits
            self._waker.send(b"!")

    def fileno(self) -> int:
        """Give what the network thread selects on."""
        return self._woken.fileno()

    def drain(self) -> None:
        """Forget the wake-ups so far."""
        with contextlib.suppress(OSError):
            while self._woken.recv(4096):
                pass

    def close(self) -> None:
        """Release the wake-up sockets; idempotent, from any thread that does not wait on them."""
        with self._lock:  # not in the middle of a `wake`: the descriptor's number may be another's at once
            self._waker.close()
            self._woken.close()
