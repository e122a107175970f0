"""A whole kiosk in this process: the real wiring, core, inputs and control socket around fake devices.

Each device has a gate: while it is shut, every call of that device hangs as a stuck driver does.
"""

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fakes.journal import FakeDisk, FakeJournal
from fakes.mqtt import FakeBroker, FakeMqtt
from fakes.mqtt_bench import PATIENCE_S
from fakes.sms import FakeModem
from fakes.voice import FakeVoice
from kiosk_site import wait_for

from kiosk import control
from kiosk.app import Daemon
from kiosk.arming import arm
from kiosk.demo import settings
from kiosk.devices import Devices
from kiosk.messages import Pattern

GATES = ("mqtt", "sms", "journal", "voice", "lamp", "board")


def site_file(folder: Path, *, edit: Callable[[str], str] = lambda toml: toml, mode: str = "spoken") -> Path:
    """Write a whole site into a folder: mock pins, no TLS, everything below that folder."""
    for name in ("kiosk", "run", "clips"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "sms.key").write_text("ab" * 32)
    wiring = settings.Wiring(
        folder=folder, clips=folder / "clips", broker_port=1, kiosk_port=1, modem=folder / "modem", mode=mode
    )
    file = folder / "site.toml"
    toml = settings.site_toml(wiring)
    toml = toml.replace("keepalive_s = 4", "keepalive_s = 60")  # the fake broker never pings
    file.write_text(edit(toml), encoding="utf-8")
    return file


@dataclass
class FakeLamp:
    """Notes what it shows."""

    shown: list[Pattern] = field(default_factory=list)
    broken: Exception | None = None
    closed: bool = False

    def show(self, pattern: Pattern) -> None:
        if self.broken is not None:
            raise self.broken
        self.shown.append(pattern)

    def close(self) -> None:
        self.closed = True


@dataclass
class FakeBoard:
    """Counts how often it is read."""

    reads: int = 0

    def read(self) -> None:
        self.reads += 1


class Gated:
    """A device behind a gate; what it is asked for waits while the gate is shut."""

    def __init__(self, device: Any, gate: threading.Event, calls: list[str], name: str) -> None:
        self._device = device
        self._gate = gate
        self._calls = calls
        self._name = name

    def __getattr__(self, method: str) -> Any:
        def call(*args: Any, **more: Any) -> Any:
            self._gate.wait(4 * PATIENCE_S)
            self._calls.append(f"{self._name}.{method}")
            return getattr(self._device, method)(*args, **more)

        return call


class Wired:
    """The fakes and their gates; `patch` puts them where the wiring makes its devices."""

    def __init__(self) -> None:
        self.gates = {name: threading.Event() for name in GATES}
        for gate in self.gates.values():
            gate.set()
        self.calls: list[str] = []
        self.broker = FakeBroker()
        self.disk = FakeDisk()
        self.lamp = FakeLamp()
        self.board = FakeBoard()
        self.modem: FakeModem | None = None
        self.voice: FakeVoice | None = None

    def patch(self, monkeypatch: Any) -> None:
        for name in GATES:
            made = getattr(self, f"_{name}")
            monkeypatch.setattr(
                Devices,
                f"_make_{name}",
                lambda devices, made=made, name=name: self._gated(name, made(devices)),
            )

    def open_gates(self) -> None:
        for gate in self.gates.values():
            gate.set()

    def _gated(self, name: str, device: Any) -> Gated:
        return Gated(device, self.gates[name], self.calls, name)

    def _mqtt(self, devices: Devices) -> FakeMqtt:
        return FakeMqtt(settings.KIOSK_ID, self.broker, devices.post)

    def _sms(self, devices: Devices) -> FakeModem:
        self.modem = FakeModem(devices.post)
        return self.modem

    def _journal(self, devices: Devices) -> FakeJournal:
        return FakeJournal(self.disk, devices.post)

    def _voice(self, devices: Devices) -> FakeVoice:
        self.voice = FakeVoice(devices.post)
        return self.voice

    def _lamp(self, _: Devices) -> FakeLamp:
        return self.lamp

    def _board(self, _: Devices) -> FakeBoard:
        return self.board

    def alerts(self) -> list[bytes]:
        """List the alerts that the broker got."""
        return [payload for topic, payload, _, _ in list(self.broker.said) if "/alert/" in topic]


@dataclass
class Running:
    """A daemon that runs on a thread of this process."""

    daemon: Daemon
    folder: Path
    thread: threading.Thread
    codes: list[int] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)

    def ask(self, **question: Any) -> dict[str, Any]:
        return control.ask(self.folder / "run" / "kiosk.sock", question, PATIENCE_S)

    def state(self) -> dict[str, Any]:
        return self.ask(ask="status")

    def up(self, *links: str) -> None:
        wait_for(lambda: all(self.state()[link] == "up" for link in links), PATIENCE_S)

    def press(self, name: str = settings.BUTTON) -> None:
        """Press and let go, each until the core has seen it."""
        before = self.presses()
        assert self.ask(ask="pin", input=name, high=False)["ok"]
        wait_for(lambda: self.presses() > before, PATIENCE_S)
        assert self.ask(ask="pin", input=name, high=True)["ok"]
        wait_for(lambda: self.state()["levels"][name] == "released", PATIENCE_S)

    def presses(self) -> int:
        return sum(incident["presses"] for incident in self.state()["incidents"])

    def stop(self, code: int = 0) -> int:
        self.daemon.loop.stop(code, "test")
        self.thread.join(3 * PATIENCE_S)
        return self.codes[0]


@contextlib.contextmanager
def running(folder: Path, wired: Wired, *, file: Path | None = None) -> Iterator[Running]:
    """Run a daemon around `wired`, whose patches must be in place."""
    switch_s = sys.getswitchinterval()
    daemon = Daemon(arm(file or site_file(folder), allow_mock=True))
    run = Running(daemon, folder, threading.Thread(target=lambda: _run(run)))
    run.thread.start()
    try:
        wait_for((folder / "run" / "kiosk.sock").exists, PATIENCE_S)
        yield run
    except BaseException as error:
        error.add_note(
            f"errors={run.errors} codes={run.codes} calls={wired.calls[-20:]} said={wired.broker.said[-5:]}"
        )
        raise
    finally:
        wired.open_gates()
        daemon.loop.stop(0, "the test is over")
        run.thread.join(3 * PATIENCE_S)
        daemon._armed.inputs.close()  # a daemon that fell, or never ran, does not
        sys.setswitchinterval(switch_s)
        assert not run.thread.is_alive()


def _run(run: Running) -> None:
    try:
        run.codes.append(run.daemon.run())
    except Exception as error:  # noqa: BLE001 - the test looks at it
        run.errors.append(error)
