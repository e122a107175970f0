"""Software PWM for one output line: good for dimming a light, not for a servo.

Owns the timing thread. Never touches a line but by the `write` that it was given.
"""

import logging
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)


class SoftPwm:
    """Switches a line `frequency_hz` times a second, on for `duty` (0 to 1) of each period.

    A duty of 0 or 1 is written once and costs nothing more. A failed write ends it and is logged.
    """

    def __init__(self, write: Callable[[bool], None], frequency_hz: float) -> None:
        self._write = write
        self._frequency_hz = frequency_hz
        self._duty = 0.0
        self._stopped = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="gpio-pwm", daemon=True)
        self._thread.start()

    @property
    def frequency_hz(self) -> float:
        """Periods a second."""
        return self._frequency_hz

    @property
    def duty(self) -> float:
        """Share of each period for which the line is high, 0 to 1."""
        return self._duty

    def set(self, *, frequency_hz: float | None = None, duty: float | None = None) -> None:
        """Change the frequency or the duty from the next half period on."""
        with self._changed:
            self._frequency_hz = self._frequency_hz if frequency_hz is None else frequency_hz
            self._duty = self._duty if duty is None else duty
            self._changed.notify()

    def stop(self) -> None:
        """End the thread; the line keeps its last level; idempotent."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        try:
            with self._changed:
                while not self._stopped:
                    self._period()
        except OSError as error:
            log.error("gpio pwm=stopped reason=%s", error)  # noqa: TRY400  # a vanished chip needs no traceback

    def _period(self) -> None:
        duty, period_s = self._duty, 1 / self._frequency_hz
        if duty in {0.0, 1.0}:
            self._write(duty == 1.0)
            self._changed.wait()
            return
        self._write(True)
        if self._changed.wait(duty * period_s):
            return
        self._write(False)
        self._changed.wait((1 - duty) * period_s)
