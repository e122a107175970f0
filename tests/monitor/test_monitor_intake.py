"""Whatever comes by MQTT, one notice leaves."""

import pytest
from fakes.virtual_centre import UTC_MS, a_beat, a_status, an_alert, an_event
from hypothesis import given
from hypothesis import strategies as st

from kiosk import wire
from kiosk.bodies import CommandResult
from kiosk.monitor.intake import BeatReader, Heard, read
from kiosk.monitor.messages import (
    AlertArrived,
    BodyRefused,
    EventArrived,
    HeartbeatArrived,
    Notice,
    Receipt,
    ResultArrived,
    StatusArrived,
)

RECEIPT = Receipt(1, 7)
RESULT = CommandResult(command_id="c-1", state="queued", at=wire.utc_text(UTC_MS))
GOOD = {
    "alert/01JPANAALERT0000000000000A": (wire.encode(an_alert()), AlertArrived),
    "status": (wire.encode(a_status()), StatusArrived),
    "hb": (wire.encode(a_beat()), HeartbeatArrived),
    "event/ev-1": (wire.encode(an_event()), EventArrived),
    "cmdres/c-1": (wire.encode(RESULT), ResultArrived),
}


def take(leaf: str, payload: bytes, kiosk: str = "kz-1", *, retained: bool = False) -> Notice:
    return read(Heard(f"pana/v1/k/{kiosk}/{leaf}", payload, retained, RECEIPT))


@pytest.mark.parametrize("leaf", GOOD)
def test_each_body_of_a_kiosk_is_read(leaf: str) -> None:
    payload, kind = GOOD[leaf]
    notice = take(leaf, payload)
    assert isinstance(notice, kind)
    assert getattr(notice, "receipt", RECEIPT) == RECEIPT


def test_a_retained_status_says_so() -> None:
    notice = take("status", wire.encode(a_status()), retained=True)
    assert isinstance(notice, StatusArrived)
    assert notice.retained


@pytest.mark.parametrize(
    ("leaf", "kiosk"),
    [
        ("alert/other", "kz-1"),
        ("alert/01JPANAALERT0000000000000A", "kz-2"),
        ("event/ev-1", "kz-2"),
        ("event/ev-2", "kz-1"),
        ("cmdres/c-2", "kz-1"),
    ],
)
def test_a_body_that_names_another_than_its_topic_is_refused(leaf: str, kiosk: str) -> None:
    """Only the topic is authorised by the broker; the body could name anybody."""
    name = leaf.partition("/")[0]
    payload = next(payload for known, (payload, _) in GOOD.items() if known.startswith(name))
    notice = take(leaf, payload, kiosk)
    assert isinstance(notice, BodyRefused)
    assert (notice.kiosk_id, notice.leaf, notice.receipt) == (kiosk, name, RECEIPT)


@pytest.mark.parametrize(
    "topic",
    ["", "pana/v1/k/kz-1", "pana/v1/k/kz 1/hb", "pana/v1/k//hb", "pana/v1/k/kz-1/ack/x", "pana/v2/k/kz-1/hb",
     "pana/v1/k/kz-1/hb/x", "pana/v1/k/\x1b[2J/hb", "pana/v1/k/" + "x" * 65 + "/hb"],
)  # fmt: skip
def test_a_topic_that_is_not_a_kiosks_is_refused(topic: str) -> None:
    notice = read(Heard(topic, wire.encode(a_beat()), retained=False, receipt=RECEIPT))
    assert isinstance(notice, BodyRefused)
    assert notice.receipt == RECEIPT


@pytest.mark.parametrize("leaf", GOOD)
@pytest.mark.parametrize("payload", [b"", b"{}", b"[]", b"\xff", b"[" * 5000, b'{"v":2}', b"x" * 9000])
def test_a_broken_body_is_refused(leaf: str, payload: bytes) -> None:
    notice = take(leaf, payload)
    assert isinstance(notice, BodyRefused)
    assert notice.reason.isprintable()


@given(topic=st.text(max_size=80), payload=st.binary(max_size=200))
def test_nothing_that_comes_raises(topic: str, payload: bytes) -> None:
    read(Heard(topic, payload, retained=False, receipt=None))


@given(leaf=st.sampled_from(sorted(GOOD)), data=st.data())
def test_no_broken_copy_of_a_good_body_raises(leaf: str, data: st.DataObject) -> None:
    payload = bytearray(GOOD[leaf][0])
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    take(leaf, bytes(payload))


# ---- heartbeats by the thousand


def test_heartbeats_are_read_together_and_their_topics_once() -> None:
    reader = BeatReader(10)
    body = wire.encode(a_beat(seq=4))
    for _ in range(2):
        good, bad = reader.read({"pana/v1/k/kz-1/hb": (body, 2), "pana/v1/k/kz-2/hb": (body, 0)})
        assert [(one.kiosk_id, one.heartbeat.seq, one.merged) for one in good.heartbeats] == [
            ("kz-1", 4, 2),
            ("kz-2", 4, 0),
        ]
        assert bad == ()


@pytest.mark.parametrize(
    "payload", [b"", b"{", b'{"v":2}', b"\xff\xff", b"[" * 5000, b" " * 9000, b"x" * 9000]
)
def test_what_is_no_heartbeat_is_refused_beside_good_ones(payload: bytes) -> None:
    reader = BeatReader(10)
    body = wire.encode(a_beat())
    reader.read({"pana/v1/k/kz-1/hb": (body, 0)})
    good, bad = reader.read(
        {"pana/v1/k/kz-1/hb": (payload, 0), "pana/v1/k/kz-2/hb": (body, 0), "pana/v1/k/a b/hb": (body, 0)}
    )
    assert [one.kiosk_id for one in good.heartbeats] == ["kz-2"]
    assert [(one.kiosk_id, one.leaf) for one in bad if isinstance(one, BodyRefused)] == [
        ("kz-1", "hb"),
        ("", ""),
    ]


def test_an_alert_that_is_called_like_a_heartbeat_is_an_alert() -> None:
    body = wire.encode(an_alert(alert_id="hb"))
    good, others = BeatReader(3).read({"pana/v1/k/kz-1/alert/hb": (body, 0)})
    assert good.heartbeats == ()
    assert [type(one) for one in others] == [AlertArrived]


def test_names_without_end_fill_no_memory() -> None:
    reader = BeatReader(3)
    body = wire.encode(a_beat())
    for number in range(50):
        reader.read({f"pana/v1/k/kz-{number}/hb": (body, 0)})
    assert len(reader._names) <= 3


def test_a_retained_heartbeat_proves_nothing() -> None:
    heard = Heard("pana/v1/k/kz-1/hb", wire.encode(a_beat()), retained=True, receipt=None)
    assert isinstance(read(heard), BodyRefused)
