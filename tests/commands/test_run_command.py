"""`kiosk run`: its log, and what its exit codes mean to systemd."""

import errno
import io
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from click.testing import CliRunner
from gpiozero.pins.mock import MockFactory

from kiosk.arming import COPY, Armed, read_config
from kiosk.cli import main
from kiosk.commands.exits import Exit
from kiosk.commands.run import Lines, is_journal, set_up_log
from kiosk.hw.gpio import MAKERS
from kiosk.site_check import demand_sound
from kiosk.words import load_catalogue

EXAMPLE = Path(__file__).parents[2] / "provisioning" / "site.example.toml"
TWICE = re.compile(r"pin = \d+")


@pytest.fixture(autouse=True)
def _own_log() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before, level


def record(level: int, text: str, *, error: BaseException | None = None) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("kiosk.app", level, "f", 1, text, None, info)


def test_a_line_has_time_level_and_pairs() -> None:
    line = Lines(journald=False).format(record(logging.WARNING, "link_down link=mqtt"))
    assert line.endswith("Z level=warning logger=kiosk.app link_down link=mqtt")
    assert line.startswith("t=20")


def test_journald_gets_the_priority_of_every_line_of_a_traceback() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        1 / 0  # noqa: B018 - the traceback is what is wanted
    lines = (
        Lines(journald=True).format(record(logging.ERROR, "stopped=crash", error=caught.value)).split("\n")
    )
    assert lines[0] == "<3>logger=kiosk.app stopped=crash"
    assert len(lines) > 3
    assert all(line.startswith("<3>") for line in lines)
    assert Lines(journald=True).format(record(logging.INFO, "armed")) == "<6>logger=kiosk.app armed"


def test_only_a_stream_that_leads_to_journald_gets_priorities() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading), os.fdopen(writing, "w") as stream:
        stat = os.fstat(stream.fileno())
        assert is_journal(stream, {"JOURNAL_STREAM": f"{stat.st_dev}:{stat.st_ino}"})
        assert not is_journal(stream, {"JOURNAL_STREAM": f"{stat.st_dev}:{stat.st_ino + 1}"})
        assert not is_journal(stream, {})
    assert not is_journal(io.StringIO(), {"JOURNAL_STREAM": "1:2"})


@pytest.mark.real
def test_under_systemd_the_log_carries_priorities(tmp_path: Path) -> None:
    with (tmp_path / "journal").open("w") as journal:
        stat = os.fstat(journal.fileno())
        done = subprocess.run(
            [sys.executable, "-m", "kiosk", "run", "--config", str(tmp_path / "none.toml")],
            env={**os.environ, "JOURNAL_STREAM": f"{stat.st_dev}:{stat.st_ino}"},
            stderr=journal, timeout=30, check=False,
        )  # fmt: skip
    assert done.returncode == Exit.CONFIG
    assert (tmp_path / "journal").read_text().startswith("<3>logger=kiosk config=wrong reason=")


def test_a_wrong_configuration_is_told_fault_by_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "site.toml"
    file.write_text("[kiosk]\nid = 'x'\n", encoding="utf-8")
    answer = CliRunner().invoke(main, ["run", "--config", str(file)])
    assert answer.exit_code == Exit.CONFIG
    lines = answer.stderr.strip().split("\n")
    assert len(lines) > 3
    assert all("level=error logger=kiosk config=wrong reason=" in line for line in lines)


@pytest.mark.parametrize("wrong", ["[kiosk\n", "rules"])
def test_a_kiosk_whose_file_became_wrong_runs_with_the_one_before_and_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wrong: str
) -> None:
    """Its next start must not be deaf: a bad block, a cut while an editor wrote, a wrong word."""
    good = f'{EXAMPLE.read_text("utf-8")}\n[gpio]\nfactory = "mock"\n'
    file, copy = tmp_path / "site.toml", tmp_path / COPY
    copy.write_text(good, encoding="utf-8")
    file.write_text(TWICE.sub("pin = 17", good) if wrong == "rules" else wrong, encoding="utf-8")
    monkeypatch.setattr("kiosk.arming.USUAL_FILE", file)
    monkeypatch.setattr("kiosk.arming.USUAL_COPY", copy)
    seen: list[Armed] = []
    queues: list[object] = []

    class Sound(Told):
        def __init__(self, armed: Armed) -> None:
            queues.append(armed.queue)
            demand_sound(armed.config, armed.file, load_catalogue())
            seen.append(armed)

    monkeypatch.setattr("kiosk.app.Daemon", Sound)
    answer = CliRunner().invoke(main, ["run", "--allow-mock-pins", "--config", str(file)])
    assert answer.exit_code == Exit.RESTART, answer.output
    assert f"config=wrong using={copy} reason=" in answer.stderr
    assert [(armed.file, armed.site_file, bool(armed.wrong)) for armed in seen] == [(copy, file, True)]
    assert all(queue is queues[0] for queue in queues), "what was pressed meanwhile stays"
    copy.unlink()
    answer = CliRunner().invoke(main, ["run", "--allow-mock-pins", "--config", str(file)])
    assert answer.exit_code == Exit.CONFIG


def test_a_start_that_turns_to_the_copy_gives_the_pins_back_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With lgpio a line stays claimed until its chip's handle is closed: every button would be busy."""

    class Chip(MockFactory):
        held: ClassVar[list[MockFactory]] = []

        def __init__(self) -> None:
            if self.held:
                raise OSError(errno.EBUSY, "GPIO busy")
            super().__init__()
            self.held.append(self)

        def close(self) -> None:
            super().close()
            self.held.clear()

    good = f'{EXAMPLE.read_text("utf-8")}\n[gpio]\nfactory = "mock"\n'
    file, copy = tmp_path / "site.toml", tmp_path / COPY
    copy.write_text(good, encoding="utf-8")
    file.write_text(TWICE.sub("pin = 17", good), encoding="utf-8")
    monkeypatch.setattr("kiosk.arming.USUAL_FILE", file)
    monkeypatch.setattr("kiosk.arming.USUAL_COPY", copy)
    monkeypatch.setitem(MAKERS, "mock", lambda _: Chip)  # type: ignore[arg-type]
    opened: list[int] = []

    class Sound(Told):
        def __init__(self, armed: Armed) -> None:
            demand_sound(armed.config, armed.file, load_catalogue())
            opened.append(len(armed.inputs.opened))
            armed.inputs.close()
            armed.pins.close()

    monkeypatch.setattr("kiosk.app.Daemon", Sound)
    answer = CliRunner().invoke(main, ["run", "--allow-mock-pins", "--config", str(file)])
    assert answer.exit_code == Exit.RESTART, answer.output
    assert opened == [len(read_config(copy)[0].inputs())]


@pytest.mark.parametrize("error", [RuntimeError("a bug"), ValueError("a bug")])
def test_an_error_of_the_core_is_logged_and_lets_systemd_start_again(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def load(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("kiosk.arming.arm", load)
    answer = CliRunner().invoke(main, ["run", "--config", str(EXAMPLE)])
    assert answer.exit_code == Exit.CRASHED
    assert "level=error logger=kiosk stopped=crash" in answer.stderr
    assert "Traceback" in answer.stderr


class Told:
    """A daemon that is told to start again at once."""

    def __init__(self, _: object) -> None:
        pass

    def run(self) -> int:
        return int(Exit.RESTART)


def test_the_daemons_own_exit_code_is_passed_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("kiosk.app.Daemon", Told)
    file = tmp_path / "site.toml"
    file.write_text(f'{EXAMPLE.read_text("utf-8")}\n[gpio]\nfactory = "mock"\n', encoding="utf-8")
    answer = CliRunner().invoke(main, ["run", "--allow-mock-pins", "--config", str(file)])
    assert answer.exit_code == Exit.RESTART, answer.output
    assert "armed inputs=2 of=2" in answer.stderr


def test_an_input_that_does_not_open_is_not_called_armed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("kiosk.app.Daemon", Told)
    file = tmp_path / "site.toml"
    file.write_text(f'{EXAMPLE.read_text("utf-8")}\n[gpio]\nchip = "/nowhere"\n', encoding="utf-8")
    answer = CliRunner().invoke(main, ["run", "--config", str(file)])
    assert answer.exit_code == Exit.RESTART, answer.output
    assert "armed inputs=0 of=2" in answer.stderr


def test_the_log_goes_to_the_given_stream() -> None:
    stream = io.StringIO()
    set_up_log(stream, {})
    logging.getLogger("kiosk.x").info("said key=%s", "pressed")
    assert "level=info logger=kiosk.x said key=pressed\n" in stream.getvalue()
