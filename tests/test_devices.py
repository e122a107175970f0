"""The devices as the wiring makes them: the real makers, in the order of start and stop."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.mqtt_bench import PATIENCE_S, Ear
from fakes.wired import site_file
from pki import Authority

from kiosk import devices as wiring
from kiosk.arming import arm
from kiosk.devices import Devices
from kiosk.hw import clock, render_child
from kiosk.hw.board import Board
from kiosk.hw.lamp import GpioLamp
from kiosk.hw.power import GpioModemPower
from kiosk.hw.voice import AplayVoice
from kiosk.journal import SqliteJournal
from kiosk.messages import (
    BoardRead,
    CertificateRead,
    CertificateRenewed,
    DeviceError,
    JournalLoaded,
    LinkFell,
    PapersRead,
    Snapshot,
    VoiceBroke,
    VoiceRefreshed,
    WorkerFailed,
)
from kiosk.net import pin
from kiosk.net.https import RequestsDoor
from kiosk.net.mqtt import PahoLink
from kiosk.net.sms import GammuModem
from kiosk.site_files import build_site

POWERED = ("[sms.balance]", "power_pin = 24\npower_off_s = 30\n[sms.balance]")


class Bench:
    def __init__(self, folder: Path, *, edit: tuple[str, str] = ("", "")) -> None:
        self.ear = Ear()
        armed = arm(
            site_file(folder, edit=lambda toml: toml.replace(*edit) if edit[0] else toml), allow_mock=True
        )
        self.armed = armed
        self.devices = Devices(build_site(armed.config, armed.text, armed.file), armed, self.ear)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.armed.inputs.close()


def test_each_worker_makes_its_own_real_device(bench: Bench) -> None:
    devices = bench.devices
    made: list[Any] = [
        devices._make_mqtt(), devices._make_sms(), devices._make_journal(), devices._make_voice(),
        devices._make_lamp(), devices._make_board(),
    ]  # fmt: skip
    assert [type(one) for one in made] == [PahoLink, GammuModem, SqliteJournal, AplayVoice, GpioLamp, Board]
    for device in made[:-1]:
        device.close()
    assert devices._power is None


def test_a_pin_that_the_card_refused_is_remembered_beside_the_journal(bench: Bench) -> None:
    """Three starts with a wrong PIN would lock the card."""
    modem = bench.devices._make_sms()
    assert isinstance(modem, GammuModem)
    assert modem._pin._mark == Path(bench.armed.config.paths.state) / pin.MARK
    modem.close()


def test_drivers_are_loaded_on_their_own_threads_only() -> None:
    """The daemon's own module must not load them: that is half a second of a Pi's time."""
    code = (
        "import sys; known = set(sys.modules); import kiosk.app\n"
        "print(sorted({'paho', 'gammu', 'sqlite3', 'scipy'} & (set(sys.modules) - known)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_starting_loads_the_journal_and_the_end_closes_it(bench: Bench) -> None:
    bench.devices.start()
    assert bench.ear.hear(JournalLoaded).snapshot == Snapshot()
    bench.devices.close()  # it waits a moment for each only
    for worker in bench.devices.workers:
        worker._thread.join(PATIENCE_S)
    assert not any(worker._thread.is_alive() for worker in bench.devices.workers)


def test_the_last_good_time_is_the_latest_of_clock_build_and_journal(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pitfall 32: a board without a clock starts in the past, and TLS must still judge by a later time."""
    built_s = clock.built_utc_s()
    monkeypatch.setattr(clock.time, "time", lambda: 0.0)
    assert bench.devices._trusted_utc_s() == built_s
    saved_s = built_s + 86_400
    bench.devices.post(JournalLoaded(Snapshot(saved_utc_ms=round(saved_s * 1000))))
    assert bench.devices._trusted_utc_s() == pytest.approx(saved_s, abs=0.001)
    monkeypatch.setattr(clock.time, "time", lambda: saved_s + 100)
    assert bench.devices._trusted_utc_s() == saved_s + 100
    assert bench.ear.all(JournalLoaded)


def test_a_driver_that_fails_is_the_fault_of_its_own_part(bench: Bench) -> None:
    def job(_: object) -> None:
        raise DeviceError("gone")

    devices = bench.devices
    devices.start()
    for worker in devices.workers:
        worker.submit(job)
    assert bench.ear.hear(LinkFell, lambda event: event.link == "mqtt").reason == "DeviceError: gone"
    assert bench.ear.hear(LinkFell, lambda event: event.link == "sms")
    assert bench.ear.hear(VoiceBroke)
    assert bench.ear.hear(VoiceRefreshed).reason == "DeviceError: gone"
    assert bench.ear.hear(WorkerFailed, lambda event: event.worker == "lamp")
    assert bench.ear.hear(WorkerFailed, lambda event: event.worker == "board")
    devices.close()


def test_a_site_without_a_modem_says_so(tmp_path: Path) -> None:
    file = site_file(tmp_path)
    text = file.read_text(encoding="utf-8")
    file.write_text(
        text[: text.index("[sms]")] + "[duty]\ntiers = []\n" + text[text.index("[heartbeat]") :],
        encoding="utf-8",
    )
    armed = arm(file, allow_mock=True)
    devices = Devices(build_site(armed.config, armed.text, armed.file), armed, Ear())
    with pytest.raises(DeviceError, match=r"no \[sms\]"):
        devices._make_sms()
    devices.cycle_modem_power(1.0)  # no switch: nothing to do
    armed.inputs.close()


def test_a_synced_clock_is_believed_before_a_last_good_time_that_was_none(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock chip with an empty battery may once have said 2099: no certificate would be valid for ever."""
    now_s, wrong_s = 1_795_860_000.0, 4_000_000_000.0
    monkeypatch.setattr(clock.time, "time", lambda: now_s)
    monkeypatch.setattr(clock, "built_utc_s", lambda: wrong_s - 1)  # installed by that very clock
    bench.devices.post(JournalLoaded(Snapshot(saved_utc_ms=round(wrong_s * 1000))))
    assert bench.devices._trusted_utc_s() == pytest.approx(wrong_s, abs=0.001)
    for synced, trusted_s in ((True, now_s), (False, wrong_s)):
        bench.devices.post(
            BoardRead(
                temp_c=None, under_voltage=False, throttled=False, disk_free_mb=None, mem_free_mb=None,
                clock_synced=synced,
            )
        )  # fmt: skip
        assert bench.devices._trusted_utc_s() == pytest.approx(trusted_s, abs=0.001)


# ---- the modem's power


def test_the_modems_power_is_switched_by_its_pin(tmp_path: Path) -> None:
    bench = Bench(tmp_path, edit=POWERED)
    devices = bench.devices
    devices._make_sms().close()
    assert isinstance(devices._power, GpioModemPower)
    states: list[bool] = []
    pin = bench.armed.pins.factory().pin(24)
    devices._power._wait = lambda _: states.append(pin.state)
    devices.cycle_modem_power(5.0)
    assert states == [False]
    assert pin.state is True
    devices.close()
    bench.armed.inputs.close()


def test_an_end_in_the_middle_of_a_power_cycle_leaves_the_power_on(tmp_path: Path) -> None:
    bench = Bench(tmp_path, edit=POWERED)
    devices = bench.devices
    devices.start()
    pin = bench.armed.pins.factory().pin(24)
    off = threading.Event()

    def cycle(_: object) -> None:
        assert devices._power is not None
        watched = devices._power._wait
        devices._power._wait = lambda off_s: (off.set(), watched(off_s))
        devices.cycle_modem_power(30.0)

    devices.sms.submit(cycle)
    assert off.wait(PATIENCE_S)
    assert pin.state is False
    began_s = time.monotonic()
    devices.close()
    assert pin.state is True
    assert time.monotonic() - began_s < PATIENCE_S
    bench.armed.inputs.close()


# ---- clips


def rendering(monkeypatch: pytest.MonkeyPatch, outcome: Any) -> list[list[str]]:
    ran: list[list[str]] = []

    def run(command: list[str], **_: object) -> Any:
        ran.append(command)
        if isinstance(outcome, Exception):
            raise outcome
        return subprocess.CompletedProcess(command, outcome)

    monkeypatch.setattr(wiring.subprocess, "run", run)
    return ran


@pytest.mark.parametrize(
    ("there", "prefix"),
    [
        ({"nice", "choom"}, ["choom", "-n", "500", "--", "nice", "-n", "15"]),
        ({"nice"}, ["nice", "-n", "15"]),
        (set[str](), list[str]()),
    ],
)
def test_clips_are_rendered_by_a_child_for_this_very_site(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, there: set[str], prefix: list[str]
) -> None:
    ran = rendering(monkeypatch, 0)
    monkeypatch.setattr(render_child.shutil, "which", lambda name: name if name in there else None)
    bench.devices.render_clips(bench.armed.file)
    command = [sys.executable, "-m", "kiosk", "voice", "render", "--config", str(bench.armed.file)]
    assert ran == [[*prefix, *command]]
    assert bench.ear.all(VoiceRefreshed) == [VoiceRefreshed("")]


@pytest.mark.real
@pytest.mark.skipif(not shutil.which("choom"), reason="util-linux's choom is missing")
def test_a_rendering_gives_way_to_everything_else(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it inherits is the button's: the last to be killed for memory, and served first."""
    child, found = tmp_path / "child", tmp_path / "found"
    child.write_text(f"#!/bin/sh\n{{ cat /proc/self/oom_score_adj; nice; }} >{found}\n")
    child.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(child))
    bench.devices.render_clips(bench.armed.file)
    assert found.read_text().split() == ["500", str(min(os.nice(0) + 15, 19))]


@pytest.mark.parametrize(
    ("outcome", "says"),
    [(1, "ended with code 1"), (subprocess.TimeoutExpired("kiosk", 900), "more than 900 s")],
)
def test_a_rendering_that_fails_is_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, outcome: Any, says: str
) -> None:
    rendering(monkeypatch, outcome)
    with pytest.raises(DeviceError, match=says):
        bench.devices.render_clips(bench.armed.file)
    assert bench.ear.all(VoiceRefreshed) == []


# ---- the second path


@pytest.fixture
def doored(tmp_path: Path) -> Iterator[Bench]:
    """A site with doors, and with a certificate of 90 days."""
    authority = Authority(tmp_path / "pki")
    pair = authority.client("demo-kiosk", from_s=0, to_s=90 * 86_400 + 60)
    https = '[https]\ncentres = ["localhost:1"]\n[https.tls]\n'
    files = f'ca = "{authority.ca}"\ncert = "{pair.cert}"\nkey = "{pair.key}"\n[sms]'
    bench = Bench(tmp_path, edit=("[sms]", https + files))
    yield bench
    bench.armed.inputs.close()


def test_the_doors_are_made_on_their_own_two_threads(doored: Bench) -> None:
    names = [worker.name for worker in doored.devices.workers]
    assert {"https", "https-poll", "renew"} <= set(names)
    doored.devices._make_https().close()


def test_a_silent_dns_at_the_press_finds_what_the_probes_learned(
    doored: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the door counts as up, and the alert's own worker cannot find it."""
    doors = [doored.devices._make_https() for _ in range(2)]
    assert all(isinstance(door, RequestsDoor) for door in doors)
    probing, alerting = (door._caller._names for door in doors)  # type: ignore[attr-defined]
    assert probing is not alerting, "each waits for its own question"
    monkeypatch.setattr(probing, "_resolve", lambda *_: ("192.0.2.1",))
    assert probing.addresses("door.kz", 8443) == ("192.0.2.1",)

    def fail(*_: object) -> tuple[str, ...]:
        raise OSError("no answer")

    monkeypatch.setattr(alerting, "_resolve", fail)
    assert alerting.addresses("door.kz", 8443) == ("192.0.2.1",)
    for door in doors:
        door.close()


def test_a_site_without_doors_has_no_such_thread_and_says_so(bench: Bench) -> None:
    assert not {"https", "https-poll", "renew"} & {worker.name for worker in bench.devices.workers}
    with pytest.raises(DeviceError, match=r"no \[https\]"):
        bench.devices._make_https()


@pytest.mark.parametrize("section", ["https", "mqtt"])
def test_the_certificate_is_told_again_and_again_though_mqtt_never_connects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, section: str
) -> None:
    """Else one that lives on HTTPS for months is never renewed, and its end is never told."""
    authority = Authority(tmp_path / "pki")
    pair = authority.client("demo-kiosk", from_s=0, to_s=90 * 86_400 + 60)
    doors = '[https]\ncentres = ["localhost:1"]\n' if section == "https" else ""
    files = f'[{section}.tls]\nca = "{authority.ca}"\ncert = "{pair.cert}"\nkey = "{pair.key}"\n[sms]'
    bench = Bench(tmp_path, edit=("[sms]", doors + files))
    now_s = 1000.0
    monkeypatch.setattr(wiring.time, "monotonic", lambda: now_s)
    cert = Path(pair.cert)
    away = cert.rename(tmp_path / "not-enrolled-yet")
    bench.devices.look_at_papers()
    assert bench.ear.all(CertificateRead) == []
    away.rename(cert)
    for _ in range(3):
        bench.devices.look_at_papers()
    assert [read.life_days for read in bench.ear.all(CertificateRead)] == [90]
    now_s += wiring.CERTIFICATE_EVERY_S
    bench.devices.look_at_papers()
    assert len(bench.ear.all(CertificateRead)) == 2
    bench.armed.inputs.close()


def test_a_damaged_configuration_is_told_before_the_next_start_meets_it(doored: Bench) -> None:
    doored.devices.look_at_papers()
    assert "config_wrong" not in doored.ear.all(PapersRead)[-1].missing
    doored.armed.site_file.write_text("[kiosk")
    doored.devices.look_at_papers()
    assert "site.toml" in doored.ear.all(PapersRead)[-1].missing["config_wrong"]
    doored.armed.inputs.close()


def test_a_renewal_is_told_with_the_new_certificate(
    doored: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def done(command: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        asked.append(command)
        return subprocess.CompletedProcess(command, 0, b"", b"")

    monkeypatch.setattr(wiring.subprocess, "run", done)
    doored.devices.renew_certificate(tmp_path / "site.toml")
    assert asked[0][2:5] == ["kiosk", "enrol", "--renew"]
    assert doored.ear.hear(CertificateRenewed).reason == ""
    assert doored.ear.hear(CertificateRead).days_left in (89, 90)


@pytest.mark.parametrize(
    ("said", "reason"), [(b"x\nlocalhost:1: refused\n", "localhost:1: refused"), (b"", "code 1")]
)
def test_a_renewal_that_failed_says_why(
    doored: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes, reason: str
) -> None:
    failed = subprocess.CompletedProcess([], 1, b"", said)
    monkeypatch.setattr(wiring.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(DeviceError, match=reason):
        doored.devices.renew_certificate(tmp_path / "site.toml")


def test_a_renewal_that_hangs_is_given_up(
    doored: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(command: list[str], **_: object) -> None:
        raise subprocess.TimeoutExpired(command, 120)

    monkeypatch.setattr(wiring.subprocess, "run", hang)
    with pytest.raises(DeviceError, match="more than 120 s"):
        doored.devices.renew_certificate(tmp_path / "site.toml")
