"""The MQTT broker: sessions that outlive connections, retained words, wills; and a broker's own lies. Pure.

Faults of `broker`: `down` (and `lose`: its store is gone when it comes back), `freeze`, `forget`
(acknowledges and drops), `deny` (the rules refuse; MQTT 5 says so, 3.1.1 says nothing), `twice`.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from kiosk.simulate.dice import Dice
from kiosk.simulate.net.pipe import BROKER, Net, Pipe

IN_FLIGHT = 20  # unacknowledged messages to one client, as Mosquitto has it
WAITING_MAX = 1_000
KEEPALIVES = 1.5  # of silence: then a client is gone
NO_SUBSCRIBERS, NOT_AUTHORISED = 0x10, 0x87


@dataclass(frozen=True, slots=True)
class Letter:
    """One message to one client; `packet` is 0 for QoS 0."""

    topic: str
    payload: bytes
    retained: bool = False
    packet: int = 0


class Client(Protocol):
    """A connection's far end, as the broker calls it; every call has travelled down the pipe."""

    name: str
    five: bool
    keepalive_s: float
    wants: Callable[[str], bool]
    will: tuple[str, bytes]

    def on_connected(self, pipe: Pipe) -> None:
        """CONNACK."""

    def on_granted(self, pipe: Pipe) -> None:
        """SUBACK, and the PUBACK of the status."""

    def on_letter(self, pipe: Pipe, letter: Letter) -> None:
        """PUBLISH."""

    def on_acknowledged(self, pipe: Pipe, mid: int, code: int) -> None:
        """PUBACK."""

    def on_pong(self, pipe: Pipe, began_s: float) -> None:
        """PINGRESP."""


@dataclass(slots=True)
class Session:
    """What the broker keeps of one client, connected or not."""

    client: Client
    pipe: Pipe | None = None
    subscribed: bool = False
    packet: int = 0
    in_flight: dict[int, Letter] = field(default_factory=dict)
    waiting: deque[Letter] = field(default_factory=deque)


class Broker:
    """One broker behind every address; `dice` are its own."""

    def __init__(self, net: Net, dice: Dice) -> None:
        self._net = net
        self._dice = dice
        self._sessions: dict[str, Session] = {}
        self._retained: dict[str, bytes] = {}
        net.weather.watch(BROKER, self._changed)

    def _changed(self, how: str) -> None:
        if how == "lose":
            self._sessions.clear()
            self._retained.clear()

    @property
    def waiting(self) -> int:
        """Count the messages that wait for somebody."""
        return sum(len(one.waiting) + len(one.in_flight) for one in self._sessions.values())

    # ---- connections

    def connect(self, pipe: Pipe, client: Client) -> None:
        """CONNECT came: an earlier connection of that name is thrown out."""
        session = self._sessions.get(client.name)
        if session is None:
            session = self._sessions[client.name] = Session(client)
        if session.pipe is not None:
            session.pipe.reset()
            self._will(session)
        session.client, session.pipe = client, pipe
        pipe.heard_s = self._net.agenda.now_s
        pipe.on_broken = lambda: self._gone(session, pipe)
        self._watch(pipe, KEEPALIVES * client.keepalive_s)
        pipe.down(lambda: client.on_connected(pipe))
        unanswered, session.in_flight = session.in_flight, {}
        session.waiting.extendleft(reversed(unanswered.values()))
        self._push(session)

    def _watch(self, pipe: Pipe, silence_s: float) -> None:
        def judge() -> None:
            if not pipe.served:
                return
            if self._net.agenda.now_s >= pipe.heard_s + silence_s:
                pipe.let_go()
            else:
                self._net.agenda.at(pipe.heard_s + silence_s, judge)

        self._net.agenda.at(pipe.heard_s + silence_s, judge)

    def _gone(self, session: Session, pipe: Pipe) -> None:
        if session.pipe is pipe:
            session.pipe = None
            self._will(session)

    def _will(self, session: Session) -> None:
        topic, payload = session.client.will
        self._spread(topic, payload, qos=1, retain=True)

    def subscribe(self, pipe: Pipe, client: Client, status: tuple[str, bytes]) -> None:
        """SUBSCRIBE and the first PUBLISH came: the client's status."""
        pipe.heard_s = self._net.agenda.now_s
        session = self._sessions.get(client.name)
        if session is None or session.pipe is not pipe:
            return  # the store was lost meanwhile, and with it the connection
        session.subscribed = True
        pipe.down(lambda: client.on_granted(pipe))
        self._spread(*status, qos=1, retain=True)
        for topic, payload in self._retained.items():
            if client.wants(topic):
                self._post(session, Letter(topic, payload, retained=True), qos=1)

    def disconnect(self, pipe: Pipe, client: Client) -> None:
        """DISCONNECT came: the will is dropped."""
        session = self._sessions.get(client.name)
        if session is not None and session.pipe is pipe:
            session.pipe = None
        pipe.let_go()

    def ping(self, pipe: Pipe, client: Client, began_s: float) -> None:
        """PINGREQ came."""
        pipe.heard_s = self._net.agenda.now_s
        pipe.down(lambda: client.on_pong(pipe, began_s))

    # ---- messages

    def publish(self, pipe: Pipe, client: Client, letter: Letter, *, retain: bool = False) -> None:
        """PUBLISH came; `letter.packet` is the sender's packet id, 0 for QoS 0."""
        pipe.heard_s = self._net.agenda.now_s
        weather, qos = self._net.weather, 1 if letter.packet else 0
        code = 0
        if weather.has(BROKER, "deny"):
            code = NOT_AUTHORISED
        elif not (qos and weather.has(BROKER, "forget")) and not self._spread(
            letter.topic, letter.payload, qos=qos, retain=retain
        ):
            code = NO_SUBSCRIBERS
        if qos:
            told = code if client.five else 0
            pipe.down(lambda: client.on_acknowledged(pipe, letter.packet, told))

    def _spread(self, topic: str, payload: bytes, *, qos: int, retain: bool = False) -> bool:
        if retain:
            self._retained[topic] = payload
        found, twice = False, self._net.weather.has(BROKER, "twice")
        for session in self._sessions.values():
            if session.subscribed and session.client.wants(topic):
                found = True
                for _ in range(2 if twice and self._dice.yes(0.5) else 1):
                    self._post(session, Letter(topic, payload), qos=qos)
        return found

    def _post(self, session: Session, letter: Letter, *, qos: int) -> None:
        if qos == 0:
            pipe = session.pipe
            if pipe is not None:
                pipe.down(lambda: session.client.on_letter(pipe, letter), letter.topic)
        elif len(session.waiting) < WAITING_MAX:
            session.waiting.append(letter)
            self._push(session)

    def _push(self, session: Session) -> None:
        pipe = session.pipe
        while pipe is not None and session.waiting and len(session.in_flight) < IN_FLIGHT:
            session.packet = session.packet % 65_535 + 1
            waiting = session.waiting.popleft()
            letter = Letter(waiting.topic, waiting.payload, waiting.retained, session.packet)
            session.in_flight[letter.packet] = letter
            self._send(session, pipe, letter)

    @staticmethod
    def _send(session: Session, pipe: Pipe, letter: Letter) -> None:
        client = session.client
        pipe.down(lambda: client.on_letter(pipe, letter), letter.topic)

    def acknowledge(self, pipe: Pipe, client: Client, packet: int) -> None:
        """PUBACK came from a client."""
        pipe.heard_s = self._net.agenda.now_s
        session = self._sessions.get(client.name)
        if session is not None and session.pipe is pipe:
            session.in_flight.pop(packet, None)
            self._push(session)
