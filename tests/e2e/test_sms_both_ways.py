"""Without Internet: a real kiosk and a real centre hear one another by SMS, both ways, signed."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
from fakes.sms_country import NUMBER, OFFICER, SIM, SmsCountry
from faulty_site import Watch, watch
from kiosk_site import wait_for

from kiosk import sms_signed, wire
from kiosk.sms_signed import MachineAlert

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]
PATIENCE_S = 100.0  # a notice that gammu loses is made up for by the look into the memory each minute


@pytest.fixture(scope="module")
def country() -> Iterator[SmsCountry]:
    with SmsCountry() as country:
        wait_for(lambda: "modem=up" in country.site.log(), PATIENCE_S)
        yield country


def machine_text(country: SmsCountry, *, seq: int, key: bytes | None = None) -> str:
    alert = MachineAlert(
        number=NUMBER, seq=seq, pressed_s=int(time.time()), kind="press", clock="synced", button=0, presses=1,
        lat=43.23815, lon=76.94551,
    )  # fmt: skip
    return f"SOS! {sms_signed.pack(alert, key or country.key)}"


def verdicts(country: SmsCountry) -> list[str]:
    return [row.verdict for row in country.inbox()]


def stage_is(watched: Watch, stage: str) -> None:
    wait_for(lambda: watched.site.stage() == stage, PATIENCE_S)


def code_of(country: SmsCountry, alert: dict[str, Any]) -> str:
    pressed_s = wire.utc_ms(alert["pressed_at"]) // 1000
    return sms_signed.reply_code(country.key, number=NUMBER, seq=alert["seq"], pressed_s=pressed_s)


def pages_with(country: SmsCountry, code: str) -> list[str]:
    """List what the officer got about one alert: other tests of this country raise alerts of their own."""
    return [received.text for received in country.officer.inbox() if received.text.endswith(f" {code}")]


def test_an_alert_and_every_answer_to_it_go_by_sms_while_the_internet_is_cut(country: SmsCountry) -> None:
    site = country.site
    with watch(site, "mqtt", "sms") as watched:
        site.link.cut()
        wait_for(lambda: site.state()["mqtt"] == "down", PATIENCE_S)
        watched.press()
        watched.alert_at_centre(PATIENCE_S)
        (alert,) = watched.alerts()
        assert (alert["path"], alert["place"]["address"]["ru"]) == ("sms", "Абая 10")
        assert alert["alert_id"].startswith(f"sms-{NUMBER}-")
        stage_is(watched, "received")

        code = code_of(country, alert)
        wait_for(lambda: pages_with(country, code), PATIENCE_S)
        assert "Абая 10" in pages_with(country, code)[0]
        country.officer.send(f"OK {code}")
        stage_is(watched, "accepted")
        wait_for(lambda: watched.alerts()[0]["by"] == "aigul", PATIENCE_S)
        assert watched.alerts()[0]["stages"][1]["via"] == "sms"
        watched.click("advance", stage="on_scene")
        stage_is(watched, "on_scene")

        site.link.restore()
        wait_for(lambda: "mqtt" in watched.alerts()[0]["also_by"], PATIENCE_S)
        (alert,) = watched.alerts()
        assert not alert["alert_id"].startswith("sms-")
        assert alert["path"] == "sms"
        watched.click("close", outcome="helped")
        wait_for(lambda: not site.state()["incidents"], PATIENCE_S)
    sent = {row.step.partition(".")[0]: row.state for row in country.texts("answer")}
    assert {"received", "accepted", "on_scene"} <= sent.keys()
    assert set(sent.values()) == {"sent"}
    assert OFFICER not in site.log()
    assert SIM not in site.log()


def test_a_text_with_a_wrong_signature_is_kept_as_refused_and_opens_nothing(country: SmsCountry) -> None:
    before, alerts = len(country.inbox()), len(country.site.alerts())
    country.modem.deliver("+77770000666", machine_text(country, seq=900, key=b"somebody else's key"))
    wait_for(lambda: len(country.inbox()) > before, PATIENCE_S)
    row = country.inbox()[-1]
    assert (row.verdict, row.door, row.sender) == ("refused", "modem", "+7***66")
    assert "signature" in row.reason
    assert len(country.site.alerts()) == alerts


def test_a_file_of_gammu_smsd_is_an_alert_and_moves_aside(country: SmsCountry) -> None:
    alerts = len(country.site.alerts())
    path = country.smsd(SIM, machine_text(country, seq=901))
    wait_for(lambda: len(country.site.alerts()) == alerts + 1, PATIENCE_S)
    wait_for((path.parent / "processed" / path.name).exists, PATIENCE_S)
    assert not path.exists()
    assert country.inbox()[-1].door == "smsd"


def test_an_operators_webhook_is_an_alert_once_however_often_it_is_sent(country: SmsCountry) -> None:
    alerts = len(country.site.alerts())
    body = json.dumps(
        {"id": "op-1", "from": SIM, "text": machine_text(country, seq=902), "at": "now"}
    ).encode()

    def ready() -> bool:
        with suppress(httpx.TransportError):
            return country.post(b"{}") == 422
        return False

    wait_for(ready, PATIENCE_S)  # the pages are a process of their own
    assert country.post(body, token="a wrong token of some length") == 401
    assert [country.post(body), country.post(body)] == [200, 200]
    assert len(country.site.alerts()) == alerts + 1
    assert [row.message_id for row in country.inbox()].count("webhook-op-1") == 1
