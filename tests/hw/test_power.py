"""The modem's power always comes back."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.gpio_bench import PATIENCE_S, GpioBench, Heard
from gpiod.line import Direction

from kiosk.config import Gpio
from kiosk.hw.gpio import PinSource
from kiosk.hw.power import GpioModemPower
from kiosk.messages import ModemFailed


@pytest.fixture
def bench(tmp_path: Path) -> GpioBench:
    return GpioBench(tmp_path)


@pytest.fixture
def pins(bench: GpioBench) -> Iterator[PinSource]:
    made = PinSource(Gpio(), makers={"libgpiod": lambda _: bench.factory})
    yield made
    made.close()


@pytest.mark.parametrize("active_high", [True, False])
def test_a_cycle_takes_the_power_away_for_as_long_as_asked(
    bench: GpioBench, pins: PinSource, active_high: bool
) -> None:
    waits: list[tuple[float, bool]] = []
    power = GpioModemPower(
        pins, pin=6, active_high=active_high, wait=lambda s: waits.append((s, bench.chip.level(6)))
    )
    power.cycle(5.0)
    assert waits == [(5.0, not active_high)]
    assert bench.chip.level(6) is active_high
    assert bench.chip.wires[6].history[0] == (Direction.OUTPUT, active_high)
    power.close()


def test_claiming_the_switch_never_blinks_the_modem(bench: GpioBench, pins: PinSource) -> None:
    power = GpioModemPower(pins, pin=6, wait=lambda _: None)
    power.cycle(1)
    power.cycle(1)
    levels = [level for _, level in bench.chip.wires[6].history]
    assert levels == [True, False, True, False, True]
    power.close()


def test_a_modem_that_needs_a_driven_line_is_powered_from_the_start(
    bench: GpioBench, pins: PinSource
) -> None:
    power = GpioModemPower(pins, pin=6)
    assert bench.chip.wires[6].history == [(Direction.OUTPUT, True)]
    power.close()


def test_a_missing_chip_spoils_the_switch_and_not_the_start(
    bench: GpioBench, pins: PinSource, caplog: pytest.LogCaptureFixture
) -> None:
    bench.chip.present = False
    power = GpioModemPower(pins, pin=6, wait=lambda _: None)
    assert "modem_power pin=6 undriven" in caplog.text
    with pytest.raises(ModemFailed, match="no GPIO chip"):
        power.cycle(1)
    bench.chip.come_back()
    power.cycle(1)
    assert bench.chip.level(6) is True
    power.close()


def test_closing_leaves_the_power_on_and_the_line_an_output(bench: GpioBench, pins: PinSource) -> None:
    power = GpioModemPower(pins, pin=6, wait=lambda _: None)
    power.cycle(1)
    power.close()
    power.close()
    assert bench.chip.wires[6].consumer == ""
    assert bench.chip.wires[6].direction is Direction.OUTPUT
    assert bench.chip.level(6) is True


def test_closing_cuts_a_cycle_short_and_gives_the_power_back(bench: GpioBench, pins: PinSource) -> None:
    power, off = GpioModemPower(pins, pin=6), Heard()
    original = power._wait

    def wait(seconds: float) -> None:
        off(bench.chip.level(6))
        original(seconds)

    power._wait = wait
    worker = threading.Thread(target=power.cycle, args=(600.0,))
    worker.start()
    assert off.wait(1) == [False]
    power.close()
    worker.join(PATIENCE_S)
    assert not worker.is_alive()
    assert bench.chip.level(6) is True


def test_the_power_comes_back_even_if_the_wait_is_interrupted(bench: GpioBench, pins: PinSource) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    power = GpioModemPower(pins, pin=6, wait=interrupted)
    with pytest.raises(KeyboardInterrupt):
        power.cycle(1)
    assert bench.chip.level(6) is True
    power.close()


def test_a_vanished_switch_is_an_error_and_can_be_tried_again(bench: GpioBench, pins: PinSource) -> None:
    power = GpioModemPower(pins, pin=6, wait=lambda _: bench.chip.vanish())
    with pytest.raises(ModemFailed, match=r"the power switch on GPIO6 failed: GPIO6 .* does not answer"):
        power.cycle(1)
    bench.chip.come_back()
    power._wait = lambda _: None
    power.cycle(1)
    assert bench.chip.level(6) is True
    power.close()


def test_a_mock_board_has_a_switch_too() -> None:
    pins = PinSource(Gpio(factory="mock"), allow_mock=True)
    power = GpioModemPower(pins, pin=6, wait=lambda _: None)
    power.cycle(1)
    assert pins.factory().pin(6).state
    power.close()
    pins.close()
