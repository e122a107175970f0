"""Process start -> button armed, beside a bare gpiozero program that arms one mock button."""

import os
import statistics
import subprocess
import sys
import time

from kiosk_site import KioskSite

from bench.rows import Row, at_most

ROUNDS = 9
PEER = (
    "from gpiozero import Button, Device; from gpiozero.pins.mock import MockFactory; "
    "Device.pin_factory = MockFactory(); Button(17); print('armed', flush=True)"
)


def _until(command: list[str], word: bytes, env: dict[str, str]) -> float:
    begun_s = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env)
    try:
        for line in child.stdout:
            if word in line:
                return time.monotonic() - begun_s
        raise RuntimeError("never armed")
    finally:
        child.terminate()
        child.stdout.close()
        child.wait(15)


def run(rounds: int = ROUNDS) -> list[Row]:
    with KioskSite() as site:
        kiosk = [
            sys.executable,
            "-m",
            "kiosk",
            "run",
            "--config",
            str(site.folder / "site.toml"),
            "--allow-mock-pins",
        ]
        ours, peers = [], []
        for _ in range(rounds):
            (site.folder / "run" / "starts.json").unlink(missing_ok=True)
            ours.append(_until(kiosk, b"armed", dict(os.environ)))
            peers.append(_until([sys.executable, "-c", PEER], b"armed", dict(os.environ)))
    return [
        at_most("start → button armed, median", statistics.median(ours), "s", 0.4,
                peer="bare gpiozero on mock pins", peer_value=statistics.median(peers)),
    ]  # fmt: skip
