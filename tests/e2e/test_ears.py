"""A real centre with ears of its own for heartbeats, beside a real kiosk over mTLS."""

import os
import signal
from typing import Any

import psutil
import pytest
from kiosk_site import KioskSite, wait_for

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]


def last_beat(site: KioskSite) -> int:
    found: list[dict[str, Any]] = site.ask_centre(ask="kiosks", after="")["kiosks"]
    return max((int(one["heartbeat"]["seq"]) for one in found if one["heartbeat"]), default=-1)


def ears_of(centre: int) -> list[psutil.Process]:
    return [child for child in psutil.Process(centre).children() if "ears" in child.cmdline()]


def test_heartbeats_come_by_the_ears_and_again_after_they_were_killed_while_alerts_go_on() -> None:
    with KioskSite(beat_s=5) as site:
        pair = site.authority.client("monitor-1-hb")
        with (site.folder / "centre.toml").open("a") as file:
            file.write(
                f'\n[mqtt.heartbeats]\nid = "monitor-1-hb"\ncert = "{pair.cert}"\nkey = "{pair.key}"\n'
            )
        centre = site.start_centre()
        wait_for(lambda: "event=ears_rose" in site.log())
        site.start_kiosk()
        wait_for(lambda: last_beat(site) >= 0)
        (ears,) = ears_of(centre.pid)
        os.kill(ears.pid, signal.SIGKILL)
        wait_for(lambda: "event=ears_fell" in site.log())
        site.press()
        wait_for(lambda: site.stage() == "received")
        wait_for(lambda: site.log().count("event=ears_rose") >= 2)
        before = last_beat(site)
        wait_for(lambda: last_beat(site) > before)
