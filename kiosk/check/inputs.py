"""The input lines, opened and read once: buttons, tamper contact, mains signal.

Only for a stopped daemon: a running one owns the lines. Never waits for an edge.
"""

from typing import Any

from kiosk.check.heard import Heard
from kiosk.check.row import Row, fault, ok, untested, warning
from kiosk.config import Config
from kiosk.messages import InputLost, InputName, LevelRead
from kiosk.wiring import rules_of


def check_inputs(config: Config, *, allow_mock: bool) -> list[Row]:
    """Open the chip and read each input's level."""
    from kiosk.hw.button import GpioInputs
    from kiosk.hw.gpio import PinSource

    wired: dict[InputName, Any] = {InputName(name): way for name, way in config.inputs().items()}
    heard = Heard()
    pins = PinSource(config.gpio, allow_mock=allow_mock)
    inputs = GpioInputs(heard, wired, pins)
    try:
        inputs.open()
    finally:
        inputs.close()
        pins.close()
    levels = {event.input: event.high for event in heard.of(LevelRead)}
    lost = {event.input: event.reason for event in heard.of(InputLost)}
    rows = [_judged(name, way, levels.get(name), lost.get(name, "")) for name, way in wired.items()]
    return rows + simulated(config)


def simulated(config: Config) -> list[Row]:
    """Say so where the pins are not real."""
    return [warning("pins", "pins_simulated")] if config.gpio.factory == "mock" else []


def _judged(name: InputName, way: Any, high: bool | None, reason: str) -> Row:
    part = f"input:{name}"
    if reason:
        return fault(part, "input_lost", pin=way.pin, reason=reason)
    if high is None:
        return untested(part, "driver")
    level = "high" if high else "low"
    if rules_of(way).is_down(high=high):
        return warning(part, "input_active", pin=way.pin, level=level, wiring=way.wiring, pull=way.pull)
    return ok(part, "input_rest", pin=way.pin, level=level)
