"""The commands that need no daemon, and what all of them share."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kiosk.cli import COMMANDS, main
from kiosk.commands.exits import MEANING, Exit, exit_of
from kiosk.commands.lazy import Lazy, LazyGroup
from kiosk.messages import ConfigError, DeviceError
from kiosk.site_files import load_config

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "provisioning" / "site.example.toml"
DRIVERS = {
    "gpiozero",
    "gpiod",
    "lgpio",
    "paho",
    "gammu",
    "pyttsx3",
    "scipy",
    "rich",
    "msgspec",
    "sqlite3",
    "ssl",
}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    text = EXAMPLE.read_text(encoding="utf-8")
    file = tmp_path / "site.toml"
    file.write_text(
        text.replace("number = 17", 'number = "x"').replace("pin = 17", "pim = 17"), encoding="utf-8"
    )
    return file


def test_help_lists_every_command_and_every_exit_code() -> None:
    shown = run("--help").output
    for name, lazy in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(lazy.help[:30])}", shown, re.MULTILINE)
    for code in Exit:
        assert re.search(rf"^ +{code.value}  \S", shown, re.MULTILINE)


def test_every_listed_command_loads_and_explains_itself() -> None:
    for name in COMMANDS:
        answer = run(name, "--help")
        assert answer.exit_code == 0, answer.output
        assert "Usage:" in answer.output


def test_the_guide_tells_every_command_and_exit_code() -> None:
    guide = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert all(f"kiosk {name}" in guide for name in COMMANDS)
    assert set(MEANING) == set(Exit)
    for code, meaning in MEANING.items():
        assert f"| {code.value} | {meaning} |" in guide


@pytest.mark.real
def test_asking_for_help_loads_no_driver() -> None:
    asking = "import sys; from kiosk.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    program = f"{asking}print('LOADED', *sys.modules)"
    env = {name: value for name, value in os.environ.items() if not name.startswith("COV")}  # it loads a lot
    done = subprocess.run(
        [sys.executable, "-c", program], env=env, capture_output=True, text=True, timeout=30, check=True
    )
    loaded = set(done.stdout.rpartition("LOADED")[2].split())
    assert not loaded & DRIVERS


def test_a_command_that_lacks_a_library_says_which_extra_brings_it() -> None:
    at = {"demo": Lazy("kiosk_no_such_package.command:demo", "Play.", "demo")}
    group = LazyGroup("kiosk", commands_at=at)
    answer = CliRunner().invoke(group, ["demo"])
    assert answer.exit_code == 1
    assert "needs kiosk_no_such_package, which is missing: pip install 'pana-kiosk[demo]'" in answer.output
    assert group.get_command(group.make_context("kiosk", ["demo"], resilient_parsing=True), "demo") is None


def test_an_unknown_command_is_a_wrong_usage() -> None:
    assert run("dance").exit_code == Exit.USAGE


def test_a_bug_keeps_its_traceback() -> None:
    assert exit_of(KeyError("x")) is None
    assert exit_of(OSError("disk")) is None
    assert exit_of(DeviceError("speaker")) is Exit.FAILED
    assert exit_of(ConfigError("key")) is Exit.CONFIG


def test_config_show_prints_what_is_in_force_and_no_number() -> None:
    shown = run("config", "show", "--config", str(EXAMPLE))
    assert shown.exit_code == 0
    assert tomllib.loads(shown.output)["timing"]["sms_after_s"] == 10.0
    assert "+77010000011" not in shown.output
    for_machine = json.loads(run("config", "show", "--json", "--config", str(EXAMPLE)).output)
    assert re.fullmatch("[0-9a-f]{8}", for_machine["hash"])
    assert for_machine["config"]["kiosk"]["id"] == "almaty-0017"


def test_config_check_says_every_fault_as_the_configuration_says_it(wrong: Path) -> None:
    answer = run("config", "check", "--config", str(wrong))
    assert answer.exit_code == Exit.CONFIG
    with pytest.raises(ConfigError) as caught:
        load_config(wrong)
    assert answer.stderr.strip() == str(caught.value)
    assert "did you mean pin?" in answer.stderr
    assert "a whole number from 1" in answer.stderr
    for_machine = run("config", "check", "--json", "--config", str(wrong))
    assert for_machine.exit_code == Exit.CONFIG
    assert json.loads(for_machine.stdout)["errors"] == str(caught.value).split("\n")


def test_config_check_passes_a_right_file_and_shows_its_warnings(tmp_path: Path) -> None:
    assert run("config", "check", "--config", str(EXAMPLE)).exit_code == 0
    odd = tmp_path / "site.toml"
    text = EXAMPLE.read_text(encoding="utf-8")
    odd.write_text(text.replace('guard = "single" ', 'hold_s = 2.0\nguard = "single" '), encoding="utf-8")
    answer = run("config", "check", "--config", str(odd))
    assert answer.exit_code == 0
    assert "warning: " in answer.output
    assert "hold_s: has no effect" in answer.output
    assert json.loads(run("config", "check", "--json", "--config", str(odd)).output)["warnings"]


def test_a_missing_file_is_a_wrong_configuration(tmp_path: Path) -> None:
    answer = run("config", "show", "--config", str(tmp_path / "none.toml"))
    assert answer.exit_code == Exit.CONFIG
    assert "none.toml: cannot be read" in answer.stderr


def test_schemas_come_all_or_one_by_name() -> None:
    every = json.loads(run("schema").output)
    assert {"Config", "Alert", "Reply", "Heartbeat"} <= set(every)
    assert json.loads(run("schema", "alert").output) == every["Alert"]
    answer = run("schema", "Dance")
    assert answer.exit_code == Exit.USAGE
    assert "none of Config, Alert" in answer.output


@pytest.mark.parametrize(
    ("shell", "mark"), [("bash", "complete -o"), ("zsh", "#compdef kiosk"), ("fish", "complete ")]
)
def test_completion_prints_the_shells_script(shell: str, mark: str) -> None:
    answer = run("completion", shell)
    assert answer.exit_code == 0
    assert mark in answer.output
    assert "_KIOSK_COMPLETE" in answer.output


@pytest.mark.real
def test_a_shell_can_complete_commands_and_options() -> None:
    program = "from kiosk.cli import main; main(prog_name='kiosk')"
    env = {"PATH": "/usr/bin:/bin", "_KIOSK_COMPLETE": "bash_complete", "COMP_CWORD": "2"}
    done = subprocess.run(
        [sys.executable, "-c", program], env={**env, "COMP_WORDS": "kiosk config s"},
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["plain,show"]


def test_commands_of_a_stopped_daemon_say_so(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text(f'[paths]\nrun = "{tmp_path}"\n', encoding="utf-8")
    for command in ("status", "drill"):
        answer = run(command, "--config", str(file))
        assert answer.exit_code == Exit.AWAY
        assert answer.stderr.startswith("the daemon is not running")


def test_history_without_a_journal_is_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text(f'[paths]\nstate = "{tmp_path}"\n', encoding="utf-8")
    answer = run("history", "--config", str(file))
    assert answer.exit_code == Exit.FAILED
    assert "journal.sqlite" in answer.stderr


def test_a_shell_that_click_has_dropped_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("click.shell_completion.get_completion_class", lambda _shell: None)
    answer = run("completion", "fish")
    assert answer.exit_code == 1
    assert "fish" in answer.output
