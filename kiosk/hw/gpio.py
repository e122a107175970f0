"""Which gpiozero pin factory drives this kiosk's pins, shared by its button, lamp and modem power.

Owns the choice that the site's configuration made. Never takes another one silently: only `auto` may fall
back, and it says so. Never the simulated one unless the caller allows it.
"""

import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gpiozero.exc import GPIOZeroError

from kiosk.config import Gpio
from kiosk.messages import ButtonLost

log = logging.getLogger(__name__)

Maker = Callable[[str], Any]


def driver_errors() -> tuple[type[Exception], ...]:
    """Give what a pin's driver may raise, gpiozero's refusals (a pin that the board lacks) included."""
    lgpio = sys.modules.get("lgpio")  # its error is a plain Exception; not imported where it is not in use
    # It gets None for the handle of a chip that the loss of another line closed: a TypeError.
    return (OSError, ImportError, GPIOZeroError, *((lgpio.error, TypeError) if lgpio is not None else ()))


def _libgpiod(chip: str) -> Any:
    from kiosk.hw import pins  # noqa: PLC0415  # only a kiosk that uses libgpiod needs it installed

    return lambda: pins.LibgpiodFactory(None if chip == "auto" else chip, consumer="pana-kiosk")


def _lgpio(chip: str) -> Any:
    # At its import lgpio makes a FIFO in the working directory, which a service may not write to.
    os.environ.setdefault("LG_WD", os.environ.get("RUNTIME_DIRECTORY", "/tmp"))  # noqa: S108  # lgpio's own choice
    from gpiozero.pins import lgpio  # noqa: PLC0415  # only 32-bit Bookworm has no libgpiod v2

    number = Path(chip).name.removeprefix("gpiochip")
    if chip != "auto" and not number.isdecimal():
        raise ButtonLost(f"gpio.chip = {chip!r}: lgpio knows chips by number only, such as gpiochip0")
    return lambda: lgpio.LGPIOFactory(chip=None if chip == "auto" else int(number))


def _mock(_: str) -> Any:
    from gpiozero.pins import mock  # noqa: PLC0415  # demo and tests only

    return mock.MockFactory


# Each imports its library and gives what makes the factory: so a missing library and a missing chip differ.
MAKERS: Mapping[str, Maker] = {"libgpiod": _libgpiod, "lgpio": _lgpio, "mock": _mock}


def shut(device: Any, last: Callable[[], None] | None = None) -> bool:
    """Close a gpiozero device whose chip may be gone, after `last`; tell whether all went well."""
    well = True
    for act in (last, device.close):
        try:
            if act is not None:
                act()
        except driver_errors() as error:
            log.debug("gpio device=%s closed_after=%s", type(device).__name__, error)
            well = False
    return well


class PinSource:
    """Makes the pin factory at its first use, and again after `renew`. Safe to use from any thread.

    `allow_mock` is for demo and tests. `fallback` is why `auto` did not take libgpiod, or "".
    """

    def __init__(
        self, settings: Gpio, *, allow_mock: bool = False, makers: Mapping[str, Maker] = MAKERS
    ) -> None:
        self.fallback = ""
        self._settings = settings
        self._allow_mock = allow_mock
        self._makers = makers
        self._lock = threading.Lock()
        self._factory: Any = None

    def factory(self) -> Any:
        """Give the pin factory; raises ButtonLost when the library or the chip is not there."""
        with self._lock:
            if self._factory is None:
                try:
                    self._factory = self._chosen()()
                except driver_errors() as error:
                    raise ButtonLost(f"gpio.factory = {self._settings.factory!r}: {error}") from error
            return self._factory

    def renew(self, dead: Any) -> None:
        """Make another factory at the next use if `dead` is still the one in use and cannot revive itself."""
        # Ours opens a vanished chip anew by itself; lgpio's handle stays dead for ever.
        if not hasattr(dead, "alive"):
            self._drop(dead)

    def close(self) -> None:
        """Give back every pin; idempotent."""
        self._drop(self._factory)

    def _drop(self, factory: Any) -> None:
        with self._lock:
            if factory is None or factory is not self._factory:
                return
            self._factory = None
        # Outside the lock: closing waits for a driver's thread, which may be on its way into `renew`.
        try:
            factory.close()
        except driver_errors() as error:
            log.debug("gpio factory=%s closed_after=%s", type(factory).__name__, error)

    def _chosen(self) -> Callable[[], Any]:
        wanted, chip = self._settings.factory, self._settings.chip
        if wanted == "mock" and not self._allow_mock:
            raise ButtonLost("the simulated one has no real button; it is for the demo and tests only")
        if wanted != "auto":
            return self._loaded(wanted, chip)
        try:
            return self._loaded("libgpiod", chip)
        except ImportError as error:
            self.fallback = str(error)
            log.warning("gpio factory=lgpio fallback_from=libgpiod reason=%s", error)
            return self._loaded("lgpio", chip)

    def _loaded(self, name: str, chip: str) -> Callable[[], Any]:
        make: Callable[[], Any] = self._makers[name](chip)
        return make
