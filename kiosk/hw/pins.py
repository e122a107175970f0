"""A gpiozero pin factory over libgpiod v2, for any gpiozero program (GPIOZERO_PIN_FACTORY=libgpiod).

Owns the chip and the reader thread. Never polls, never falls back to another library or chip. Limits: PWM is
made in software; `bounce` is the kernel's debounce, which tells a change only after it was stable.
"""

import errno
import os
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

from gpiozero.exc import BadPinFactory, DeviceClosed, PinInvalidPin
from gpiozero.pins.pi import PiFactory

from kiosk.hw.chips import DEVICES, ChipDenied, LineBusy, LineLost, LineRefused, open_chip
from kiosk.hw.edges import EdgeReader
from kiosk.hw.gpiopin import LibgpiodPin
from kiosk.hw.headers import DEVICE_TREE, board_of

try:
    import gpiod
except ImportError as error:
    raise BadPinFactory(
        "libgpiod's Python module is missing: install gpiod >= 2.1 (pip) or python3-libgpiod >= 2 (Debian 13)"
    ) from error
if not hasattr(gpiod, "LineSettings"):
    raise BadPinFactory("this gpiod module speaks libgpiod v1: install gpiod >= 2.1 or python3-libgpiod >= 2")

EVENT_BUFFER = 256  # edges the kernel keeps for us; its default of 16 a line overflows in one noisy burst
CHIP_VARIABLE = "GPIOZERO_LIBGPIOD_CHIP"  # for programs that let gpiozero choose the factory


class LibgpiodFactory(PiFactory):  # type: ignore[misc]  # gpiozero ships no types
    """Makes pins of one GPIO chip.

    `chip` is a number, a name (gpiochip0), a path, or a label (pinctrl-rp1); None takes the environment's
    GPIOZERO_LIBGPIOD_CHIP, else the header of the Raspberry Pi that this is. On a Pi pins have all of
    gpiozero's names (17, "GPIO17", "J8:11", "BOARD11"), elsewhere only their number on the chip. Raises
    ChipMissing or ChipDenied. `ticks` are seconds of CLOCK_MONOTONIC, the clock of the kernel's edges.
    """

    def __init__(
        self,
        chip: int | str | None = None,
        *,
        gpiod: ModuleType = gpiod,
        consumer: str = "gpiozero",
        devices: Path = DEVICES,
        tree: Path = DEVICE_TREE,
    ) -> None:
        super().__init__()
        self.gpiod = gpiod
        self.reader = EdgeReader()
        self.pin_class = LibgpiodPin
        self._wanted = chip if chip is not None else os.environ.get(CHIP_VARIABLE) or None
        self._consumer = consumer
        self._devices = devices
        self._tree = tree
        self._lock = threading.RLock()
        self._closed = False
        self._board: Any = None
        self._chip: Any = None
        self._chip_info = self._opened().get_info()

    def close(self) -> None:
        """Give back every line, end the reader, close the chip; idempotent."""
        super().close()
        self.reader.close()
        self._closed = True
        self.chip_lost()

    def pin(self, name: int | str) -> Any:
        """Give the pin of this name; raises PinInvalidPin."""
        pin = super().pin(name)
        if pin.offset >= self._chip_info.num_lines:
            raise PinInvalidPin(
                f"{name} is not on {self.where}: it has lines 0 to {self._chip_info.num_lines - 1}"
            )
        return pin

    @property
    def where(self) -> str:
        """Name the chip for people: its device and label."""
        return f"{self._chip_info.name} ({self._chip_info.label})"

    @property
    def alive(self) -> bool:
        """Tell whether every watched pin is really waited for."""
        return self.reader.alive

    @staticmethod
    def ticks() -> float:
        """Give now in seconds of CLOCK_MONOTONIC."""
        return time.monotonic()

    @staticmethod
    def ticks_diff(later: float, earlier: float) -> float:
        """Give the seconds from `earlier` to `later`."""
        return later - earlier

    # ---- for the pins

    def request(self, number: int, settings: Any) -> Any:
        """Claim a line; raises LineBusy, LineLost, LineRefused, ChipDenied or ChipMissing."""
        with self._lock:
            chip = self._opened()
            try:
                return chip.request_lines(
                    {number: settings}, consumer=self._consumer, event_buffer_size=EVENT_BUFFER
                )
            except OSError as error:
                raise self._explained(error, chip, number) from error

    def direction_of(self, number: int) -> str:
        """Give "input" or "output", as the line is now, without claiming it."""
        with self._lock:
            chip = self._opened()
            try:
                info = chip.get_line_info(number)
            except OSError as error:
                raise self._explained(error, chip, number) from error
        return "output" if info.direction is self.gpiod.line.Direction.OUTPUT else "input"

    def chip_lost(self) -> None:
        """Open the chip anew at the next request: it vanished."""
        with self._lock:
            chip, self._chip = self._chip, None
            if chip is not None:
                chip.close()

    def _opened(self) -> Any:
        if self._closed:
            raise DeviceClosed("this pin factory is closed")
        if self._chip is None:
            self._chip = open_chip(self.gpiod, self._wanted, devices=self._devices)
        return self._chip

    def _explained(self, error: OSError, chip: Any, number: int) -> OSError:
        line = f"GPIO{number} of {self.where}"
        if error.errno == errno.EBUSY:
            holder = chip.get_line_info(number).consumer or "the kernel"
            return LineBusy(errno.EBUSY, f"{line} is in use by {holder}")
        if error.errno in {errno.EACCES, errno.EPERM}:
            return ChipDenied(error.errno, f"{line} may not be used: join the group gpio")
        if error.errno == errno.ENODEV:
            self.chip_lost()
            return LineLost(errno.ENODEV, f"{line} is gone: the chip vanished")
        return LineRefused(error.errno, f"{line} refuses: {error.strerror}")

    # ---- for gpiozero

    def _get_board_info(self) -> Any:
        if self._board is None:
            self._board = board_of(self._chip_info.label, self._chip_info.num_lines, self._tree)
        return self._board

    def _get_spi_class(self, shared: Any, hardware: Any) -> Any:
        # Imported late: it looks for spidev, which a program without SPI should not pay for.
        from gpiozero.pins import local  # noqa: PLC0415

        name = f"LocalPi{'Hardware' if hardware else 'Software'}SPI{'Shared' if shared else ''}"
        return getattr(local, name)
