"""A kiosk installed without Internet: no certificate, perhaps no key to sign SMS. It calls all the same."""

from typing import Any

import pytest
from fakes.virtual_kiosk import KEY, VirtualKiosk, example_config

from kiosk import sms_signed
from kiosk.bodies import Reply
from kiosk.effects import SendSms
from kiosk.messages import LinkFell, PapersRead, ReplyReceived

GATEWAY = "+77010000001"
NO_CERTIFICATE = PapersRead(missing={"cert_missing": "kiosk.pem: No such file or directory"}, sms_key=KEY)
NOTHING = PapersRead(missing={"ca_missing": "x", "cert_missing": "y", "sms_key_missing": "z"})


def unenrolled(papers: PapersRead = NOTHING, **changes: Any) -> VirtualKiosk:
    virtual = VirtualKiosk(config=example_config(**changes), key=papers.sms_key).start().board()
    virtual.feed(papers)
    virtual.feed(LinkFell("mqtt", "no certificate"))
    return virtual.modem()


def texts(virtual: VirtualKiosk, number: str) -> list[str]:
    return [effect.text for effect in virtual.of(SendSms) if effect.number == number]


def numbers(virtual: VirtualKiosk) -> set[str]:
    return {effect.number for effect in virtual.of(SendSms)}


def test_each_missing_paper_is_a_fault_with_its_reason_until_it_is_there() -> None:
    virtual = unenrolled()
    assert set(NOTHING.missing) <= set(virtual.faults)
    assert virtual.parts.reports.reasons()["cert_missing"] == "y"
    virtual.feed(PapersRead(missing={}, sms_key=KEY))
    assert not set(NOTHING.missing) & set(virtual.faults)


def test_without_a_certificate_people_and_gateways_get_their_sms_at_once() -> None:
    virtual = unenrolled(NO_CERTIFICATE).press().send_all_sms()
    assert numbers(virtual) > {GATEWAY}
    assert not isinstance(sms_signed.unpack(texts(virtual, GATEWAY)[0], KEY), sms_signed.Rejected)


def test_without_a_key_people_get_their_sms_and_no_gateway_an_unsigned_one() -> None:
    virtual = unenrolled().press().send_all_sms()
    assert numbers(virtual)
    assert GATEWAY not in numbers(virtual)
    virtual.run(61).send_all_sms()
    assert GATEWAY not in numbers(virtual)


def test_a_person_takes_an_alert_that_was_never_signed() -> None:
    virtual = unenrolled().press().send_all_sms()
    virtual.sms_from("+77010000011", f"OK {virtual.code}")
    assert virtual.stages == ["accepted"]


def test_codes_cannot_be_guessed_without_a_key() -> None:
    codes = {unenrolled().press().code for _ in range(2)}
    other = unenrolled()
    other.count += 500
    assert other.press().code not in codes
    guessed = sms_signed.reply_code(b"", number=17, seq=1, pressed_s=other.utc_ms // 1000)
    assert guessed not in codes


def test_an_answer_that_anybody_could_sign_is_none() -> None:
    virtual = unenrolled().press().send_all_sms()
    of = virtual.parts.alarm.cases.open[0].incident
    forged = sms_signed.sign_answer(
        b"", number=17, seq=of.seq, pressed_s=of.pressed_utc_ms // 1000, code=of.code, stage="accepted"
    )
    virtual.sms_from(GATEWAY, forged)
    assert virtual.stages == ["sending"]


def test_where_nobody_else_is_listed_the_gateway_gets_the_words_without_a_signature() -> None:
    virtual = unenrolled(duty__tiers=()).press().send_all_sms()
    (text,) = texts(virtual, GATEWAY)
    assert text.startswith("SOS!")
    assert sms_signed.MARK not in text


def test_a_key_that_comes_while_an_alert_is_open_takes_it_to_the_gateways() -> None:
    virtual = unenrolled().press().send_all_sms()
    virtual.feed(PapersRead(missing={}, sms_key=KEY))
    virtual.run(0.1).send_all_sms()
    assert not isinstance(sms_signed.unpack(texts(virtual, GATEWAY)[0], KEY), sms_signed.Rejected)


def test_a_key_that_comes_once_the_centre_has_answered_writes_nothing_more() -> None:
    virtual = unenrolled().press().send_all_sms()
    alert_id = virtual.parts.alarm.cases.open[-1].incident.alert_id
    virtual.feed(ReplyReceived(Reply(alert_id=alert_id, stage="accepted", at="x", presses=1), "mqtt"))
    virtual.quiet().feed(PapersRead(missing={}, sms_key=KEY))
    virtual.run(0.1)
    assert numbers(virtual) == set()


def test_a_key_that_comes_once_a_person_has_the_alert_lets_the_centre_hear_of_it_and_nobody_else() -> None:
    """Only who can close it ends it (ADR 30)."""
    virtual = unenrolled().press().send_all_sms()
    virtual.sms_from("+77010000011", f"OK {virtual.code}")
    virtual.quiet().feed(PapersRead(missing={}, sms_key=KEY))
    virtual.run(0.1)
    assert numbers(virtual) == {GATEWAY}


@pytest.mark.parametrize("key", [b"", KEY])
def test_a_key_that_vanished_or_did_not_change_is_kept(key: bytes) -> None:
    virtual = unenrolled(NO_CERTIFICATE)
    virtual.feed(PapersRead(missing={}, sms_key=key))
    virtual.press()
    assert texts(virtual, GATEWAY)


def test_another_key_waits_until_no_alert_is_open() -> None:
    other = bytes(32)
    virtual = unenrolled(NO_CERTIFICATE).press()
    virtual.feed(PapersRead(missing={}, sms_key=other))
    assert virtual.parts.alarm.site.key == KEY
    virtual.run(6 * 3600 + 10)
    virtual.feed(PapersRead(missing={}, sms_key=other))
    assert virtual.parts.alarm.site.key == other


def test_a_drill_without_a_key_does_not_pass() -> None:
    virtual = unenrolled(NOTHING).online()
    virtual.order("drill")
    virtual.reply("received")
    virtual.run(100)
    (failed,) = virtual.tells("drill_failed")
    assert failed["missing"] == "sms_key"


def test_a_drill_before_the_internet_says_what_is_missing() -> None:
    virtual = unenrolled(NO_CERTIFICATE)
    virtual.order("drill")
    virtual.send_all_sms().run(100)
    (failed,) = virtual.tells("drill_failed")
    assert failed["missing"] == "mqtt"
