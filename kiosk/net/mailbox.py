"""The messages that lie in the modem's memories: each is told once and deleted.

Owns the sweep, a place at a time. Imports no driver: it gets the session, and which of its errors mean what.
"""

from __future__ import annotations

from kiosk.net.child_words import message_told
from kiosk.net.modem_port import exchange

TYPE_CHECKING = False  # as typing has it; importing typing costs the child 1 MB
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from kiosk.net.child_loop import Tell

_PHONE_MEMORY = 100_000  # gammu counts the modem's own memory from here, the SIM's from 1
_PHONE_PLACES_MAX = 255
_DELETE_S = 3.0
# what python-gammu's own converters raise of a message that gammu could read, such as one of no possible date
_UNREADABLE = (ValueError, TypeError, LookupError, ArithmeticError)


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
        self._steps: Iterator[int] | None = None

    @property
    def reading(self) -> bool:
        """Tell whether there is a place to read yet."""
        return self._steps is not None

    def begin(self) -> bool:
        """Set out to read the SIM and the modem's memory; False when the card cannot say what they hold."""
        # gammu's queue of notices holds few: only the memories tell what is really there
        try:
            status = self._machine.GetSMSStatus()
        except self._dead:
            raise
        except self._failed:
            return False  # the card may be busy for a while
        self._steps = self._sweep(status)
        return True

    def read_on(self) -> None:
        """Read one place, tell its message and delete it; a text that must go out waits for no more."""
        if self._steps is not None and next(self._steps, None) is None:
            self._steps = None

    def delete(self, place: int) -> None:
        """Delete a message unread: gammu reads before it deletes, so it cannot."""
        exchange(self._fd, f"AT+CMGD={place % _PHONE_MEMORY}", timeout_s=_DELETE_S)

    def _sweep(self, status: dict[str, int]) -> Iterator[int]:
        memories = (
            (0, status["SIMUsed"], status["SIMSize"]),
            (_PHONE_MEMORY, status["PhoneUsed"], min(status["PhoneSize"], _PHONE_PLACES_MAX)),
        )
        for base, used, size in memories:
            left = used
            for place in range(base + 1, base + size + 1):
                if left <= 0:
                    break
                # should a hostile message kill gammu, the next session deletes it unread
                self._tell({"event": "reading", "place": place})
                left -= self._take(place)
                self._tell({"event": "reading", "place": 0})
                yield place

    def _take(self, place: int) -> bool:
        """Read one place; tells whether there was a message."""
        try:
            self._tell(message_told(self._machine.GetSMS(0, place)[0]))
            self._machine.DeleteSMS(0, place)
        except self._dead:
            raise
        except self._empty:
            self._unreadable.discard(place)
            return False
        except (self._failed, *_UNREADABLE):
            self._give_up(place)
        else:
            self._unreadable.discard(place)
        return True

    def _give_up(self, place: int) -> None:
        # once may be noise on the line; what cannot be read twice would fill the card for ever
        if place not in self._unreadable:
            self._unreadable.add(place)
            return
        self._unreadable.discard(place)
        self.delete(place)
