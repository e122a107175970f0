"""What one heartbeat costs a receiver in CPU, by MQTT client library; each in a process of its own.

The choice of the client rests on these figures (docs/adr/0010). One library after the other hears the
same heartbeats from the same Mosquitto and only counts them.
"""

import asyncio
import os
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import paho.mqtt.client as paho
from awscrt import io, mqtt, mqtt5
from gmqtt import Client

from bench.load import HEARER, LoadSite
from bench.rows import Row
from kiosk.monitor.read_ahead import PinnedContext

RATE, SECONDS, KIOSKS = 6_000, 5.0, 10_000
FILTER = "pana/v1/k/+/hb"
QUIET_S = 1.5


class Count:
    """Heartbeats so far, and the CPU that they took."""

    def __init__(self) -> None:
        self.heard = 0
        self.began_s = 0.0
        self.last_s = time.monotonic() + 10

    def add(self) -> None:
        if not self.heard:
            self.began_s = time.process_time()
        self.heard += 1

    def report(self) -> None:
        """Wait until no more come, then print heartbeats and CPU seconds."""
        seen, spent_s, since_s = 0, 0.0, time.monotonic()
        while time.monotonic() - since_s < (QUIET_S if seen else 20.0):
            time.sleep(0.1)
            if self.heard != seen:
                seen, spent_s, since_s = self.heard, time.process_time() - self.began_s, time.monotonic()
        print(seen, spent_s, flush=True)
        os._exit(0)


@dataclass(frozen=True, slots=True)
class Door:
    """How a library comes in."""

    port: int
    ca: str
    user: str
    cert: str
    key: str

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.ca)
        context.load_cert_chain(self.cert, self.key)
        return context


def _paho(door: Door, count: Count, *, ahead: bool = False) -> None:
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=door.user, manual_ack=True)
    client.tls_set_context(PinnedContext(door.ca, door.cert, door.key) if ahead else door.context())
    client.on_connect = lambda *_: client.subscribe(FILTER)
    client.on_subscribe = lambda *_: print("ready", flush=True)
    client.on_message = lambda *_: count.add()
    client.connect("localhost", door.port)
    while client.loop(0.5) == 0:
        for _ in range(100):
            if not ahead or not client.socket().pending():
                break
            client.loop_read()


def _gmqtt(door: Door, count: Count) -> None:
    async def serve() -> None:
        client = Client(door.user, clean_session=True)

        def on_message(*_: object) -> int:
            count.add()
            return 0

        client.on_message = on_message
        client.on_connect = lambda *_: client.subscribe(FILTER)
        client.on_subscribe = lambda *_: print("ready", flush=True)
        await client.connect("localhost", door.port, ssl=door.context(), version=4)
        await asyncio.Event().wait()

    asyncio.run(serve())


def _awscrt_tls(door: Door) -> io.ClientTlsContext:
    options = io.TlsContextOptions.create_client_with_mtls_from_path(door.cert, door.key)
    options.override_default_trust_store_from_path(None, door.ca)
    return io.ClientTlsContext(options)


def _awscrt3(door: Door, count: Count) -> None:
    connection = mqtt.Connection(
        mqtt.Client(tls_ctx=_awscrt_tls(door)), host_name="localhost", port=door.port, client_id=door.user,
        clean_session=True, keep_alive_secs=60, disable_metrics=True,
    )  # fmt: skip
    connection.on_message(lambda **_: count.add())
    connection.connect().result(10)
    done, _ = connection.subscribe(FILTER, mqtt.QoS.AT_MOST_ONCE)
    done.result(10)
    print("ready", flush=True)
    threading.Event().wait()


def _awscrt5(door: Door, count: Count) -> None:
    up = threading.Event()
    client = mqtt5.Client(
        mqtt5.ClientOptions(
            host_name="localhost",
            port=door.port,
            tls_ctx=_awscrt_tls(door),
            disable_metrics=True,
            connect_options=mqtt5.ConnectPacket(client_id=door.user, keep_alive_interval_sec=60),
            on_publish_callback_fn=lambda _: count.add(),
            on_lifecycle_event_connection_success_fn=lambda _: up.set(),
        )
    )
    client.start()
    up.wait(10)
    client.subscribe(mqtt5.SubscribePacket([mqtt5.Subscription(FILTER, mqtt5.QoS.AT_MOST_ONCE)])).result(10)
    print("ready", flush=True)
    threading.Event().wait()


LIBRARIES: dict[str, Callable[[Door, Count], None]] = {
    "paho": _paho,
    "paho, read ahead": partial(_paho, ahead=True),
    "gmqtt": _gmqtt,
    "awscrt, 3.1.1": _awscrt3,
    "awscrt, 5": _awscrt5,
}


def measure(library: str, site: LoadSite, rate: int = RATE, seconds: float = SECONDS) -> tuple[int, float]:
    """Give how many heartbeats were heard and the CPU µs of each."""
    pair = site.pairs[HEARER]
    door = (str(site.port), str(site.authority.ca), HEARER, str(pair.cert), str(pair.key))
    command = [sys.executable, "-m", "bench.mqtt_clients", library, *door]
    hearer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        if hearer.stdout.readline() != "ready\n":
            raise RuntimeError(f"{library} did not subscribe")
        site.pour(kiosks=KIOSKS, rate=rate, seconds=seconds)
        heard, spent_s = hearer.stdout.readline().split()
        return int(heard), float(spent_s) / max(int(heard), 1) * 1e6
    finally:
        hearer.kill()
        hearer.stdout.close()
        hearer.wait()


def run() -> list[Row]:
    rows = []
    with LoadSite() as site:
        for library in LIBRARIES:
            heard, each_us = measure(library, site)
            share = 100 * heard / (RATE * SECONDS)
            rows.append(Row(what=f"{library}: CPU of one heartbeat heard ({share:.0f} % came)",
                            value=each_us, unit="µs"))  # fmt: skip
    return rows


def _hear(library: str, door: Door) -> None:
    count = Count()
    threading.Thread(target=count.report, daemon=True).start()
    LIBRARIES[library](door, count)


if __name__ == "__main__":
    chosen, its_port, *files = sys.argv[1:]
    _hear(chosen, Door(int(its_port), *files))
