"""What comes from the broker, friendly and hostile."""

import pytest
from fakes.mqtt_bench import KIOSK, OTHER, command, duty, reply
from hypothesis import given
from hypothesis import strategies as st

from kiosk import wire
from kiosk.messages import BodyRefused, CommandReceived, KioskEvent, PresenceSeen, ReplyReceived
from kiosk.net.inbox import MAX_MONITORS, REFUSALS_PER_WINDOW, Inbox

ACK = wire.topic(KIOSK, "ack", "01A")
CMD = wire.topic(KIOSK, "cmd", "01C")
MON = wire.monitor_topic("monitor-1")


def read(topic: str | None, payload: bytes, *, retained: bool = False) -> KioskEvent | None:
    return Inbox(KIOSK).read(topic, payload, retained=retained, now_s=0.0)


def test_a_receipt_becomes_an_event() -> None:
    got = read(ACK, reply("01A", "accepted"))
    assert isinstance(got, ReplyReceived)
    assert (got.reply.alert_id, got.reply.stage, got.link) == ("01A", "accepted", "mqtt")


def test_a_command_becomes_an_event() -> None:
    got = read(CMD, command("01C", "report"))
    assert isinstance(got, CommandReceived)
    assert got.command.name == "report"


@pytest.mark.parametrize(("topic", "body"), [(ACK, reply()), (CMD, command())])
def test_a_retained_receipt_or_command_never_acts(topic: str, body: bytes) -> None:
    """Pitfall 11: what the broker kept from some other day replays at every connect."""
    assert isinstance(read(topic, body, retained=True), BodyRefused)


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        (ACK, b""),
        (ACK, b"\xff\xfe"),
        (ACK, b"[" * 5000),
        (ACK, b"x" * 9000),
        (ACK, reply("01B")),
        (ACK, command()),
        (CMD, command("01X")),
        (CMD, reply()),
        (CMD, b'{"v":2}'),
        (MON, b"not json"),
        (wire.topic(OTHER, "ack", "01A"), reply()),
        (wire.topic(KIOSK, "alert", "01A"), b"{}"),
        (wire.topic(KIOSK, "ack"), reply()),
        ("$SYS/broker/uptime", b"1 s"),
        (None, b"{}"),
    ],
)
def test_what_is_wrong_is_refused_without_quoting_it(topic: str | None, body: bytes) -> None:
    got = read(topic, body)
    assert isinstance(got, BodyRefused)
    assert got.reason.isprintable()
    assert len(got.reason) < 200


@given(topic=st.one_of(st.text(), st.sampled_from([ACK, CMD, MON])), body=st.binary(), retained=st.booleans())
def test_nothing_that_comes_in_raises(topic: str, body: bytes, retained: bool) -> None:
    read(topic, body, retained=retained)


def test_a_flood_of_garbage_is_told_a_few_times_in_ten_seconds() -> None:
    inbox = Inbox(KIOSK)

    def told(now_s: float) -> int:
        return sum(inbox.read(ACK, b"?", retained=False, now_s=now_s) is not None for _ in range(500))

    assert [told(0.0), told(9.9), told(10.0)] == [REFUSALS_PER_WINDOW, 0, REFUSALS_PER_WINDOW]
    assert isinstance(inbox.read(ACK, reply(), retained=False, now_s=10.0), ReplyReceived)


def test_presence_follows_the_responder() -> None:
    inbox = Inbox(KIOSK)

    def seen(body: bytes) -> KioskEvent | None:
        return inbox.read(MON, body, retained=True, now_s=0.0)

    assert seen(duty()) == PresenceSeen("monitor-1", on_duty=True)
    assert seen(duty(on_duty=False, conn=2)) == PresenceSeen("monitor-1", on_duty=False)
    assert seen(duty("offline", conn=2)) == PresenceSeen("monitor-1", on_duty=False)
    assert seen(duty(conn=3)) == PresenceSeen("monitor-1", on_duty=True)
    assert seen(b"") == PresenceSeen("monitor-1", on_duty=False)


def test_an_old_will_never_beats_a_newer_birth() -> None:
    """Pitfalls 9 and 10: a will that arrives late belongs to an earlier connection."""
    inbox = Inbox(KIOSK)
    inbox.read(MON, duty(boot=2, conn=1), retained=False, now_s=0.0)
    assert inbox.read(MON, duty("offline", boot=1, conn=9), retained=False, now_s=0.0) is None
    late = inbox.read(MON, duty("offline", boot=2, conn=1), retained=False, now_s=0.0)
    assert late == PresenceSeen("monitor-1", on_duty=False)


def test_no_more_responders_are_kept_than_a_kiosk_can_have() -> None:
    inbox = Inbox(KIOSK)
    for number in range(MAX_MONITORS):
        inbox.read(wire.monitor_topic(f"m{number}"), duty(), retained=True, now_s=0.0)
    assert isinstance(
        inbox.read(wire.monitor_topic("one-more"), duty(), retained=True, now_s=0.0), BodyRefused
    )
    again = inbox.read(wire.monitor_topic("m0"), duty(conn=2), retained=True, now_s=0.0)
    assert again == PresenceSeen("m0", on_duty=True)
    assert isinstance(read(wire.monitor_topic("x" * 65), duty()), BodyRefused)


def test_its_own_will_coming_back_says_nothing() -> None:
    inbox = Inbox("kiosk-1")
    assert inbox.read("pana/v1/k/kiosk-1/status", b"{}", retained=True, now_s=0.0) is None
