"""Boards with an output wired to an input: gpiozero's mock, our factory on a simulated chip, real pins.

For real pins, join two free GPIOs by a wire and set KIOSK_TEST_GPIO to chip:output,input, for example
KIOSK_TEST_GPIO=pinctrl-bcm2711:20,21 (a label, a name such as gpiochip0, or a path; on a Pi leave the chip
empty: KIOSK_TEST_GPIO=:20,21). Nothing else may be connected to them. Without it that case is left out.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fakes.gpio_bench import GpioBench
from gpiozero.pins.mock import MockConnectedPin, MockFactory, MockPWMPin

from kiosk.hw.pins import LibgpiodFactory

REAL = "KIOSK_TEST_GPIO"


@dataclass(frozen=True)
class Board:
    """A factory with an output wired to an input, and one pin with nothing on it."""

    factory: Any
    output: int
    input: int
    spare: int
    allow_pwm: Callable[[], None] = lambda: None


def mock_board(_: Path) -> Board:
    factory = MockFactory()
    factory.pin(20, pin_class=MockConnectedPin, input_pin=factory.pin(21))

    def allow_pwm() -> None:
        factory.pin_class = MockPWMPin

    return Board(factory=factory, output=20, input=21, spare=16, allow_pwm=allow_pwm)


def simulated_board(folder: Path) -> Board:
    bench = GpioBench(folder)
    bench.chip.wire(20, 21)
    return Board(factory=bench.factory(), output=20, input=21, spare=16)


def real_board(_: Path) -> Board:
    chip, _, pair = os.environ[REAL].rpartition(":")
    output, _, looped = pair.partition(",")
    factory = LibgpiodFactory(chip or None)
    return Board(factory=factory, output=int(output), input=int(looped), spare=int(output))


BOARDS = [mock_board, simulated_board, *([real_board] if os.environ.get(REAL) else [])]
