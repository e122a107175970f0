"""A check on the bench: sites changed by a key, drills of them, and a responder of a few lines."""

import time
from collections.abc import Callable
from typing import Any

import msgspec
import paho.mqtt.client as paho
from fakes.virtual_kiosk import KEY, WORDS
from kiosk_site import KioskSite
from paho.mqtt.enums import CallbackAPIVersion

from kiosk import wire
from kiosk.bodies import Reply
from kiosk.check.row import Row
from kiosk.check.trial import Trial
from kiosk.config import Config
from kiosk.runtime import read_now
from kiosk.site import Site

PATIENCE_S = 45.0  # a deadline, never a delay


def changed(config: Config, part: str, **values: Any) -> Config:
    """Give the site with other values in one of its tables."""
    new = msgspec.structs.replace(getattr(config, part), **values)
    return msgspec.structs.replace(config, **{part: new})


def trial(config: Config) -> Trial:
    return Trial(Site(config=config, words=WORDS, key=KEY), read_now(), "synced")


def only(rows: list[Row]) -> Row:
    (row,) = rows
    return row


class Responder:
    """Hears a kiosk's topics, and answers `received` where it is told to."""

    def __init__(self, site: KioskSite) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.answers = True
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id="monitor-1")
        pair = site.folder / "pki" / "monitor-1"
        self.client.tls_set(str(site.ca), f"{pair}.crt", f"{pair}.key")
        self.client.on_message = self._on_message
        ready: list[object] = []
        self.client.on_subscribe = lambda *_: ready.append(True)
        self.client.connect("localhost", site.broker.port)
        self.client.subscribe([("pana/v1/k/#", 1)])
        self.client.loop_start()
        self.wait(lambda: ready)

    def wait(self, ready: Callable[[], object]) -> None:
        end_s = time.monotonic() + PATIENCE_S
        while not ready():
            assert time.monotonic() < end_s, self.heard
            time.sleep(0.01)

    def order(self, kiosk: str, body: bytes) -> None:
        """Leave a command with the broker."""
        self.wait(self.client.publish(wire.topic(kiosk, "cmd", "c1"), body, qos=1).is_published)

    def topics(self, leaf: str) -> list[str]:
        return [topic for topic, _ in self.heard if f"/{leaf}" in topic]

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def _on_message(self, _c: Any, _u: Any, message: Any) -> None:
        self.heard.append((message.topic, bytes(message.payload)))
        address = wire.parse_topic(message.topic)
        if self.answers and not isinstance(address, wire.Rejected) and address.leaf == "alert":
            reply = Reply(alert_id=address.id, stage="received", at=wire.utc_text(0))
            self.client.publish(wire.topic(address.kiosk, "ack", address.id), wire.encode(reply), qos=1)
