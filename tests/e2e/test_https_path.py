"""The second path for real: the daemon, the centre, its doors and mutual TLS, while MQTT is blocked."""

import contextlib
import json
import logging
import sqlite3
import time
from collections.abc import Iterator
from typing import Any

import pytest
from fakes.standstill import Standstill
from kiosk_site import KioskSite, wait_for

from kiosk.wire import utc_ms

log = logging.getLogger(__name__)
pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]
BY_HTTPS_S = 6.0  # what the acceptance asks; each alert says itself when it was pressed and when sent


@pytest.fixture
def site() -> Iterator[KioskSite]:
    with KioskSite(beat_s=5, doors=True) as site:
        site.start_centre()
        wait_for(lambda: site.ask_centre(ask="status")["link"])
        yield site


def the_alert(site: KioskSite) -> dict[str, Any]:
    """Wait for the only alert that the centre holds."""
    wait_for(site.alerts)
    (alert,) = site.alerts()
    return alert


def wait_for_link(site: KioskSite, link: str, state: str) -> None:
    wait_for(lambda: site.state().get(link) == state, within_s=60)


def act(site: KioskSite, **question: Any) -> None:
    answer = site.ask_centre(**question, by="op-1")
    assert answer["ok"], answer


def seconds_until_sent(site: KioskSite) -> float:
    """Press and wait for the receipt; give how long the kiosk took to send by HTTPS, by its own clock.

    What the machine stood still meanwhile is taken off.
    """
    with Standstill() as still:
        pressed_s = time.monotonic()
        site.press()
        wait_for(lambda: site.stage() == "received")
        log.info("received_by_https_s=%.2f", time.monotonic() - pressed_s)
    store = f"file:{site.folder}/centre/centre.sqlite?mode=ro"
    with contextlib.closing(sqlite3.connect(store, uri=True)) as db:
        [(body,)] = db.execute("SELECT body FROM alerts")
    alert = json.loads(body)
    assert alert["route"] == "https"
    return (utc_ms(alert["sent_at"]) - utc_ms(alert["pressed_at"])) / 1000 - still.s


def test_with_mqtt_cut_the_alert_comes_by_https_and_every_answer_by_long_poll(site: KioskSite) -> None:
    site.start_kiosk()
    wait_for_link(site, "mqtt", "up")
    site.link.cut()
    wait_for_link(site, "mqtt", "down")
    assert seconds_until_sent(site) < BY_HTTPS_S
    alert = the_alert(site)
    assert alert["path"] == "https"
    act(site, ask="accept", alert=alert["alert_id"])
    wait_for(lambda: site.stage() == "accepted", within_s=40)
    act(site, ask="advance", stage="en_route", alert=alert["alert_id"])
    wait_for(lambda: site.stage() == "en_route", within_s=40)
    act(site, ask="close", alert=alert["alert_id"])
    wait_for(lambda: not site.stage(), within_s=40)
    assert "path=https" in site.log()


def test_with_mqtt_silently_blocked_https_brings_the_receipt_in_time(site: KioskSite) -> None:
    """Packets vanish, nothing is refused: only the missing receipt tells."""
    site.start_kiosk()
    wait_for_link(site, "mqtt", "up")
    wait_for_link(site, "https", "up")  # it looked at it once, as any kiosk that rests
    site.link.blackhole()
    assert seconds_until_sent(site) < BY_HTTPS_S
    assert the_alert(site)["path"] == "https"
    site.link.restore()
    wait_for_link(site, "mqtt", "up")
    act(site, ask="accept", alert=the_alert(site)["alert_id"])
    wait_for(lambda: site.stage() == "accepted")
    assert len(site.alerts()) == 1
