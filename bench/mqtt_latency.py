"""Publish → PUBACK of our link over mTLS on a loopback Mosquitto, beside bare paho with TCP_NODELAY.

The two take turns in one run with the same body, so that both meet the same machine. The link's hand-over
to its network thread is in our figure; bare paho writes on the caller's thread.
"""

import contextlib
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as paho
from pki import Authority

from bench.rows import Row, at_most, percentile, times_peer
from kiosk import wire
from kiosk.bodies import Event, Token
from kiosk.config import Mqtt, Tls
from kiosk.messages import KioskEvent, LinkRose, Published
from kiosk.net.mqtt import PahoLink
from kiosk.sim.broker import MosquittoBroker, ServerTls

KIOSK, PEER = "kz-ala-0001", "kz-ala-0002"
ROUNDS = 300
WARM_UP = 30
PATIENCE_S = 10.0
Turn = Callable[[], float]


def _body(kiosk: str) -> Event:
    """Give a body of about an alert's size, 760 bytes."""
    return Event(event_id="01", kiosk_id=kiosk, at="2026-01-02T03:04:05.678Z", code="bench", detail="я" * 280)


def _timed(publish: Callable[[], None], acked: threading.Event) -> float:
    acked.clear()
    begun_s = time.perf_counter()
    publish()
    if not acked.wait(PATIENCE_S):
        raise RuntimeError("no PUBACK")
    return (time.perf_counter() - begun_s) * 1000


@contextlib.contextmanager
def _ours(authority: Authority, port: int) -> Iterator[Turn]:
    up, acked = threading.Event(), threading.Event()

    def post(event: KioskEvent) -> None:
        if isinstance(event, Published):
            acked.set()
        elif isinstance(event, LinkRose):
            up.set()

    pair = authority.client(KIOSK)
    files = Tls(ca=str(authority.ca), cert=str(pair.cert), key=str(pair.key))
    link = PahoLink(Mqtt(brokers=(f"localhost:{port}",), tls=files), KIOSK, "bench", post)
    link.open(1)
    try:
        if not up.wait(PATIENCE_S):
            raise RuntimeError("the link did not rise")
        yield lambda: _timed(lambda: link.publish(Token("t"), _body(KIOSK)), acked)
    finally:
        link.close()


@contextlib.contextmanager
def _bare(authority: Authority, port: int) -> Iterator[Turn]:
    up, acked = threading.Event(), threading.Event()
    pair = authority.client(PEER)
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=PEER)
    client.on_socket_open = lambda _c, _u, sock: sock.setsockopt(6, 1, 1)
    client.on_publish = lambda *_: acked.set()
    client.on_subscribe = lambda *_: up.set()
    client.tls_set(str(authority.ca), str(pair.cert), str(pair.key), cert_reqs=ssl.CERT_REQUIRED)
    client.connect("localhost", port)
    client.subscribe(wire.topic(PEER, "ack", "+"), 1)
    client.loop_start()
    try:
        if not up.wait(PATIENCE_S):
            raise RuntimeError("bare paho did not connect")
        topic, payload = wire.topic(PEER, "event", "01"), wire.encode(_body(PEER))
        yield lambda: _timed(lambda: client.publish(topic, payload, 1) and None, acked)
    finally:
        client.disconnect()
        client.loop_stop()


def run(rounds: int = ROUNDS) -> list[Row]:
    with contextlib.ExitStack() as stack:
        authority = Authority(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        server = authority.server()
        tls = ServerTls(ca=authority.ca, cert=server.cert, key=server.key)
        broker = stack.enter_context(MosquittoBroker(tls=tls))
        ours = stack.enter_context(_ours(authority, broker.port))
        bare = stack.enter_context(_bare(authority, broker.port))
        for _ in range(WARM_UP):
            ours(), bare()
        pairs = [(ours(), bare()) for _ in range(rounds)]
    mine, peers = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    return [
        times_peer("MQTT publish → PUBACK, mTLS, p50", percentile(mine, 50), "ms", 3, peer="bare paho p50",
                   peer_value=percentile(peers, 50)),
        at_most("MQTT publish → PUBACK, mTLS, p99", percentile(mine, 99), "ms", 10, peer="bare paho p99",
                peer_value=percentile(peers, 99)),
    ]  # fmt: skip
