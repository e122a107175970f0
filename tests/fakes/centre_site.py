"""A broker with the shipped rules, a centre's configuration for it, and the centre as thread or process."""

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fakes.mqtt_kiosk import PATIENCE_S, MqttKiosk, wait_for
from fakes.virtual_centre import an_alert

from kiosk import wire
from kiosk.bodies import Alert, Status
from kiosk.control import ask
from kiosk.messages import DeviceError
from kiosk.monitor.app import Centre
from kiosk.monitor.config import MonitorConfig, read
from kiosk.sim.broker import MosquittoBroker, throw_away_passwords

ROOT = Path(__file__).parents[2]
MONITOR = [sys.executable, "-m", "kiosk", "monitor"]


@dataclass
class Site:
    """One broker and one centre on this machine."""

    folder: Path
    names: tuple[str, ...] = ("kz-1", "kz-2")
    protocol: str = "3.1.1"
    store: str = ""  # a URL; SQLite beside the other state without one
    passwords: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.passwords = throw_away_passwords("monitor-1", *self.names)
        self.broker = MosquittoBroker(passwords=self.passwords)
        (self.folder / "password").write_text(self.passwords["monitor-1"] + "\n")
        self.file = self.folder / "monitor.toml"
        self.file.write_text(self.toml())
        self.socket = self.folder / "run" / "monitor.sock"
        self.threads: list[tuple[Centre, threading.Thread]] = []
        self.children: list[subprocess.Popen[bytes]] = []
        self.kiosks: list[MqttKiosk] = []
        self._switch_s = sys.getswitchinterval()

    def toml(self, brokers: str = "") -> str:
        return f"""
            [monitor]
            id = "monitor-1"
            [mqtt]
            brokers = [{brokers}"127.0.0.1:{self.broker.port}"]
            protocol = "{self.protocol}"
            user = "monitor-1"
            password_file = "{self.folder}/password"
            [paths]
            state = "{self.folder}/state"
            run = "{self.folder}/run"
            {f'[store]{chr(10)}url = "{self.store}"' if self.store else ""}
        """

    @property
    def config(self) -> MonitorConfig:
        return read(self.file.read_text(), str(self.file))

    def run(self) -> Centre:
        """Run a centre on a thread of this process."""
        centre = Centre(self.config)
        thread = threading.Thread(target=centre.run, daemon=True)
        thread.start()
        self.threads.append((centre, thread))
        self.wait_until_linked()
        return centre

    def stop(self) -> None:
        """End the centre's thread in order."""
        centre, thread = self.threads.pop()
        centre.stop()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
        sys.setswitchinterval(self._switch_s)  # the centre sets it for its whole process

    def spawn(self) -> subprocess.Popen[bytes]:
        """Run a centre as its own process."""
        with (self.folder / "log").open("ab") as log:
            child = subprocess.Popen(
                [*MONITOR, "run", "--config", str(self.file)], cwd=ROOT, stdout=log, stderr=log
            )
        self.children.append(child)
        self.wait_until_linked()
        return child

    def kill(self) -> None:
        """End the process as a power cut would."""
        child = self.children.pop()
        child.kill()
        child.wait(PATIENCE_S)

    def wait_until_linked(self) -> None:
        wait_for(lambda: self.try_ask({"ask": "status"}).get("link"), "the centre's link")

    def try_ask(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            return ask(self.socket, request, PATIENCE_S)
        except DeviceError:
            return {}

    def alerts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        more = True
        while more:
            page = ask(self.socket, {"ask": "alerts", "start": len(found), "closed": True}, PATIENCE_S)
            found += page["alerts"]
            more = page["more"]
        return found

    def kiosk(self, name: str = "kz-1", *, will: Status | None = None) -> MqttKiosk:
        kiosk = MqttKiosk(self.broker.port, name, self.passwords[name], will=will)
        self.kiosks.append(kiosk)
        return kiosk

    def cli(self, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*MONITOR, *args], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
            env=os.environ | {"PANA_MONITOR_SOCKET": str(self.socket), "LANG": "en_US.UTF-8"} | env,
        )  # fmt: skip

    def log(self) -> str:
        return (self.folder / "log").read_text() if (self.folder / "log").exists() else ""

    def close(self) -> None:
        for kiosk in self.kiosks:
            kiosk.close()
        while self.threads:
            self.stop()
        while self.children:
            self.kill()
        self.broker.close()


def fresh_alert(alert_id: str, kiosk: str = "kz-1", **changes: Any) -> Alert:
    """Make an alert that was pressed just now."""
    at = wire.utc_text(time.time_ns() // 1_000_000)
    return an_alert(**({"alert_id": alert_id, "kiosk_id": kiosk, "pressed_at": at, "sent_at": at} | changes))


def lines(text: str) -> list[dict[str, Any]]:
    """Read JSON lines."""
    return [json.loads(line) for line in text.splitlines()]
