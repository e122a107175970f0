"""The wiring of the daemon: nothing may delay or stop an alert, and every end is an ordered one."""

import socket
import subprocess
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fakes.journal import FakeJournal
from fakes.mqtt_bench import PATIENCE_S
from fakes.wired import Running, Wired, running, site_file
from kiosk_site import wait_for

from kiosk import core, memory
from kiosk.demo import settings
from kiosk.devices import Devices
from kiosk.effects import Stop
from kiosk.messages import ConfigError, DeviceError, DrillAsked, KioskEvent, Now
from kiosk.runtime import Worker

pytestmark = pytest.mark.real
QUIET = ("journal", "voice", "lamp", "board")  # nothing of these may ever hold up an alert


@pytest.fixture
def wired(monkeypatch: pytest.MonkeyPatch) -> Wired:
    wired = Wired()
    wired.patch(monkeypatch)
    monkeypatch.setattr(memory, "JOURNAL_WAIT_S", 0.1)
    return wired


def status_at_broker(wired: Wired) -> str:
    (payload,) = (body for topic, body in wired.broker.retained.items() if topic.endswith("/status"))
    return str(msgspec.json.decode(payload)["state"])


# ---- nothing may delay or stop the alert


def test_no_child_whose_program_waits_for_the_card_holds_up_the_other_threads(
    tmp_path: Path, wired: Wired, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bookworm's CPython keeps its lock from vfork() until the child's program is loaded (gh-104372)."""
    monkeypatch.setattr(subprocess, "_USE_VFORK", True)
    with running(tmp_path, wired) as kiosk:
        kiosk.up("mqtt")
        assert subprocess._USE_VFORK is False


@pytest.mark.parametrize("hung", [*QUIET, "all of them"])
def test_a_device_that_hangs_from_the_start_holds_up_no_alert(
    tmp_path: Path, wired: Wired, hung: str
) -> None:
    for name in QUIET if hung == "all of them" else (hung,):
        wired.gates[name].clear()
    with running(tmp_path, wired) as kiosk:
        kiosk.up("mqtt", "sms")
        kiosk.press()
        wait_for(wired.alerts, PATIENCE_S)
        assert not any(call.startswith(hung) for call in wired.calls)


@pytest.mark.parametrize("hung", QUIET)
def test_a_device_that_hangs_later_holds_up_no_text(tmp_path: Path, wired: Wired, hung: str) -> None:
    with running(tmp_path, wired) as kiosk:
        kiosk.up("mqtt", "sms")
        wired.gates[hung].clear()
        wired.broker.cut()
        kiosk.press()
        assert wired.modem is not None
        wait_for(lambda: len(wired.modem.sent) == 2, PATIENCE_S)
        assert {number for number, _ in wired.modem.sent} == {settings.OFFICER, settings.GATEWAY}


@pytest.mark.parametrize(("hung", "other"), [("mqtt", "sms"), ("sms", "mqtt")])
def test_one_road_that_hangs_leaves_the_other(tmp_path: Path, wired: Wired, hung: str, other: str) -> None:
    with running(tmp_path, wired) as kiosk:
        kiosk.up("mqtt", "sms")
        if other == "sms":
            wired.broker.cut()
        wired.gates[hung].clear()
        kiosk.press()
        assert wired.modem is not None
        wait_for(lambda: wired.modem.sent if other == "sms" else wired.alerts(), PATIENCE_S)


def test_the_alert_is_handed_over_before_anything_else_of_its_turn(tmp_path: Path, wired: Wired) -> None:
    with running(tmp_path, wired) as kiosk:
        kiosk.up("mqtt", "sms")
        wait_for(lambda: wired.disk.stored is not None, PATIENCE_S)  # else that write counts as the alert's
        handed: list[str] = []
        carry_out = kiosk.daemon.loop._execute
        kiosk.daemon.loop._execute = lambda effect: (handed.append(type(effect).__name__), carry_out(effect))[
            1
        ]
        kiosk.press()
        wait_for(wired.alerts, PATIENCE_S)
        assert "Save" in handed
        assert handed.index("Publish") < min(handed.index(name) for name in ("Save", "Say", "Light"))


# ---- faults are told


def test_a_driver_that_raises_what_it_never_should_is_told_and_the_rest_goes_on(
    tmp_path: Path, wired: Wired
) -> None:
    wired.lamp.broken = RuntimeError("a bug in a driver")
    with running(tmp_path, wired) as kiosk:
        wait_for(lambda: "worker:lamp" in kiosk.state()["faults"], PATIENCE_S)
        assert kiosk.state()["reasons"]["worker:lamp"] == "RuntimeError: a bug in a driver"
        kiosk.up("mqtt")
        wired.lamp.broken = None
        kiosk.press()
        wait_for(lambda: "worker:lamp" not in kiosk.state()["faults"], PATIENCE_S)
        wait_for(wired.alerts, PATIENCE_S)


def test_a_lamp_that_refuses_is_told(tmp_path: Path, wired: Wired) -> None:
    wired.lamp.broken = DeviceError("lamp: no such pin")
    with running(tmp_path, wired) as kiosk:
        wait_for(lambda: "worker:lamp" in kiosk.state()["faults"], PATIENCE_S)


def test_the_reason_of_a_fault_stands_with_it_until_it_is_cleared(tmp_path: Path, wired: Wired) -> None:
    wired.disk.full = True
    with running(tmp_path, wired) as kiosk:
        wait_for(lambda: kiosk.state()["reasons"].get("journal_failed") == "disk full", PATIENCE_S)
        wired.disk.full = False
        kiosk.press()
        wait_for(lambda: "journal_failed" not in kiosk.state()["reasons"], PATIENCE_S)


def test_a_control_socket_that_cannot_be_made_is_a_fault_and_stops_nothing(
    tmp_path: Path, wired: Wired
) -> None:
    file = site_file(tmp_path)
    (tmp_path / "run" / "kiosk.sock").write_text("no socket")
    with running(tmp_path, wired, file=file) as kiosk:
        told = "remove it"

        def faulty() -> bool:
            events = [payload for topic, payload, _, _ in list(wired.broker.said) if "/event/" in topic]
            return any(b"worker:control" in event and told.encode() in event for event in events)

        wait_for(faulty, PATIENCE_S)
        kiosk.daemon._drive(settings.BUTTON, high=False)
        wait_for(wired.alerts, PATIENCE_S)


# ---- what may be asked


def test_a_pin_is_moved_only_where_pins_are_simulated(tmp_path: Path, wired: Wired) -> None:
    with running(tmp_path, wired) as kiosk:
        assert kiosk.ask(ask="pin", input="nowhere", high=True) == {
            "ok": False,
            "reason": "no such simulated input",
        }
        assert kiosk.ask(ask="what?") == {"ok": False, "reason": "unknown question"}
        assert kiosk.ask(ask="pin", input=settings.BUTTON) == {"ok": False, "reason": "unknown question"}


def test_a_daemon_without_the_flag_moves_no_pin(tmp_path: Path, wired: Wired) -> None:
    with running(tmp_path, wired) as kiosk:
        object.__setattr__(kiosk.daemon._armed, "allow_mock", False)
        assert kiosk.ask(ask="pin", input=settings.BUTTON, high=False)["reason"] == "unknown question"


def test_a_drill_can_be_asked_for_and_is_watched(tmp_path: Path, wired: Wired) -> None:
    with running(tmp_path, wired) as kiosk:
        kiosk.up("mqtt", "sms")
        answer = kiosk.ask(ask="drill", duty=False)
        assert answer["ok"]
        assert kiosk.ask(ask="drill")["ok"] is False
        wait_for(wired.alerts, PATIENCE_S)
        assert wired.modem is not None
        wait_for(lambda: wired.modem.sent, PATIENCE_S)
        assert settings.OFFICER not in {number for number, _ in wired.modem.sent}


# ---- the end


@pytest.fixture
def patient_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a device have more than its second or two to close: the machine may stand still that long."""
    close = Worker.close

    def patient(self: Any, job: Any, *, timeout_s: float, finish: bool = False) -> None:
        close(self, job, timeout_s=PATIENCE_S, finish=finish)

    monkeypatch.setattr(Worker, "close", patient)


@pytest.mark.usefixtures("patient_end")
def test_an_ordered_end_says_stopped_and_closes_everything_in_order(tmp_path: Path, wired: Wired) -> None:
    (tmp_path / "run").mkdir()
    with running(tmp_path, wired) as kiosk:
        kiosk.up("mqtt", "sms")
        wait_for(lambda: wired.board.reads and wired.lamp.shown and "voice.probe" in wired.calls, PATIENCE_S)
        starts = tmp_path / "run" / "starts.json"
        assert starts.exists()
        assert kiosk.stop() == 0
        ends = [call.partition(".")[0] for call in wired.calls if call.endswith(".close")]
        assert ends == ["mqtt", "voice", "sms", "lamp", "journal"]
        assert status_at_broker(wired) == "stopped"
        assert not starts.exists()
        assert not (tmp_path / "run" / "kiosk.sock").exists()


def test_systemd_hears_ready_then_signs_of_life_then_stopping(
    tmp_path: Path, wired: Wired, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(tmp_path / "notify"))
    manager.settimeout(PATIENCE_S)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    said: list[bytes] = []

    def listen() -> None:
        while b"STOPPING=1" not in said:
            said.append(manager.recv(100))

    with manager, running(tmp_path, wired) as kiosk:
        listening = threading.Thread(target=listen)
        listening.start()
        kiosk.up("mqtt")
        kiosk.stop()
        listening.join(PATIENCE_S)
    assert said[0] == b"READY=1"
    assert said[-1] == b"STOPPING=1"
    assert set(said[1:-1]) == {b"WATCHDOG=1"}


def test_an_ordered_restart_keeps_its_start_counted(tmp_path: Path, wired: Wired) -> None:
    with running(tmp_path, wired) as kiosk:
        assert kiosk.stop(75) == 75
        assert (tmp_path / "run" / "starts.json").exists()


def test_the_core_can_order_the_end(tmp_path: Path, wired: Wired) -> None:
    with running(tmp_path, wired) as kiosk:
        kiosk.daemon._do(Stop(75, "restart was ordered"))
        kiosk.thread.join(PATIENCE_S)
        assert kiosk.codes == [75]


@pytest.mark.usefixtures("patient_end")
def test_the_newest_incident_is_on_disk_even_when_the_end_comes_while_the_disk_is_slow(
    tmp_path: Path, wired: Wired
) -> None:
    with running(tmp_path, wired) as kiosk:
        kiosk.up("mqtt")
        wait_for(lambda: wired.disk.stored is not None, PATIENCE_S)
        wired.gates["journal"].clear()
        kiosk.press()  # this one's snapshot hangs in the disk, the next one's waits behind it
        kiosk.press()
        ending = threading.Thread(target=kiosk.stop)
        ending.start()
        wait_for(lambda: "lamp.close" in wired.calls, PATIENCE_S)
        wired.gates["journal"].set()
        ending.join(PATIENCE_S)
        assert wired.disk.stored is not None
        assert [incident.presses for incident in wired.disk.stored.incidents] == [2]


@pytest.mark.parametrize("hung", ["voice", "sms", "lamp", "journal", "board"])
def test_a_device_that_hangs_holds_up_the_end_for_its_own_time_only(
    tmp_path: Path, wired: Wired, hung: str
) -> None:
    with running(tmp_path, wired) as kiosk:
        kiosk.up("mqtt", "sms")
        wired.gates[hung].clear()
        kiosk.press()
        assert kiosk.stop() == 0
        wait_for(lambda: status_at_broker(wired) == "stopped", PATIENCE_S)


def test_an_error_of_the_core_ends_the_daemon_saves_the_incident_and_never_says_stopped(
    tmp_path: Path, wired: Wired, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker's will must tell that it fell; systemd starts it again and the journal resumes."""
    handle = core.Core.handle

    def poisoned(self: core.Core, event: KioskEvent, now: Now) -> Any:
        if isinstance(event, DrillAsked):
            raise ZeroDivisionError("a bug in the core")
        return handle(self, event, now)

    monkeypatch.setattr(core.Core, "handle", poisoned)
    with running(tmp_path, wired) as kiosk:
        kiosk.up("mqtt", "sms")
        kiosk.press()
        with pytest.raises(DeviceError):
            kiosk.ask(ask="drill")
        kiosk.thread.join(PATIENCE_S)
        assert [type(error) for error in kiosk.errors] == [ZeroDivisionError]
        assert kiosk.codes == []
        assert status_at_broker(wired) == "online"
        assert wired.disk.stored is not None
        assert len(wired.disk.stored.incidents) == 1
        assert (tmp_path / "run" / "starts.json").exists()


def test_the_next_start_takes_the_incident_up(tmp_path: Path, wired: Wired) -> None:
    with running(tmp_path, wired) as kiosk:
        kiosk.up("mqtt")
        kiosk.press()
        (before,) = kiosk.state()["incidents"]
        kiosk.stop()
    with running(tmp_path, wired) as kiosk:
        wait_for(lambda: kiosk.state()["incidents"], PATIENCE_S)
        assert kiosk.state()["incidents"][0]["alert_id"] == before["alert_id"]


def test_a_wrong_configuration_is_refused_before_any_thread_starts(tmp_path: Path, wired: Wired) -> None:
    file = site_file(
        tmp_path, edit=lambda toml: toml.replace('[voice]\nmode = "spoken"', '[voice]\nmode = "cover"')
    )
    with pytest.raises(ConfigError, match="cover"), running(tmp_path, wired, file=file):
        pass
    assert wired.calls == []


def test_the_daemon_holds_what_the_ports_say(tmp_path: Path, wired: Wired) -> None:
    """The fakes stand where the real devices would: at the makers of the wiring."""
    with running(tmp_path, wired) as kiosk:
        assert isinstance(kiosk, Running)
        assert {worker.name for worker in kiosk.daemon.devices.workers} == {
            "inputs", "mqtt", "sms", "journal", "voice-orders", "lamp", "board", "render",
                "updates",
        }  # fmt: skip
        assert isinstance(wired._journal(kiosk.daemon.devices), FakeJournal)
        assert isinstance(kiosk.daemon.devices, Devices)
