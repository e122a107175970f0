"""An alert amid a storm of heartbeats: to the centre's receipt, and to every open board.

The receipt is what the kiosk hears over MQTT after the alert is durable; a board shows what its stream of
server-sent events brings. Beside it the same path without a storm.
"""

import hashlib
import json
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import paho.mqtt.client as paho

from bench.heartbeats import kiosk_id
from bench.load import HEARER, LoadSite
from bench.rows import Row, at_most, percentile
from kiosk import wire
from kiosk.bodies import Alert, Place, Words
from kiosk.monitor.store import people, sessions
from kiosk.monitor.store.engine import make_engine
from kiosk.monitor.store.people import Member
from kiosk.sim.broker import free_port

KIOSKS, RATE, BROWSERS = 10_000, 15_000, 200
ALERTS, EVERY_S = 100, 0.15
PATIENCE_S = 5.0
WORD = Words(kk="Дүкен", ru="Магазин")
PLACE = Place(name=WORD, address=WORD, entrance=WORD, lat=43.24, lon=76.95, accuracy_m=5, kato="750000000")


@dataclass
class Presses:
    """Alerts of many kiosks over one connection, and when each was published and receipted."""

    site: LoadSite
    sent: dict[str, float] = field(default_factory=dict)
    receipted: dict[str, float] = field(default_factory=dict)
    _count: int = 0

    def __post_init__(self) -> None:
        user = HEARER
        pair, ready = self.site.pairs[user], threading.Event()
        self._client = client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=user)
        client.tls_set(str(self.site.authority.ca), str(pair.cert), str(pair.key))
        client.on_socket_open = lambda _c, _u, sock: sock.setsockopt(6, 1, 1)
        client.on_connect = lambda *_: client.subscribe("pana/v1/k/+/ack/+", 1)
        client.on_subscribe = lambda *_: ready.set()
        client.on_message = self._hear
        client.connect("localhost", self.site.port)
        client.loop_start()
        if not ready.wait(10):
            raise RuntimeError("no subscription")

    def _hear(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        name = message.topic.rpartition("/")[2]
        self.receipted.setdefault(name, time.monotonic())

    def press(self) -> None:
        self._count += 1
        name, kiosk = f"STORM{self._count:06d}", kiosk_id(self._count)
        at = wire.utc_text(time.time_ns() // 10**6)
        alert = Alert(
            alert_id=name, kiosk_id=kiosk, kind="press", button="counter", pressed_at=at, clock="synced",
            presses=1, seq=1, attempt=1, sent_at=at, route="mqtt", place=PLACE, versions={"kiosk": "1"},
        )  # fmt: skip
        self.sent[name] = time.monotonic()
        self._client.publish(wire.topic(kiosk, "alert", name), wire.encode(alert), qos=1)

    def some(self, count: int) -> list[float]:
        """Publish so many at an even pace; give ms to the receipt of each."""
        first = self._count + 1
        for _ in range(count):
            self.press()
            time.sleep(EVERY_S)
        time.sleep(PATIENCE_S)
        names = [f"STORM{number:06d}" for number in range(first, first + count)]
        missing = [name for name in names if name not in self.receipted]
        if missing:
            raise RuntimeError(f"{len(missing)} alerts had no receipt")
        return [(self.receipted[name] - self.sent[name]) * 1000 for name in names]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def run() -> list[Row]:
    with LoadSite() as site:
        port = free_port()
        site.know(KIOSKS)
        site.centre(f'\n[web]\nlisten = "127.0.0.1:{port}"\n')
        cookie = sign_in(site)
        presses, boards = Presses(site), _boards(port, cookie)
        with site.pouring(kiosks=KIOSKS, rate=RATE, seconds=(ALERTS + 10) * EVERY_S + 2) as pouring:
            calm = presses.some(ALERTS)
            pouring.begin()
            time.sleep(2)
            storm = presses.some(ALERTS)
            taken = site.ask(ask="status")["figures"]["heartbeats"]
        presses.close()
        seen = json.loads(boards.communicate()[0])
    names = list(presses.sent)
    shown = [[(at - presses.sent[name]) * 1000 for at in seen.get(name, ())] for name in names]
    reached = min(len(times) for times in shown)
    shown_calm, shown_storm = (list(chain.from_iterable(part)) for part in (shown[:ALERTS], shown[ALERTS:]))
    what = f"in {RATE} heartbeats/s"
    return [
        at_most(f"alert → receipt {what}, p50", percentile(storm, 50), "ms", 50,
                peer="without the storm", peer_value=percentile(calm, 50)),
        at_most(f"alert → receipt {what}, p99", percentile(storm, 99), "ms", 50,
                peer="without the storm", peer_value=percentile(calm, 99)),
        at_most(f"alert → {BROWSERS} boards {what}, p50", percentile(shown_storm, 50), "ms", 50,
                peer="without the storm", peer_value=percentile(shown_calm, 50)),
        at_most(f"alert → {BROWSERS} boards {what}, p99", percentile(shown_storm, 99), "ms", 50,
                peer="without the storm", peer_value=percentile(shown_calm, 99)),
        Row(what="boards that an alert reached, at least", value=float(reached), unit=""),
        Row(what="heartbeats taken in meanwhile", value=float(taken), unit=""),
    ]  # fmt: skip


def sign_in(site: LoadSite) -> str:
    """Begin an officer's session in the store; give the browser's cookie."""
    engine, secret, now_ms = make_engine(f"sqlite:///{site.store}"), "bench" * 8, time.time_ns() // 10**6
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        people.add(connection, Member(person_id="op-1", name="Bench", role="admin", language="kk"), now_ms)
        hashed = hashlib.sha256(secret.encode()).hexdigest()
        sessions.begin(connection, session_hash=hashed, person_id="op-1", csrf="x", at_ms=now_ms)
    engine.dispose()
    return f"pana={secret}"


def _boards(port: int, cookie: str) -> subprocess.Popen[str]:
    deadline_s = time.monotonic() + 20
    while True:
        command = [sys.executable, "-m", "bench.browsers", str(port), cookie, str(BROWSERS)]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                 stderr=subprocess.DEVNULL)  # fmt: skip
        if child.stdout.readline() == "ready\n":
            return child
        child.wait()
        if time.monotonic() > deadline_s:
            raise RuntimeError("the pages do not answer")
        time.sleep(0.5)
