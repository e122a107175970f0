"""Whatever comes by MQTT, one notice leaves."""

import pytest
from fakes.virtual_centre import UTC_MS, a_beat, a_status, an_alert, an_event
from hypothesis import given
from hypothesis import strategies as st

from kiosk import wire
from kiosk.bodies import CommandResult
from kiosk.monitor.intake import Heard, read
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
