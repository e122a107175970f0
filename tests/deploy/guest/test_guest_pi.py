"""A Raspberry Pi 3 by its own device tree, through the kiosk's own code: chip, model, heat, watchdog."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from deploy.board import laid
from deploy.board.machine import Machine

pytestmark = [pytest.mark.real, pytest.mark.guest, pytest.mark.timeout(3600)]
# Nothing is named here but a button: which chip, which files, is the kiosk's own choice.
PROGRAM = """
import json
from pathlib import Path
import gpiod
from kiosk.config import Button, Gpio
from kiosk.hw.board import Board
from kiosk.hw.button import GpioInputs
from kiosk.hw.chips import open_chip
from kiosk.hw.gpio import PinSource

chip = open_chip(gpiod).get_info()
posts = []
board = Board(posts.append, state=Path("/var/lib/pana-kiosk"))
board.read()
pins = PinSource(Gpio())
inputs = GpioInputs(posts.append, {"counter": Button(name="counter", pin=17)}, pins)
inputs.open()
print(json.dumps({
    "label": chip.label, "lines": chip.num_lines, "chip": chip.name, "model": board.identity().model,
    "temp_c": posts[0].temp_c, "mem_free_mb": posts[0].mem_free_mb, "disk_free_mb": posts[0].disk_free_mb,
    "input": [repr(post) for post in posts[1:]],
}))
"""


@pytest.fixture(scope="module")
def pi(folder: Path) -> Iterator[Machine]:
    """Give a Pi with the release laid on it."""
    with Machine(laid.board(), folder / "pi", pi=True) as machine:
        yield machine.power_on()


@pytest.fixture(scope="module")
def seen(pi: Machine) -> dict[str, Any]:
    """Give what the kiosk's code finds in it."""
    text = pi.must(f"/opt/pana-kiosk/current/bin/python - <<'EOF'\n{PROGRAM}\nEOF", within_s=300)
    answer: dict[str, Any] = json.loads(text.splitlines()[-1])
    return answer


def test_the_chip_is_chosen_by_its_label_and_a_button_opens_on_it(
    seen: dict[str, Any], figure: Callable[[str, str], None]
) -> None:
    figure("found on -M raspi3b", str(seen))
    assert (seen["label"], seen["lines"]) == ("pinctrl-bcm2835", 54)
    assert len(seen["input"]) == 1
    assert seen["input"][0].startswith("LevelRead(input='counter'")


def test_model_heat_and_memory_are_read_where_a_pi_has_them(seen: dict[str, Any]) -> None:
    assert seen["model"] == "Raspberry Pi 3 Model B"
    assert 0 < seen["temp_c"] < 85
    assert seen["mem_free_mb"] > 100
    assert seen["disk_free_mb"] > 100


def test_the_watchdog_of_the_pi_is_found_and_allows_the_seconds_that_systemd_asks(pi: Machine) -> None:
    watchdog = "/sys/class/watchdog/watchdog0"
    assert "BCM2835" in pi.must(f"cat {watchdog}/identity").upper()
    asked = pi.must("sed -n 's/^RuntimeWatchdogSec=//p' /usr/lib/systemd/system.conf.d/50-pana-kiosk.conf")
    # the driver tells no greatest time, only the one it starts with: 15 s, which is as far as it counts
    assert int(asked) < int(pi.must(f"cat {watchdog}/timeout"))
