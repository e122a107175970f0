"""A certified but hostile client on the shipped broker, beside a real kiosk and a real centre at work."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from fakes.centre_site import fresh_alert
from fakes.mqtt_bench import Centre, centre, command, duty
from fakes.mqtt_kiosk import wait_for
from kiosk_site import KioskSite

from kiosk import wire
from kiosk.bodies import Reply, Status
from kiosk.demo import settings

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]
HOSTILE, KIOSK, MONITOR = "kz-hostile", settings.KIOSK_ID, settings.MONITOR_ID
FORGED, AT = "FORGED", "2026-01-02T03:04:05.678Z"
STEPS: tuple[tuple[str, dict[str, str]], ...] = (
    ("accepted", {"ask": "accept"}),
    ("en_route", {"ask": "advance", "stage": "en_route"}),
    ("on_scene", {"ask": "advance", "stage": "on_scene"}),
)


@pytest.fixture(scope="module")
def site() -> Iterator[KioskSite]:
    with KioskSite(beat_s=5) as site:
        site.start_centre()
        site.start_kiosk()
        wait_for(lambda: site.state()["mqtt"] == "up", "the kiosk's link")
        wait_for(lambda: site.ask_centre(ask="status")["link"], "the centre's link")
        yield site


def join(site: KioskSite, **how: Any) -> contextlib.AbstractContextManager[Centre]:
    return centre(site.broker.port, HOSTILE, tls=(site.authority, site.authority.client(HOSTILE)), **how)


def view(site: KioskSite, kiosk: str = KIOSK) -> dict[str, Any]:
    found = site.ask_centre(ask="kiosks", after="")["kiosks"]
    return next((one for one in found if one["kiosk_id"] == kiosk), {})


def forgeries(alert_id: str) -> list[tuple[str, bytes]]:
    """Everything that would harm the kiosk, the centre or the people on duty, had it got through."""
    reply = wire.encode(Reply(alert_id=alert_id, stage="closed", at=AT, by=FORGED))
    gone = wire.encode(Status(state="stopped", boot=2**40, conn=1, at=AT))
    alarm = wire.encode(fresh_alert(f"{FORGED}-1", KIOSK, seq=10**6))
    return [
        (wire.topic(KIOSK, "ack", alert_id), reply),
        (wire.topic(KIOSK, "status"), gone),
        (wire.topic(KIOSK, "alert", f"{FORGED}-1"), alarm),
        (wire.topic(KIOSK, "cmd", "c1"), command("c1", "restart")),
        (wire.monitor_topic(MONITOR), duty(on_duty=False, boot=2**40)),
        (wire.topic(HOSTILE, "ack", alert_id), reply),
        # its own topic, another's body
        (wire.topic(HOSTILE, "alert", f"{FORGED}-1"), alarm),
        (wire.topic(HOSTILE, "event", "e1"), b"\xff" * 4000),
    ]


def test_an_alarm_runs_its_whole_course_beside_a_hostile_client(site: KioskSite) -> None:
    """The client shouts every forgery all the while, at both qualities and retained."""
    before = view(site)
    site.press()
    wait_for(lambda: site.stage() == "received", "the receipt")
    (alert,) = site.alerts()
    alert_id = alert["alert_id"]
    ended, rounds = threading.Event(), [0]
    with join(site) as hostile:
        hostile.listen("#", f"pana/v1/k/{KIOSK}/#", "pana/v1/k/+/alert/+", "$SYS/#")

        def shout() -> None:
            while not ended.is_set():
                for topic, body in forgeries(alert_id):
                    hostile.say(topic, body)
                    hostile.say(topic, body, retain=True)
                rounds[0] += 1

        shouting = threading.Thread(target=shout)
        shouting.start()
        try:
            for number, (stage, request) in enumerate(STEPS, 1):
                wait_for(lambda number=number: rounds[0] >= number, "a round of forgeries")
                assert site.ask_centre(**request, alert=alert_id, by="op-1")["ok"]
                wait_for(lambda stage=stage: site.stage() == stage, f"the kiosk at {stage}")
        finally:
            ended.set()
            shouting.join()
        assert {topic.split("/")[2] for topic in hostile.topics()} <= {"mon"}, "it overheard something"
    (now,) = site.alerts()
    assert (now["alert_id"], now["stage"], now["by"]) == (alert_id, "on_scene", "op-1")
    after = view(site)
    assert (after["life"], after["twin"], after["missing_alerts"]) == ("online", before["twin"], [])
    assert site.ask_centre(ask="status")["on_duty"]
    assert site.state()["mqtt"] == "up"
    assert site.ask_centre(ask="close", alert=alert_id, by="op-1")["ok"]
    wait_for(lambda: not site.stage(), "the end at the kiosk")


def test_rubbish_under_its_own_name_is_counted_against_itself_only(site: KioskSite) -> None:
    before = view(site).get("refused", 0)
    with join(site) as hostile:
        hostile.say(wire.topic(HOSTILE, "alert", "x"), b"{" * 8000)
        hostile.say(wire.topic(HOSTILE, "alert", "y"), wire.encode(fresh_alert("y", KIOSK)))
        hostile.say(wire.topic(HOSTILE, "event", "z"), b"null")
    wait_for(lambda: site.ask_centre(ask="status")["figures"]["refused"] >= 3, "the refusals")
    assert view(site).get("refused", 0) == before
    assert "y" not in [alert["alert_id"] for alert in site.alerts()]


def test_neither_a_will_nor_a_client_id_of_another_harms_it(site: KioskSite) -> None:
    gone = wire.encode(Status(state="offline", boot=2**40, conn=1, at=AT))
    tls = (site.authority, site.authority.client(HOSTILE))
    for _ in range(3):
        with centre(site.broker.port, KIOSK, tls=tls, will=(wire.topic(KIOSK, "status"), gone)) as thief:
            thief.listen(wire.topic(KIOSK, "ack", "+"), wire.topic(KIOSK, "cmd", "+"))
            thief.vanish()
    assert site.ask_centre(ask="command", kiosk=KIOSK, name="report", by="op-1")["ok"]
    done = lambda: [one for one in view(site)["events"] if "succeeded" in one.get("detail", "")]  # noqa: E731 - one line
    wait_for(done, "the kiosk's answer to an order")
    assert view(site)["life"] == "online"
    assert thief.heard == []
