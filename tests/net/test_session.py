"""One connection's life in virtual time, over a client that does what the test says."""

import threading
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from fakes.mqtt_bench import AT, KIOSK, alert, beat, duty, event, reply, status_of

from kiosk import wire
from kiosk.bodies import Body, Token
from kiosk.messages import (
    BodyRefused,
    KioskEvent,
    LinkHeard,
    LinkRose,
    PresenceSeen,
    Published,
    PublishFailed,
    ReplyReceived,
)
from kiosk.net.inbox import Inbox
from kiosk.net.outbox import Outbox, Parcel, Weight
from kiosk.net.session import Bearings, Limits, Session

STATUS = wire.topic(KIOSK, "status")


@dataclass
class Broker:
    """A session.Client that is also the broker: each step moves the clock and plays what was planned."""

    session: Session = None  # type: ignore[assignment]
    now_s: float = 100.0
    keepalive_s: int = 10
    dial_s: float = 0.0
    connack: str | None = ""
    suback: tuple[int, ...] | None = (1, 1, 1)
    puback: int | None = 0
    chatty: bool = True
    sent: list[tuple[str, bytes, int, bool]] = field(default_factory=list)
    subscribed: list[tuple[str, ...]] = field(default_factory=list)
    disconnects: int = 0
    aborts: int = 0
    steps: int = 0
    plan: dict[int, object] = field(default_factory=dict)
    answers: list[object] = field(default_factory=list)

    def dial(self, address: str) -> None:
        self.now_s += self.dial_s
        if self.connack is not None:
            self.answers.append(lambda: self.session.on_connected(self.connack))

    def step(self, waker: Outbox, wait_s: float) -> bool:
        self.steps += 1
        self.now_s += wait_s
        if self.steps > 2000:
            self.session.end("the test ran out of steps")
        if planned := self.plan.pop(self.steps, None):
            planned()  # type: ignore[operator]
        answers, self.answers = self.answers, []
        for answer in answers:
            answer()  # type: ignore[operator]
        return self.chatty or bool(answers)

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool = False) -> int:
        if b"unpublishable" in payload:
            raise ValueError("no")
        self.sent.append((topic, payload, qos, retain))
        mid = len(self.sent)
        if qos == 0:
            self.answers.append(lambda: self.session.on_acknowledged(mid, 0))
        elif self.puback is not None:
            code = self.puback
            self.answers.append(lambda: self.session.on_acknowledged(mid, code))
        return mid

    def subscribe(self, filters: tuple[str, ...]) -> None:
        self.subscribed.append(filters)
        if self.suback is not None:
            codes = self.suback
            self.answers.append(lambda: self.session.on_granted(codes))

    def disconnect(self) -> None:
        self.disconnects += 1

    def abort(self) -> None:
        self.aborts += 1


class Bench:
    def __init__(self, **how: object) -> None:
        self.events: list[KioskEvent] = []
        self.broker = Broker(**how)  # type: ignore[arg-type]
        self.box = Outbox()
        self.closing = threading.Event()
        bearings = Bearings(
            kiosk_id=KIOSK,
            version="0.1",
            boot=4,
            post=self.events.append,
            outbox=self.box,
            inbox=Inbox(KIOSK),
            limits=Limits(),
            closing=self.closing,
            utc_ms=lambda: 1767323045678,
            now_s=lambda: self.broker.now_s,
        )
        self.session = self.broker.session = Session(bearings, peer="broker:8883", conn=2)

    def run(self) -> str:
        self.session.run(self.broker, "192.0.2.1")
        self.box.close()
        return self.session.ended

    def put(self, body: Body, name: str = "t") -> str:
        weight: Weight = "beat" if wire.topic_of(KIOSK, body)[1] == 0 else "event"
        if body == alert():
            weight = "alert"
        topic, _ = wire.topic_of(KIOSK, body)
        return self.box.put(Parcel(token=Token(name), topic=topic, payload=wire.encode(body), weight=weight))

    def all(self, kind: type) -> list[KioskEvent]:
        return [one for one in self.events if isinstance(one, kind)]

    def at(self, step: int, deed: object) -> None:
        self.broker.plan[step] = deed

    def end_at(self, step: int) -> None:
        self.at(step, lambda: self.session.end("the test is over"))


def test_up_means_subscriptions_granted_and_status_acknowledged() -> None:
    """Pitfall 4: neither `connect` nor `publish` returning 0 means anything."""
    bench = Bench()
    bench.end_at(6)
    assert bench.run() == "the test is over"
    assert bench.all(LinkRose) == [LinkRose("mqtt", "broker:8883")]
    own = f"pana/v1/k/{KIOSK}"
    assert bench.broker.subscribed == [(f"{own}/ack/+", f"{own}/cmd/+", "pana/v1/mon/+/status")]
    topic, payload, qos, retain = bench.broker.sent[0]
    assert (topic, qos, retain) == (STATUS, 1, True)
    status = status_of(payload)
    assert (status.state, status.boot, status.conn, status.at, status.version) == ("online", 4, 2, AT, "0.1")


@pytest.mark.parametrize(
    ("lacking", "stage"),
    [({"connack": None}, "CONNACK"), ({"suback": None}, "SUBACK"), ({"puback": None}, "SUBACK and PUBACK")],
)
def test_a_broker_that_leaves_one_answer_out_is_left(lacking: dict[str, None], stage: str) -> None:
    """Pitfall 4."""
    bench = Bench(keepalive_s=60, **lacking)
    ended = bench.run()
    assert stage in ended
    assert "within 8 s" in ended
    assert bench.all(LinkRose) == []


def test_a_line_on_which_tcp_and_tls_take_long_has_all_its_time_to_rise_after_them() -> None:
    bench = Bench(dial_s=29.0, chatty=False)
    bench.end_at(6)
    assert bench.run() == "the test is over"
    assert len(bench.all(LinkRose)) == 1


def test_a_mute_broker_behind_a_slow_line_is_left_all_the_same() -> None:
    bench = Bench(dial_s=29.0, connack=None, keepalive_s=60)
    assert "no CONNACK within 8 s" in bench.run()
    assert bench.broker.now_s < 100.0 + 29.0 + 9.0


def test_a_refusing_broker_is_left_with_its_reason() -> None:
    assert Bench(connack="Not authorized").run() == "the broker refused: Not authorized"


def test_refused_subscriptions_are_asked_for_again_and_then_the_broker_is_left() -> None:
    bench = Bench(suback=(1, 0x80, 1), keepalive_s=60)
    assert "refuses the subscriptions" in bench.run()
    assert 3 <= len(bench.broker.subscribed) <= 6
    assert bench.all(LinkRose) == []


def test_a_subscription_granted_at_the_second_try_is_good() -> None:
    """NATS answers 0x80 while it elects a leader."""
    bench = Bench(suback=(0x80,))
    bench.at(3, lambda: setattr(bench.broker, "suback", (1, 1, 1)))
    bench.end_at(40)
    assert bench.run() == "the test is over"
    assert len(bench.all(LinkRose)) == 1


def test_an_empty_suback_grants_nothing() -> None:
    assert "refuses" in Bench(suback=(), keepalive_s=60).run()


def test_a_broker_that_does_not_let_the_status_through_is_left() -> None:
    assert "0x87" in Bench(puback=0x87).run()


def test_the_reason_code_of_a_puback_is_told_as_it_is() -> None:
    """Pitfall 5: 0x10 (nobody listens) and 0x87 (denied) look like success to paho."""
    for code in (0x00, 0x10, 0x87):
        bench = Bench()
        bench.at(4, lambda b=bench, c=code: (setattr(b.broker, "puback", c), b.put(alert())))
        bench.end_at(8)
        bench.run()
        assert bench.all(Published) == [Published(token=Token("t"), code=code)]


def test_no_puback_is_told_after_the_deadline_and_a_late_one_to_nobody() -> None:
    bench = Bench()
    late = lambda: bench.session.on_acknowledged(2, 0)  # noqa: E731  a step of the plan
    bench.at(4, lambda: (setattr(bench.broker, "puback", None), bench.put(alert())))
    bench.at(70, late)
    bench.end_at(80)
    bench.run()
    assert bench.all(PublishFailed) == [PublishFailed(Token("t"), "no PUBACK within 5 s")]
    assert bench.all(Published) == []


def test_a_broker_that_answers_pings_but_acknowledges_nothing_is_left() -> None:
    """Its PINGRESPs prove the way, not the broker's work; left alone the window would fill up for good."""
    bench = Bench()
    bench.at(4, lambda: (setattr(bench.broker, "puback", None), bench.put(alert())))
    sent_s: list[float] = []
    bench.at(5, lambda: sent_s.append(bench.broker.now_s))
    assert bench.run() == "no PUBACK for 30 s"
    assert 29.0 < bench.broker.now_s - sent_s[0] < 31.0
    assert bench.all(PublishFailed) == [PublishFailed(Token("t"), "no PUBACK within 5 s")]


def test_a_narrow_line_that_acknowledges_late_is_kept() -> None:
    """Of a few kbit/s: a PUBACK waits behind a window full of publishes."""
    bench = Bench()
    bench.at(4, lambda: (setattr(bench.broker, "puback", None), bench.put(event(), "first")))
    bench.at(100, lambda: bench.put(event(), "second"))
    bench.at(290, lambda: bench.session.on_acknowledged(2, 0))
    bench.at(380, lambda: bench.session.on_acknowledged(3, 0))
    bench.end_at(420)
    assert bench.run() == "the test is over"


def test_unanswered_publishes_are_bounded_and_alerts_keep_room() -> None:
    """Pitfall 2: nothing piles up."""
    bench = Bench()

    def flood() -> None:
        bench.broker.puback = None
        for number in range(8):
            assert bench.put(event(), f"e{number}") == ""

    bench.at(4, flood)
    bench.at(5, lambda: bench.put(event(), "ninth"))
    bench.at(6, lambda: bench.put(alert(), "alert"))
    bench.end_at(9)
    bench.run()
    refused = [failed for failed in bench.all(PublishFailed) if "unanswered" in failed.reason]
    assert [failed.token for failed in refused] == ["ninth"]
    assert bench.broker.sent[-1][0] == wire.topic(KIOSK, "alert", "01A")


def test_a_heartbeat_goes_at_qos_0_and_is_never_waited_for() -> None:
    bench = Bench()
    bench.at(4, lambda: bench.put(beat()))
    bench.end_at(90)
    bench.run()
    assert bench.broker.sent[-1][0::2][:2] == (wire.topic(KIOSK, "hb"), 0)
    assert bench.all(Published) == bench.all(PublishFailed) == []


def test_an_alert_is_never_retained() -> None:
    """Pitfall 11."""
    bench = Bench()
    bench.at(4, lambda: (bench.put(alert()), bench.put(event()), bench.put(beat())))
    bench.end_at(9)
    bench.run()
    assert [(qos, retain) for _, _, qos, retain in bench.broker.sent[1:]] == [
        (1, False),
        (1, False),
        (0, False),
    ]


def test_a_half_open_connection_is_left_after_one_and_a_half_keepalives() -> None:
    """Pitfall 3: paho notices at twice the keepalive, and `is_connected()` stays true."""
    bench = Bench(chatty=False)
    assert "half open" in bench.run()
    assert 15.0 < bench.broker.now_s - 100.0 < 17.5


def test_a_chatty_connection_is_never_half_open_and_says_it_was_heard() -> None:
    bench = Bench()
    bench.end_at(100)
    assert bench.run() == "the test is over"
    heard = [one.at_s for one in bench.all(LinkHeard) if isinstance(one, LinkHeard)]
    assert len(heard) > 10
    assert all(later - sooner <= 10 for sooner, later in pairwise(heard))


def test_a_broker_without_keepalive_is_not_called_half_open() -> None:
    bench = Bench(chatty=False, keepalive_s=0)
    bench.end_at(60)
    assert bench.run() == "the test is over"


def test_round_trips_are_measured_on_pongs_and_pubacks() -> None:
    bench = Bench(chatty=False)
    bench.at(5, lambda: bench.session.on_pong(42))
    bench.end_at(7)
    bench.run()
    rtts = [one.rtt_ms for one in bench.all(LinkHeard) if isinstance(one, LinkHeard)]
    assert rtts[-1] == 42
    assert len(rtts) == 2, "the first comes with the status's PUBACK"


def test_messages_become_events_and_garbage_is_refused() -> None:
    bench = Bench()
    say = bench.session.on_message
    bench.at(4, lambda: say(wire.topic(KIOSK, "ack", "01A"), reply(), retained=False))
    bench.at(5, lambda: say(None, b"x", retained=False))
    bench.at(6, lambda: say(wire.monitor_topic("m"), duty(), retained=True))
    bench.at(7, lambda: say(wire.monitor_topic("m"), duty("offline", boot=0), retained=False))
    bench.end_at(9)
    bench.run()
    kinds = [type(one) for one in bench.events if not isinstance(one, LinkRose | LinkHeard)]
    assert kinds == [ReplyReceived, BodyRefused, PresenceSeen]


def test_the_end_fails_everything_that_was_not_acknowledged() -> None:
    bench = Bench()
    bench.at(4, lambda: (setattr(bench.broker, "puback", None), bench.put(alert(), "sent")))
    bench.at(6, lambda: (bench.session.end("cut"), bench.put(alert(), "handed over")))
    assert bench.run() == "cut"
    assert [one.token for one in bench.all(PublishFailed) if isinstance(one, PublishFailed)] == [
        "sent",
        "handed over",
    ]
    assert bench.broker.aborts == 1
    assert bench.box.put(Parcel(token=Token("x"), topic="a", payload=b"", weight="alert")) == "not connected"


def test_the_first_reason_counts_and_says_what_lay_behind_it() -> None:
    bench = Bench()
    bench.at(5, lambda: bench.session.on_fault("certificate required " + "x" * 500))
    bench.at(6, lambda: (bench.session.end("lost"), bench.session.end("second")))
    ended = bench.run()
    assert ended.startswith("lost: certificate required")
    assert len(ended) <= 200


def test_an_unpublishable_body_fails_alone() -> None:
    bench = Bench()
    bad = Parcel(token=Token("bad"), topic="a", payload=b"unpublishable", weight="alert")
    bench.at(4, lambda: (bench.box.put(bad), bench.put(alert(), "good")))
    bench.end_at(8)
    bench.run()
    assert [one.token for one in bench.all(PublishFailed)] == ["bad"]  # type: ignore[attr-defined]
    assert [one.token for one in bench.all(Published)] == ["good"]  # type: ignore[attr-defined]


def test_closing_tells_stopped_and_disconnects_in_order() -> None:
    bench = Bench()
    bench.at(5, bench.closing.set)
    assert bench.run() == "stopped"
    topic, payload, qos, retain = bench.broker.sent[-1]
    assert (topic, qos, retain, status_of(payload).state) == (STATUS, 1, True, "stopped")
    assert bench.broker.disconnects == 1


def test_what_was_handed_over_while_closing_is_failed() -> None:
    bench = Bench()
    bench.at(5, lambda: (bench.put(event(), "too late"), bench.closing.set()))
    bench.run()
    assert bench.all(PublishFailed) == [PublishFailed(Token("too late"), "the kiosk is stopping")]


def test_closing_waits_a_moment_only_for_a_mute_broker() -> None:
    bench = Bench()
    bench.at(5, lambda: (setattr(bench.broker, "puback", None), bench.closing.set()))
    assert bench.run() == "stopped"
    assert bench.broker.now_s < 110.0


def test_closing_before_the_connack_waits_for_nothing() -> None:
    bench = Bench(connack=None)
    bench.at(2, bench.closing.set)
    assert bench.run() == "stopped"
    assert bench.broker.sent == []
