"""The messages that lie in the modem's memories: each is told once and deleted.

Owns the sweep. Imports no driver: it gets the session, and which of its errors mean what.
"""

from __future__ import annotations

from kiosk.net.child_words import message_told
from kiosk.net.modem_port import exchange

TYPE_CHECKING = False  # as typing has it; importing typing costs the child 1 MB
if TYPE_CHECKING:
    from typing import Any

    from kiosk.net.child_loop import Tell

_PHONE_MEMORY = 100_000  # gammu counts the modem's own memory from here, the SIM's from 1
_PHONE_PLACES_MAX = 255
_DELETE_S = 3.0


class Mailbox:
    """Read the memories of an open session on the tty `fd`.

    Of the driver's errors, `empty` are of a place without a message, `dead` of a lost modem (raised on),
    `failed` all others.
    """

    def __init__(
        self,
        machine: Any,
        fd: int,
        tell: Tell,
        *,
        empty: tuple[type[Exception], ...],
        dead: tuple[type[Exception], ...],
        failed: type[Exception],
    ) -> None:
        self._machine = machine
        self._fd = fd
        self._tell = tell
        self._empty = empty
        self._dead = dead
        self._failed = failed
        self._unreadable: set[int] = set()

    def collect(self) -> bool:
        """Tell and delete every message, on the SIM and in the modem; False when the card cannot say."""
        # gammu's queue of notices holds few: only the memories tell what is really there
        try:
            status = self._machine.GetSMSStatus()
        except self._dead:
            raise
        except self._failed:
            return False  # the card may be busy for a while
        self._sweep(0, status["SIMUsed"], status["SIMSize"])
        self._sweep(_PHONE_MEMORY, status["PhoneUsed"], min(status["PhoneSize"], _PHONE_PLACES_MAX))
        self._tell({"event": "reading", "place": 0})
        return True

    def delete(self, place: int) -> None:
        """Delete a message unread: gammu reads before it deletes, so it cannot."""
        exchange(self._fd, f"AT+CMGD={place % _PHONE_MEMORY}", timeout_s=_DELETE_S)

    def _sweep(self, base: int, used: int, size: int) -> None:
        for place in range(base + 1, base + size + 1):
            if used <= 0:
                return
            # should a hostile message kill gammu, the next session deletes it unread
            self._tell({"event": "reading", "place": place})
            try:
                self._tell(message_told(self._machine.GetSMS(0, place)[0]))
                self._machine.DeleteSMS(0, place)
            except self._dead:
                raise
            except self._empty:
                self._unreadable.discard(place)
                continue
            except self._failed:
                self._give_up(place)
            else:
                self._unreadable.discard(place)
            used -= 1

    def _give_up(self, place: int) -> None:
        # once may be noise on the line; what cannot be read twice would fill the card for ever
        if place not in self._unreadable:
            self._unreadable.add(place)
            return
        self._unreadable.discard(place)
        self.delete(place)
