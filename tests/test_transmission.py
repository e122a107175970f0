"""The bodies and texts of one alert, and whose answer counts."""

from dataclasses import replace
from typing import Any

import pytest
from fakes.virtual_kiosk import KEY, UTC_MS, WORDS, example_config

from kiosk import sms_signed, sms_text, transmission, wire
from kiosk.bodies import Alert, AlertId, Clock, Kind
from kiosk.config import Button, Duty
from kiosk.incident import Heard, Incident, Taken
from kiosk.messages import Now
from kiosk.site import Site
from kiosk.sms_text import fits

NOW = Now(s=200.0, utc_ms=UTC_MS + 5000, chance=0.5, fresh_id="01NEW")
SITE = Site(config=example_config(), words=WORDS, key=KEY, version="0.1.0", config_hash="abcd1234")


def incident(**changes: Any) -> Incident:
    made = Incident(
        alert_id=AlertId("01TEST"), kind="press", button="fitting", pressed_s=195.0,
        pressed_utc_ms=UTC_MS, clock="synced", seq=7, code="4711",
    )  # fmt: skip
    return replace(made, **changes)


def test_an_alert_carries_what_the_contract_asks() -> None:
    of = incident(presses=3, also=("counter",), state=Taken("accepted"), by="sms:duty1.1")
    assert transmission.alert(SITE, of, NOW, attempt=2, route="mqtt") == Alert(
        alert_id="01TEST", kiosk_id="almaty-0017", kind="press", button="fitting",
        pressed_at="2026-09-21T14:13:20.000Z", clock="synced", presses=3, seq=7, attempt=2,
        sent_at="2026-09-21T14:13:25.000Z", route="mqtt", place=SITE.config.site.place(),
        versions={"kiosk": "0.1.0"}, also=("counter",), stage="accepted", by="sms:duty1.1",
    )  # fmt: skip


def test_the_largest_alert_is_within_one_and_a_half_kilobytes() -> None:
    words = {"kk": "Ә" * 60, "ru": "Щ" * 60}
    place = {
        f"site__{part}__{language}": text
        for part in ("name", "address", "entrance")
        for language, text in words.items()
    }
    buttons = tuple(Button(name=f"{letter * 24}", pin=number) for number, letter in enumerate("abcdefgh"))
    site = replace(
        SITE, config=example_config(**place, buttons=buttons, kiosk__id="k" * 32), version="0" * 16
    )
    of = incident(button="a" * 24, also=tuple(letter * 24 for letter in "bcdefgh"), presses=10**6, seq=10**9)
    body = transmission.alert(site, replace(of, by="op-" + "1" * 57), NOW, attempt=10**6, route="mqtt")
    assert len(wire.encode(body)) <= wire.ALERT_MAX_BYTES


@pytest.mark.parametrize("kind", ["press", "drill", "tamper"])
def test_the_gateways_text_is_one_segment_with_the_signed_form_behind_it(kind: Kind) -> None:
    of = incident(kind=kind, button="fitting" if kind == "press" else kind, presses=2)
    text = transmission.sms(SITE, of, "gateway", "synced")
    assert fits(text)
    read = sms_signed.unpack(text, KEY)
    assert isinstance(read, sms_signed.MachineAlert)
    assert (read.number, read.seq, read.kind, read.presses) == (17, 7, kind, 2)
    assert read.button == (1 if kind == "press" else sms_signed.OTHER_BUTTON)
    assert read.pressed_s == UTC_MS // 1000


HOUR_S = 3600.0


@pytest.mark.parametrize(
    ("changes", "age_s", "jump_s", "clock_now", "told"),
    [
        ({}, 0.0, 0.0, "synced", "synced"),
        ({}, 4.9 * HOUR_S, 0.0, "synced", "synced"),
        ({}, 5.1 * HOUR_S, 0.0, "synced", "unsynced"),  # and an hour for the network to bring it
        ({}, 23 * HOUR_S, 0.0, "synced", "unsynced"),  # where incidents may last for a day
        ({}, 60.0, 7 * HOUR_S, "synced", "unsynced"),  # after a power cut, or the clock was set
        ({}, 60.0, -25 * HOUR_S, "synced", "unsynced"),
        ({}, 60.0, 0.0, "unsynced", "synced"),  # its age is known all the same
        ({"resumed": True}, 60.0, 0.0, "synced", "synced"),
        ({"resumed": True}, 60.0, 0.0, "unsynced", "unsynced"),  # how long was the power gone?
        ({"clock": "unsynced"}, 0.0, 0.0, "synced", "unsynced"),
    ],
)
def test_the_signed_second_is_not_to_be_judged_by_once_the_centre_would_call_it_too_old(
    changes: dict[str, Any], age_s: float, jump_s: float, clock_now: Clock, told: Clock
) -> None:
    of = incident(**changes)
    utc_ms = UTC_MS + round(1000 * (age_s + jump_s))
    now = Now(s=of.pressed_s + age_s, utc_ms=utc_ms, chance=0.5, fresh_id="01NEW")
    clock = transmission.clock_of_text(of, now, clock_now)
    assert clock == told
    read = sms_signed.unpack(transmission.sms(SITE, of, "gateway", clock), KEY)
    assert isinstance(read, sms_signed.MachineAlert)
    assert (read.clock, read.pressed_s) == (told, UTC_MS // 1000)


@pytest.mark.parametrize("form", ["kk", "ru", "latin"])
def test_people_get_their_language_and_no_machine_form(form: Any) -> None:
    text = transmission.sms(SITE, incident(), form, "synced")
    assert "4711" in text
    assert "A1:" not in text


def test_the_centres_answer_counts_for_the_incident_that_it_signed() -> None:
    text = sms_signed.sign_answer(
        KEY, number=17, seq=7, pressed_s=UTC_MS // 1000, code="4711", stage="accepted"
    )
    answer = sms_signed.parse_answer(text)
    assert answer is not None
    assert transmission.answer_is_for(SITE, incident(state=Heard()), answer)
    assert not transmission.answer_is_for(SITE, incident(seq=8), answer)
    reply = transmission.sms_reply(incident(), answer, NOW)
    assert (reply.alert_id, reply.stage, reply.presses) == ("01TEST", "accepted", 0)


@pytest.mark.parametrize(
    "number", ["+77010000011", "77010000011", "87010000011", "+7 701 000-00-11", "8 (701) 000 00 11"]
)
def test_a_listed_number_is_known_in_every_way_of_writing_it(number: str) -> None:
    assert transmission.officer_mark(SITE.config.duty, number) == "duty1.1"


@pytest.mark.parametrize(
    "number",
    ["", "+77010000099", "77010000011X", "D77010000011", "+87010000011", "Beeline", "٧٧٠١٠٠٠٠٠١١",
     "+77010000011" * 3, "7701000001", "+7701000001177010000011"],
)  # fmt: skip
def test_no_other_sender_is_taken_for_an_officer(number: str) -> None:
    """Pitfall 30: names can be had from any bulk sender."""
    assert transmission.officer_mark(SITE.config.duty, number) == ""
    assert not sms_text.listed(number, ("+77010000011",))


def test_a_second_tiers_officer_has_a_mark_without_the_number() -> None:
    assert transmission.officer_mark(SITE.config.duty, "+77010000013") == "duty2.1"
    assert transmission.officer_mark(Duty(tiers=()), "+77010000013") == ""
