"""A libgpiod line with the face of a gpiozero pin: function, state, pull, edges, bounce, PWM.

Owns the checks and the wording of wrong use. Everything electrical is done by its Line.
"""

from collections.abc import Callable
from typing import Any

from gpiozero.exc import (
    GPIOZeroError,
    PinFixedPull,
    PinInvalidBounce,
    PinInvalidEdges,
    PinInvalidFunction,
    PinInvalidPull,
    PinInvalidState,
    PinPWMFixedValue,
    PinSetInput,
)
from gpiozero.pins.pi import PiPin

from kiosk.hw.lines import Direction, Line, Setup
from kiosk.hw.pwm import SoftPwm


class LibgpiodPin(PiPin):  # type: ignore[misc]  # gpiozero ships no types
    """A pin of LibgpiodFactory; claimed at its first use, usable again after close().

    Beyond gpiozero's Pin: `line_seqno` is the kernel's number of the edge that is being told;
    `when_missed(count)` is called after a batch of edges in which the kernel lost `count`, so read the
    level; `when_lost(error)` is called once when the line answers no more. All callbacks run in the factory's
    reader thread, and what they raise is logged and goes no further. `ticks` of an edge are the kernel's
    own time. `bounce` tells a change only after the level was stable for that long. `leave_as_is` makes
    close() give an output back at its level; what becomes of it then is the chip driver's choice.
    """

    def __init__(self, factory: Any, info: Any) -> None:
        super().__init__(factory, info)
        self.offset: int = self._number
        self.line_seqno = 0
        self.leave_as_is = False
        self.when_missed: Callable[[int], None] | None = None
        self.when_lost: Callable[[OSError], None] | None = None
        self._line = Line(factory, self.offset)
        self._pwm: SoftPwm | None = None
        self._settle()

    def _settle(self) -> None:
        """Forget every setting: nobody has said yet what this pin shall be."""
        self._direction: Direction | None = None
        self._level = False
        self._pull: str = self._info.pull or "floating"
        self._bounce: float | None = None
        self._edges = "both"

    def close(self) -> None:
        """Stop watching and PWM, turn an output into an input, give the line back; idempotent."""
        self.when_missed = self.when_lost = None
        self._when_changed = None
        self._line.unwatch()
        try:
            self._stop_pwm()
            if self._line.claimed and self._direction == "output" and not self.leave_as_is:
                self._settle()
                self.input_with_pull(self._pull)
        except OSError:
            pass  # it vanished, and is given back all the same
        self._line.release()
        self._settle()

    def _setup(self) -> Setup:
        return Setup(
            direction=self._direction,
            level=self._level,
            pull=self._pull,
            bounce_s=self._bounce or 0.0,
            edges=self._edges if self._when_changed is not None else "none",
        )

    # ---- function, level and pull

    def _get_function(self) -> str:
        return self._direction or str(self.factory.direction_of(self.offset))

    def _set_function(self, value: str) -> None:
        if value == "output":
            # Left at the level it has, so that nothing blips; a fresh one is read first.
            self.output_with_state(self._get_state())
        elif value == "input":
            self.input_with_pull(self._pull)
        else:
            raise PinInvalidFunction(f"invalid function {value!r} for pin {self!r}: input or output")

    def output_with_state(self, state: Any) -> None:
        """Become an output at this level at once, with no blip between."""
        self._stop_pwm()
        self._direction, self._level = "output", bool(state)
        self._line.apply(self._setup())

    def input_with_pull(self, pull: str) -> None:
        """Become an input with this pull at once."""
        if pull not in {"up", "down", "floating"}:
            raise PinInvalidPull(f"invalid pull {pull!r} for pin {self!r}: up, down or floating")
        if self._info.pull not in {pull, ""}:
            raise PinFixedPull(f"{self!r} has a physical pull-{self._info.pull} resistor")
        self._stop_pwm()
        self._direction, self._pull = "input", pull
        self._line.apply(self._setup())

    def _get_state(self) -> float:
        return self._line.read() if self._pwm is None else self._pwm.duty

    def _set_state(self, value: float) -> None:
        if self._get_function() == "input":
            raise PinSetInput(f"cannot set the state of input pin {self!r}")
        if not 0 <= value <= 1:
            raise PinInvalidState(f"invalid state {value!r} for pin {self!r}: 0 to 1")
        if self._pwm is not None:
            self._pwm.set(duty=float(value))
        elif self._direction is None:
            self.output_with_state(value)
        else:
            self._write(bool(value))

    def _write(self, level: bool) -> None:
        self._level = level
        self._line.write(level=level)

    def _get_pull(self) -> str:
        return self._pull

    def _set_pull(self, value: str) -> None:
        if self._get_function() != "input":
            raise PinFixedPull(f"cannot set the pull of output pin {self!r}")
        self.input_with_pull(value)

    # ---- PWM

    def _get_frequency(self) -> float | None:
        return None if self._pwm is None else self._pwm.frequency_hz

    def _set_frequency(self, value: float | None) -> None:
        if not value:
            was_running = self._pwm is not None
            self._stop_pwm()
            if was_running:
                self._write(False)
        elif self._get_function() != "output":
            raise PinPWMFixedValue(f"cannot start PWM on input pin {self!r}")
        elif self._pwm is None:
            self._pwm = SoftPwm(self._write, float(value))
        else:
            self._pwm.set(frequency_hz=float(value))

    def _stop_pwm(self) -> None:
        pwm, self._pwm = self._pwm, None
        if pwm is not None:
            pwm.stop()

    # ---- edges

    def _get_bounce(self) -> float | None:
        return self._bounce

    def _set_bounce(self, value: float | None) -> None:
        if value is not None and value < 0:
            raise PinInvalidBounce(f"invalid bounce {value!r} for pin {self!r}: None, or 0 s and more")
        self._bounce = value
        self._reapply()

    def _get_edges(self) -> str:
        return self._edges

    def _set_edges(self, value: str) -> None:
        if value not in {"both", "rising", "falling", "none"}:
            raise PinInvalidEdges(f"invalid edges {value!r} for pin {self!r}: both, rising, falling or none")
        self._edges = value
        self._reapply()

    def _reapply(self) -> None:
        if self._line.claimed and self._direction == "input":
            self._line.apply(self._setup())

    def _set_when_changed(self, value: Any) -> None:
        try:
            super()._set_when_changed(value)
        except (OSError, GPIOZeroError):
            self._when_changed = None
            raise

    def _enable_event_detect(self) -> None:
        self._direction = self._direction or ("output" if self._get_function() == "output" else "input")
        self._line.watch(self._setup(), self)

    def _disable_event_detect(self) -> None:
        self._line.unwatch()
        self._when_changed = None
        self._reapply()

    # ---- what the line tells, in the reader thread

    def on_edge(self, *, high: bool, at_s: float, seqno: int) -> None:
        """Call `when_changed` with the kernel's time and the level after the edge."""
        self.line_seqno = seqno
        watcher: Any = self._when_changed
        method = None if watcher is None else watcher()
        if method is not None:
            method(at_s, int(high))
        elif watcher is not None:
            self.when_changed = None  # whoever watched is gone

    def on_missed(self, count: int) -> None:
        """Call `when_missed` with the number of edges that the kernel dropped."""
        if self.when_missed is not None:
            self.when_missed(count)

    def on_lost(self, error: OSError) -> None:
        """Call `when_lost` with the reason, once."""
        if self.when_lost is not None:
            self.when_lost(error)
