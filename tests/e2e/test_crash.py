"""kill -9 of the real daemon at every stage: the incident resumes, and the centre has it once."""

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest
from kiosk_site import KioskSite, wait_for

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]
CLICKS = {
    "received": [],
    "accepted": [("accept", {})],
    "en_route": [("accept", {}), ("advance", {"stage": "en_route"})],
    "on_scene": [("accept", {}), ("advance", {"stage": "on_scene"})],
}


@pytest.fixture(scope="module")
def site() -> Iterator[KioskSite]:
    with KioskSite(beat_s=5) as site:
        site.start_centre()
        yield site


def kill(child: "subprocess.Popen[bytes]") -> None:
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert child.returncode == -signal.SIGKILL


def click(site: KioskSite, alert_id: str, ask: str, **fields: str) -> None:
    answer = site.ask_centre(ask=ask, alert=alert_id, by="officer-1", **fields)
    assert answer["ok"], answer


def only_new(site: KioskSite, before: set[str]) -> str:
    """Wait for the one alert that the centre did not hold before, and give its id."""
    wait_for(lambda: {alert["alert_id"] for alert in site.alerts()} - before)
    (new,) = {alert["alert_id"] for alert in site.alerts()} - before
    return new


def restart(site: KioskSite, child: "subprocess.Popen[bytes]") -> "subprocess.Popen[bytes]":
    kill(child)
    (site.folder / "run" / "starts.json").unlink(missing_ok=True)
    return site.start_kiosk()


@pytest.mark.parametrize("stage", list(CLICKS))
def test_a_killed_daemon_goes_on_where_it_was(site: KioskSite, stage: str) -> None:
    before = {alert["alert_id"] for alert in site.alerts()}
    child = site.start_kiosk()
    wait_for(lambda: site.state().get("mqtt") == "up")
    site.press()
    alert_id = only_new(site, before)
    for ask, fields in CLICKS[stage]:
        click(site, alert_id, ask, **fields)
    wait_for(lambda: site.stage() == stage)

    child = restart(site, child)
    wait_for(lambda: site.stage() == stage)
    assert site.state()["incidents"][-1]["alert_id"] == alert_id
    wait_for(lambda: site.state().get("mqtt") == "up")

    click(site, alert_id, "close")
    wait_for(lambda: site.stage() == "")
    assert only_new(site, before) == alert_id
    child.terminate()
    assert child.wait(15) == 0


def test_a_press_that_nobody_had_received_is_sent_after_the_crash(site: KioskSite) -> None:
    before = {alert["alert_id"] for alert in site.alerts()}
    child = site.start_kiosk()
    wait_for(lambda: site.state().get("mqtt") == "up")
    site.link.cut()
    wait_for(lambda: site.state().get("mqtt") == "down")
    site.press()
    wait_for(lambda: site.stage() in ("pressed", "sending"))
    (pressed,) = site.state()["incidents"]

    child = restart(site, child)
    wait_for(lambda: site.stage() in ("pressed", "sending"))
    site.link.restore()
    assert only_new(site, before) == pressed["alert_id"]
    wait_for(lambda: site.stage() == "received")
    click(site, pressed["alert_id"], "close")
    wait_for(lambda: site.stage() == "")
    child.terminate()
    assert child.wait(15) == 0


def test_an_offline_kiosk_is_seen_by_its_will_and_its_return_by_its_birth(site: KioskSite) -> None:
    child = site.start_kiosk()
    wait_for(lambda: life(site) == "online")
    kill(child)
    wait_for(lambda: life(site) != "online")
    child = site.start_kiosk()
    wait_for(lambda: life(site) == "online")
    child.terminate()
    child.wait(15)


def life(site: KioskSite) -> str:
    kiosks = site.ask_centre(ask="kiosks")["kiosks"]
    return str(kiosks[0]["life"]) if kiosks else ""
