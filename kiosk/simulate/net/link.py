"""The kiosk's MQTT link behind its port: dial, serve, rest, and again with the next broker. Pure.

The rest and its turns, what is read of the broker and what it has not acknowledged are the real driver's own
parts; the socket is `mqtt.Line`'s.
"""

from collections.abc import Callable

from kiosk import wire
from kiosk.bodies import Alert, Body, Heartbeat, Status, StatusState, Token
from kiosk.config import Mqtt
from kiosk.messages import KioskEvent, LinkFell, LinkHeard, LinkRose, Published, PublishFailed
from kiosk.net.inbox import Inbox
from kiosk.net.turns import SHORTEST_S, Turns
from kiosk.net.unanswered import MUTE_S, Unanswered
from kiosk.simulate.dice import Dice
from kiosk.simulate.net.broker import Broker, Letter
from kiosk.simulate.net.mqtt import Line, Patience
from kiosk.simulate.net.pipe import Net

ACK_S = 5.0
STABLE_S = 10.0
GLANCE_S = 0.1  # how often the real one judges
ROOM = {"alert": 16, "event": 8, "beat": 16}  # as kiosk.net.outbox, which has sockets


class KioskLink:
    """One kiosk's link for one life of its process."""

    def __init__(
        self, net: Net, broker: Broker, post: Callable[[KioskEvent], None], *, config: Mqtt, kiosk_id: str,
        stretch: str, dice: Dice, utc_ms: Callable[[], int],
    ) -> None:  # fmt: skip
        self._agenda = net.agenda
        self._post = post
        self._kiosk_id = kiosk_id
        own = f"{wire.ROOT}/k/{kiosk_id}/"
        self._wanted = (f"{own}ack/", f"{own}cmd/", f"{wire.ROOT}/mon/")
        self._utc_ms = utc_ms
        self._turns = Turns(config.brokers, dice.random)
        self._inbox = Inbox(kiosk_id)
        self._unanswered = Unanswered()
        self._line = Line(
            net, broker, self, name=kiosk_id, stretch=stretch, dice=dice, wants=self._wants,
            patience=Patience(), five=config.protocol == "5",
        )  # fmt: skip
        self._boot = self._conn = 0
        self._alive = True
        self._resting = False
        self._kicked = False
        self._lost_s = self._rose_s = 0.0

    def _wants(self, topic: str) -> bool:
        return topic.startswith(self._wanted)

    # ---- the port

    def open(self, boot: int) -> None:
        """Begin to connect, or cut the rest short."""
        if not self._boot:
            self._boot = boot
            self._dial()
        elif self._resting:
            self._wake(self._conn)
        else:
            self._kicked = True

    def publish(self, token: Token, body: Body) -> None:
        """Publish now, or post PublishFailed."""
        weight = "alert" if isinstance(body, Alert) else "beat" if isinstance(body, Heartbeat) else "event"
        reason = "" if self._line.up else "not connected"
        if len(self._unanswered) >= ROOM[weight]:
            reason = "too many publishes are unanswered"
        if reason:
            self._post(PublishFailed(token, reason))
            if weight == "alert":
                self._kicked = True
            return
        topic, qos = wire.topic_of(self._kiosk_id, body)
        mid = self._line.publish(topic, wire.encode(body), qos=qos)
        if qos:
            self._unanswered.add(mid, token, self._agenda.now_s)
            self._agenda.after(ACK_S, self._overdue)
            self._agenda.after(MUTE_S + GLANCE_S, self._judge)

    def drop(self, reason: str) -> None:
        """Close the socket so that the link reconnects."""
        if self._line.up:
            self._line.end()
            self.fell(reason)

    def close(self) -> None:
        """Say `stopped` and end."""
        self._alive = False
        topic, _ = self._status("stopped")
        self._line.leave((topic, self._status("stopped")[1]))

    def die(self, *, vanish: bool) -> None:
        """End with the process: the system closes the socket, but a power cut closes nothing."""
        self._alive = False
        self._line.end(vanish=vanish)

    # ---- the line

    def _status(self, state: StatusState) -> tuple[str, bytes]:
        at = wire.utc_text(self._utc_ms())
        body = Status(state=state, boot=self._boot, conn=self._conn, at=at, version="0.1.0")
        return wire.topic(self._kiosk_id, "status"), wire.encode(body)

    def _dial(self) -> None:
        self._resting = False
        self._conn += 1
        self._turns.take()
        self._line.dial(self._status("online"), self._status("offline"))

    def _wake(self, conn: int) -> None:
        """Dial after the shortest rest."""
        self._resting = False
        due_s = self._lost_s + SHORTEST_S
        self._agenda.at(due_s, lambda: self._dial() if self._alive and conn == self._conn else None)

    def _rested(self, conn: int) -> None:
        if self._alive and self._resting and conn == self._conn:
            self._dial()

    def rose(self) -> None:
        """SUBACK came, and the PUBACK of the status."""
        self._rose_s = self._agenda.now_s
        self._post(LinkRose("mqtt", "broker"))
        self.heard(20)

    def fell(self, reason: str) -> None:
        """The connection ended: tell it, rest, and again."""
        if not self._alive:
            return
        for token in self._unanswered.abandon():
            self._post(PublishFailed(token, "the connection was lost"))
        now_s = self._agenda.now_s
        stable = self._rose_s > 0 and now_s - self._rose_s >= STABLE_S
        self._rose_s = 0.0
        self._post(LinkFell("mqtt", reason))
        self._lost_s, conn = now_s, self._conn
        rest_s = self._turns.lost(stable=stable)
        self._resting = True
        if self._kicked:
            self._kicked = False
            self._wake(conn)
        else:
            self._agenda.after(rest_s, lambda: self._rested(conn))

    def heard(self, rtt_ms: int) -> None:
        """The broker answered."""
        if self._line.up:
            self._post(LinkHeard(link="mqtt", at_s=self._mono_s(), rtt_ms=rtt_ms))

    mono_offset_s = 0.0  # the kiosk's monotonic clock ahead of the story's

    def _mono_s(self) -> float:
        return self._agenda.now_s + self.mono_offset_s

    def took(self, mid: int, code: int) -> None:
        """PUBACK."""
        answer = self._unanswered.answer(mid, self._agenda.now_s)
        if answer is not None and answer[0]:
            self._post(Published(token=answer[0], code=code))
            self.heard(answer[1])

    def came(self, letter: Letter) -> None:
        """PUBLISH from the broker; it is acknowledged whatever it says."""
        event = self._inbox.read(
            letter.topic, letter.payload, retained=letter.retained, now_s=self._agenda.now_s
        )
        if event is not None:
            self._post(event)
        self._line.acknowledge(letter.packet)

    def _overdue(self) -> None:
        for token in self._unanswered.overdue(self._agenda.now_s, ACK_S):
            self._post(PublishFailed(token, f"no PUBACK within {ACK_S:g} s"))

    def _judge(self) -> None:
        if self._unanswered.waited_s(self._agenda.now_s) > MUTE_S:
            self.drop(f"no PUBACK for {MUTE_S:g} s")
