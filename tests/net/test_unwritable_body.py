"""A body that cannot be written as UTF-8 is refused by itself; the link goes on."""

import msgspec
import pytest
from fakes.mqtt_bench import Ear, mqtt_config

from kiosk.bodies import Event, Token
from kiosk.messages import PublishFailed
from kiosk.net.link import Supervisor
from kiosk.net.names import system_resolve
from kiosk.net.session import Limits


def test_a_text_that_the_system_gave_in_no_encoding_is_refused_here() -> None:
    ear = Ear()
    link = Supervisor(
        mqtt_config(1),
        kiosk_id="k-1",
        version="0.1.0",
        post=ear,
        client=lambda *_: pytest.fail("nothing is to be opened"),
        chance=lambda: 0.5,
        resolve=system_resolve,
        utc_ms=lambda: 0,
        limits=Limits(),
    )
    body = Event(event_id="e1", kiosk_id="k-1", at="2026-01-02T03:04:05.678Z", code="c", detail="/dev/\udcff")
    with pytest.raises(UnicodeEncodeError):
        msgspec.json.encode(body)
    link.publish(Token("event.e1"), body)
    assert ear.events == [PublishFailed(Token("event.e1"), "the body cannot be written: UnicodeEncodeError")]
    link.close()
