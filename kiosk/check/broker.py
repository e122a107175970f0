"""One short session with one broker: mutual TLS, CONNACK, SUBACK, PUBACK, and the centre's own receipt.

Only for a stopped daemon: the kiosk's name can be connected once. It never claims that the kiosk is online,
and acknowledges nothing that the broker kept for the daemon.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from kiosk import wire
from kiosk.bodies import Alert, Status
from kiosk.check.row import Row, fault, ok, warning
from kiosk.config import Mqtt
from kiosk.messages import LinkDown, PresenceSeen, ReplyReceived
from kiosk.net.inbox import Inbox
from kiosk.net.mqtt import PahoClient
from kiosk.net.names import Names
from kiosk.net.outbox import Outbox

CONNECT_S = 8.0
ANSWER_S = 5.0
RECEIPT_S = 10.0
NOBODY, REFUSED = 0x10, 0x80  # MQTT 5 §3.4.2.1: no matching subscribers; failures from 0x80 on


class Visit:
    """What a connection told; stands where `PahoClient` expects a session."""

    def __init__(self, alert: Alert) -> None:
        self.ended = ""
        self.connected = False
        self.grants: tuple[int, ...] | None = None
        self.acknowledged: int | None = None
        self.received_s: float | None = None
        self.presences: dict[str, bool] = {}
        self._alert = alert
        self._inbox = Inbox(alert.kiosk_id)

    def status(self, state: Any) -> bytes:
        """Write the will: older than any daemon's presence, so that the centre passes it over."""
        return wire.encode(Status(state=state, boot=0, conn=0, at=wire.utc_text(0)))

    def on_connected(self, refusal: str) -> None:
        """CONNACK."""
        self.connected = not refusal
        if refusal:
            self.end(f"the broker refused: {refusal}")

    def on_granted(self, codes: tuple[int, ...]) -> None:
        """SUBACK."""
        self.grants = codes

    def on_acknowledged(self, _mid: int, code: int) -> None:
        """PUBACK: there is one publish only."""
        self.acknowledged = code

    def on_message(self, topic: str | None, payload: bytes, *, retained: bool) -> None:
        """PUBLISH: the receipt, or a responder's presence; everything else is the daemon's."""
        now_s = time.monotonic()
        match self._inbox.read(topic, payload, retained=retained, now_s=now_s):
            case ReplyReceived(reply, _) if reply.alert_id == self._alert.alert_id:
                self.received_s = self.received_s or now_s
            case PresenceSeen(monitor, on_duty):
                self.presences[monitor] = on_duty

    def on_pong(self, _rtt_ms: int) -> None:
        """PINGRESP: nothing to learn."""

    def on_fault(self, text: str) -> None:
        """Keep why a socket failed."""
        self.end(text[:120])

    def end(self, reason: str) -> None:
        """Keep the first reason."""
        self.ended = self.ended or reason


def check_broker(
    broker: str, mqtt: Mqtt, alert: Alert, trusted_utc_s: Callable[[], float], *, receipt: bool
) -> list[Row]:
    """Visit one broker (`host:port`); with `receipt` send the drill and wait for the centre's answer."""
    part = f"broker:{broker}"
    visit = Visit(alert)
    outbox = Outbox()
    began_s = time.monotonic()
    client: PahoClient | None = None
    try:
        client = _dialled(broker, mqtt, visit, alert.kiosk_id, trusted_utc_s)
        _demand(client, outbox, visit, lambda: visit.connected, "CONNACK")
        client.subscribe(_filters(alert.kiosk_id))
        _demand(client, outbox, visit, lambda: visit.grants is not None, "SUBACK")
        _demand_granted(visit)
        joined_ms = round((time.monotonic() - began_s) * 1000)
        if not receipt:
            return [ok(part, "broker_joined", ms=joined_ms)]
        return _round_trip(client, outbox, visit, alert, part)
    except (LinkDown, OSError, ValueError) as error:
        return [fault(part, "broker_down", reason=str(error))]
    finally:
        if client is not None:
            with suppress(OSError):
                client.disconnect()
                client.step(outbox, 0.1)
            client.abort()
        outbox.close()


def _dialled(
    broker: str, mqtt: Mqtt, visit: Visit, kiosk_id: str, trusted_utc_s: Callable[[], float]
) -> PahoClient:
    host, _, port = broker.rpartition(":")
    # A Visit answers as a Session does, and is none: it neither reconnects nor tells a presence.
    client = PahoClient(cast("Any", visit), mqtt, kiosk_id, int(port), lambda: None)
    client.paho.manual_ack_set(True)  # what is queued for the daemon must stay queued
    client.paho.connect_timeout = CONNECT_S
    if mqtt.tls is not None:
        from kiosk.net import tls

        client.paho.tls_set_context(tls.pinned_context(mqtt.tls, host, trusted_utc_s))
    if mqtt.user is not None:
        secret = Path(mqtt.password_file).read_text("utf-8").strip() if mqtt.password_file else None
        client.paho.username_pw_set(mqtt.user, secret)
    client.dial(Names().addresses(host, int(port))[0])
    return client


def _filters(kiosk_id: str) -> tuple[str, ...]:
    own = wire.topic(kiosk_id, "ack", "+"), wire.topic(kiosk_id, "cmd", "+")
    return (*own, wire.monitor_topic("+"))


def _pump(client: PahoClient, outbox: Outbox, visit: Visit, done: Callable[[], bool], wait_s: float) -> bool:
    """Serve the connection until `done`; False when that took longer than `wait_s` seconds."""
    end_s = time.monotonic() + wait_s
    while not done():
        if visit.ended:
            raise LinkDown(visit.ended)
        if time.monotonic() > end_s:
            return False
        client.step(outbox, 0.1)
    return True


def _demand(client: PahoClient, outbox: Outbox, visit: Visit, done: Callable[[], bool], name: str) -> None:
    if not _pump(client, outbox, visit, done, ANSWER_S):
        raise LinkDown(f"no {name} within {ANSWER_S:g} s")


def _demand_granted(visit: Visit) -> None:
    if max(visit.grants or (REFUSED,)) >= REFUSED:
        raise LinkDown("the broker refuses the subscriptions: see its rules for this kiosk")


def _round_trip(client: PahoClient, outbox: Outbox, visit: Visit, alert: Alert, part: str) -> list[Row]:
    """Send the drill; judge the PUBACK, the centre's receipt and whether anybody is on duty."""
    sent_s = time.monotonic()
    client.publish(wire.topic_of(alert.kiosk_id, alert)[0], wire.encode(alert), qos=1)
    _demand(client, outbox, visit, lambda: visit.acknowledged is not None, "PUBACK")
    rtt_ms = round((time.monotonic() - sent_s) * 1000)
    code = visit.acknowledged or 0
    if code >= REFUSED:
        raise LinkDown(f"the broker refuses this kiosk's alerts (0x{code:02x}): see its rules for this kiosk")
    rows = [ok(part, "broker_ok", ms=rtt_ms)]
    _pump(client, outbox, visit, lambda: visit.received_s is not None, RECEIPT_S)
    if visit.received_s is not None:
        rows.append(ok("receipt", "receipt_ok", ms=round((visit.received_s - sent_s) * 1000)))
    elif code == NOBODY:
        rows.append(fault("receipt", "receipt_nobody"))
    else:
        rows.append(fault("receipt", "receipt_missing", seconds=f"{RECEIPT_S:g}"))
    on_duty = sum(visit.presences.values())
    rows.append(ok("duty", "duty_ok", count=on_duty) if on_duty else warning("duty", "duty_nobody"))
    return rows
