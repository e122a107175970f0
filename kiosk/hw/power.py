"""The modem's power switch on a GPIO, the last rung of the recovery ladder.

Owns the line. Never leaves the power off: not after an error, not at close, not when it starts again.
"""

import logging
import threading
from collections.abc import Callable
from typing import Any

from gpiozero import OutputDevice

from kiosk.hw.gpio import PinSource, driver_errors, shut
from kiosk.messages import ModemFailed

log = logging.getLogger(__name__)


class GpioModemPower:
    """Switches the modem's supply (port `ModemPower`); BCM `pin`, `active_high` = high means powered.

    Made, it drives the line as powered, for wirings that need that; a chip that is not there is only logged.
    Wire the switch so that a floating line means powered: a kernel may turn a released line into an input.
    """

    def __init__(
        self,
        pins: PinSource,
        *,
        pin: int,
        active_high: bool = True,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        self._pins = pins
        self._pin = pin
        self._active_high = active_high
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self._wait = wait if wait is not None else self._closing.wait
        self._switch: Any = None
        try:
            self._opened()
        except driver_errors() as error:
            log.warning("modem_power pin=%d undriven reason=%s", pin, error)

    def cycle(self, off_s: float) -> None:
        """Take the power away for `off_s` seconds; blocks that long; raises ModemFailed."""
        with self._lock:
            self._closing.clear()
            try:
                switch = self._opened()
                try:
                    switch.off()
                    self._wait(off_s)
                finally:
                    switch.on()
            except driver_errors() as error:
                self._release()
                raise ModemFailed(f"the power switch on GPIO{self._pin} failed: {error}") from error

    def close(self) -> None:
        """Leave the power on and release the line; idempotent; cuts a `cycle` under way short."""
        self._closing.set()
        with self._lock:
            self._release()

    def _release(self) -> None:
        switch, self._switch = self._switch, None
        if switch is None:
            return
        if hasattr(switch.pin, "leave_as_is"):
            switch.pin.leave_as_is = True
        if not shut(switch, switch.on):
            self._pins.renew(switch.pin_factory)

    def _opened(self) -> Any:
        if self._switch is None:
            # Claimed as powered, so that claiming it never blinks the modem.
            self._switch = OutputDevice(
                self._pin, active_high=self._active_high, initial_value=True, pin_factory=self._pins.factory()
            )
        return self._switch
