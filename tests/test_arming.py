"""The first thing a start does: the button is armed before anything else is loaded."""

import subprocess
import sys
from pathlib import Path
from queue import SimpleQueue

import pytest
from fakes.wired import site_file

from kiosk.arming import arm, arm_by_copy, read_config
from kiosk.demo import settings
from kiosk.messages import ConfigError, EdgeSeen, InputLost, KioskEvent, LevelRead

COUNTER = settings.BUTTON


def drained(queue: SimpleQueue[KioskEvent]) -> list[KioskEvent]:
    return [queue.get_nowait() for _ in range(queue.qsize())]


def test_an_armed_kiosk_has_every_input_open_and_its_level_read(tmp_path: Path) -> None:
    def more(toml: str) -> str:
        return toml.replace("[gpio]", "[tamper]\npin = 22\n\n[mains_lost]\npin = 23\n\n[gpio]")

    armed = arm(site_file(tmp_path, edit=more), allow_mock=True)
    events = drained(armed.queue)
    assert {event.input for event in events if isinstance(event, LevelRead)} == {
        COUNTER,
        "tamper",
        "mains_lost",
    }
    armed.inputs.close()


def test_a_press_waits_in_the_queue_until_a_core_is_there(tmp_path: Path) -> None:
    queue: SimpleQueue[KioskEvent] = SimpleQueue()
    armed = arm(site_file(tmp_path), allow_mock=True, queue=queue)
    assert armed.queue is queue
    drained(queue)
    pin = armed.pins.factory().pin(17)
    pin.drive_low()
    pin.drive_high()
    assert [(event.input, event.high) for event in drained(queue) if isinstance(event, EdgeSeen)] == [
        (COUNTER, False), (COUNTER, True),
    ]  # fmt: skip
    armed.inputs.close()


def test_simulated_pins_are_refused_without_the_flag(tmp_path: Path) -> None:
    """A kiosk at a site must never believe in a button that is none (pitfall 18c)."""
    armed = arm(site_file(tmp_path))
    (lost,) = drained(armed.queue)
    assert isinstance(lost, InputLost)
    assert lost.input == COUNTER
    assert "for the demo and tests only" in lost.reason
    assert armed.allow_mock is False


def test_a_board_without_a_chip_is_an_input_lost_and_the_kiosk_goes_on(tmp_path: Path) -> None:
    armed = arm(site_file(tmp_path, edit=lambda toml: toml.replace('"mock"', '"libgpiod"')))
    (lost,) = drained(armed.queue)
    assert isinstance(lost, InputLost)
    armed.inputs.close()


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00", b"[kiosk\n"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "site.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"site\.toml"):
        read_config(file)
    with pytest.raises(ConfigError):
        arm(file)


def test_the_text_is_kept_as_it_was_read(tmp_path: Path) -> None:
    file = site_file(tmp_path)
    config, text = read_config(file)
    assert text == file.read_text(encoding="utf-8")
    assert config.kiosk.number == 17


def test_a_kiosk_whose_file_is_damaged_arms_by_the_one_it_last_ran_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = site_file(tmp_path)
    file = tmp_path / "damaged.toml"
    error = ConfigError("damaged.toml: line 3: no value")
    monkeypatch.setattr("kiosk.arming.USUAL_COPY", copy)
    with pytest.raises(ConfigError, match="line 3"):
        arm_by_copy(file, error, allow_mock=True)  # a file of a demo has no copy
    monkeypatch.setattr("kiosk.arming.USUAL_FILE", file)
    queue: SimpleQueue[KioskEvent] = SimpleQueue()
    armed = arm_by_copy(file, error, allow_mock=True, queue=queue)
    assert armed.queue is queue, "what was pressed before stays"
    assert (armed.file, armed.site_file, armed.wrong) == (copy, file, str(error))
    assert armed.inputs.opened
    armed.inputs.close()
    copy.write_text("[kiosk\n")
    with pytest.raises(ConfigError, match="line 3"):
        arm_by_copy(file, error, allow_mock=True)


@pytest.mark.real
def test_nothing_that_is_not_the_button_is_loaded_to_arm_it() -> None:
    """Start to armed within 0.4 s on a Pi: drivers, network and core come after."""
    code = (
        "import sys; known = set(sys.modules); import kiosk.arming\n"
        "late = ('paho', 'gammu', 'sqlite3', 'ssl', 'kiosk.core', 'kiosk.net', 'kiosk.app', 'scipy')\n"
        "print([name for name in late if name in set(sys.modules) - known])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
