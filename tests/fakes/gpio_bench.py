"""A simulated board on the bench: device files, chips, and our pin factory on top of them."""

import struct
import threading
from pathlib import Path
from typing import Any

from fakes.gpiod_fake import FakeGpiod, SimChip

from kiosk.hw.pins import LibgpiodFactory

PI_4B = 0xC03111
PATIENCE_S = 30.0  # a deadline, never a delay


class GpioBench:
    """A folder that plays /dev, one Pi 4 chip in it, and a device tree with a Pi 4's revision."""

    def __init__(self, folder: Path, *, label: str = "pinctrl-bcm2711", revision: int | None = PI_4B) -> None:
        self.devices = folder / "dev"
        self.tree = folder / "tree"
        self.devices.mkdir()
        (self.tree / "system").mkdir(parents=True)
        if revision is not None:
            (self.tree / "system/linux,revision").write_bytes(struct.pack(">L", revision))
        self.chip = SimChip(label)
        self.gpiod = FakeGpiod({})
        self.add("gpiochip0", self.chip)
        self._factories: list[LibgpiodFactory] = []

    def add(self, name: str, chip: SimChip) -> Path:
        path = self.devices / name
        path.write_text("")
        chip.name = name
        self.gpiod.chips[str(path)] = chip
        return path

    def factory(self, chip: int | str | None = None) -> LibgpiodFactory:
        made = LibgpiodFactory(chip, gpiod=self.gpiod, devices=self.devices, tree=self.tree)  # type: ignore[arg-type]
        self._factories.append(made)
        return made

    def close(self) -> None:
        for factory in self._factories:
            factory.close()


class Heard:
    """Collects what a callback is called with, and waits for it."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self._more = threading.Condition()

    def __call__(self, *args: Any) -> None:
        with self._more:
            self.calls.append(args[0] if len(args) == 1 else args)
            self._more.notify_all()

    def wait(self, count: int) -> list[Any]:
        """Give the calls once there are `count` of them; fails the test when they do not come."""
        with self._more:
            assert self._more.wait_for(lambda: len(self.calls) >= count, PATIENCE_S), self.calls
            return list(self.calls)
