"""Mosquitto as a child process, with the configuration and the rules that are shipped for a site.

Listens on 127.0.0.1 only and knows only the users given, by certificate or throw-away password. For the
demo, the tests and the bench; never used by a kiosk at a site.
"""

import base64
import contextlib
import hashlib
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from kiosk.messages import LinkDown

SHIPPED = Path(__file__).parents[2] / "provisioning" / "broker"
MONITOR = "monitor-1"  # the responder that the shipped rules name
START_S = 45.0  # a busy machine is no broken broker
PORTS = range(20_000, 32_000)  # Linux gives 32768-60999 to whoever asks for any port, or connects
RUNNING = " running\n"
STOP_S = 5.0
TLS_KEYS = frozenset(
    {"cafile", "certfile", "keyfile", "require_certificate", "use_identity_as_username", "tls_version"}
)


def throw_away_passwords(*users: str) -> dict[str, str]:
    """Make a random password for each user."""
    return {user: secrets.token_urlsafe(18) for user in users}


def free_port() -> int:
    """Find a port on 127.0.0.1 that nobody uses just now, nor gets by chance; raises LinkDown."""
    for port in random.SystemRandom().sample(PORTS, min(len(PORTS), 100)):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    raise LinkDown(f"no free port between {PORTS.start} and {PORTS.stop} on 127.0.0.1")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTls:
    """The broker's own certificate and the CA whose clients it lets in."""

    ca: Path
    cert: Path
    key: Path


class MosquittoBroker:
    """One Mosquitto; its store and port outlive `stop` and `kill`, so that `start` brings it back.

    With `tls` clients are known by their certificate's CN, else by `passwords`.
    """

    def __init__(
        self,
        *,
        tls: ServerTls | None = None,
        passwords: dict[str, str] | None = None,
        monitors: tuple[str, ...] = (MONITOR,),
        port: int = 0,
    ) -> None:
        self.port = port or free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="pana-broker-"))
        self.acl = self.folder / "acl"
        self._tls = tls
        self._child: subprocess.Popen[bytes] | None = None
        (self.folder / "passwords").write_text(_password_file(passwords or {}))
        self.acl.write_text(shipped_acl(monitors))
        for secret in (self.folder / "passwords", self.acl):
            secret.chmod(0o600)
        (self.folder / "mosquitto.conf").write_text(self._configuration())

    def start(self) -> None:
        """Start it and wait until it listens; raises LinkDown."""
        program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
        if program is None:
            raise LinkDown("mosquitto is not installed: apt install mosquitto, or use the built-in broker")
        before = self.log().count(RUNNING)
        with (self.folder / "log").open("ab") as log:
            self._child = subprocess.Popen(
                [program, "-c", str(self.folder / "mosquitto.conf")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        deadline_s = time.monotonic() + START_S
        while not self._serves(before):
            if self._child.poll() is not None or time.monotonic() > deadline_s:
                self.kill()
                raise LinkDown(f"mosquitto does not start: {self.log()[-300:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End it in order; idempotent."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would; idempotent."""
        self._end(signal.SIGKILL)

    def freeze(self, *, frozen: bool) -> None:
        """Let it hang, keeping every connection open, or go on."""
        self._signal(signal.SIGSTOP if frozen else signal.SIGCONT)

    def reload(self) -> None:
        """Let it read its rules again."""
        self._signal(signal.SIGHUP)

    def _signal(self, number: signal.Signals) -> None:
        """Send the child a signal."""
        if self._child is not None:
            self._child.send_signal(number)

    def log(self) -> str:
        """Give what it has logged so far."""
        with contextlib.suppress(OSError):
            return (self.folder / "log").read_text("utf-8", "replace")
        return ""

    def close(self) -> None:
        """End it and remove its folder; idempotent."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _serves(self, before: int) -> bool:
        """Tell whether it runs: it listens a moment before it heeds a SIGHUP, which would end it."""
        return self.log().count(RUNNING) > before

    def _end(self, number: signal.Signals) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.send_signal(signal.SIGCONT)
        child.send_signal(number)
        try:
            child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait(STOP_S)

    def _configuration(self) -> str:
        """Take the shipped file, and put this broker's own port, files and user in."""
        own = {
            "listener": f"{self.port} 127.0.0.1",
            "acl_file": str(self.acl),
        }
        if self._tls is not None:
            own |= {
                "cafile": str(self._tls.ca),
                "certfile": str(self._tls.cert),
                "keyfile": str(self._tls.key),
            }
        lines = []
        for line in (SHIPPED / "mosquitto.conf").read_text("utf-8").splitlines():
            key, _, value = line.partition(" ")
            if key and not key.startswith("#") and not (self._tls is None and key in TLS_KEYS):
                lines.append(f"{key} {own.get(key, value)}")
        if self._tls is None:
            lines.append(f"password_file {self.folder}/passwords")
        if os.geteuid() == 0:  # else it becomes `mosquitto`, who may not read our folder
            lines.append("user root")
        lines.append(f"persistence_location {self.folder}/")
        return "\n".join([*lines, "log_dest stderr", "log_type all", ""])


def shipped_acl(monitors: tuple[str, ...]) -> str:
    """Give the shipped rules with a responder's stanza for each of `monitors`."""
    common, marker, stanza = (SHIPPED / "acl").read_text("utf-8").partition(f"user {MONITOR}\n")
    return common + "\n".join((marker + stanza).replace(MONITOR, monitor) for monitor in monitors)


def _password_file(passwords: dict[str, str]) -> str:
    return "".join(f"{user}:{_pbkdf2(password)}\n" for user, password in passwords.items())


def _pbkdf2(password: str) -> str:
    """Hash as Mosquitto's `$7$` (PBKDF2-SHA512); few rounds serve a long random password."""
    salt = secrets.token_bytes(12)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 101)
    return f"$7$101${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"
