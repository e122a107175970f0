"""This machine's side: a real Mosquitto, a real centre with doors and CA, two modems on a simulated network.

Everything listens on 127.0.0.1 only; the board reaches broker and doors through QEMU, and nothing else.
"""

import contextlib
import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

from deploy.board.machine import HOST, until

from kiosk import control
from kiosk.messages import DeviceError
from kiosk.sim.broker import MosquittoBroker, ServerTls, free_port
from kiosk.sim.modem import SimModem
from kiosk.sim.phone import Phone

KIOSK_ID = "kz-ala-0001"
NUMBER = 17
OFFICER = "+77010000011"
GATEWAY = "+77010000001"
SIM = "+77010000017"  # of the board's modem
BROKER_PORT, DOOR_PORT = 8883, 8443  # as the board names them
PATIENCE_S = 90.0
PLACE = [
    *(f"--{what}-{lang}=Абай 10" for what in ("name", "address", "entrance") for lang in ("kk", "ru")),
    "--lat=43.23815", "--lon=76.94551", "--kato=751110000",
]  # fmt: skip


class Host:
    """Broker, centre, doors and phones; `folder` holds every file of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.door_port = free_port()
        self.master = secrets.token_bytes(32)
        (folder / "master.key").write_text(self.master.hex())
        self.officer = Phone(OFFICER)
        self.modem = SimModem(number=SIM, link=folder / "modem", phones=(self.officer,))
        self.centre_modem = SimModem(number=GATEWAY, link=folder / "centre-modem", phones=(Phone(OFFICER),))
        self._join(self.modem, GATEWAY, self.centre_modem, SIM)
        self._join(self.centre_modem, SIM, self.modem, GATEWAY)
        self._ends = contextlib.ExitStack()

    @staticmethod
    def _join(sender: SimModem, number: str, to: SimModem, known_as: str) -> None:
        sender.network.add(Phone(number, on_text=lambda received: to.deliver(known_as, received.text)))

    @property
    def doors(self) -> dict[int, int]:
        """Give the board's ways out: its port at HOST, and this machine's."""
        return {BROKER_PORT: self.broker.port, DOOR_PORT: self.door_port}

    @property
    def ca(self) -> Path:
        """Name the CA's certificate."""
        return self.folder / "ca.crt"

    def __enter__(self) -> Self:
        try:
            self._begin()
        except BaseException:
            self._ends.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    def manage(self, *arguments: str) -> str:
        """Run `kiosk monitor registry …`; gives what it prints."""
        command = [
            sys.executable,
            "-m",
            "kiosk",
            "monitor",
            "registry",
            "--config",
            str(self.config),
            *arguments,
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    @property
    def config(self) -> Path:
        """Name the centre's configuration."""
        return self.folder / "monitor.toml"

    def token(self) -> str:
        """Make a one-time token for the kiosk."""
        return self.manage("token", KIOSK_ID)

    # ---- what the centre knows

    def ask(self, what: str, **more: Any) -> dict[str, Any]:
        """Ask the centre's core; empty while it does not answer."""
        with contextlib.suppress(DeviceError):
            return control.ask(self.folder / "run" / "monitor.sock", {"ask": what, **more})
        return {}

    def alerts(self, kind: str = "press") -> list[dict[str, Any]]:
        """List every alert of a kind that the centre holds."""
        found = self.ask("alerts", closed=True).get("alerts", [])
        return [alert for alert in found if alert["kind"] == kind]

    def alert_ids(self) -> set[str]:
        """Give the id of every press that the centre holds."""
        return {alert["alert_id"] for alert in self.alerts()}

    def alert(self, seq: int) -> dict[str, Any]:
        """Give the newest press of this number; its id changes when another path brings it, too."""
        found = [alert for alert in self.alerts() if alert["seq"] == seq]
        return max(found, key=lambda alert: str(alert["pressed_at"]))

    def kiosk(self) -> dict[str, Any]:
        """Give what the centre knows of the kiosk."""
        known = self.ask("kiosks").get("kiosks", [])
        return next((kiosk for kiosk in known if kiosk["kiosk_id"] == KIOSK_ID), {})

    def advance(self, alert_id: str, stage: str) -> None:
        """Let a person at the centre take, advance or close an alert."""
        request: dict[str, Any] = {"alert": alert_id, "by": "officer-1"}
        if stage == "accepted":
            answer = self.ask("accept", **request)
        elif stage == "closed":
            answer = self.ask("close", **request, outcome="helped")
        else:
            answer = self.ask("advance", **request, stage=stage)
        assert answer.get("ok"), answer

    def log(self) -> str:
        """Give the centre's log."""
        return (self.folder / "log").read_text(errors="replace")

    # ---- the beginning

    def _begin(self) -> None:
        for name in ("state", "run"):
            (self.folder / name).mkdir()
        self.config.write_text(self._toml(broker_port=1))  # the registry's commands need no broker
        self.manage("ca", "create", "--permit", "localhost", "--permit", HOST)
        for what, names in {"doors": ("localhost", HOST), "broker": ("localhost", HOST)}.items():
            self.manage("server-cert", *names, *self._pair(what))
        self.manage("client-cert", "monitor-1", *self._pair("monitor-1"))
        self.manage("add", KIOSK_ID, f"--number={NUMBER}", *PLACE)
        tls = ServerTls(ca=self.ca, cert=self.folder / "broker.crt", key=self.folder / "broker.key")
        self.broker = self._ends.enter_context(MosquittoBroker(tls=tls))
        self.config.write_text(self._toml(broker_port=self.broker.port))
        self._ends.enter_context(self.modem)
        self._ends.enter_context(self.centre_modem)
        with (self.folder / "log").open("ab") as log:
            # it dies with the tests: one left over opens a tty that is another modem by then
            command = ["setpriv", "--pdeathsig", "TERM", sys.executable, "-m", "kiosk", "monitor", "run"]
            command += ["--config", str(self.config)]
            centre = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=os.environ
            )
        self._ends.callback(_end, centre)
        until(
            lambda: self.ask("status").get("link"),
            within_s=PATIENCE_S,
            what="the centre's link to the broker",
        )

    def _pair(self, name: str) -> list[str]:
        return ["--cert", f"{self.folder}/{name}.crt", "--key", f"{self.folder}/{name}.key"]

    def _toml(self, *, broker_port: int) -> str:
        own = self.folder
        return f"""\
[monitor]
id = "monitor-1"
[mqtt]
brokers = ["localhost:{broker_port}"]
[mqtt.tls]
ca = "{own}/ca.crt"
cert = "{own}/monitor-1.crt"
key = "{own}/monitor-1.key"
[paths]
state = "{own}/state"
run = "{own}/run"
[doors]
listen = "127.0.0.1:{self.door_port}"
cert = "{own}/doors.crt"
key = "{own}/doors.key"
ca = "{own}/ca.crt"
[ca]
cert = "{own}/ca.crt"
key = "{own}/ca.key"
brokers = ["{HOST}:{BROKER_PORT}"]
gateways = ["{GATEWAY}"]
crl = "{own}/state/crl.pem"
[sms]
master_key_file = "{own}/master.key"
first = "modem"
[sms.modem]
device = "{own}/centre-modem"
"""


def _end(child: "subprocess.Popen[bytes]") -> None:
    child.terminate()
    try:
        child.wait(15)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait(15)
