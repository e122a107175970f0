"""Heartbeats taken in and kept, per core of the centre; beside mqtt-exporter under the same load.

Everything comes over mutual TLS from a real Mosquitto. The centre is then ended as by a power cut, and its
store must hold the newest heartbeat of every kiosk.
"""

import os
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import msgspec
import psutil

from bench.heartbeats import FIRST_SEQ
from bench.load import HEARER, LoadSite, cpu_s, on_core
from bench.rows import Row, at_least, at_most
from kiosk.monitor.records import Kiosk
from kiosk.sim.broker import free_port

KIOSKS, RATE, SECONDS = 10_000, 15_000, 10.0
PEER_RATE = 1_500  # it cannot keep up with more
FLUSHED_S = 11.0  # the newest state is on disk 10 s after it came
MB = 1024 * 1024


def run() -> list[Row]:
    with LoadSite() as site:
        peer_us, share = peer(site)
        site.know(KIOSKS)
        centre = site.centre()
        on_core(centre, 1)
        with site.pouring(kiosks=KIOSKS, rate=RATE, seconds=SECONDS) as pouring:
            before_s = cpu_s(centre)
            pouring.begin()
            sent = pouring.sent()
            time.sleep(1)
            heard, spent_s = int(site.ask(ask="status")["figures"]["heartbeats"]), cpu_s(centre) - before_s
            time.sleep(FLUSHED_S)
            told = int(site.ask(ask="status")["figures"]["heartbeats"])
        rss = centre.memory_info().rss / MB
        centre.kill()
        centre.wait(10)
        kept = _kept(site.store)
    each_us = spent_s / heard * 1e6
    beside = f"mqtt-exporter ({share:.0f} % of {PEER_RATE}/s came)"
    return [
        at_least("heartbeats/s stored on one core, 10 000 kiosks, TLS", 1e6 / each_us, "/s", 15_000,
                 peer=beside, peer_value=1e6 / peer_us),
        Row(what=f"share of {RATE}/s taken in, broker and load on the other core", value=100 * heard / sent,
            unit="%"),
        at_most("heartbeats taken in that the store does not account for after kill -9",
                float(abs(told - kept)), "", 0),
        Row(what="resident memory with 10 000 kiosks", value=rss, unit="MB"),
    ]  # fmt: skip


def _kept(file: Path) -> int:
    """Give how many heartbeats the store accounts for: up to the newest of each kiosk, but for those lost."""
    db = sqlite3.connect(file)
    rows = db.execute("SELECT body FROM kiosks").fetchall()
    db.close()
    kiosks = [msgspec.json.decode(body, type=Kiosk) for (body,) in rows]
    return sum(
        kiosk.heartbeat.seq - FIRST_SEQ + 1 - kiosk.heartbeats_lost for kiosk in kiosks if kiosk.heartbeat
    )


def peer(site: LoadSite) -> tuple[float, float]:
    """Give mqtt-exporter's CPU µs for each heartbeat, and which share of them it took in."""
    pair, port = site.pairs[HEARER], free_port()
    env = os.environ | {
        "MQTT_ADDRESS": "localhost", "MQTT_PORT": str(site.port), "MQTT_TOPIC": "pana/v1/k/+/hb",
        "MQTT_CLIENT_ID": HEARER, "MQTT_ENABLE_TLS": "True", "MQTT_TLS_CA_CERT": str(site.authority.ca),
        "MQTT_TLS_CLIENT_CERT": str(pair.cert), "MQTT_TLS_CLIENT_KEY": str(pair.key),
        "PROMETHEUS_ADDRESS": "127.0.0.1", "PROMETHEUS_PORT": str(port), "LOG_LEVEL": "ERROR",
        "MAX_METRICS": "1000000",
    }  # fmt: skip
    child = subprocess.Popen([sys.executable, "-m", "mqtt_exporter"], env=env, stdout=subprocess.DEVNULL)
    process = psutil.Process(child.pid)
    try:
        time.sleep(3)
        on_core(process, 1)
        before_s = cpu_s(process)
        sent = site.pour(kiosks=KIOSKS, rate=PEER_RATE, seconds=SECONDS)
        time.sleep(3)
        spent_s = cpu_s(process) - before_s
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
            lines = answer.read().decode().splitlines()
        heard = sum(
            float(line.rpartition(" ")[2]) for line in lines if line.startswith("mqtt_message_total{")
        )
        return spent_s / heard * 1e6, 100 * heard / sent
    finally:
        child.kill()
        child.wait()
