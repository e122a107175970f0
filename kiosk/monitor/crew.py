"""Which part of the centre carries out which effect: one page, one match. Decides nothing."""

import json
import logging
import time
from collections.abc import Callable
from typing import Protocol, assert_never

from kiosk import wire
from kiosk.bodies import AlertId
from kiosk.control import ControlServer
from kiosk.effects import Tell
from kiosk.monitor import messages, views
from kiosk.monitor.desk import Desk
from kiosk.monitor.effects import (
    Acknowledge,
    Announce,
    Answer,
    FleetEffect,
    Save,
    SendCommand,
    SendReply,
    SendText,
    Show,
    ShowKiosk,
)
from kiosk.monitor.records import Case, Text
from kiosk.monitor.uplink import Uplink

LOG = logging.getLogger(__name__)
LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class Texter(Protocol):
    """Sends the centre's SMS and hears those that come in; `send` never blocks."""

    def open(self) -> None:
        """Begin to listen for SMS that come in."""

    def send(self, text: Text, number: str, body: str) -> None:
        """Send one SMS; a TextSettled follows."""

    def close(self) -> None:
        """End; idempotent."""


class Crew:
    """Hands effects to whoever carries them out; `keep` takes what must become durable.

    `on_show` hears of each alert that changed; it never blocks.
    """

    def __init__(
        self,
        *,
        uplink: Uplink,
        control: ControlServer,
        desk: Desk,
        texter: Texter | None,
        keep: Callable[[Save], None],
        on_show: Callable[[Case], None] | None = None,
    ) -> None:
        self._uplink = uplink
        self._control = control
        self._desk = desk
        self._texter = texter
        self._keep = keep
        self._on_show = on_show

    def carry_out(self, effect: FleetEffect) -> None:
        """Hand one effect over; never blocks."""
        match effect:
            case Save():
                self._keep(effect)
            case SendReply() | SendCommand() | Acknowledge() | Announce():
                self._mqtt(effect)
            case Answer():
                self._desk.answer(effect)
            case SendText(text, number, body):
                if self._texter is not None:
                    self._texter.send(text, number, body)
            case Show(case):
                self._publish({"what": "case", "alert": views.alert(case)})
                if self._on_show is not None:
                    self._on_show(case)
            case ShowKiosk(kiosk):
                self._publish({"what": "kiosk", "kiosk": views.kiosk(kiosk, ())})
            case Tell():
                self._tell(effect)
            case _:
                assert_never(effect)

    def _mqtt(self, effect: SendReply | SendCommand | Acknowledge | Announce) -> None:
        match effect:
            case SendReply(kiosk_id, reply):
                topic = wire.topic(kiosk_id, "ack", reply.alert_id)
                taken = messages.ReplyTaken(AlertId(reply.alert_id), reply.stage)
                self._uplink.send(topic, wire.encode(reply), taken)
            case SendCommand(kiosk_id, command):
                self._uplink.send(wire.topic(kiosk_id, "cmd", command.command_id), wire.encode(command))
            case Acknowledge(receipt):
                self._uplink.acknowledge(receipt)
            case Announce(on_duty):
                self._uplink.announce(on_duty=on_duty)
            case _:
                assert_never(effect)

    def _publish(self, event: dict[str, object]) -> None:
        self._control.publish({"at": wire.utc_text(time.time_ns() // 1_000_000), **event})

    def _tell(self, tell: Tell) -> None:
        fields = " ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in tell.detail)
        LOG.log(LEVELS[tell.level], "event=%s %s", tell.what, fields)
        self._publish({"what": tell.what, "level": tell.level, **dict(tell.detail)})
