"""The lamp shows what it is told, and a broken one harms nothing."""

import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from fakes.gpio_bench import PATIENCE_S, GpioBench
from gpiod.line import Direction
from gpiozero import LED

from kiosk.config import Gpio, LampPins
from kiosk.hw import lamp as lamps
from kiosk.hw.gpio import PinSource
from kiosk.hw.lamp import RHYTHMS, GpioLamp
from kiosk.messages import DeviceError, Pattern


class Switched:
    """Wait for the simulated lamp to be on or off."""

    def __init__(self, bench: GpioBench) -> None:
        self.bench = bench
        self._changed = threading.Condition()
        self._act = bench.chip.change
        bench.chip.change = self._change  # type: ignore[method-assign]

    def _change(self, *args: object, **named: object) -> None:
        with self._changed:
            self._act(*args, **named)  # type: ignore[arg-type]
            self._changed.notify_all()

    def until(self, lit: bool) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.bench.chip.level(18) == lit, PATIENCE_S)


@pytest.fixture
def bench(tmp_path: Path) -> GpioBench:
    return GpioBench(tmp_path)


@pytest.fixture
def pins(bench: GpioBench) -> Iterator[PinSource]:
    made = PinSource(Gpio(), makers={"libgpiod": lambda _: bench.factory})
    yield made
    made.close()


@pytest.mark.parametrize("pattern", ["armed", "alerting", "fault"])
def test_every_pattern_but_off_lights_up(bench: GpioBench, pins: PinSource, pattern: Pattern) -> None:
    seen, lamp = Switched(bench), GpioLamp(LampPins(pin=18), pins)
    lamp.show(pattern)
    seen.until(lit=True)
    lamp.show("off")
    assert bench.chip.level(18) is False
    lamp.close()


def test_the_patterns_can_be_told_apart() -> None:
    rhythms = [rhythm for rhythm in RHYTHMS.values() if rhythm is not None]
    shares = sorted(on / (on + off) for on, off in rhythms)
    assert all(later - earlier > 0.3 for earlier, later in pairwise(shares))


def test_a_site_may_have_no_lamp_or_no_light_while_armed(bench: GpioBench, pins: PinSource) -> None:
    without = GpioLamp(LampPins(), pins)
    without.show("alerting")
    without.close()
    assert bench.chip.wires[18].consumer == ""
    quiet = GpioLamp(LampPins(pin=18, armed=False), pins)
    quiet.show("armed")
    assert bench.chip.level(18) is False
    assert quiet._led._blink_thread is None
    quiet.close()


def test_a_lamp_that_lights_on_low_is_dark_when_high(bench: GpioBench, pins: PinSource) -> None:
    lamp = GpioLamp(LampPins(pin=18, active_high=False), pins)
    lamp.show("off")
    assert bench.chip.level(18) is True
    lamp.close()


def test_closing_leaves_it_dark_and_released_twice(bench: GpioBench, pins: PinSource) -> None:
    lamp = GpioLamp(LampPins(pin=18), pins)
    lamp.show("alerting")
    lamp.close()
    lamp.close()
    assert bench.chip.wires[18].history[-2:] == [(Direction.OUTPUT, False), (Direction.INPUT, False)]
    assert bench.chip.wires[18].consumer == ""


def test_a_vanished_chip_is_an_error_and_the_next_show_tries_anew(bench: GpioBench, pins: PinSource) -> None:
    seen, lamp = Switched(bench), GpioLamp(LampPins(pin=18), pins)
    lamp.show("off")
    bench.chip.vanish()
    with pytest.raises(DeviceError, match=r"lamp: GPIO18 .* does not answer"):
        lamp.show("fault")
    with pytest.raises(DeviceError, match=r"there is no GPIO chip|gone|is not a GPIO chip|labelled"):
        lamp.show("fault")
    bench.chip.come_back()
    lamp.show("fault")
    seen.until(lit=True)
    lamp.close()


def test_a_chip_that_vanishes_while_it_blinks_ends_the_blinking_quietly(
    bench: GpioBench, pins: PinSource, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(lamps, "RHYTHMS", {"fault": (0.001, 0.001)})
    seen, lamp = Switched(bench), GpioLamp(LampPins(pin=18), pins)
    lamp.show("fault")
    seen.until(lit=True)
    blinking = lamp._led._blink_thread
    bench.chip.vanish()
    threading.Thread.join(blinking, PATIENCE_S)
    assert "blinking=stopped" in caplog.text
    lamp.close()


def test_a_pattern_that_shows_is_left_alone(bench: GpioBench, pins: PinSource) -> None:
    lamp = GpioLamp(LampPins(pin=18), pins)
    for pattern in ("fault", "off"):
        lamp.show(pattern)
        blinking, before = lamp._led._blink_thread, list(bench.chip.wires[18].history)
        lamp.show(pattern)
        assert lamp._led._blink_thread is blinking
        assert pattern == "fault" or bench.chip.wires[18].history == before
    lamp.close()


def test_a_pattern_whose_blinking_ended_is_shown_anew(
    bench: GpioBench, pins: PinSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = threading.Event()
    write = LED._write

    def writes(led: LED, value: bool) -> None:
        if broken.is_set() and value:
            raise OSError("the line does not answer")
        write(led, value)

    monkeypatch.setattr(LED, "_write", writes)
    broken.set()
    seen, lamp = Switched(bench), GpioLamp(LampPins(pin=18), pins)
    lamp.show("fault")
    threading.Thread.join(lamp._led._blink_thread, PATIENCE_S)
    broken.clear()
    lamp.show("fault")
    seen.until(lit=True)
    lamp.close()


def test_a_lamp_that_could_not_be_opened_is_opened_by_the_same_pattern_later(
    bench: GpioBench, pins: PinSource
) -> None:
    seen, lamp = Switched(bench), GpioLamp(LampPins(pin=18), pins)
    bench.chip.vanish()
    for _ in range(2):
        with pytest.raises(DeviceError):
            lamp.show("fault")
    bench.chip.come_back()
    lamp.show("fault")
    seen.until(lit=True)
    lamp.close()
    lamp.show("fault")  # closed and asked again: it opens
    seen.until(lit=True)
    lamp.close()


def test_a_missing_library_is_an_error_of_the_lamp_alone() -> None:
    def absent(_: str) -> object:
        raise ImportError("libgpiod v2 is missing")

    lamp = GpioLamp(LampPins(pin=18), PinSource(Gpio(), makers={"libgpiod": absent}))
    with pytest.raises(DeviceError, match=r"libgpiod v2 is missing"):
        lamp.show("armed")
