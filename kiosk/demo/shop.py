"""The simulated shop: broker, networks, modem and phone around the real daemon and the real centre.

Owns every process, socket and file of the demo and takes them all away again. Judges nothing.
"""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Literal, Self

from kiosk import control
from kiosk.demo import settings
from kiosk.demo.stage import Sound
from kiosk.messages import DeviceError, LinkDown
from kiosk.sim.amqtt_broker import AmqttBroker
from kiosk.sim.broker import MosquittoBroker, free_port, throw_away_passwords
from kiosk.sim.link import TcpLink
from kiosk.sim.modem import SimModem
from kiosk.sim.network import Seen, SmsSeen
from kiosk.sim.phone import Answer, Phone, Received

START_S = 60.0
STOP_S = 10.0
ASK_S = 30.0  # a busy machine is no hung daemon
Event = dict[str, Any]
Network = Literal["mqtt", "gsm", "sound"]


class Shop:
    """Everything around one kiosk; use as a context manager. `events` gets what the parts tell."""

    def __init__(
        self,
        *,
        clips: Path,
        mode: str = "spoken",
        broker: str = "amqtt",
        gpio: int | None = None,
        answers: bool = True,
    ) -> None:
        self.events: SimpleQueue[Event] = SimpleQueue()
        self.folder = Path(tempfile.mkdtemp(prefix="pana-demo-"))
        self._gpio = gpio
        self._sound = Sound(self.folder)
        self._ends = contextlib.ExitStack()
        self._ends.callback(shutil.rmtree, self.folder, ignore_errors=True)
        passwords = throw_away_passwords(settings.KIOSK_ID, settings.MONITOR_ID)
        self._broker: AmqttBroker | MosquittoBroker = (
            AmqttBroker(passwords) if broker == "amqtt" else MosquittoBroker(passwords=passwords)
        )
        self.link = TcpLink(self._broker.port)
        answer = Answer(after_s=0.5) if answers else None
        self.phone = Phone(settings.OFFICER, answer=answer, on_text=self._rang)
        gateway = Phone(settings.GATEWAY)
        self.modem = SimModem(link=self.folder / "modem", phones=(self.phone, gateway), observe=self._crossed)
        self._web_port = free_port()
        self.password = secrets.token_urlsafe(9)
        wiring = settings.Wiring(
            folder=self.folder,
            clips=clips,
            broker_port=self._broker.port,
            kiosk_port=self.link.port,
            modem=self.folder / "modem",
            mode=mode,
            gpio=gpio,
            web_port=self._web_port,
        )
        self._write(wiring, passwords)

    def _write(self, wiring: settings.Wiring, passwords: Mapping[str, str]) -> None:
        for name in ("kiosk", "run", "centre", "centre-run"):
            (self.folder / name).mkdir()
        for user, password in passwords.items():
            self._secret(f"{user}.password", password)
        self._secret("sms.key", secrets.token_hex(32))
        self._secret("pages.password", self.password)
        (self.folder / "site.toml").write_text(settings.site_toml(wiring), encoding="utf-8")
        (self.folder / "centre.toml").write_text(settings.centre_toml(wiring), encoding="utf-8")

    def _secret(self, name: str, text: str) -> None:
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")

    @property
    def site_file(self) -> Path:
        """Name the kiosk's configuration file."""
        return self.folder / "site.toml"

    @property
    def pages(self) -> dict[str, str]:
        """Tell where the centre's pages are, and a sign-in that is thrown away with the shop."""
        address = f"http://127.0.0.1:{self._web_port}/"
        return {"address": address, "user": settings.VISITOR, "password": self.password}

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as ends:
            ends.callback(self._ends.close)
            self._ends.callback(self.link.close)
            self._ends.callback(self._broker.close)
            self._broker.start()
            self.modem.start()
            self._ends.callback(self.modem.close)
            self._run("monitor", "run", "--config", str(self.folder / "centre.toml"), name="centre")
            self._follow("centre", self.folder / "centre-run" / "monitor.sock")
            mock = ["--allow-mock-pins"] if self._gpio is None else []
            self._run("run", "--config", str(self.site_file), *mock, name="kiosk")
            self._follow("kiosk", self.folder / "run" / "kiosk.sock")
            self._admit()
            ends.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    def _run(self, *arguments: str, name: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "kiosk", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self._sound.environ},
            )
        self._ends.callback(_end, child)

    def _admit(self) -> None:
        """Let one visitor sign in to the pages, by the same command that a site uses; raises LinkDown."""
        user = ["--name", "Demo", "--role", "admin", "--password-file", str(self.folder / "pages.password")]
        command = ["monitor", "user", "--config", str(self.folder / "centre.toml"), "add", settings.VISITOR]
        done = subprocess.run(
            [sys.executable, "-m", "kiosk", *command, *user],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=START_S, check=False,
        )  # fmt: skip
        if done.returncode:
            raise LinkDown(f"nobody can sign in to the centre's pages: {done.stderr[-300:]}")
        if not self.wait(self._serves, START_S):
            raise LinkDown(f"the centre's pages did not start: {self.log('centre')[-800:]}")

    def _serves(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._web_port)) == 0

    def _follow(self, name: str, path: Path) -> None:
        """Wait for a part's control socket, then pass on what it tells."""
        deadline_s = time.monotonic() + START_S
        while not path.exists():
            if time.monotonic() > deadline_s:
                raise LinkDown(f"the {name} did not start: {self.log(name)[-800:]}")
            time.sleep(0.02)
        threading.Thread(target=self._listen, args=(name, path), name=f"follow-{name}", daemon=True).start()

    def _listen(self, name: str, path: Path) -> None:
        with contextlib.suppress(DeviceError):
            for event in control.watch(path, timeout_s=START_S):
                self.events.put({**event, "from": name, "at_s": time.monotonic()})

    def log(self, name: str) -> str:
        """Give what a part has logged."""
        with contextlib.suppress(OSError):
            return (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")
        return ""

    def _rang(self, text: Received) -> None:
        told = {"what": "phone_rang", "text": text.text, "parts": text.parts}
        self.events.put({"from": "phone", "at_s": time.monotonic(), **told})

    def _crossed(self, seen: Seen) -> None:
        what = "sms_crossed" if isinstance(seen, SmsSeen) else "reply_crossed"
        self.events.put({"from": "network", "at_s": time.monotonic(), "what": what, "text": seen.text})

    # ---- what a person can do

    def ask_kiosk(self, **question: Any) -> Event:
        """Ask the daemon; raises DeviceError."""
        return control.ask(self.folder / "run" / "kiosk.sock", question, ASK_S)

    def ask_centre(self, **question: Any) -> Event:
        """Ask the centre; raises DeviceError."""
        return control.ask(self.folder / "centre-run" / "monitor.sock", question, ASK_S)

    def press(self, for_s: float = 0.25) -> None:
        """Press the simulated button once."""
        self.ask_kiosk(ask="pin", input=settings.BUTTON, high=False)
        time.sleep(for_s)
        self.ask_kiosk(ask="pin", input=settings.BUTTON, high=True)

    def cut(self, network: Network) -> None:
        """Cut Internet, GSM or sound."""
        {"mqtt": self.link.cut, "gsm": self.modem.lose_network, "sound": self._sound.cut}[network]()

    def restore(self, network: Network) -> None:
        """Restore Internet, GSM or sound."""
        {"mqtt": self.link.restore, "gsm": self.modem.find_network, "sound": self._sound.restore}[network]()

    def reply(self) -> None:
        """Let the duty officer answer the newest text that asks for it; raises DeviceError."""
        for text in reversed(self.phone.inbox()):
            for _, reply in Answer().replies(text.text):
                self.phone.send(reply)
                return
        raise DeviceError("the officer's phone has no text to answer")

    def wait(self, ready: Callable[[], bool], within_s: float) -> bool:
        """Wait until something holds."""
        deadline_s = time.monotonic() + within_s
        while time.monotonic() < deadline_s:
            with contextlib.suppress(DeviceError):
                if ready():
                    return True
            time.sleep(0.05)
        return False


def _end(child: "subprocess.Popen[bytes]") -> None:
    """End one child: by SIGTERM, then by SIGKILL."""
    child.send_signal(signal.SIGTERM)
    try:
        child.wait(STOP_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
