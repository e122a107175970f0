"""A real kiosk and a real centre on this PC: mTLS to a real Mosquitto, a simulated modem, mock pins.

For the end-to-end tests and the bench.
"""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from pki import Authority, Pair

from kiosk import control
from kiosk.demo import settings
from kiosk.messages import DeviceError
from kiosk.sim.broker import MosquittoBroker, ServerTls, free_port
from kiosk.sim.link import TcpLink, listen_here
from kiosk.sim.modem import SimModem
from kiosk.sim.phone import Phone

MQTT_START, MQTT_END = "[mqtt]", "[sms]"
ASK_S = 30.0  # a busy machine is no hung daemon


class KioskSite:
    """Broker, centre and modem, with configuration files for a daemon that the caller starts."""

    def __init__(
        self,
        *,
        mode: str = "off",
        beat_s: int = 30,
        observe: Callable[[object], None] = lambda _seen: None,
        centre_more: str = "",  # further sections of the centre's configuration
        doors: bool = False,  # the second path: HTTPS
        keepalive_s: int = 4,  # of the kiosk's link
        listen: Callable[[int], socket.socket] = listen_here,  # where the kiosk finds the broker
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pana-bench-"))
        self.authority = authority = Authority(self.folder / "pki")
        server = authority.server()
        self.kiosk = authority.client(settings.KIOSK_ID)
        self.centre = centre = authority.client(settings.MONITOR_ID)
        self.ca = authority.ca
        self.broker = MosquittoBroker(tls=ServerTls(ca=self.ca, cert=server.cert, key=server.key))
        self.modem = SimModem(
            link=self.folder / "modem",
            phones=(Phone(settings.OFFICER), Phone(settings.GATEWAY)),
            observe=observe,
        )
        self.link = TcpLink(
            self.broker.port, listen=listen
        )  # between kiosk and broker; the centre has its own way
        self.door_port = free_port() if doors else 0
        self.door_link = TcpLink(self.door_port, listen=listen) if doors else None
        wiring = settings.Wiring(
            folder=self.folder, clips=self.folder / "clips", broker_port=self.broker.port,
            kiosk_port=self.link.port, modem=self.folder / "modem", mode=mode,
        )  # fmt: skip
        for name in ("kiosk", "run", "centre", "centre-run"):
            (self.folder / name).mkdir()
        (self.folder / "sms.key").write_text(secrets.token_hex(32))
        site = _with_tls(settings.site_toml(wiring), self.link.port, self.ca, self.kiosk)
        site = site.replace("keepalive_s = 4", f"keepalive_s = {keepalive_s}")
        site = site.replace("every_s = 10", f"every_s = {beat_s}")
        site = site.replace(MQTT_END, self._https() + MQTT_END)
        (self.folder / "site.toml").write_text(site)
        centre_toml = settings.centre_toml(wiring).replace("[paths]", MQTT_END + "\n[paths]")
        centre_toml = _with_tls(centre_toml, self.broker.port, self.ca, centre).replace(MQTT_END + "\n", "")
        centre_toml += self._doors(server)
        (self.folder / "centre.toml").write_text(centre_toml + centre_more)
        self.environ = {"ALSA_CONFIG_PATH": str(self.folder / "asound.conf")}
        silent = "pcm.!default { type null }\nctl.!default { type null }\n"
        (self.folder / "asound.conf").write_text(silent)
        self._ends = contextlib.ExitStack()

    def _https(self) -> str:
        return f'[https]\ncentres = ["localhost:{self.door_link.port}"]\n\n' if self.door_link else ""

    def _doors(self, server: Pair) -> str:
        if not self.door_port:
            return ""
        files = f'cert = "{server.cert}"\nkey = "{server.key}"\nca = "{self.ca}"\n'
        return f'\n[doors]\nlisten = "127.0.0.1:{self.door_port}"\n{files}'

    def __enter__(self) -> Self:
        self._ends.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.broker.start()
        self._ends.callback(self.broker.close)
        self._ends.callback(self.link.close)
        if self.door_link:
            self._ends.callback(self.door_link.close)
        self.modem.start()
        self._ends.callback(self.modem.close)
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    def start_centre(self) -> "subprocess.Popen[bytes]":
        child = self.spawn("monitor", "run", "--config", str(self.folder / "centre.toml"))
        self._ends.callback(_end, child)
        wait_for(self._centre_hears, within_s=60)
        if self.door_port:
            wait_for(lambda: _listens(self.door_port), within_s=60)
        return child

    def _centre_hears(self) -> bool:
        """Tell whether the centre listens at the broker: what is said before that, nobody keeps for it."""
        with contextlib.suppress(DeviceError):
            return bool(self.ask_centre(ask="status")["link"])
        return False

    def start_kiosk(
        self, *, prefix: tuple[str, ...] = (), name: str = "site.toml"
    ) -> "subprocess.Popen[bytes]":
        file = str(self.folder / name)
        child = self.spawn("run", "--config", file, "--allow-mock-pins", prefix=prefix)
        self._ends.callback(_end, child)
        wait_for(lambda: bool(self.state()), within_s=60)
        return child

    def state(self) -> dict[str, Any]:
        """Ask the daemon how it is; empty while it does not answer."""
        with contextlib.suppress(DeviceError):
            return self.ask_kiosk(ask="status")
        return {}

    def stage(self) -> str:
        """Name the newest open incident's stage, or nothing."""
        incidents = self.state().get("incidents", [])
        return incidents[-1]["stage"] if incidents else ""

    def alerts(self) -> list[dict[str, Any]]:
        """List what the centre holds, page by page; nothing while it does not answer."""
        found: list[dict[str, Any]] = []
        with contextlib.suppress(DeviceError):
            while True:
                page = self.ask_centre(ask="alerts", closed=True, start=len(found))
                found += page["alerts"]
                if not page["more"]:
                    return found
        return []

    def press(self) -> None:
        """Press the simulated button once."""
        for high in (False, True):
            self.ask_kiosk(ask="pin", input=settings.BUTTON, high=high)
            time.sleep(0.1)

    def spawn(self, *arguments: str, prefix: tuple[str, ...] = ()) -> "subprocess.Popen[bytes]":
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [*prefix, sys.executable, "-m", "kiosk", *arguments], stdout=log, stderr=log,
                stdin=subprocess.DEVNULL, env={**os.environ, **self.environ},
            )  # fmt: skip

    def ask_kiosk(self, **question: Any) -> dict[str, Any]:
        return control.ask(self.folder / "run" / "kiosk.sock", question, ASK_S)

    def ask_centre(self, **question: Any) -> dict[str, Any]:
        return control.ask(self.folder / "centre-run" / "monitor.sock", question, ASK_S)

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")


def _with_tls(text: str, port: int, ca: Path, pair: Pair) -> str:
    before, _, rest = text.partition(MQTT_START)
    after = rest.partition(MQTT_END)[2]
    files = f'[mqtt.tls]\nca = "{ca}"\ncert = "{pair.cert}"\nkey = "{pair.key}"\n\n'
    return f'{before}[mqtt]\nbrokers = ["localhost:{port}"]\nkeepalive_s = 4\n{files}{MQTT_END}{after}'


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def wait_for(ready: Callable[[], object], within_s: float = 60.0) -> None:
    deadline_s = time.monotonic() + within_s
    while not ready():
        if time.monotonic() > deadline_s:
            raise TimeoutError("a part of the bench did not get ready")
        time.sleep(0.02)


def _end(child: "subprocess.Popen[bytes]") -> None:
    child.terminate()
    try:
        child.wait(10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
