"""Press -> PUBACK -> the centre's receipt, over mTLS on a loopback Mosquitto, beside bare paho.

Zero is the moment at which the press counts: the last stable edge and its stable time (15 ms) later.
"""

import ssl
import threading
import time
from queue import SimpleQueue
from typing import Any

import paho.mqtt.client as paho
from kiosk_site import KioskSite, wait_for

from bench.rows import Row, at_most, percentile, times_peer
from kiosk.app import Daemon
from kiosk.arming import arm
from kiosk.demo import settings
from kiosk.messages import EdgeSeen, Published, ReplyReceived

ROUNDS = 120
BODY_BYTES = 760  # an alert of the demo's site


class _Stopwatch(SimpleQueue):  # type: ignore[type-arg]
    """The daemon's one door, which notes when events came in."""

    def __init__(self) -> None:
        self.pressed_s = self.puback_s = self.received_s = 0.0
        self.done = threading.Event()
        self.idle = threading.Event()

    def put(self, event: Any, *_: Any) -> None:
        now_s = time.monotonic()
        match event:
            case EdgeSeen(high=False, at_s=at_s):
                self.pressed_s, self.puback_s, self.received_s = at_s + 0.015, 0.0, 0.0
                self.done.clear()
            case Published(token=token) if token.startswith("alert.") and not self.puback_s:
                self.puback_s = now_s
            case ReplyReceived(reply=reply) if reply.stage == "received" and not self.received_s:
                self.received_s = now_s
            case ReplyReceived(reply=reply) if reply.stage == "closed":
                self.idle.set()
        if self.puback_s and self.received_s:
            self.done.set()
        super().put(event)


def _bare(site: KioskSite, rounds: int) -> list[float]:
    """Publish -> PUBACK of paho alone, with TCP_NODELAY, subscribed like the kiosk."""
    acked, times = threading.Event(), []
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=settings.KIOSK_ID)
    client.on_socket_open = lambda _c, _u, sock: sock.setsockopt(6, 1, 1)
    client.on_publish = lambda *_: acked.set()
    client.tls_set(str(site.ca), str(site.kiosk.cert), str(site.kiosk.key), cert_reqs=ssl.CERT_REQUIRED)
    client.connect("localhost", site.broker.port)
    client.subscribe(f"pana/v1/k/{settings.KIOSK_ID}/ack/+", 1)
    client.loop_start()
    wait_for(client.is_connected)
    for number in range(rounds):
        acked.clear()
        begun_s = time.monotonic()
        client.publish(f"pana/v1/k/{settings.KIOSK_ID}/event/bench{number}", b"x" * BODY_BYTES, qos=1)
        acked.wait(5)
        times.append((time.monotonic() - begun_s) * 1000)
        time.sleep(0.01)
    client.disconnect()
    client.loop_stop()
    return times


def run(rounds: int = ROUNDS) -> list[Row]:
    with KioskSite() as site:
        site.start_centre()
        bare_ms = _bare(site, rounds)
        file = site.folder / "site.toml"
        file.write_text(file.read_text().replace(f":{site.link.port}", f":{site.broker.port}"))
        watch = _Stopwatch()
        daemon = Daemon(arm(file, allow_mock=True, queue=watch))
        thread = threading.Thread(target=daemon.run, daemon=True)
        thread.start()
        wait_for(lambda: site.state().get("mqtt") == "up")
        puback_ms, received_ms = [], []
        for _ in range(rounds):
            watch.idle.clear()
            site.ask_kiosk(ask="pin", input=settings.BUTTON, high=False)
            if not watch.done.wait(5):
                raise TimeoutError("no receipt within 5 s\n" + site.log()[-2000:])
            puback_ms.append((watch.puback_s - watch.pressed_s) * 1000)
            received_ms.append((watch.received_s - watch.pressed_s) * 1000)
            site.ask_kiosk(ask="pin", input=settings.BUTTON, high=True)
            time.sleep(0.04)  # a release counts after its own stable time
            wait_for(lambda: len(site.ask_centre(ask="alerts")["alerts"]) == 1)
            (alert,) = site.ask_centre(ask="alerts")["alerts"]
            site.ask_centre(ask="close", alert=alert["alert_id"], by="bench")
            watch.idle.wait(5)
        daemon.loop.stop(0, "bench done")
        thread.join(20)
    bare = percentile(bare_ms, 50)
    p50, p99 = percentile(puback_ms, 50), percentile(puback_ms, 99)
    return [
        times_peer("press → PUBACK p50", p50, "ms", 3, peer="bare paho p50", peer_value=bare),
        at_most("press → PUBACK p99", p99, "ms", 10, peer="bare paho p99",
                peer_value=percentile(bare_ms, 99)),
        at_most("press → centre's receipt known to the core p50", percentile(received_ms, 50), "ms", 6,
                peer="bare paho PUBACK p50", peer_value=bare),
    ]  # fmt: skip
