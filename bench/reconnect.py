"""A storm of reconnects: what each mutual-TLS client costs Mosquitto, beside one without TLS.

Every client has its own certificate and makes a full handshake, as after a broker's restart.
"""

import socket
import time
from collections.abc import Callable

import psutil
from gmqtt.mqtt.package import LoginPackageFactor

from bench.heartbeats import V311, connect
from bench.load import LoadSite, cpu_s
from bench.rows import Row, at_most
from kiosk.sim.broker import MosquittoBroker, throw_away_passwords

CLIENTS = 300


def run(clients: int = CLIENTS) -> list[Row]:
    names = [f"kz-{number:04d}" for number in range(clients)]
    with LoadSite() as site:
        pairs = {name: site.authority.client(name) for name in names}
        ca = str(site.authority.ca)

        def by_tls(name: str) -> socket.socket:
            return connect(site.port, ca, name, str(pairs[name].cert), str(pairs[name].key))

        tls_ms, tls_kb, per_s = _cost(site.broker, names, by_tls)
    passwords = throw_away_passwords(*names)
    with MosquittoBroker(passwords=passwords) as broker:
        plain_ms, plain_kb, _ = _cost(broker, names, lambda name: _plain(broker.port, name, passwords[name]))
    return [
        at_most("reconnect by mutual TLS, broker's CPU each", tls_ms, "ms", 4,
                peer="without TLS", peer_value=plain_ms),
        at_most("connection by mutual TLS, broker's memory each", tls_kb, "kB", 40,
                peer="without TLS", peer_value=plain_kb),
        Row(what="reconnects/s that one core of the broker takes", value=1000 / tls_ms, unit="/s"),
        Row(what="of which this run made, client and broker together", value=per_s, unit="/s"),
    ]  # fmt: skip


def _cost(
    broker: MosquittoBroker, names: list[str], dial: Callable[[str], socket.socket]
) -> tuple[float, float, float]:
    """Give CPU ms and kB of each client, and how many came in a second."""
    process = psutil.Process(broker._child.pid)
    links = [dial(name) for name in names[:20]]  # what the first ones cost once is not counted
    before_s, before, begun_s = cpu_s(process), process.memory_info().rss, time.monotonic()
    links += [dial(name) for name in names[20:]]
    passed_s = time.monotonic() - begun_s
    time.sleep(0.5)
    spent_s, grown = cpu_s(process) - before_s, process.memory_info().rss - before
    for link in links:
        link.close()
    count = len(names) - 20
    return spent_s * 1000 / count, grown / 1024 / count, count / passed_s


def _plain(port: int, user: str, password: str) -> socket.socket:
    link = socket.create_connection(("127.0.0.1", port), 10)
    link.sendall(LoginPackageFactor.build_package(user, user, password, False, 100, V311))
    if link.recv(4)[3:] != b"\x00":
        raise ConnectionError(f"the broker refuses {user}")
    return link
