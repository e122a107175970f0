"""Garbage on every input of the real daemon: it goes on, says so, and a press still reaches a person."""

import contextlib
import os
import random
import socket
from collections.abc import Callable, Iterator

import pytest
from fakes.mqtt_bench import centre
from faulty_site import SOON_S, Watch, watch
from kiosk_site import KioskSite, wait_for

from kiosk import wire
from kiosk.demo import settings

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]
Record = Callable[[str, object], None]
KIOSK = settings.KIOSK_ID
DICE = random.Random(20260101)
BODIES = (
    b"", b"\x00" * 64, b"\xff\xfe", b"{", b"[]", b"null", b"1e999", b'{"v":1}', b"{" * 5000, b'{"v":' * 2000,
    b'{"v":1,"alert_id":"../../x","stage":"closed","at":"2026-01-02T03:04:05.678Z","by":"x"}',
    b'{"v":1,"alert_id":"' + b"A" * 9000 + b'"}', "Қ".encode() * 3000, DICE.randbytes(4096),
)  # fmt: skip


@pytest.fixture(scope="module")
def site() -> Iterator[KioskSite]:
    with KioskSite(beat_s=5) as site:
        site.start_centre()
        yield site


def goes_on(watched: Watch, record: Record) -> None:
    """One whole incident, to prove that nothing was broken."""
    watched.press()
    took_s = watched.alert_at_centre()
    record("alert_s", round(took_s, 2))
    assert took_s < SOON_S
    wait_for(lambda: watched.site.stage() == "received")
    watched.click("accept")
    wait_for(lambda: watched.site.stage() == "accepted")
    assert not [code for code in watched.site.state()["faults"] if code.startswith("worker")]
    assert "Traceback" not in watched.log()
    watched.click("close")
    wait_for(lambda: watched.site.stage() == "")
    assert watched.end() == 0


def say_as_the_centre(site: KioskSite, *messages: tuple[str, bytes], retain: bool = False) -> None:
    """Publish with the centre's own credentials, which takes its place at the broker for that moment."""
    with centre(site.broker.port, settings.MONITOR_ID, tls=(site.authority, site.centre)) as garbler:
        for topic, body in messages:
            garbler.say(topic, body, retain=retain)


def centre_is_back(watched: Watch) -> bool:
    return bool(watched.site.ask_centre(ask="status")["link"] and watched.site.state()["listened"])


def test_garbage_from_the_broker(site: KioskSite, record_property: Record) -> None:
    """The broker lets it pass, the kiosk must not believe it."""
    topics = [wire.topic(KIOSK, "ack", "x"), wire.topic(KIOSK, "cmd", "x"), wire.monitor_topic("monitor-1")]
    with watch(site, "mqtt") as watched:
        say_as_the_centre(site, *((topic, body) for topic in topics for body in BODIES))
        wait_for(lambda: "refused source=" in watched.log())
        assert watched.log().count("refused source=") <= 20, "a flood of garbage is told in a few lines"
        wait_for(lambda: centre_is_back(watched))
        goes_on(watched, record_property)


def test_a_retained_receipt_moves_nothing(site: KioskSite, record_property: Record) -> None:
    """Somebody leaves a `closed` behind: an old receipt must not act again (pitfall 11)."""
    topic = wire.topic(KIOSK, "ack", "01JZZZZZZZZZZZZZZZZZZZZZZZ")
    body = b'{"v":1,"alert_id":"01JZZZZZZZZZZZZZZZZZZZZZZZ","stage":"closed","at":"2026-01-02T03:04:05.678Z"}'
    say_as_the_centre(site, (topic, body), retain=True)
    try:
        with watch(site, "mqtt") as watched:
            wait_for(lambda: "retained" in watched.log())
            wait_for(lambda: centre_is_back(watched))
            goes_on(watched, record_property)
    finally:
        say_as_the_centre(site, (topic, b""), retain=True)


HOSTILE_TEXTS = ("OK 0000", "A1R 0000 closed AAAAAAAAAA", "'; DROP TABLE", "\x00\x1b" * 20, "Қ" * 300, " ")
MODEM_NOISE = b'\r\n+CMTI: "SM",999\r\n+CREG: x\r\n\xff\xfe\x00\r\nRING\r\n'


def test_texts_of_strangers_and_broken_modem_lines(site: KioskSite, record_property: Record) -> None:
    with watch(site, "mqtt", "sms") as watched:
        for sender in ("+77019999999", settings.OFFICER, settings.GATEWAY, "INFO"):
            for text in HOSTILE_TEXTS:
                site.modem.deliver(sender, text)
        wait_for(lambda: watched.log().count("sms_ignored") >= 4 * len(HOSTILE_TEXTS), within_s=100)
        for size in (0, 1, 7, 30, 164):
            site.modem.deliver_tpdu(DICE.randbytes(size))
        site.modem.babble(MODEM_NOISE + DICE.randbytes(300) + b"\r\n")
        goes_on(watched, record_property)
        assert not any(secret in watched.log() for secret in ("DROP TABLE", "79999999", settings.OFFICER))


def test_garbage_on_the_control_socket(site: KioskSite, record_property: Record) -> None:
    with watch(site, "mqtt") as watched:
        questions = (b'{"ask":"pin","input":"../x","high":true}', b'{"ask":["status"]}', b'{"ask":"stop"}')
        for line in (*BODIES, *questions):
            with socket.socket(socket.AF_UNIX) as link, contextlib.suppress(OSError):
                link.settimeout(2)
                link.connect(str(site.folder / "run" / "kiosk.sock"))
                link.sendall(line + b"\n" + os.urandom(20))
        goes_on(watched, record_property)
