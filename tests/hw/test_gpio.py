"""Which pin factory is taken: the configured one, or a clear error."""

import sys
import threading
import types
from pathlib import Path
from typing import Any

import pytest
from fakes.gpio_bench import PATIENCE_S, GpioBench
from gpiozero.exc import BadPinFactory
from gpiozero.pins.mock import MockFactory

from kiosk.config import Gpio
from kiosk.hw.chips import ChipMissing
from kiosk.hw.gpio import PinSource, driver_errors
from kiosk.messages import ButtonLost


class Spare:
    """A factory that can only be closed, as lgpio's after its chip vanished."""

    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


def absent(_: str) -> Any:
    raise BadPinFactory("libgpiod's Python module is missing")


def without_chip(_: str) -> Any:
    def make() -> Any:
        raise ChipMissing("no GPIO chip is labelled pinctrl-rp1")

    return make


def forbidden(_: str) -> Any:
    raise AssertionError("a silent second choice")


def test_the_configured_factory_is_made_once() -> None:
    spare = Spare()
    pins = PinSource(Gpio(), makers={"libgpiod": lambda _: lambda: spare})
    assert pins.factory() is pins.factory() is spare
    pins.close()
    pins.close()
    assert spare.closed == 1


@pytest.mark.parametrize("maker", [absent, without_chip])
def test_a_factory_that_is_not_there_is_an_error_and_never_replaced(maker: Any) -> None:
    """Pitfall 18c: refuse a silent fallback."""
    pins = PinSource(Gpio(), makers={"libgpiod": maker, "lgpio": forbidden, "mock": forbidden})
    with pytest.raises(ButtonLost, match=r"gpio.factory = 'libgpiod': (libgpiod's|no GPIO chip)"):
        pins.factory()
    assert pins.fallback == ""


def test_auto_takes_lgpio_only_where_libgpiod_is_missing_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    spare = Spare()
    pins = PinSource(Gpio(factory="auto"), makers={"libgpiod": absent, "lgpio": lambda _: lambda: spare})
    assert pins.factory() is spare
    assert "Python module is missing" in pins.fallback
    assert "factory=lgpio fallback_from=libgpiod" in caplog.text


def test_auto_does_not_fall_back_because_a_chip_is_missing() -> None:
    pins = PinSource(Gpio(factory="auto"), makers={"libgpiod": without_chip, "lgpio": forbidden})
    with pytest.raises(ButtonLost, match="no GPIO chip"):
        pins.factory()


def test_the_simulated_factory_needs_the_caller_s_leave() -> None:
    """Pitfall 18c: refuse mock outside demo and tests."""
    with pytest.raises(ButtonLost, match="for the demo and tests only"):
        PinSource(Gpio(factory="mock")).factory()
    pins = PinSource(Gpio(factory="mock"), allow_mock=True)
    assert isinstance(pins.factory(), MockFactory)
    pins.close()


def test_a_factory_that_cannot_revive_itself_is_made_anew() -> None:
    made = [Spare(), Spare()]
    left = iter(made)
    pins = PinSource(Gpio(), makers={"libgpiod": lambda _: lambda: next(left)})
    dead = pins.factory()
    pins.renew(dead)
    pins.renew(dead)
    assert pins.factory() is made[1]
    pins.renew(dead)
    assert pins.factory() is made[1]
    assert [spare.closed for spare in made] == [1, 0]


def test_a_dead_factory_that_cannot_be_closed_is_let_go_all_the_same() -> None:
    class Dead(Spare):
        def close(self) -> None:
            raise OSError("the chip vanished")

    left = iter([Dead(), Spare()])
    pins = PinSource(Gpio(), makers={"libgpiod": lambda _: lambda: next(left)})
    dead = pins.factory()
    pins.renew(dead)
    assert pins.factory() is not dead


def test_closing_waits_for_a_driver_s_thread_that_reports_a_loss() -> None:
    reported = []

    class Driver(Spare):
        def close(self) -> None:
            thread = threading.Thread(target=pins.renew, args=(self,))
            thread.start()
            thread.join(PATIENCE_S)
            reported.append(not thread.is_alive())

    pins = PinSource(Gpio(), makers={"libgpiod": lambda _: Driver})
    pins.factory()
    pins.close()
    assert reported == [True]


def test_ours_revives_itself_and_is_kept(tmp_path: Path) -> None:
    bench = GpioBench(tmp_path)
    pins = PinSource(Gpio(), makers={"libgpiod": lambda _: bench.factory})
    ours = pins.factory()
    pins.renew(ours)
    assert pins.factory() is ours
    pins.close()


def test_libgpiod_gets_the_configured_chip(tmp_path: Path) -> None:
    missing = tmp_path / "gpiochip9"
    with pytest.raises(ButtonLost, match=f"there is no GPIO chip {missing}"):
        PinSource(Gpio(chip=str(missing))).factory()


@pytest.fixture
def lgpio(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """Play gpiozero's lgpio module, which is not on every machine."""
    module = types.ModuleType("gpiozero.pins.lgpio")
    module.LGPIOFactory = lambda chip: ("lgpio", chip)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "gpiozero.pins.lgpio", module)
    monkeypatch.setattr("gpiozero.pins.lgpio", module, raising=False)
    monkeypatch.delenv("LG_WD", raising=False)
    monkeypatch.setenv("RUNTIME_DIRECTORY", "/run/pana-kiosk")
    return module


@pytest.mark.parametrize(
    ("chip", "number"), [("auto", None), ("gpiochip4", 4), ("/dev/gpiochip4", 4), ("4", 4)]
)
def test_lgpio_gets_its_chip_by_number_and_a_folder_for_its_fifo(
    lgpio: types.ModuleType, chip: str, number: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pitfall 18d: lgpio makes .lgd-nfyN in the working directory."""
    import os  # noqa: PLC0415  # beside its only use

    assert PinSource(Gpio(factory="lgpio", chip=chip)).factory() == ("lgpio", number)
    assert os.environ["LG_WD"] == "/run/pana-kiosk"
    monkeypatch.delenv("LG_WD")


def test_lgpio_cannot_choose_a_chip_by_label(
    lgpio: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ButtonLost, match="lgpio knows chips by number only"):
        PinSource(Gpio(factory="lgpio", chip="pinctrl-rp1")).factory()
    monkeypatch.delenv("LG_WD")


def test_lgpio_s_own_error_is_among_those_a_driver_may_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("lgpio")
    module.error = type("error", (Exception,), {})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "lgpio", module)
    assert module.error in driver_errors()
    assert TypeError in driver_errors(), "a call with the handle of a chip that was closed meanwhile"
    monkeypatch.delitem(sys.modules, "lgpio")
    assert OSError in driver_errors()
    assert TypeError not in driver_errors()
