"""Real doors with real TLS on this machine, before a core that can be away, slow or wrong.

The CA, its kiosks and the database are throw-away. `FakeCore` speaks the centre's local socket and writes
what is durable.
"""

import asyncio
import contextlib
import http.client
import os
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fakes.registry_rows import a_draft
from sqlalchemy import Engine, insert, select

from kiosk import wire
from kiosk.bodies import STAGES, Alert
from kiosk.control import ControlServer
from kiosk.monitor import ca
from kiosk.monitor.config import MonitorConfig, read
from kiosk.monitor.doors import alerts as alert_doors
from kiosk.monitor.doors import releases, server, standing
from kiosk.monitor.store import certificates, registry, tokens
from kiosk.monitor.store.certificates import Certificate
from kiosk.monitor.store.engine import make_engine
from kiosk.monitor.store.schema import alerts, metadata, stages

START_S = 60.0
PATIENCE_S = 45.0  # a client's deadline, never a delay


@contextmanager
def patient() -> Iterator[pytest.MonkeyPatch]:
    """Give core and database time on a busy machine; who tests a slow one sets its own deadline."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alert_doors, "CORE_S", 30.0)
        patch.setattr(alert_doors, "LOOK_S", 30.0)
        patch.setattr(alert_doors, "RECEIPT_LOOK_S", 30.0)
        patch.setattr(releases, "LOOK_S", 30.0)
        patch.setattr(standing, "LOOK_S", 30.0)
        patch.setattr(standing, "ALERT_LOOK_S", 30.0)  # fails open: a slow look would admit who is revoked
        yield patch


@dataclass
class FakeCore:
    """The centre's socket: takes alerts in, keeps them in the database, tells of stages.

    `mood`: ok; slow (answers at `release`); silent (never answers); broken (not on disk); foreign; mad;
    mute (does not say how many presses it has counted).
    """

    path: Path
    engine: Engine
    mood: str = "ok"
    held: list[Callable[[], None]] = field(default_factory=list)
    taken: list[Alert] = field(default_factory=list)

    def start(self) -> None:
        """Listen."""
        self._server = ControlServer(self.path, self._handle, clients=32, waiting=256)
        self._server.open()

    def stop(self) -> None:
        """Go away; `start` comes back."""
        self._server.close()

    def advance(
        self,
        alert_id: str,
        stage: str,
        by: str = "officer-7",
        *,
        durable_after: Callable[[], object] | None = None,
    ) -> None:
        """Let a person advance an alert; the commit waits for `durable_after`, its event does not."""
        event = {"what": "case", "alert": {"alert_id": alert_id}}
        if durable_after is not None:
            self._server.publish(event)
            durable_after()
        self._keep_stage(alert_id, stage, by)
        if durable_after is None:
            self._server.publish(event)

    def release(self) -> None:
        """Answer what was held back."""
        while self.held:
            self.held.pop(0)()

    def publish(self, event: dict[str, Any]) -> None:
        """Tell everybody who watches."""
        self._server.publish(event)

    def _handle(self, request: dict[str, Any], reply: Any) -> None:
        number = {"id": request["id"]} if "id" in request else {}
        if self.mood == "silent":
            return
        if self.mood == "slow":
            self.held.append(lambda: reply(self._answer(request) | number))
        else:
            reply(self._answer(request) | number)

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if request.get("ask") != "alert":
            return {"ok": True}
        if self.mood == "mad":
            return {"error": "a bug of the core"}
        if self.mood in {"broken", "foreign"}:
            text = "not on disk yet (full)" if self.mood == "broken" else "alert id of another kiosk"
            return {"ok": False, "text": text, "alert_id": ""}
        alert = wire.parse(Alert, request["body"].encode())
        if isinstance(alert, wire.Rejected) or alert.kiosk_id != request["peer"]:
            return {"ok": False, "text": "refused", "alert_id": ""}
        self.taken.append(alert)
        said = {"ok": True, "text": self._keep(alert), "alert_id": alert.alert_id}
        return said if self.mood == "mute" else said | {"presses": self._presses(alert)}

    def _presses(self, alert: Alert) -> int:
        with self.engine.begin() as db:
            counted = select(alerts.c.presses).where(alerts.c.alert_id == alert.alert_id)
            return int(db.execute(counted).scalar_one())

    def _keep(self, alert: Alert) -> str:
        with self.engine.execution_options(writes=True).begin() as db:
            had = select(stages.c.stage).where(stages.c.alert_id == alert.alert_id)
            reached = list(db.execute(had).scalars())
            if reached:
                return max(reached, key=STAGES.index)
            now_ms = time.time_ns() // 1_000_000
            db.execute(
                insert(alerts).values(
                    alert_id=alert.alert_id, kiosk_id=alert.kiosk_id, kind=alert.kind, kato=alert.place.kato,
                    pressed_ms=now_ms, received_ms=now_ms, door="https", age_s=0, late=False, clock_note="",
                    presses=alert.presses, body=wire.encode(alert), written_ms=now_ms,
                )
            )  # fmt: skip
        self._keep_stage(alert.alert_id, "received", "")
        return "received"

    def _keep_stage(self, alert_id: str, stage: str, by: str) -> None:
        now_ms = time.time_ns() // 1_000_000
        row = {
            "alert_id": alert_id,
            "stage": stage,
            "at_ms": now_ms,
            "who": by,
            "note": "secret",
            "via": "centre",
        }
        with self.engine.execution_options(writes=True).begin() as db:
            db.execute(insert(stages).values(row))


class DoorsSite:
    """A CA, a registry with two kiosks, and doors in a thread; `folder` holds every file."""

    def __init__(
        self, folder: Path, *, store_url: str = "", names: tuple[str, ...] = ("kz-1", "kz-2")
    ) -> None:
        self.folder = folder
        self.names = names
        self.now_s = int(time.time())
        self.pair = ca.create("Pana test CA", self.now_s - 86_400 * 400)
        self.authority = ca.Authority(self.pair.cert, self.pair.key)
        self._write("ca.crt", self.pair.cert)
        self._write("ca.key", self.pair.key)
        _, own = self.authority.server_pair(["localhost", "127.0.0.1"], self.now_s, 365)
        self._write("doors.crt", own.cert)
        self._write("doors.key", own.key)
        self._write("master.key", b"5a" * 32)
        self.store_url = store_url or f"sqlite:///{folder}/centre.sqlite"
        self.engine = make_engine(self.store_url)
        metadata.create_all(self.engine)
        (folder / "run").mkdir(exist_ok=True)
        self.socket = folder / "run" / "monitor.sock"
        self.core = FakeCore(self.socket, self.engine)
        self.port = 0
        self._server: server.DoorServer | None = None
        self._thread: threading.Thread | None = None
        with self.write() as db:
            for number, name in enumerate(names, 1):
                registry.create(
                    db, a_draft(kiosk_id=name, number=number), who="test", now_ms=self.now_s * 1000
                )

    # ---- the doors

    def toml(self) -> str:
        """Word the centre's configuration."""
        return f"""
            [monitor]
            id = "monitor-1"
            [mqtt]
            brokers = ["127.0.0.1:1883"]
            [paths]
            state = "{self.folder}"
            run = "{self.folder}/run"
            [store]
            url = "{self.store_url}"
            [doors]
            listen = "127.0.0.1:0"
            cert = "{self.folder}/doors.crt"
            key = "{self.folder}/doors.key"
            ca = "{self.folder}/ca.crt"
            [ca]
            cert = "{self.folder}/ca.crt"
            key = "{self.folder}/ca.key"
            brokers = ["broker.example.kz:8883"]
            gateways = ["+77010000001"]
            crl = "{self.folder}/crl.pem"
            [sms]
            master_key_file = "{self.folder}/master.key"
        """

    @property
    def config(self) -> MonitorConfig:
        """Give the centre's configuration; also at `file`."""
        return read(self.toml(), "monitor.toml")

    @property
    def file(self) -> Path:
        """Write the configuration and name its file."""
        path = self.folder / "monitor.toml"
        path.write_text(self.toml())
        return path

    def start(self, *, core: bool = True) -> "DoorsSite":
        """Start the core (if wanted) and the doors, and wait until they are linked."""
        if core:
            self.core.start()
        self._server = server.make(self.config)
        self._thread = threading.Thread(target=self._serve, args=(self._server,), daemon=True)
        self._thread.start()
        _wait(lambda: bool(self._server and self._server.started), "the doors")
        self.port = self._server.port
        if core:
            self.wait_for_core()
        return self

    def _serve(self, doors: server.DoorServer) -> None:
        asyncio.run(doors.serve())

    def wait_for_core(self, *, up: bool = True) -> None:
        """Wait until the doors know whether the core is there."""
        own = self.client(self.names[0])

        def told() -> bool:
            with contextlib.suppress(requests.RequestException):  # the doors may be busy; START_S decides
                return bool(own.get(f"{self.url}/v1/health", timeout=PATIENCE_S).json()["core"] is up)
            return False

        _wait(told, "the core's link")

    def wait_for_waiters(self, name: str, count: int = 1) -> None:
        """Wait until that many questions of a kiosk wait for an answer."""
        assert self._server is not None
        waiting = self._server.config.app.state.waiting  # type: ignore[union-attr]
        _wait(lambda: waiting._of[name] == count, f"{count} who wait")

    def close(self) -> None:
        """End doors and core."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(PATIENCE_S)
            assert not self._thread.is_alive()
        if hasattr(self.core, "_server"):
            self.core.stop()
        self.engine.dispose()

    # ---- kiosks

    @property
    def url(self) -> str:
        """Name the doors as a kiosk does."""
        return f"https://localhost:{self.port}"

    @property
    def ca_file(self) -> Path:
        """Name the CA's certificate."""
        return self.folder / "ca.crt"

    def kiosk(
        self, name: str, *, days: int = 365, age_days: int = 0, known: bool = True
    ) -> tuple[Path, Path]:
        """Give a kiosk's certificate and key as files, signed `age_days` ago."""
        issued, pair = self.authority.client_pair(name, self.now_s - age_days * 86_400, days)
        if known:
            with self.write() as db:
                certificates.keep(
                    db,
                    Certificate(
                        serial=issued.serial, kiosk_id=name, not_before_ms=issued.not_before_s * 1000,
                        not_after_ms=issued.not_after_s * 1000, issued_ms=self.now_s * 1000, pem=issued.pem,
                    ),
                )  # fmt: skip
        stem = f"{name}-{issued.serial[:8]}"
        return self._write(f"{stem}.crt", pair.cert), self._write(f"{stem}.key", pair.key)

    def client(self, name: str = "", *, files: tuple[Path, Path] | None = None) -> requests.Session:
        """Give a session of a kiosk, or of a stranger without a certificate."""
        session = requests.Session()
        session.trust_env = False
        session.verify = str(self.ca_file)
        files = files or (self.kiosk(name) if name else None)
        if files:
            session.cert = (str(files[0]), str(files[1]))
        return session

    def announce(self, name: str, path: str, length: int) -> tuple[int, str]:
        """Announce a body of `length` bytes to a door, and give status and text of the answer.

        The body is not sent: a door that refuses it by its length hangs up while others still write it.
        """
        context = self.context(self.kiosk(name))
        channel = http.client.HTTPSConnection(
            self.url.removeprefix("https://"), timeout=PATIENCE_S, context=context
        )
        with contextlib.closing(channel):
            channel.putrequest("POST", path)
            channel.putheader("content-type", "application/json")
            channel.putheader("content-length", str(length))
            channel.endheaders()
            answer = channel.getresponse()
            return answer.status, answer.read().decode()

    def context(self, files: tuple[Path, Path] | None = None) -> ssl.SSLContext:
        """Give a client's TLS context."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        if files:
            context.load_cert_chain(*files)
        return context

    def token(self, name: str = "kz-1", *, life_h: int = 72) -> str:
        """Make a one-time token."""
        with self.write() as db:
            chance, now_ms = os.urandom(tokens.TOKEN_BYTES), time.time_ns() // 1_000_000
            return tokens.make(db, name, chance, who="test", now_ms=now_ms, life_h=life_h)

    @contextmanager
    def write(self) -> Iterator[Any]:
        """Give a transaction that writes."""
        with self.engine.execution_options(writes=True).begin() as db:
            yield db

    def _write(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(data)
        path.chmod(0o600)
        return path


def make_csr(key: Any = None, name: str = "whatever") -> tuple[Any, str]:
    """Make a key and a request for it; the name in it means nothing."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    algorithm = None if "ed25519" in type(key).__module__ else hashes.SHA256()
    csr = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, algorithm)
    return key, csr.public_bytes(serialization.Encoding.PEM).decode()


def key_pem(key: Any) -> bytes:
    """Write a private key as PEM."""
    return bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


def json_of(value: msgspec.Struct) -> dict[str, Any]:
    """Give a body as plain data."""
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(value))
    return plain


def _wait(ready: Any, what: str) -> None:
    deadline_s = time.monotonic() + START_S
    while not ready():
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"{what} did not come")
        time.sleep(0.02)
