"""The staff's small light: one LED that tells armed, alerting and fault apart at a glance.

Owns the LED. Must never hold up anything: the blinking runs in gpiozero's own thread.
"""

import logging
from collections.abc import Mapping
from typing import Any

from gpiozero import LED

from kiosk.config import LampPins
from kiosk.hw.gpio import PinSource, driver_errors, shut
from kiosk.messages import ButtonLost, DeviceError, Pattern

log = logging.getLogger(__name__)

# Seconds on and off. Armed: a wink, for a light that burns for years; alerting: on with short gaps, so that a
# hung program is not taken for it; fault: an even slow blink. All differ without counting or colours.
RHYTHMS: Mapping[Pattern, tuple[float, float] | None] = {
    "off": None,
    "armed": (0.05, 3.95),
    "alerting": (0.9, 0.1),
    "fault": (0.5, 0.5),
}


class _Light(LED):  # type: ignore[misc]  # gpiozero ships no types
    """An LED whose blinking ends quietly when its chip vanishes; the next `show` finds out."""

    @property
    def blinks(self) -> bool:
        """Tell whether it blinks still."""
        return self._blink_thread is not None and self._blink_thread.is_alive()

    def _blink_device(self, on_time: float, off_time: float, n: int | None) -> None:
        try:
            super()._blink_device(on_time, off_time, n)
        except driver_errors() as error:
            log.warning("lamp blinking=stopped reason=%s", error)


class GpioLamp:
    """The lamp on a GPIO (port `Lamp`). Without a pin it does nothing; `armed` = false leaves armed dark."""

    def __init__(self, settings: LampPins, pins: PinSource) -> None:
        self._settings = settings
        self._pins = pins
        self._led: Any = None
        self._shown: Pattern | None = None

    def show(self, pattern: Pattern) -> None:
        """Show a pattern from now on; raises DeviceError, after which the next call tries from new.

        One that shows already is left alone, so it may be asked for again and again.
        """
        if self._settings.pin is None:
            return
        rhythm = None if pattern == "armed" and not self._settings.armed else RHYTHMS[pattern]
        if pattern == self._shown and self._led.blinks is (rhythm is not None):
            return
        try:
            led = self._opened()
            led.off()  # in this thread, so that a vanished chip is known now
            if rhythm is not None:
                led.blink(*rhythm)
            self._shown = pattern
        except driver_errors() as error:
            self.close()
            raise error if isinstance(error, DeviceError) else ButtonLost(f"lamp: {error}") from error

    def close(self) -> None:
        """Dark and released; idempotent."""
        led, self._led, self._shown = self._led, None, None
        if led is not None and not shut(led, led.off):
            self._pins.renew(led.pin_factory)

    def _opened(self) -> Any:
        if self._led is None:
            self._led = _Light(
                self._settings.pin, active_high=self._settings.active_high, pin_factory=self._pins.factory()
            )
        return self._led
