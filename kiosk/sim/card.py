"""The simulated SIM: its PIN and its 30 places for messages.

Owns what the card remembers; never talks to the network or to the port.
"""

from __future__ import annotations

from dataclasses import dataclass, field

SLOTS = 30
_PIN_TRIES = 3


@dataclass(slots=True, kw_only=True)
class StoredSms:
    """Hold one message on the card: TPDU bytes without SMSC field."""

    tpdu: bytes
    read: bool = False


@dataclass(slots=True, kw_only=True)
class Card:
    """Keep the state of a SIM; `pin` None means that no PIN is asked."""

    imsi: str = "401770000000017"
    present: bool = True
    pin: str | None = None
    unlocked: bool = False
    tries_left: int = _PIN_TRIES
    slots: dict[int, StoredSms] = field(default_factory=dict)

    def state(self) -> str | None:
        """Tell READY, SIM PIN or SIM PUK as +CPIN does; None without a card."""
        if not self.present:
            return None
        if self.tries_left <= 0:
            return "SIM PUK"
        return "READY" if self.pin is None or self.unlocked else "SIM PIN"

    def ready(self) -> bool:
        """Tell whether the card can be used."""
        return self.state() == "READY"

    def enter(self, pin: str) -> bool:
        """Try a PIN; three wrong ones lock the card."""
        if pin == self.pin:
            self.unlocked = True
            self.tries_left = _PIN_TRIES
            return True
        self.tries_left -= 1
        return False

    def store(self, tpdu: bytes) -> int | None:
        """Keep a message in the first free place, from 1; None when the card is full."""
        for place in range(1, SLOTS + 1):
            if place not in self.slots:
                self.slots[place] = StoredSms(tpdu=tpdu)
                return place
        return None
