"""A broker in memory and a link to it, with fault knobs; the link keeps ports.MqttLink's contract."""

from dataclasses import dataclass, field

from kiosk import wire
from kiosk.bodies import Body, Status, StatusState, Token
from kiosk.messages import KioskEvent, LinkFell, LinkHeard, LinkRose, Published, PublishFailed
from kiosk.net.inbox import Inbox
from kiosk.ports import Post

AT = "2026-01-02T03:04:05.678Z"


@dataclass
class FakeBroker:
    """What the centre sees and says.

    Knobs: `refuses` lets nobody in, `mute` acknowledges nothing, `code` is what every PUBACK carries.
    """

    refuses: str = ""
    mute: bool = False
    code: int = 0
    said: list[tuple[str, bytes, int, bool]] = field(default_factory=list)
    retained: dict[str, bytes] = field(default_factory=dict)
    links: list["FakeMqtt"] = field(default_factory=list)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Let the centre say something."""
        if retain:
            self.retained[topic] = payload
        for link in self.links:
            link.arrive(topic, payload, retained=False)

    def cut(self, reason: str = "cut") -> None:
        """Break every connection; the wills come."""
        self.refuses = reason
        for link in tuple(self.links):
            link.fall(reason)

    def restore(self) -> None:
        """Let everybody in again, and they come."""
        self.refuses, self.mute = "", False
        for link in tuple(self.links):
            link.attempt()


class FakeMqtt:
    """Implements ports.MqttLink; all at once, on the caller's thread."""

    def __init__(self, kiosk_id: str, broker: FakeBroker, post: Post) -> None:
        self._kiosk_id = kiosk_id
        self._broker = broker
        self._post = lambda event: None if self._closed else post(event)
        self._inbox = Inbox(kiosk_id)
        self._boot = self._conn = 0
        self._up = self._closed = False
        self._unanswered: list[Token] = []

    def open(self, boot: int) -> None:
        if self not in self._broker.links and not self._closed:
            self._boot = boot
            self._broker.links.append(self)
            self.attempt()

    def attempt(self) -> None:
        """Connect, if it is not connected."""
        if self._up or self._closed:
            return
        if self._broker.refuses:
            self._post(LinkFell("mqtt", self._broker.refuses))
            return
        self._conn += 1
        self._up = True
        self._tell("online")
        self._post(LinkRose("mqtt", "fake:1883"))
        self._heard()
        for topic, payload in tuple(self._broker.retained.items()):
            self.arrive(topic, payload, retained=True)

    def publish(self, token: Token, body: Body) -> None:
        if not self._up:
            self._post(PublishFailed(token, "not connected"))
            return
        topic, qos = wire.topic_of(self._kiosk_id, body)
        self._broker.said.append((topic, wire.encode(body), qos, False))
        if qos == 0:
            return
        if self._broker.mute:
            self._unanswered.append(token)
            return
        self._post(Published(token=token, code=self._broker.code))
        self._heard()

    def drop(self, reason: str) -> None:
        if self._up:
            self.fall(reason)
            self.attempt()

    def close(self) -> None:
        if self._up:
            self._tell("stopped")
        self._up, self._closed = False, True
        if self in self._broker.links:
            self._broker.links.remove(self)

    def deadline(self) -> None:
        """Let the time for a PUBACK pass."""
        tokens, self._unanswered = self._unanswered, []
        for token in tokens:
            self._post(PublishFailed(token, "no PUBACK within 5 s"))

    def fall(self, reason: str) -> None:
        """Lose the connection."""
        if self._up:
            self._up = False
            self.deadline()
            self._tell("offline")
            self._post(LinkFell("mqtt", reason))

    def arrive(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """Take a message, if it is one of the subscriptions'."""
        wanted = (
            wire.topic(self._kiosk_id, "ack") + "/",
            wire.topic(self._kiosk_id, "cmd") + "/",
            wire.ROOT + "/mon/",
        )
        if not self._up or not topic.startswith(wanted):
            return
        event: KioskEvent | None = self._inbox.read(topic, payload, retained=retained, now_s=0.0)
        if event is not None:
            self._post(event)

    def _tell(self, state: StatusState) -> None:
        topic = wire.topic(self._kiosk_id, "status")
        payload = wire.encode(Status(state=state, boot=self._boot, conn=self._conn, at=AT))
        self._broker.retained[topic] = payload
        self._broker.said.append((topic, payload, 1, True))

    def _heard(self) -> None:
        self._post(LinkHeard(link="mqtt", at_s=0.0, rtt_ms=1))
