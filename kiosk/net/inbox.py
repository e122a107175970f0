"""What the broker delivers -> events. Everything is hostile until `wire` has parsed it.

Never raises on outside data, never acts on a retained receipt or command, never quotes a body.
"""

from kiosk import wire
from kiosk.bodies import Command, MonitorStatus, Reply
from kiosk.messages import BodyRefused, CommandReceived, KioskEvent, PresenceSeen, ReplyReceived

MAX_MONITORS = 64
REFUSALS_PER_WINDOW = 10
WINDOW_S = 10.0
OTHER_ID = "id: differs from the topic's"


class Inbox:
    """Reads messages for one kiosk; used by one thread."""

    def __init__(self, kiosk_id: str) -> None:
        self._kiosk_id = kiosk_id
        self._epochs: dict[str, tuple[int, int]] = {}
        self._window_s = float("-inf")
        self._refused = 0

    def read(self, topic: str | None, payload: bytes, *, retained: bool, now_s: float) -> KioskEvent | None:
        """Give the event of one message, or None where it says nothing new; None is a topic not in UTF-8.

        Refusals are rationed: a flood of garbage must not drown an alert in the queue of events.
        """
        if topic is None:
            event: KioskEvent | None = BodyRefused("mqtt", "topic: not UTF-8")
        else:
            event = self._event(topic, payload, retained=retained)
        if not isinstance(event, BodyRefused):
            return event
        if now_s - self._window_s >= WINDOW_S:
            self._window_s, self._refused = now_s, 0
        self._refused += 1
        return event if self._refused <= REFUSALS_PER_WINDOW else None

    def _event(self, topic: str, payload: bytes, *, retained: bool) -> KioskEvent | None:
        if not isinstance(monitor := wire.parse_monitor_topic(topic), wire.Rejected):
            return self._presence(monitor, payload)
        address = wire.parse_topic(topic)
        if isinstance(address, wire.Rejected):
            return BodyRefused("mqtt", address.reason)
        if address.kiosk == self._kiosk_id and address.leaf == "status":
            return None  # amqtt gives a session that comes back its own will
        if address.kiosk != self._kiosk_id or address.leaf not in {"ack", "cmd"}:
            return BodyRefused("mqtt", "topic: not for this kiosk")
        if retained:
            return BodyRefused(address.leaf, "retained: an old receipt or command must not act again")
        return _receipt(address.id, payload) if address.leaf == "ack" else _command(address.id, payload)

    def _presence(self, monitor: str, payload: bytes) -> KioskEvent | None:
        if not payload:  # a cleared retained status: that responder is no more
            self._epochs.pop(monitor, None)
            return PresenceSeen(monitor[:64], on_duty=False)
        status = wire.parse(MonitorStatus, payload)
        if isinstance(status, wire.Rejected):
            return BodyRefused("mon", status.reason)
        if len(monitor) > 64 or (monitor not in self._epochs and len(self._epochs) >= MAX_MONITORS):
            return BodyRefused("mon", "more responders than this kiosk keeps")
        epoch = (status.boot, status.conn)
        if status.state != "online" and epoch < self._epochs.get(monitor, epoch):
            return None  # the will of an earlier connection came after the newer birth
        self._epochs[monitor] = max(epoch, self._epochs.get(monitor, epoch))
        return PresenceSeen(monitor, on_duty=status.state == "online" and status.on_duty)


def _receipt(id_: str, payload: bytes) -> KioskEvent:
    reply = wire.parse(Reply, payload)
    if isinstance(reply, wire.Rejected):
        return BodyRefused("ack", reply.reason)
    return ReplyReceived(reply, "mqtt") if reply.alert_id == id_ else BodyRefused("ack", OTHER_ID)


def _command(id_: str, payload: bytes) -> KioskEvent:
    command = wire.parse(Command, payload)
    if isinstance(command, wire.Rejected):
        return BodyRefused("cmd", command.reason)
    return CommandReceived(command) if command.command_id == id_ else BodyRefused("cmd", OTHER_ID)
