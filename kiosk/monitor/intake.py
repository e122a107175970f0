"""Topic and bytes -> notices for the fleet. Pure.

Whatever comes, exactly one notice leaves: what cannot be used becomes BodyRefused, never an exception.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

import msgspec

from kiosk import wire
from kiosk.bodies import Alert, CommandResult, Event, Heartbeat, KioskId, Status
from kiosk.monitor.messages import (
    AlertArrived,
    BodyRefused,
    EventArrived,
    HeartbeatArrived,
    HeartbeatsArrived,
    Notice,
    Receipt,
    ResultArrived,
    StatusArrived,
)
from kiosk.wire import Address, Rejected

Inbound = Alert | Status | Heartbeat | Event | CommandResult
_KINDS: dict[str, type[Inbound]] = {
    "alert": Alert,
    "status": Status,
    "hb": Heartbeat,
    "event": Event,
    "cmdres": CommandResult,
}


@dataclass(frozen=True, slots=True)
class Heard:
    """One MQTT message as it came; `receipt` is None for QoS 0."""

    topic: str
    payload: bytes
    retained: bool
    receipt: Receipt | None


def read(heard: Heard) -> Notice:
    """Turn one MQTT message into a notice."""
    receipt = heard.receipt
    address = wire.parse_topic(heard.topic)
    if isinstance(address, Rejected):
        return BodyRefused(kiosk_id=KioskId(""), leaf="", reason=address.reason, receipt=receipt)
    found = _read(address, heard)
    if isinstance(found, Rejected):
        kiosk_id = KioskId(address.kiosk)
        return BodyRefused(kiosk_id=kiosk_id, leaf=address.leaf, reason=found.reason, receipt=receipt)
    return found


def _read(address: Address, heard: Heard) -> Notice | Rejected:
    kiosk_id, receipt = KioskId(address.kiosk), heard.receipt
    kind = _KINDS.get(address.leaf)
    body = None if kind is None else _same(wire.parse(kind, heard.payload), address)
    found: Notice | Rejected
    match body:
        case None:
            found = Rejected(f"topic: {address.leaf} is not for the centre")
        case Alert() as alert:
            found = AlertArrived(alert=alert, door="mqtt", receipt=receipt)
        case Status() as status:
            found = StatusArrived(kiosk_id=kiosk_id, status=status, retained=heard.retained, receipt=receipt)
        case Heartbeat() if heard.retained:
            found = Rejected("Heartbeat: retained, so it proves nothing")
        case Heartbeat() as heartbeat:
            found = HeartbeatArrived(kiosk_id, heartbeat)
        case Event() as event:
            found = EventArrived(event=event, receipt=receipt)
        case CommandResult() as result:
            found = ResultArrived(kiosk_id=kiosk_id, result=result, receipt=receipt)
        case Rejected() as rejected:
            found = rejected
        case _:
            assert_never(body)
    return found


def _same(body: Inbound | Rejected, address: Address) -> Inbound | Rejected:
    """Refuse a body that names another kiosk or id than its topic: only the topic is authorised."""
    match body:
        case Alert():
            same = (body.kiosk_id, body.alert_id) == (address.kiosk, address.id)
        case Event():
            same = (body.kiosk_id, body.event_id) == (address.kiosk, address.id)
        case CommandResult():
            same = body.command_id == address.id
        case _:
            same = True
    return body if same else Rejected(f"{type(body).__name__}: its ids are not the topic's")


class BeatReader:
    """Reads heartbeats by the thousand: takes each kiosk's topic apart once. One thread owns it."""

    def __init__(self, kiosks: int) -> None:
        self._kiosks = kiosks
        self._names: dict[str, KioskId] = {}
        self._decode = msgspec.json.Decoder(Heartbeat).decode

    def read(self, waiting: Mapping[str, tuple[bytes, int]]) -> tuple[HeartbeatsArrived, tuple[Notice, ...]]:
        """Turn topic -> (newest payload, how many before it) into heartbeats, and what is none of them.

        An alert may be called `hb`: whatever came, a notice leaves.
        """
        names, decode = self._names, self._decode
        good: list[HeartbeatArrived] = []
        others: list[Notice] = []
        for topic, (payload, merged) in waiting.items():
            kiosk_id = names.get(topic)
            try:
                if kiosk_id is not None and len(payload) <= wire.MAX_BODY_BYTES:
                    good.append(HeartbeatArrived(kiosk_id, decode(payload), merged))
                    continue
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                pass  # said in words below
            found = read(Heard(topic, payload, retained=False, receipt=None))
            if isinstance(found, HeartbeatArrived):
                good.append(HeartbeatArrived(found.kiosk_id, found.heartbeat, merged))
                self._remember(topic, found.kiosk_id)
            else:
                others.append(found)
        return HeartbeatsArrived(tuple(good)), tuple(others)

    def _remember(self, topic: str, kiosk_id: KioskId) -> None:
        if len(self._names) >= self._kiosks:
            self._names.clear()
        self._names[topic] = kiosk_id
