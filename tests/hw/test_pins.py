"""The factory: registered with gpiozero, one chip, clear words, no silent second choice."""

import importlib
import os
import subprocess
import sys
import time
import types
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from fakes.gpio_bench import GpioBench, Heard
from fakes.gpiod_fake import SimChip
from gpiozero import Button, GPIODevice
from gpiozero.exc import BadPinFactory, DeviceClosed, PinInvalidPin
from gpiozero.pins.local import LocalPiSoftwareSPI, LocalPiSoftwareSPIShared

from kiosk.hw.chips import ChipDenied, ChipMissing, LineLost
from kiosk.hw.lines import Line, Setup
from kiosk.hw.pins import CHIP_VARIABLE, LibgpiodFactory


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[GpioBench]:
    made = GpioBench(tmp_path)
    yield made
    made.close()


def test_gpiozero_finds_the_factory_by_its_entry_point() -> None:
    (found,) = entry_points(group="gpiozero_pin_factories", name="libgpiod")
    assert found.load() is LibgpiodFactory


@pytest.mark.real
def test_any_gpiozero_program_can_choose_it_and_never_falls_back(tmp_path: Path) -> None:
    """Pitfall 18c: refuse a silent fallback or mock outside demo and tests."""
    program = "from gpiozero import Device; Device.ensure_pin_factory(); print(Device.pin_factory)"
    missing = tmp_path / "gpiochip9"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "GPIOZERO_PIN_FACTORY": "libgpiod", CHIP_VARIABLE: str(missing)},
    )  # fmt: skip
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1] == f"kiosk.hw.chips.ChipMissing: there is no GPIO chip {missing}"


def test_the_chip_may_come_from_the_environment(bench: GpioBench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.add("gpiochip3", SimChip("pca9535", 16))
    monkeypatch.setenv(CHIP_VARIABLE, "pca9535")
    assert bench.factory().where == "gpiochip3 (pca9535)"
    assert bench.factory("gpiochip0").where == "gpiochip0 (pinctrl-bcm2711)"


def test_on_another_board_pins_have_plain_numbers(bench: GpioBench) -> None:
    chip = SimChip("9030000.pl061", 8)
    bench.add("gpiochip1", chip)
    factory = bench.factory("9030000.pl061")
    heard = Heard()
    with Button(5, pin_factory=factory) as button:
        button.when_pressed = lambda: heard(button.pin.info.name)
        chip.drive(5, False)
        assert heard.wait(1) == ["GPIO5"]
    with pytest.raises(PinInvalidPin):
        factory.pin(8)


def test_a_header_pin_that_the_chip_lacks_is_refused(bench: GpioBench) -> None:
    bench.add("gpiochip0", SimChip("pinctrl-bcm2711", 20))
    with pytest.raises(PinInvalidPin, match=r"27 is not on gpiochip0 \(pinctrl-bcm2711\).*0 to 19"):
        bench.factory().pin(27)


def test_ticks_are_the_kernel_s_monotonic_clock(bench: GpioBench) -> None:
    factory = bench.factory()
    before = time.monotonic()
    ticks = factory.ticks()
    assert before <= ticks <= time.monotonic()
    assert factory.ticks_diff(3.5, 1.0) == 2.5


def test_a_chip_that_vanished_before_the_claim_is_opened_anew_next_time(bench: GpioBench) -> None:
    factory = bench.factory()
    line = Line(factory, 17)
    bench.chip.vanish()
    with pytest.raises(LineLost, match=r"GPIO17 .* is gone"):
        line.read()
    with pytest.raises(ChipMissing):
        line.read()
    bench.chip.come_back()
    assert line.read() == 0


def test_the_direction_of_a_vanished_chip_s_line_is_an_error(bench: GpioBench) -> None:
    factory = bench.factory()
    bench.chip.vanish()
    with pytest.raises(LineLost):
        factory.direction_of(17)


def test_a_line_that_may_not_be_claimed_says_what_to_do(
    bench: GpioBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("fakes.gpiod_fake.Chip.request_lines", refuse)
    with pytest.raises(ChipDenied, match=r"GPIO17 of .* join the group gpio"):
        Line(bench.factory(), 17).apply(Setup())


def test_a_closed_factory_claims_nothing(bench: GpioBench) -> None:
    factory = bench.factory()
    pin = factory.pin(17)
    factory.close()
    with pytest.raises(DeviceClosed):
        pin.function = "input"


def test_closing_the_factory_gives_every_line_back(bench: GpioBench) -> None:
    factory = bench.factory()
    devices = [GPIODevice(number, pin_factory=factory) for number in (4, 5)]
    for device in devices:
        device.pin.function = "input"
    factory.close()
    assert [wire.consumer for wire in bench.chip.wires if wire.consumer] == []


def test_spi_in_software_is_there_for_programs_that_need_it(bench: GpioBench) -> None:
    factory = bench.factory()
    assert factory._get_spi_class(shared=False, hardware=False) is LocalPiSoftwareSPI
    assert factory._get_spi_class(shared=True, hardware=False) is LocalPiSoftwareSPIShared


@pytest.mark.parametrize(
    ("module", "sentence"),
    [(None, "Python module is missing"), (types.ModuleType("gpiod"), "speaks libgpiod v1")],
    ids=["absent", "v1"],
)
def test_a_missing_or_old_libgpiod_says_what_to_install(
    module: types.ModuleType | None, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pitfall 18d: unpinned pip brings gpiod 1.5.4, another API."""
    monkeypatch.setitem(sys.modules, "gpiod", module)
    monkeypatch.delitem(sys.modules, "kiosk.hw.pins")
    with pytest.raises(BadPinFactory, match=sentence):
        importlib.import_module("kiosk.hw.pins")
