"""The renewal of the broker's revocation list, with real lists, a real Mosquitto and a real TLS door."""

import contextlib
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from fakes.mqtt_kiosk import wait_for

from kiosk.monitor.ca import Authority, create
from kiosk.monitor.ca.authority import Revoked
from kiosk.sim.broker import free_port

pytestmark = pytest.mark.real
ROOT = Path(__file__).parents[2]
RENEW = ROOT / "systemd" / "libexec" / "crl-renew"
DAY_S = 86_400
SYSTEMCTL = """#!/bin/sh
echo "$*" >>"$CALLS"
pid=$(cat "$BROKER_PID") || exit 3
case $1 in
kill) kill -HUP "$pid" ;;
is-active) kill -0 "$pid" ;;
esac
"""


class Machine:
    """A broker's machine: our CA, the list in use, a Mosquitto that reads it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now_s = int(time.time())
        pair = create("Pana test", self.now_s)
        self.authority = Authority(pair.cert, pair.key)
        self.source, self.used = folder / "from.pem", folder / "pana" / "crl.pem"
        self.used.parent.mkdir()
        self.ca = self.used.with_name("ca.crt")
        self.ca.write_bytes(pair.cert)
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None
        shim = folder / "bin" / "systemctl"
        shim.parent.mkdir()
        shim.write_text(SYSTEMCTL, encoding="ascii")
        shim.chmod(0o755)

    def offer(self, *revoked: str, days: int = 30, made_s: int = 0) -> None:
        lines = [Revoked(serial, self.now_s, x509.ReasonFlags.unspecified) for serial in revoked]
        self.source.write_bytes(self.authority.crl(lines, self.now_s + made_s, days))

    def renew(self, **environ: str) -> subprocess.CompletedProcess[str]:
        given = {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "CALLS": str(self.folder / "calls"),
            "BROKER_PID": str(self.folder / "pid"),
            "PANA_CRL_FROM": str(self.source),
            "PANA_CRL_TO": str(self.used),
            "PANA_CRL_CA": str(self.ca),
        }
        return subprocess.run(
            [RENEW], env=given | environ, capture_output=True, text=True, timeout=60, check=False
        )

    @property
    def calls(self) -> list[str]:
        with contextlib.suppress(FileNotFoundError):
            return (self.folder / "calls").read_text().splitlines()
        return []

    def identity(self, name: str) -> tuple[Path, Path, str]:
        issued, pair = self.authority.client_pair(name, self.now_s, 30)
        cert, key = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        cert.write_bytes(pair.cert)
        key.write_bytes(pair.key)
        return cert, key, issued.serial

    def server_identity(self) -> tuple[Path, Path]:
        _, pair = self.authority.server_pair(["127.0.0.1"], self.now_s, 30)
        cert, key = self.folder / "server.crt", self.folder / "server.key"
        cert.write_bytes(pair.cert)
        key.write_bytes(pair.key)
        return cert, key

    def start_broker(self) -> None:
        cert, key = self.server_identity()
        self.port = free_port()
        file = self.folder / "mosquitto.conf"
        file.write_text(
            f"listener {self.port} 127.0.0.1\ncafile {self.ca}\ncertfile {cert}\nkeyfile {key}\n"
            f"crlfile {self.used}\nrequire_certificate true\nuse_identity_as_username true\n"
            "allow_anonymous false\npersistence false\nuser root\n",
            encoding="ascii",
        )
        broker = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        log = (self.folder / "broker.log").open("wb")
        self.process = subprocess.Popen([broker, "-c", str(file)], stdout=log, stderr=log)
        log.close()
        (self.folder / "pid").write_text(str(self.process.pid))

    def lets_in(self, cert: Path, key: Path) -> bool:
        """Say CONNECT and hear CONNACK, or be shown out."""
        context = ssl.create_default_context(cafile=str(self.ca))
        context.load_cert_chain(cert, key)
        with (
            contextlib.suppress(OSError),  # ssl.SSLError is one
            socket.create_connection(("127.0.0.1", self.port), 10) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as link,
        ):
            link.sendall(bytes.fromhex("101000044d5154540402000a0004") + b"kz-1")
            return link.recv(4) == bytes.fromhex("20020000")
        return False

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    made.close()


def test_a_revoked_kiosk_is_refused_once_the_new_list_is_in_use(machine: Machine) -> None:
    cert, key, serial = machine.identity("kz-1")
    machine.offer()
    machine.used.write_bytes(machine.source.read_bytes())
    machine.start_broker()
    wait_for(lambda: machine.lets_in(cert, key), "the broker")
    machine.offer(serial, made_s=60)
    done = machine.renew()
    assert (done.returncode, done.stderr) == (0, "crl: a new list is in use\n")
    assert machine.calls == [
        "kill --kill-who=main --signal=HUP mosquitto.service",
        "is-active --quiet mosquitto.service",
    ]
    wait_for(lambda: not machine.lets_in(cert, key), "the refusal")
    other, its_key, _ = machine.identity("kz-2")
    assert machine.lets_in(other, its_key)


def test_the_broker_is_told_of_nothing_when_nothing_changed(machine: Machine) -> None:
    machine.offer()
    machine.used.write_bytes(machine.source.read_bytes())
    done = machine.renew()
    assert (done.returncode, done.stderr, machine.calls) == (0, "", [])
    assert sorted(path.name for path in machine.used.parent.iterdir()) == ["ca.crt", "crl.pem"]


def test_the_first_list_is_readable_for_the_broker(machine: Machine) -> None:
    machine.offer()
    machine.source.chmod(0o600)
    machine.start_broker()
    assert machine.renew().returncode == 0
    assert machine.used.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("bad", ["older", "foreign", "torn", "expired", "future", "missing"])
def test_a_list_that_is_no_good_leaves_the_one_in_use_alone(
    machine: Machine, bad: str, tmp_path: Path
) -> None:
    machine.offer()
    machine.used.write_bytes(machine.source.read_bytes())
    match bad:
        case "older":
            machine.offer(made_s=-DAY_S)
        case "foreign":
            pair = create("Pana test", machine.now_s)  # of the same name
            machine.source.write_bytes(Authority(pair.cert, pair.key).crl([], machine.now_s + 60, 30))
        case "torn":
            machine.source.write_bytes(machine.source.read_bytes()[:200])
        case "expired":
            machine.offer(made_s=-2 * DAY_S, days=1)
        case "future":
            machine.offer(made_s=2 * DAY_S)
        case _:
            machine.source.unlink()
    before = machine.used.read_bytes()
    done = machine.renew()
    assert (done.returncode, machine.used.read_bytes(), machine.calls) == (0, before, [])
    assert re.search("not renewed this time; (29|30) days are left", done.stderr)
    assert not machine.used.with_name("crl.pem.new").exists()


def test_a_list_from_the_future_is_an_alarm_and_the_next_good_one_replaces_it(machine: Machine) -> None:
    machine.offer(made_s=2 * DAY_S)
    machine.used.write_bytes(machine.source.read_bytes())
    cert, key, _ = machine.identity("kz-1")
    machine.start_broker()
    wait_for(lambda: b"Opening ipv4" in (machine.folder / "broker.log").read_bytes(), "the broker")
    assert not machine.lets_in(cert, key)
    done = machine.renew()
    assert done.returncode == 1
    assert "is dated in the future: the broker refuses every kiosk" in done.stderr
    assert machine.calls == []
    machine.offer()
    done = machine.renew()
    assert (done.returncode, done.stderr) == (0, "crl: a new list is in use\n")
    wait_for(lambda: machine.lets_in(cert, key), "the broker with the good list")


@pytest.mark.parametrize(
    ("days", "word"), [(15, "expires in 15 days"), (0, "HAS EXPIRED")], ids=["soon", "over"]
)
def test_it_alarms_while_there_are_days_left_and_after(machine: Machine, days: int, word: str) -> None:
    machine.offer(days=days, made_s=600 if days else -600)
    machine.used.write_bytes(machine.source.read_bytes())
    machine.source.unlink()
    done = machine.renew()
    assert done.returncode == 1
    assert word in done.stderr


def test_no_list_at_all_is_an_alarm(machine: Machine) -> None:
    done = machine.renew()
    assert done.returncode == 1
    assert "is missing or no list" in done.stderr


def test_a_broker_that_does_not_run_is_an_alarm(machine: Machine) -> None:
    machine.offer()
    done = machine.renew()
    assert done.returncode == 1
    assert "could not be told" in done.stderr
    assert machine.used.exists()


class Door(BaseHTTPRequestHandler):
    pem = b""

    def do_GET(self) -> None:
        body = self.pem if self.path == "/v1/crl.pem" else b"no"
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing on stderr."""


def test_the_list_comes_from_the_centres_door_by_a_certificate(machine: Machine) -> None:
    machine.offer()
    cert, key = machine.server_identity()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    context.load_verify_locations(machine.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    machine.start_broker()
    door = type("Offer", (Door,), {"pem": machine.source.read_bytes()})
    own, own_key, _ = machine.identity("broker-1")
    with ThreadingHTTPServer(("127.0.0.1", 0), door) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = machine.renew(
            PANA_CRL_FROM=f"https://127.0.0.1:{server.server_port}/v1/crl.pem",
            PANA_CRL_CERT=str(own),
            PANA_CRL_KEY=str(own_key),
        )
        server.shutdown()
    assert (done.returncode, done.stderr) == (0, "crl: a new list is in use\n")
    assert machine.used.read_bytes() == machine.source.read_bytes()
