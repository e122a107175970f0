"""Mosquitto as shipped, over mutual TLS but without its debug log; a centre; and the load's writer."""

import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
from pki import Authority, Pair

from bench.heartbeats import BOOT, FIRST_SEQ, heartbeat, kiosk_id
from kiosk.bodies import KioskId
from kiosk.control import ask
from kiosk.monitor.records import Kiosk, StoreKiosk
from kiosk.monitor.store import Store
from kiosk.sim.broker import MONITOR, MosquittoBroker, ServerTls

EARS = f"{MONITOR}-hb"

SENDERS = ("load-1", "load-2", "load-3", "load-4")
HEARER = "hearer"
PATIENCE_S = 20.0


class LoadSite:
    """A broker whose load users may speak for every kiosk, and a centre on request."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="pana-bench-")))
        self.authority = Authority(self.folder / "pki")
        server = self.authority.server()
        self.broker = MosquittoBroker(
            tls=ServerTls(ca=self.authority.ca, cert=server.cert, key=server.key), monitors=(MONITOR,)
        )
        self._stack.callback(self.broker.close)
        self.port = self.broker.port
        self.pairs = {user: self.authority.client(user) for user in (*SENDERS, HEARER, MONITOR, EARS)}
        file = self.broker.folder / "mosquitto.conf"
        file.write_text(file.read_text().replace("log_type all", "log_type information\nlog_type warning"))
        rules = [f"user {user}\ntopic write pana/v1/k/#\ntopic read pana/v1/k/#" for user in SENDERS]
        rules.append(f"user {HEARER}\ntopic readwrite pana/v1/k/#")
        with self.broker.acl.open("a") as acl:
            acl.write("\n" + "\n".join(rules) + "\n")

    def __enter__(self) -> Self:
        self.broker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    # ---- load

    def identity(self, user: str) -> str:
        """Give certificate and key as the writer takes them."""
        return f"{user}:{self.pairs[user].cert}:{self.pairs[user].key}"

    def pouring(self, *, kiosks: int, rate: int, seconds: float) -> "Pouring":
        users = [self.identity(user) for user in SENDERS]
        return Pouring(["--port", str(self.port), "--ca", str(self.authority.ca), "--users", *users,
                        "--kiosks", str(kiosks), "--rate", str(rate), "--seconds", str(seconds)])  # fmt: skip

    def pour(self, *, kiosks: int, rate: int, seconds: float) -> int:
        """Write heartbeats for a while; give how many."""
        with self.pouring(kiosks=kiosks, rate=rate, seconds=seconds) as pouring:
            pouring.begin()
            return pouring.sent()

    # ---- the centre

    @property
    def store(self) -> Path:
        return self.folder / "state" / "centre.sqlite"

    def configuration(self, more: str = "") -> Path:
        pair: Pair = self.pairs[MONITOR]
        ears: Pair = self.pairs[EARS]
        file = self.folder / "monitor.toml"
        file.write_text(f"""
            [monitor]
            id = "{MONITOR}"
            [mqtt]
            brokers = ["localhost:{self.port}"]
            [mqtt.tls]
            ca = "{self.authority.ca}"
            cert = "{pair.cert}"
            key = "{pair.key}"
            [mqtt.heartbeats]
            id = "{EARS}"
            cert = "{ears.cert}"
            key = "{ears.key}"
            [fleet]
            kiosks = 200000
            [paths]
            state = "{self.folder}/state"
            run = "{self.folder}/run"
            {more}
        """)
        return file

    def know(self, kiosks: int) -> None:
        """Let the store know every kiosk already: its first word ever costs the centre much more."""
        now_ms = time.time_ns() // 10**6
        store = Store(f"sqlite:///{self.store}", None, writer=MONITOR)
        store.open()
        for first in range(0, kiosks, 10_000):
            store.commit(
                StoreKiosk(
                    Kiosk(
                        kiosk_id=KioskId(kiosk_id(number)), life="online", since_ms=now_ms, heard_ms=now_ms,
                        boot=BOOT, connection=1, version="1.4.0", heartbeat=heartbeat(number, FIRST_SEQ - 1),
                    )
                )
                for number in range(first, min(first + 10_000, kiosks))
            )  # fmt: skip
        store.close()

    def centre(self, more: str = "") -> psutil.Process:
        """Start the centre as it is started at a site, and wait until it hears."""
        command = [sys.executable, "-m", "kiosk", "monitor", "run", "--config", str(self.configuration(more))]
        log = self._stack.enter_context((self.folder / "log").open("ab"))
        child = subprocess.Popen(command, stdout=log, stderr=log)
        self._stack.callback(child.wait, 10)
        self._stack.callback(child.kill)
        deadline_s = time.monotonic() + PATIENCE_S
        while not self._hears():
            if child.poll() is not None or time.monotonic() > deadline_s:
                raise RuntimeError((self.folder / "log").read_text()[-2000:])
            time.sleep(0.1)
        return psutil.Process(child.pid)

    def ask(self, **question: Any) -> dict[str, Any]:
        return ask(self.folder / "run" / "monitor.sock", question)

    def _hears(self) -> bool:
        try:
            return bool(self.ask(ask="status")["link"])
        except OSError:
            return False


class Pouring:
    """The writer: entering connects it, `begin` starts the load, leaving ends it."""

    def __init__(self, options: list[str]) -> None:
        self._command = [sys.executable, "-m", "bench.heartbeats", *options]

    def __enter__(self) -> Self:
        self._child = child = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        if child.stdout.readline() != "ready\n":
            raise RuntimeError("the load did not connect")
        return self

    def begin(self) -> None:
        self._child.stdin.write("go\n")
        self._child.stdin.flush()

    def sent(self) -> int:
        """Wait until all is written; give how many heartbeats."""
        return int(self._child.stdout.readline())

    def __exit__(self, *_: object) -> None:
        self._child.kill()
        self._child.stdin.close()
        self._child.stdout.close()
        self._child.wait()


def cpu_s(process: psutil.Process) -> float:
    """Give the CPU seconds of a process and those that it started: the centre and its ears."""
    family = [process, *process.children(recursive=True)]
    return sum(times.user + times.system for times in (each.cpu_times() for each in family))


def on_core(process: psutil.Process, core: int) -> None:
    """Keep a process on one core, so that `of one core` is what it says."""
    if core < (os.cpu_count() or 1):
        for each in (process, *process.children(recursive=True)):
            each.cpu_affinity([core])
