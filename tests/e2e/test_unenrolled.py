"""Installed without Internet, for real: it alarms by SMS at once, and enrols by itself when it can."""

import logging
import time
from collections.abc import Iterator

import pytest
from fakes.commissioning_rows import a_record
from fakes.unenrolled_site import UnenrolledSite
from kiosk_site import wait_for

from kiosk import sms_signed
from kiosk.check.install.record import write_record
from kiosk.demo import settings

log = logging.getLogger(__name__)
pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]
MISSING = {"cert_missing", "sms_key_missing"}


@pytest.fixture
def site() -> Iterator[UnenrolledSite]:
    with UnenrolledSite() as site:
        site.start_centre()
        yield site


def texts(site: UnenrolledSite, number: str) -> list[str]:
    phone = site.modem.network.phones[number]
    return [text.text for text in phone.inbox()]


def act(site: UnenrolledSite, **question: object) -> None:
    answer = site.ask_centre(**question, by="op-1")
    assert answer["ok"], answer


def test_it_alarms_before_it_has_enrolled_and_the_same_process_reaches_the_centre_afterwards(
    site: UnenrolledSite,
) -> None:
    daemon = site.start_kiosk(name="etc/site.toml")
    wait_for(lambda: set(site.state().get("faults", ())) >= MISSING, within_s=60)
    wait_for(lambda: site.state().get("sms") == "up", within_s=60)
    assert site.errands(code=1)["enrol"] == "failed"  # no token yet, and it says so

    pressed_s = time.monotonic()
    site.press()
    wait_for(lambda: texts(site, settings.OFFICER), within_s=60)
    log.info("sms_to_a_person_s=%.2f", time.monotonic() - pressed_s)
    assert texts(site, settings.OFFICER)[0].startswith("SOS!")
    assert texts(site, settings.GATEWAY) == []  # nobody there would believe it
    assert site.alerts() == []

    site.hand_over_token()
    write_record(site.state_folder, a_record(kiosk_id=settings.KIOSK_ID, imei="350000000000017"))
    (site.folder / "provision.log").write_text("10-packages: changed\n+77010000001\n")
    assert site.errands() == {"enrol": "done", "commissioning": "later", "provision-log": "later"}
    assert not (site.etc / "token").exists()

    enrolled_s = time.monotonic()
    wait_for(site.alerts, within_s=60)
    log.info("alert_at_the_centre_s=%.2f after the enrolment", time.monotonic() - enrolled_s)
    wait_for(lambda: site.stage() == "received", within_s=60)
    wait_for(lambda: not MISSING & set(site.state().get("faults", ())), within_s=60)
    wait_for(lambda: site.state().get("mqtt") == "up", within_s=60)  # the alert may have come by HTTPS before
    assert daemon.poll() is None  # never restarted

    (alert,) = site.alerts()
    act(site, ask="accept", alert=alert["alert_id"])
    act(site, ask="close", alert=alert["alert_id"])
    wait_for(lambda: not site.state()["incidents"], within_s=60)
    assert site.errands() == {"enrol": "nothing", "commissioning": "done", "provision-log": "done"}
    assert site.errands() == {"enrol": "nothing", "commissioning": "nothing", "provision-log": "nothing"}
    shown = site.shown()
    assert [one["record_id"] for one in shown["commissionings"]] == ["01RECORD"]
    assert shown["imei"] == "350000000000017"

    site.centre.kill()
    site.press()
    wait_for(lambda: texts(site, settings.GATEWAY), within_s=60)  # with the key that came by the enrolment
    assert sms_signed.MARK in texts(site, settings.GATEWAY)[-1]
    assert daemon.poll() is None


@pytest.mark.parametrize("content", [None, ""], ids=["missing", "empty"])
def test_without_any_paper_it_arms_and_calls_people(site: UnenrolledSite, content: str | None) -> None:
    for name in ("ca.pem", "kiosk.pem", "kiosk.key", "sms.key"):
        (site.etc / name).unlink(missing_ok=True)
        if content is not None:
            (site.etc / name).write_text(content)
    site.start_kiosk(name="etc/site.toml")
    wait_for(
        lambda: set(site.state().get("faults", ())) >= MISSING | {"ca_missing", "mqtt_down"}, within_s=60
    )
    wait_for(lambda: site.state().get("sms") == "up", within_s=60)
    site.press()
    wait_for(lambda: texts(site, settings.OFFICER), within_s=60)
    assert "worker:" not in str(site.state().get("faults", ()))
