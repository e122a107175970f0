"""The commands against a real running daemon, a real broker, a real centre and a simulated modem."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest
from click.testing import CliRunner, Result
from kiosk_site import KioskSite, wait_for

from kiosk.cli import main
from kiosk.commands.exits import Exit

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def site() -> Iterator[KioskSite]:
    with KioskSite(mode="spoken") as site:
        (site.folder / "sms.key").chmod(0o600)
        file = site.folder / "site.toml"
        kept, _, rest = file.read_text().partition("[sms.balance]")  # the daemon asks it after a minute only
        file.write_text(f"{kept}[[duty.tiers]]{rest.partition('[[duty.tiers]]')[2]}")
        site.start_centre()
        yield site


@pytest.fixture(scope="module")
def daemon(site: KioskSite) -> "subprocess.Popen[bytes]":
    child = site.start_kiosk()
    wait_for(lambda: site.state().get("mqtt") == "up" and site.state()["listened"])
    wait_for(lambda: site.state()["sms"] == "up")
    return child


@pytest.fixture
def run(site: KioskSite, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    for name, value in site.environ.items():
        monkeypatch.setenv(name, value)

    def call(*arguments: str) -> Result:
        where = ["--config", str(site.folder / "site.toml")]
        return CliRunner().invoke(main, [*arguments, *where])

    return call


def parts(answer: Result) -> dict[str, dict[str, Any]]:
    return {row["part"]: row for row in json.loads(answer.stdout)["parts"]}


def test_status_is_told_in_words_and_for_a_machine(run: Callable[..., Result], daemon: object) -> None:
    shown = run("status", "--lang", "en")
    assert shown.exit_code == 0, shown.output
    assert "demo-kiosk: armed" in shown.output
    assert "connected, SimTel" in shown.output
    assert "counter: at rest" in shown.output
    assert "іске қосулы" in run("status").output  # the site's first language
    for_machine = json.loads(run("status", "--json").stdout)
    assert for_machine["mqtt"] == "up"
    assert for_machine["levels"] == {"counter": "released"}


def test_a_drill_is_followed_to_its_verdict(run: Callable[..., Result], daemon: object) -> None:
    shown = run("drill", "--lang", "ru")
    assert shown.exit_code == 0, shown.output
    assert re.search(r"^\d\d:\d\d:\d\d received .*path=mqtt", shown.stdout, re.MULTILINE)
    assert shown.stdout.rstrip().endswith("Проверка пройдена: все пути работают.")
    events = [json.loads(line) for line in run("drill", "--json").stdout.splitlines()]
    assert events[0]["what"] == "drill"
    assert events[-1]["what"] == "drill_passed"
    assert len({event["alert_id"] for event in events}) == 1


def test_the_journal_is_read_beside_the_daemon(run: Callable[..., Result], daemon: object) -> None:
    drilled = run("drill", "--json")
    assert drilled.exit_code == 0, drilled.output
    alert_id = json.loads(drilled.stdout.splitlines()[0])["alert_id"]

    def history() -> list[dict[str, Any]]:
        kept = [json.loads(line) for line in run("history", "--json").stdout.splitlines()]
        return [line for line in kept if line["alert_id"] == alert_id]

    wait_for(lambda: [line["stage"] for line in history()][:1] == ["ended"])  # written beside the last word
    lines = history()
    assert [line["stage"] for line in lines] == ["ended", "received", "sending"]
    assert {line["kind"] for line in lines} == {"drill"}
    shown = run("history", "--lang", "en").stdout
    assert "drill" in shown
    assert "at the centre" in shown


def test_a_check_beside_the_daemon_tests_every_part(run: Callable[..., Result], daemon: object) -> None:
    answer = run("check", "--json", "--lang", "en")
    found = parts(answer)
    assert answer.exit_code == 0, answer.output
    assert {row["level"] for row in found.values()} == {"ok", "warning", "unused"}
    assert {"config", "clips", "clock", "disk", "daemon", "input:counter", "speaker", "modem", "sim", "gsm",
            "balance", "sms", "receipt", "duty", "certificate"} <= set(found)  # fmt: skip
    assert "IMEI 356938035643809" in found["modem"]["found"]
    assert found["daemon"]["code"] == "daemon_up"


def follower(site: KioskSite) -> "subprocess.Popen[str]":
    where = ["--config", str(site.folder / "site.toml"), "--lang", "en"]
    command = [sys.executable, "-m", "kiosk", "status", "--watch", *where]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def read_until(stream: IO[str] | None, text: str) -> None:
    assert stream is not None
    for line in stream:
        if text in line:
            return
    raise AssertionError(f"{text!r} never came")


def test_status_can_be_watched_until_ctrl_c(
    site: KioskSite, daemon: object, run: Callable[..., Result]
) -> None:
    with follower(site) as child:
        read_until(child.stdout, "demo-kiosk: armed")
        assert run("drill").exit_code == 0
        read_until(child.stdout, "drill_passed alert_id=")
        child.send_signal(signal.SIGINT)
        assert child.wait(10) == 0


def test_an_open_alarm_refuses_a_drill_and_leaves_its_parts_untested(
    site: KioskSite, daemon: object, run: Callable[..., Result]
) -> None:
    site.press()
    wait_for(lambda: site.stage() == "received")
    try:
        refused = run("drill")
        assert refused.exit_code == Exit.REFUSED
        assert refused.stderr.startswith("the daemon refused: ")
        assert "alarm (counter)" in run("status", "--lang", "en").output
        answer = run("check", "--json")
        assert answer.exit_code == Exit.FAILED
        found = parts(answer)
        assert found["receipt"]["level"] == found["sms"]["level"] == "untested"
    finally:
        alert = site.state()["incidents"][-1]["alert_id"]
        site.ask_centre(ask="close", alert=alert, by="officer-1")
        wait_for(lambda: site.stage() == "")


def test_another_configuration_file_than_the_daemons_is_told(
    site: KioskSite, daemon: object, run: Callable[..., Result]
) -> None:
    file = site.folder / "site.toml"
    before = file.read_text()
    file.write_text(before + "\n# changed\n")
    try:
        answer = run("check", "--json", "--lang", "en")
    finally:
        file.write_text(before)
    assert parts(answer)["daemon"]["code"] == "daemon_stale"
    assert parts(answer)["daemon"]["do"] == "sudo systemctl restart kiosk"


def test_a_hung_daemon_ends_a_check_in_time(
    daemon: "subprocess.Popen[bytes]", run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.check.plan.STATUS_S", 0.5)
    os.kill(daemon.pid, signal.SIGSTOP)
    try:
        answer = run("check", "--json")
    finally:
        os.kill(daemon.pid, signal.SIGCONT)
    assert run("drill").exit_code == 0  # its link may have died meanwhile: the next test finds a living one
    assert answer.exit_code == Exit.FAILED
    assert parts(answer)["daemon"]["code"] == "daemon_hung"
    assert parts(answer)["input:counter"]["level"] == "untested"


def test_a_check_without_a_daemon_opens_every_device_itself(
    tmp_path: Path, run: Callable[..., Result]
) -> None:
    with KioskSite() as site:
        site.start_centre()
        where = ["--config", str(site.folder / "site.toml"), "--lang", "en"]
        text = (site.folder / "site.toml").read_text().replace('mode = "off"', 'mode = "spoken"')
        (site.folder / "site.toml").write_text(text)
        (site.folder / "sms.key").chmod(0o600)
        answer = CliRunner().invoke(main, ["check", "--allow-mock-pins", *where])
        assert answer.exit_code == 0, answer.output
        for words in ("does not run: the button is not armed", "GPIO17 at rest", "the network took 1",
                      "the centre answered the drill", "1 on duty", "Every part works."):  # fmt: skip
            assert words in " ".join(answer.stdout.split())


def test_a_wrong_configuration_ends_a_check_at_once(site: KioskSite, tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text((site.folder / "site.toml").read_text().replace("number = 17", "number = 0"))
    answer = CliRunner().invoke(main, ["check", "--lang", "en", "--config", str(file)])
    assert answer.exit_code == Exit.CONFIG
    assert "Not ready. Faults: 1" in answer.stdout


def test_a_prompt_is_played_aloud(
    run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoken = run("voice", "play", "on_scene", "--lang", "ru")
    assert spoken.exit_code == 0, spoken.output
    assert spoken.stdout == "ru on_scene (live)\n"
    unknown = run("voice", "play", "jokes")
    assert unknown.exit_code == Exit.USAGE
    assert "none of accepted" in unknown.output
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(tmp_path / "none"))
    mute = run("voice", "play", "on_scene", "--lang", "ru")
    assert mute.exit_code == Exit.FAILED
    assert "aplay ended with" in mute.stderr


def test_the_log_of_the_daemon_is_one_event_a_line(site: KioskSite, daemon: object) -> None:
    own = [line for line in site.log().splitlines() if "logger=kiosk.app" in line]
    assert own
    assert all(re.match(r"t=\S+Z level=\w+ logger=kiosk.app \S+", line) for line in own)
