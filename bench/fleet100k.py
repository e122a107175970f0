"""100 000 kiosks at a heartbeat every 30 s: share of one core and memory of the centre."""

import time

from bench.ingest import peer
from bench.load import LoadSite, cpu_s
from bench.rows import Row, at_most

KIOSKS = 100_000
RATE = KIOSKS // 30
SETTLE_S, WATCH_S = 12.0, 20.0  # after 8 s every heartbeat also reaches the disk
MB = 1024 * 1024


def run() -> list[Row]:
    with LoadSite() as site:
        peer_us, _ = peer(site)
        site.know(KIOSKS)
        centre = site.centre()
        with site.pouring(kiosks=KIOSKS, rate=RATE, seconds=SETTLE_S + WATCH_S) as pouring:
            pouring.begin()
            time.sleep(SETTLE_S)
            before_s, begun_s, heard = cpu_s(centre), time.monotonic(), _heard(site)
            time.sleep(WATCH_S)
            spent_s, passed_s = cpu_s(centre) - before_s, time.monotonic() - begun_s
            heard = _heard(site) - heard
            rss = centre.memory_info().rss / MB
    return [
        at_most(f"{KIOSKS} kiosks at 30 s, share of one core", 100 * spent_s / passed_s, "%", 25,
                peer="mqtt-exporter at that rate (from its µs each)", peer_value=RATE * peer_us / 1e4),
        Row(what="heartbeats taken in each second", value=heard / passed_s, unit="/s"),
        Row(what=f"resident memory with {KIOSKS} kiosks", value=rss, unit="MB"),
    ]  # fmt: skip


def _heard(site: LoadSite) -> int:
    return int(site.ask(ask="status")["figures"]["heartbeats"])
