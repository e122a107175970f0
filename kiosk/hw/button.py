"""The kiosk's contacts: panic buttons, tamper, mains lost, as raw edges and levels for the pure core.

Owns the input lines. Never debounces, never judges, never waits: a callback only builds a value and posts it.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

from gpiozero import InputDevice

from kiosk.hw.gpio import PinSource, driver_errors, shut
from kiosk.messages import EdgeSeen, InputLost, InputName, LevelRead, WorkerFailed
from kiosk.ports import Post

log = logging.getLogger(__name__)

# lgpio's timestamps are wall time on some kernels: anything this far ahead of now is on another clock.
CLOCK_SLACK_S = 1.0

PULL_UP = {"up": True, "down": False, "none": None}


class Wired(Protocol):
    """How an input is wired: `config.Button` and `config.Contact` are."""

    @property
    def pin(self) -> int:
        """BCM number."""

    @property
    def pull(self) -> Literal["up", "down", "none"]:
        """The internal resistor; `none` where the wiring has its own."""


class Contact:
    """One open input line; posts what happens on it, from whatever thread its driver uses."""

    def __init__(self, name: InputName, device: Any, post: Post, clock: Callable[[], float]) -> None:
        self.device = device
        self.name = name
        self._post = post
        self._clock = clock

    def watch(self, lose: Callable[["Contact", str], None]) -> None:
        """Post every edge from now on; tell `lose` when the line is gone, where the driver can."""
        pin = self.device.pin
        pin.bounce = None
        pin.edges = "both"
        if hasattr(pin, "when_lost"):
            pin.when_lost = lambda error: lose(self, str(error))
            pin.when_missed = self._missed
        pin.when_changed = self._changed  # the pin keeps it weakly: this object must live as long

    def read(self) -> None:
        """Post the level; raises what the driver raises."""
        # The time is taken first: an edge that comes between is newer than this level, as it must be.
        at_s = self._clock()
        self._post(LevelRead(input=self.name, high=bool(self.device.pin.state), at_s=at_s))

    def _changed(self, ticks: float, state: float) -> None:
        # Nothing may leave a driver's thread: lgpio's dies of it and the kiosk is deaf.
        try:
            now_s = self._clock()
            at_s = now_s if ticks > now_s + CLOCK_SLACK_S else ticks
            self._post(EdgeSeen(input=self.name, high=bool(state), at_s=at_s))
        except Exception:
            log.exception("input name=%s edge=lost", self.name)

    def _missed(self, count: int) -> None:
        log.warning("input name=%s edges_lost=%d", self.name, count)
        self.read()


class GpioInputs:
    """All inputs of the site by name (port `Inputs`). `clock` is CLOCK_MONOTONIC in seconds."""

    def __init__(
        self,
        post: Post,
        wired: Mapping[InputName, Wired],
        pins: PinSource,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._post = post
        self._wired = wired
        self._pins = pins
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[InputName, Contact] = {}

    def open(self) -> None:
        """Open every input, post one LevelRead each; an input that fails is posted as InputLost."""
        for name in self._wired:
            self.reopen(name)
        if self._pins.fallback:
            self._post(WorkerFailed("libgpiod", f"lgpio drives the pins: {self._pins.fallback}"))

    @property
    def opened(self) -> frozenset[InputName]:
        """Name the inputs that are open now."""
        return frozenset(self._open)

    def read(self) -> None:
        """Post one LevelRead for each open input (InputLost for one that fails)."""
        closed_meanwhile = AttributeError  # by another thread: the device has no pin any more
        failures: tuple[type[Exception], ...] = (*driver_errors(), closed_meanwhile)
        for contact in list(self._open.values()):
            try:
                if getattr(contact.device.pin_factory, "alive", True):
                    contact.read()
                else:
                    self._lose(contact, "the thread that waits for edges died")
            except failures as error:
                self._lose(contact, str(error))

    def reopen(self, name: InputName) -> None:
        """Open one lost input again and post its LevelRead, or InputLost."""
        self._close(name)
        contact = None
        try:
            contact = Contact(name, self._device(self._wired[name]), self._post, self._clock)
            with self._lock:
                self._open[name] = contact
            contact.watch(self._lose)
            contact.read()
        except driver_errors() as error:
            if contact is None:
                self._post(InputLost(name, str(error)))
            else:
                self._lose(contact, str(error))

    def close(self) -> None:
        """Release all lines; idempotent."""
        for name in list(self._open):
            self._close(name)

    def _device(self, wired: Wired) -> InputDevice:
        pull_up = PULL_UP[wired.pull]
        active = True if pull_up is None else None  # gpiozero wants it said; we post electrical levels anyway
        return InputDevice(wired.pin, pull_up=pull_up, active_state=active, pin_factory=self._pins.factory())

    def _close(self, name: InputName) -> None:
        with self._lock:
            contact = self._open.pop(name, None)
        if contact is not None:
            shut(contact.device)

    def _lose(self, contact: Contact, reason: str) -> None:
        """Post InputLost, once however many notice."""
        with self._lock:
            if self._open.get(contact.name) is not contact:
                return
            del self._open[contact.name]
        self._post(InputLost(contact.name, reason))
        factory = contact.device.pin_factory
        shut(contact.device)
        self._pins.renew(factory)
