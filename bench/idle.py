"""Memory, CPU and disk writes of an idle kiosk with a heartbeat every 5 s, beside a bare paho client."""

import subprocess
import sys
import time

import psutil
from kiosk_site import KioskSite, wait_for

from bench.rows import Row, at_most

WATCH_S = 30.0
PEER = (
    "import time, ssl, paho.mqtt.client as p; c = p.Client(p.CallbackAPIVersion.VERSION2); "
    "ssl.create_default_context(); print('up', flush=True); time.sleep(60)"
)
MB = 1024 * 1024


def _pss_mb(process: psutil.Process) -> float:
    """Give resident memory with shared pages counted once over all who share them."""
    return process.memory_full_info().pss / MB


def _files(folder) -> dict[str, tuple[int, int]]:
    found = {}
    for path in folder.rglob("*"):
        if path.is_file():
            state = path.stat()
            found[str(path)] = (state.st_mtime_ns, state.st_size)
    return found


def run(watch_s: float = WATCH_S) -> list[Row]:
    with KioskSite(beat_s=5) as site:
        site.start_centre()
        site.environ["MALLOC_ARENA_MAX"] = "2"  # as systemd/kiosk.service sets it
        child = site.start_kiosk()
        process = psutil.Process(child.pid)
        wait_for(lambda: site.state().get("mqtt") == "up")
        wait_for(lambda: site.state().get("sms") == "up")
        time.sleep(6)
        family = [process, *process.children(recursive=True)]
        before, files, seq = _cpu_s(family), _files(site.folder / "kiosk"), _beats(site)
        time.sleep(watch_s)
        used_s, beats = _cpu_s(family) - before, _beats(site) - seq
        writes = sum(files.get(name) != state for name, state in _files(site.folder / "kiosk").items())
        rss = process.memory_info().rss / MB
        family_rss = sum(one.memory_info().rss for one in family) / MB
        pss = sum(_pss_mb(one) for one in family)
    peer = subprocess.Popen([sys.executable, "-c", PEER], stdout=subprocess.PIPE)
    peer.stdout.readline()
    peer_rss = psutil.Process(peer.pid).memory_info().rss / MB
    peer.kill()
    peer.stdout.close()
    peer.wait()
    return [
        at_most("idle daemon, resident memory", rss, "MB", 40, peer="bare paho + ssl", peer_value=peer_rss),
        at_most("idle daemon with children, resident memory", family_rss, "MB", 65),
        Row(what="idle daemon with children, proportional memory (PSS)", value=pss, unit="MB"),
        at_most("idle daemon with children, share of one core", 100 * used_s / watch_s, "%", 0.2),
        at_most(f"files written in the state folder during {beats} heartbeats", float(writes), "", 0),
    ]  # fmt: skip


def _cpu_s(family: list[psutil.Process]) -> float:
    return sum(one.cpu_times().user + one.cpu_times().system for one in family)


def _beats(site: KioskSite) -> int:
    return site.ask_kiosk(ask="status")["heartbeat"]["seq"]
