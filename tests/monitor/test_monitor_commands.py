"""`kiosk monitor …` against a centre that a test scripts, and its exit codes."""

import json
import os
import pwd
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fakes.centre_pages import TOML
from fakes.virtual_centre import UTC_MS, VirtualCentre, a_beat

from kiosk.control import ControlServer, DaemonAway, DaemonLost, DaemonSilent
from kiosk.messages import DeviceError
from kiosk.monitor import tables
from kiosk.monitor.commands import COMMANDS, monitor
from kiosk.monitor.commands.terminal import login_name
from kiosk.monitor.config import read
from kiosk.monitor.desk import WAITING_MAX, Desk
from kiosk.monitor.effects import Answer
from kiosk.monitor.store import audit
from kiosk.monitor.store.engine import make_engine
from kiosk.monitor.store.migrate import bring_up_to_date

pytestmark = pytest.mark.real


class Desktop:
    """A virtual centre behind a real local socket."""

    def __init__(self, folder: Path) -> None:
        self.centre = VirtualCentre()
        self.centre.rise()
        self.desk = Desk(self.centre.fleet)
        self.socket = folder / "monitor.sock"
        self.server = ControlServer(self.socket, self.handle)
        self.server.open()

    def handle(self, request: dict[str, Any], reply: Any) -> None:
        notice = self.desk.ask(request, reply)
        if notice is not None:
            for effect in self.centre.handle(notice):
                if isinstance(effect, Answer):
                    self.desk.answer(effect)

    def run(self, *args: str, **env: str) -> Result:
        names = {"PANA_MONITOR_SOCKET": str(self.socket), "LANG": "C", "LC_ALL": ""} | env
        return CliRunner().invoke(monitor, list(args), env=names)


@pytest.fixture
def desktop(tmp_path: Path) -> Iterator[Desktop]:
    made = Desktop(tmp_path)
    yield made
    made.server.close()


def test_nothing_to_show_is_said(desktop: Desktop) -> None:
    assert desktop.run("alerts").stdout == "No open alerts.\n"
    assert desktop.run("kiosks").stdout == "No kiosk has been heard yet.\n"
    assert desktop.run("alerts", "--json").stdout == ""


def test_an_alert_is_taken_led_and_closed(desktop: Desktop) -> None:
    desktop.centre.alert()
    assert desktop.run("accept", "00A", "--by", "op-1").stdout.startswith("accepted 01JPANA")
    assert desktop.run("advance", "01J", "en_route", "--by", "op-1").exit_code == 0
    assert desktop.run("advance", "01J", "on_scene", "--by", "op-1").exit_code == 0
    assert desktop.run("close", "01J", "--by", "op-1", "--note", "well").exit_code == 0
    (view,) = [json.loads(line) for line in desktop.run("alerts", "--all", "--json").stdout.splitlines()]
    assert (view["stage"], view["by"]) == ("closed", "op-1")
    assert [entry["stage"] for entry in view["stages"]] == [
        "received",
        "accepted",
        "en_route",
        "on_scene",
        "closed",
    ]
    assert desktop.run("alerts").stdout == "No open alerts.\n"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Give a configuration whose store is there."""
    file = tmp_path / "centre.toml"
    file.write_text(TOML.format(folder=tmp_path))
    engine = make_engine(read(file.read_text(), "x").store_url)
    bring_up_to_date(engine)
    engine.dispose()
    return file


def kept(store: Path) -> list[tuple[str, str, str, str]]:
    engine = make_engine(read(store.read_text(), "x").store_url)
    with engine.connect() as db:
        found = [(entry.who, entry.what, entry.subject, entry.detail) for entry in reversed(audit.read(db))]
    engine.dispose()
    return found


def test_who_acts_at_a_terminal_is_in_the_log_of_actions(
    desktop: Desktop, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the account; what was said with --by stands beside it."""
    monkeypatch.delenv("SUDO_USER", raising=False)
    desktop.centre.alert()
    alert = json.loads(desktop.run("alerts", "--json").stdout)["alert_id"]
    names = {"LOGNAME": "aigul", "USER": "aigul"}
    account = pwd.getpwuid(os.getuid()).pw_name
    for words in (
        ("accept", "00A", "--by", "aigul"),
        ("advance", "01J", "en_route", "--by", "op-1"),
        ("close", "01J"),
        ("duty", "off"),
    ):
        assert desktop.run(*words, "--config", str(store), **names).exit_code == 0, words
    desktop.centre.beat("kz-1")
    done = desktop.run("command", "kz-1", "drill", "--duty", "--config", str(store), SUDO_USER="timur")
    assert (done.exit_code, done.stderr) == (0, "")
    assert desktop.run("accept", "nope", "--config", str(store)).exit_code == 4
    assert kept(store) == [
        (account, "accept", alert, "at=terminal by=aigul"),
        (account, "en_route", alert, "at=terminal by=op-1"),
        (account, "close", alert, f"at=terminal by={account}"),
        (account, "duty", "", "off at=terminal"),
        (account, "command", "kz-1", f"drill duty at=terminal by={account} sudo=timur"),
    ]


@pytest.mark.parametrize("unanswered", [DaemonSilent, DaemonLost])
def test_an_act_that_nobody_answered_is_kept_as_unsure(
    desktop: Desktop, store: Path, monkeypatch: pytest.MonkeyPatch, unanswered: type[DaemonAway]
) -> None:
    def silent(*_: object) -> None:
        raise unanswered("the daemon does not answer")

    monkeypatch.setattr("kiosk.control.ask", silent)
    assert desktop.run("accept", "00A", "--by", "op-1", "--config", str(store)).exit_code == 3
    ((_, what, subject, detail),) = kept(store)
    assert (what, subject) == ("accept", "00A")
    assert detail == "unsure, the centre did not answer: at=terminal by=op-1"
    monkeypatch.undo()
    desktop.server.close()
    assert desktop.run("accept", "00A", "--config", str(store)).exit_code == 3
    assert len(kept(store)) == 1


def test_an_act_that_cannot_be_kept_is_done_and_told(desktop: Desktop, store: Path) -> None:
    desktop.centre.alert()
    (store.parent / "centre.sqlite").write_bytes(b"torn" * 1000)
    done = desktop.run("accept", "00A", "--config", str(store))
    assert done.exit_code == 0
    assert done.stdout.startswith("accepted 01JPANA")
    assert done.stderr.startswith("this is not in the log of actions: the store cannot be used")
    none = desktop.run("duty", "off", "--config", str(store.parent / "none.toml"))
    assert (none.exit_code, none.stdout) == (0, "off duty\n")
    assert "cannot be read" in none.stderr


def test_an_account_without_a_name_has_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_: int) -> None:
        raise KeyError

    monkeypatch.setattr("pwd.getpwuid", nobody)
    assert login_name() == f"uid-{os.getuid()}"


def test_a_refusal_is_exit_code_4_with_its_reason(desktop: Desktop) -> None:
    result = desktop.run("accept", "nope")
    assert (result.exit_code, result.stderr) == (4, "no such alert\n")
    assert desktop.run("command", "kz-9", "drill").exit_code == 4
    refused = desktop.run("accept", "x" * 65)
    assert refused.exit_code == 4


def test_no_centre_is_exit_code_3(tmp_path: Path) -> None:
    result = CliRunner().invoke(monitor, ["--socket", str(tmp_path / "none.sock"), "alerts"])
    assert result.exit_code == 3
    assert "not running" in result.stderr


def test_a_wrong_configuration_is_exit_code_78(tmp_path: Path) -> None:
    missing = CliRunner().invoke(monitor, ["run", "--config", str(tmp_path / "none.toml")])
    assert missing.exit_code == 78
    assert "cannot be read" in missing.stderr
    (tmp_path / "bad.toml").write_text("[monitor]\nidd = 1\n")
    bad = CliRunner().invoke(monitor, ["run", "--config", str(tmp_path / "bad.toml")])
    assert bad.exit_code == 78
    assert "did you mean id?" in bad.stderr
    assert CliRunner().invoke(monitor, ["advance", "A", "nowhere"]).exit_code == 2


def test_config_names_every_fault_and_shows_no_secret(tmp_path: Path) -> None:
    file = tmp_path / "m.toml"
    file.write_text('[monitor]\nid = "!"\n[mqtt]\nbroker = 1\n')
    run = CliRunner().invoke(monitor, ["config", "check", "--config", str(file), "--json"])
    assert run.exit_code == 78
    assert len(json.loads(run.stdout)["errors"]) == 3
    assert CliRunner().invoke(monitor, ["config", "check", "--config", str(file)]).exit_code == 78
    text = """
[monitor]
id = "monitor-1"
[mqtt]
brokers = ["127.0.0.1:1"]
[store]
url = "postgresql://pana:hunter2@db/pana"
[cap]
url = "https://example.kz/hook?token=hunter3"
secret_file = "/etc/pana-monitor/cap.key"
"""
    file.write_text(text)
    assert CliRunner().invoke(monitor, ["config", "check", "--config", str(file)]).stdout == f"{file}: ok\n"
    for options in ([], ["--json"]):
        shown = CliRunner().invoke(monitor, ["config", "show", "--config", str(file), *options]).stdout
        assert "silent_after_s" in shown
        assert "hunter" not in shown
    schema = json.loads(CliRunner().invoke(monitor, ["config", "schema"]).stdout)
    assert "MonitorConfig" in schema["$defs"]


def test_help_names_every_command_though_some_cannot_load() -> None:
    shown = CliRunner().invoke(monitor, ["--help"])
    assert shown.exit_code == 0
    for name in COMMANDS:
        assert f"  {name} " in shown.stdout


def test_run_hands_the_configuration_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m.toml").write_text('[monitor]\nid = "monitor-1"\n[mqtt]\nbrokers = ["127.0.0.1:1"]\n')
    seen: list[str] = []
    monkeypatch.setattr(
        "kiosk.monitor.app.run", lambda config, file: seen.append(f"{config.monitor.id} {file.name}")
    )
    assert CliRunner().invoke(monitor, ["run", "--config", str(tmp_path / "m.toml")]).exit_code == 0
    assert seen == ["monitor-1 m.toml"]


def test_a_drill_is_unmistakable_in_every_language(desktop: Desktop) -> None:
    desktop.centre.alert(kind="drill")
    for language, word in (("en", "DRILL"), ("ru", "УЧЕБНЫЙ"), ("kk", "ЖАТТЫҒУ")):
        assert word in desktop.run("--language", language, "alerts").stdout
    assert "УЧЕБНЫЙ" in desktop.run("alerts", LANG="ru_RU.UTF-8").stdout
    assert "ЖАТТЫҒУ" in desktop.run("alerts", LC_ALL="kk_KZ.UTF-8").stdout


def test_the_table_shows_what_people_must_know(desktop: Desktop) -> None:
    desktop.centre.alert(kind="tamper", clock="unsynced", pressed_at="2026-09-20T00:00:00Z")
    text = desktop.run("alerts").stdout
    for word in ("NOT TAKEN", "tamper", "late by", "not synced", "kz-1", "Магазин"):
        assert word in text


def test_the_table_of_kiosks_shows_what_is_wrong(desktop: Desktop) -> None:
    centre = desktop.centre
    centre.alert(seq=1)
    centre.alert(alert_id="B", seq=3)
    for seq in (5, 4, 3, 2):
        centre.beat(seq=seq, faults=("modem",))
    centre.rubbish("event")
    centre.pass_time(100)
    text = desktop.run("kiosks").stdout
    for word in (
        "SILENT (no heartbeats)",
        "TWO DEVICES, ONE NAME",
        "missing alerts: 2",
        "refused messages: 1",
        "modem",
    ):
        assert word in text


def test_many_kiosks_come_in_pages(desktop: Desktop) -> None:
    for number in range(120):
        desktop.centre.beat(f"kz-{number:03d}")
    names = [json.loads(line)["kiosk_id"] for line in desktop.run("kiosks", "--json").stdout.splitlines()]
    assert names == [f"kz-{number:03d}" for number in range(120)]


def test_the_centre_tells_how_it_is_and_who_is_on_duty(desktop: Desktop) -> None:
    assert desktop.run("duty", "off").stdout == "off duty\n"
    status = json.loads(desktop.run("status").stdout)
    assert (status["link"], status["on_duty"], status["store_fault"]) == (True, False, "")


def test_a_watcher_gets_a_line_for_each_event(desktop: Desktop, monkeypatch: pytest.MonkeyPatch) -> None:
    event = {"what": "alert_received", "at": "12:00", "level": "error", "drill": True, "kiosk": "kz-1\x1b[2J"}
    monkeypatch.setattr("kiosk.control.watch", lambda _path: iter([event]))
    assert desktop.run("watch").stdout == "12:00 DRILL alert_received kiosk=kz-1?[2J\n"
    assert json.loads(desktop.run("watch", "--json").stdout) == event


def test_outside_text_never_drives_the_terminal(desktop: Desktop) -> None:
    desktop.centre.beat(faults=("\x1b]0;owned\x07", "[red]x[/red]"))
    text = desktop.run("kiosks").stdout
    assert "\x1b" not in text
    assert "[red]x[/red]" in text or "x" in text


def test_whoever_waits_too_long_gives_way() -> None:
    desk = Desk(VirtualCentre().fleet)
    for _ in range(WAITING_MAX + 5):
        assert desk.ask({"ask": "duty", "on": True}, lambda _answer: None) is not None
    assert len(desk._waiting) == WAITING_MAX


def test_a_socket_without_permission_is_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise DeviceError("no permission")

    monkeypatch.setattr("kiosk.control.ask", refuse)
    assert CliRunner().invoke(monitor, ["status"]).exit_code == 4


def test_a_kiosk_that_is_well_has_a_short_line(desktop: Desktop) -> None:
    desktop.centre.beat(version="0.1.0")
    assert a_beat().seq == 1
    text = tables.event({"what": "x", "at": str(UTC_MS)})
    assert text == f"{UTC_MS} x "
    assert "online" in desktop.run("kiosks").stdout
