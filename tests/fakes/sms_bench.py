"""A modem on the bench: the real driver over a simulated modem, and what it posted."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from kiosk.config import Balance, Sms
from kiosk.messages import KioskEvent
from kiosk.net.sms import GammuModem
from kiosk.sim.modem import SimModem
from kiosk.sim.network import Seen
from kiosk.sim.phone import Phone

OFFICER = "+77011234567"
PATIENCE_S = 45.0  # a deadline, never a delay
E_ = TypeVar("E_")


class Posted:
    """Collects events and waits for them."""

    def __init__(self) -> None:
        self.events: list[KioskEvent] = []
        self._more = threading.Condition()

    def __call__(self, event: KioskEvent) -> None:
        with self._more:
            self.events.append(event)
            self._more.notify_all()

    def of(self, kind: type[E_]) -> list[E_]:
        return [event for event in list(self.events) if isinstance(event, kind)]

    def wait(self, kind: type[E_], count: int = 1, *, timeout_s: float = PATIENCE_S) -> list[E_]:
        """Wait for so many events of a kind; raises AssertionError with what came instead."""
        with self._more:
            if not self._more.wait_for(lambda: len(self.of(kind)) >= count, timeout_s):
                raise AssertionError(f"{count} {kind.__name__} did not come, only {self.events}")
            return self.of(kind)

    def expect(self, event: KioskEvent, *, timeout_s: float = PATIENCE_S) -> None:
        """Wait for this very event; raises AssertionError with what came instead."""
        with self._more:
            if not self._more.wait_for(lambda: event in self.events, timeout_s):
                raise AssertionError(f"{event} did not come, only {self.events}")

    def clear(self) -> None:
        with self._more:
            self.events.clear()


class ModemBench:
    """The real GammuModem on a simulated modem, with one officer's phone on the network."""

    def __init__(
        self, folder: Path, *, pin: str | None = None, send_deadline_s: float = 10.0, smsc: str | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.phone = Phone(OFFICER)
        self.seen: list[Seen] = []
        self.device = folder / "modem"
        self.sim = SimModem(link=self.device, phones=[self.phone], observe=self.seen.append)
        self.sim.start()
        self.posted = Posted()
        pin_file = folder / "pin"
        if pin is not None:
            pin_file.write_text(pin + "\n")
        self.modem = GammuModem(
            Sms(
                device=str(self.device),
                gateways=(),
                key_file=str(folder / "key"),
                pin_file=str(pin_file) if pin is not None else None,
                smsc=smsc,
                balance=Balance(code="*111#", pattern=r"([\d.,]+)"),
                send_deadline_s=send_deadline_s,
            ),
            self.posted,
        )

    def close(self) -> None:
        self.modem.close()
        self.sim.close()

    def play(self, scene: Callable[["ModemBench"], None]) -> "ModemBench":
        """Play a scene to its end, whatever happens; the bench stays to be looked at."""
        try:
            scene(self)
        finally:
            self.close()
        return self
