"""The codec of the contract: round trips, limits and hostile bytes."""

import json
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk import bodies, wire
from kiosk.bodies import (
    Alert,
    AlertId,
    Board,
    ButtonHealth,
    Command,
    CommandResult,
    Event,
    Heartbeat,
    KioskId,
    Links,
    MonitorStatus,
    MqttHealth,
    Place,
    Reply,
    SmsHealth,
    Status,
    VoiceHealth,
    Words,
)
from kiosk.wire import Address, Rejected

AT = "2026-01-31T09:30:00.000Z"
WORDS = Words(kk="Абай 10", ru="Абая 10")
PLACE = Place(
    name=WORDS, address=WORDS, entrance=WORDS, lat=43.23815, lon=76.94551, accuracy_m=10, kato="751110000"
)
ALERT = Alert(
    alert_id=AlertId("01ARZ3NDEKTSV4RRFFQ69G5FAV"),
    kiosk_id=KioskId("almaty-0017"),
    kind="press",
    button="counter",
    pressed_at=AT,
    clock="synced",
    presses=1,
    seq=7,
    attempt=1,
    sent_at=AT,
    route="mqtt",
    place=PLACE,
    versions={"kiosk": "0.1.0"},
)
HEARTBEAT = Heartbeat(
    seq=123456,
    boot=1_800_000_000,
    at=1_800_000_000,
    uptime_s=1_000_000,
    state="armed",
    button=ButtonHealth(level="released", last_press_at=1_800_000_000, last_test_at=1_800_000_000),
    links=Links(
        mqtt=MqttHealth(up=True, rtt_ms=250),
        sms=SmsHealth(up=True, registered="home", operator="Tele2/Altel", signal_dbm=-71, balance_kzt=1234.5),
    ),
    voice=VoiceHealth(mode="spoken"),
    power="mains",
    board=Board(temp_c=51, disk_free_mb=25_000, mem_free_mb=700),
    clock="synced",
    cert_days_left=300,
    config_hash="01234567",
    version="0.1.0",
)
BODIES = [
    ALERT,
    HEARTBEAT,
    Reply(alert_id=AlertId("a"), stage="accepted", at=AT, by="op-1", note="иду", presses=2),
    Status(state="online", boot=3, conn=2, at=AT, version="0.1.0"),
    MonitorStatus(state="offline", boot=3, conn=2, at=AT, on_duty=False),
    Event(event_id="e", kiosk_id="k", at=AT, code="stuck", state="raised", detail="counter"),
    Command(command_id="c", name="drill", at=AT, expires_at=AT, duty=True),
    CommandResult(command_id="c", state="succeeded", at=AT),
]
KINDS = [type(body) for body in BODIES]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: type(body).__name__)
def test_every_body_comes_back_as_it_went(body: Any) -> None:
    assert wire.parse(type(body), wire.encode(body)) == body


@pytest.mark.parametrize("body", BODIES, ids=lambda body: type(body).__name__)
def test_every_body_carries_its_version(body: Any) -> None:
    plain = json.loads(wire.encode(body))
    assert plain["v"] == 1
    refused = wire.parse(type(body), json.dumps(plain | {"v": 2}).encode())
    assert isinstance(refused, Rejected)


@pytest.mark.parametrize("body", BODIES, ids=lambda body: type(body).__name__)
def test_a_newer_peer_may_add_fields(body: Any) -> None:
    plain = json.loads(wire.encode(body)) | {"new": {"deep": [1]}}
    assert wire.parse(type(body), json.dumps(plain).encode()) == body


def test_a_newer_peer_may_add_a_language() -> None:
    plain = json.loads(wire.encode(ALERT))
    plain["place"]["name"]["en"] = "Shop"
    assert wire.parse(Alert, json.dumps(plain).encode()) == ALERT


def test_nothing_that_is_default_is_sent() -> None:
    quiet = Heartbeat(seq=1, boot=1, at=1, uptime_s=1, state="armed")
    assert json.loads(wire.encode(quiet)) == {
        "v": 1, "seq": 1, "boot": 1, "at": 1, "uptime_s": 1,
    }  # fmt: skip


def test_a_healthy_heartbeat_with_every_figure_is_at_most_400_bytes() -> None:
    assert len(wire.encode(HEARTBEAT)) <= 400


def test_trouble_is_always_written_out() -> None:
    """What is left out of a heartbeat is the healthy value, so trouble may never be."""
    trouble = Heartbeat(
        seq=1,
        boot=1,
        at=1,
        uptime_s=1,
        state="faulty",
        button=ButtonHealth(level="lost"),
        links=Links(mqtt=MqttHealth(up=False), sms=SmsHealth(up=False, registered="searching")),
        voice=VoiceHealth(mode="cover", ok=False),
        power="unknown",
        clock="unsynced",
    )
    plain = json.loads(wire.encode(trouble))
    assert plain["button"] == {"level": "lost"}
    assert plain["links"] == {"mqtt": {"up": False}, "sms": {"up": False, "registered": "searching"}}
    assert plain["voice"] == {"mode": "cover", "ok": False}
    assert (plain["power"], plain["clock"]) == ("unknown", "unsynced")


def test_an_alert_of_ordinary_words_is_at_most_1536_bytes() -> None:
    long = Words(kk="ы" * 60, ru="ы" * 60)
    place = msgspec.structs.replace(PLACE, name=long, address=long, entrance=WORDS, phone="+77270000000")
    assert len(wire.encode(msgspec.structs.replace(ALERT, place=place))) <= wire.ALERT_MAX_BYTES


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
ids = st.from_regex(r"\A[A-Za-z0-9_-]{1,64}\Z")
counts = st.integers(0, 2**53 - 1)
moments = st.integers(0, 4_000_000_000_000).map(wire.utc_text)
words = st.builds(Words, kk=texts.filter(bool), ru=texts.filter(bool))
places = st.builds(
    Place,
    name=words,
    address=words,
    entrance=words,
    lat=st.floats(-90, 90),
    lon=st.floats(-180, 180),
    accuracy_m=counts,
    kato=st.from_regex(r"\A[0-9]{9}\Z"),
    phone=st.none() | st.from_regex(r"\A\+[0-9]{8,15}\Z"),
)
alerts = st.builds(
    Alert,
    alert_id=ids,
    kiosk_id=ids,
    kind=st.sampled_from(get_args(bodies.Kind)),
    button=texts,
    pressed_at=moments,
    clock=st.sampled_from(get_args(bodies.Clock)),
    presses=counts,
    seq=counts,
    attempt=counts,
    sent_at=moments,
    route=st.sampled_from(get_args(bodies.Route)),
    place=places,
    versions=st.dictionaries(texts, texts, max_size=8),
    also=st.lists(texts, max_size=8).map(tuple),
    stage=st.sampled_from(bodies.STAGES),
    by=texts,
)
replies = st.builds(
    Reply,
    alert_id=ids,
    stage=st.sampled_from(get_args(bodies.ReplyStage)),
    at=moments,
    by=texts,
    note=st.text(st.characters(exclude_categories=["Cs"]), max_size=280),
    presses=counts,
)


@given(alerts)
def test_any_alert_comes_back_as_it_went(alert: Alert) -> None:
    payload = wire.encode(alert)
    assert wire.parse(Alert, payload) == alert or len(payload) > wire.MAX_BODY_BYTES


@given(replies)
def test_any_reply_comes_back_as_it_went(reply: Reply) -> None:
    assert wire.parse(Reply, wire.encode(reply)) == reply


@given(st.binary(max_size=2000), st.sampled_from(KINDS))
def test_any_bytes_give_a_value_or_a_reason(payload: bytes, kind: type[Any]) -> None:
    assert isinstance(wire.parse(kind, payload), kind | Rejected)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.sampled_from(BODIES), st.data())
def test_any_field_of_any_other_type_gives_a_value_or_a_reason(body: Any, data: st.DataObject) -> None:
    plain = json.loads(wire.encode(body))
    plain[data.draw(st.sampled_from(sorted(plain)))] = data.draw(json_values)
    assert isinstance(wire.parse(type(body), json.dumps(plain).encode()), type(body) | Rejected)


@given(st.sampled_from(BODIES), st.data())
def test_any_changed_byte_gives_a_value_or_a_reason(body: Any, data: st.DataObject) -> None:
    payload = bytearray(wire.encode(body))
    payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    assert isinstance(wire.parse(type(body), bytes(payload)), type(body) | Rejected)


@pytest.mark.parametrize("payload", [b"", b"null", b"[]", b"{}", b"\xff", b"[" * 8000, b"1" * 8000])
def test_nonsense_is_refused(payload: bytes) -> None:
    assert isinstance(wire.parse(Alert, payload), Rejected)


def test_a_body_that_is_too_long_is_not_even_decoded() -> None:
    refused = wire.parse(Alert, b" " * (wire.MAX_BODY_BYTES + 1))
    assert refused == Rejected("Alert: 8193 bytes, at most 8192 are allowed")


@pytest.mark.parametrize("text", ["+77011234567", "a'b+77011234567", "a\"'+77011234567", "\n+77011234567"])
def test_a_reason_never_quotes_what_came(text: str) -> None:
    """Phone numbers and message bodies never reach the log."""
    plain = json.loads(wire.encode(BODIES[2])) | {"stage": text}
    refused = wire.parse(Reply, json.dumps(plain).encode())
    assert isinstance(refused, Rejected)
    assert "7701" not in refused.reason
    assert refused.reason.isprintable()
    assert "$.stage" in refused.reason


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("alert_id", "with space"), ("alert_id", "line\n"), ("alert_id", "a/b"), ("alert_id", ""),
        ("alert_id", "x" * 65), ("at", AT + "\n"), ("at", "2026-01-31"), ("at", "٢٠٢٦-01-31T09:30:00Z"),
        ("stage", "pressed"), ("by", "x" * 61), ("note", "x" * 281), ("presses", -1), ("presses", 2**53),
        ("presses", True), ("presses", 1.5),
    ],
)  # fmt: skip
def test_a_reply_outside_its_limits_is_refused(field: str, value: object) -> None:
    """A last newline would end in a topic or an AT command; foreign digits in both."""
    plain = {"alert_id": "a", "stage": "accepted", "at": AT} | {field: value}
    assert isinstance(wire.parse(Reply, json.dumps(plain).encode()), Rejected)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("lat", 91), ("lon", -181), ("kato", "75111000"), ("kato", "٧٥١١١٠٠٠٠"), ("phone", "8701"),
        ("phone", "+77011234567\n"),
    ],
)  # fmt: skip
def test_a_place_outside_its_limits_is_refused(field: str, value: object) -> None:
    plain = json.loads(wire.encode(ALERT))
    plain["place"][field] = value
    assert isinstance(wire.parse(Alert, json.dumps(plain).encode()), Rejected)


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1, 10**20])
@pytest.mark.parametrize(
    ("part", "field"),
    [
        ("board", "temp_c"),
        ("sms", "signal_dbm"),
        ("mqtt", "rtt_ms"),
        ("https", "drops"),
        ("", "cert_days_left"),
    ],
)
def test_a_figure_of_a_heartbeat_fits_32_bits(part: str, field: str, value: int) -> None:
    """A centre keeps figures in columns of that size; a sensor that lies less than that silences nobody."""

    def told(figure: int) -> Heartbeat | Rejected:
        inside = {field: figure}
        where = {"board": {"board": inside}, "": inside}.get(part, {"links": {part: inside}})
        return wire.parse(
            Heartbeat, json.dumps({"seq": 1, "boot": 1, "at": 1, "uptime_s": 1} | where).encode()
        )

    assert isinstance(told(value), Rejected)
    assert isinstance(told(2**31 - 1), Heartbeat)


def test_topics_are_named_as_the_contract_says() -> None:
    assert wire.topic("k-1", "hb") == "pana/v1/k/k-1/hb"
    assert wire.topic_of("k-1", ALERT) == ("pana/v1/k/k-1/alert/01ARZ3NDEKTSV4RRFFQ69G5FAV", 1)
    assert wire.topic_of("k-1", BODIES[5]) == ("pana/v1/k/k-1/event/e", 1)  # type: ignore[arg-type]
    assert wire.topic_of("k-1", BODIES[7]) == ("pana/v1/k/k-1/cmdres/c", 1)  # type: ignore[arg-type]
    assert wire.topic_of("k-1", HEARTBEAT) == ("pana/v1/k/k-1/hb", 0)
    assert wire.monitor_topic("m1") == "pana/v1/mon/m1/status"


@given(ids, st.sampled_from(sorted(wire.LEAVES)), ids)
def test_any_topic_comes_back_as_it_went(kiosk: str, leaf: wire.Leaf, id_: str) -> None:
    id_ = id_ if leaf in wire.WITH_ID else ""
    assert wire.parse_topic(wire.topic(kiosk, leaf, id_)) == Address(kiosk=kiosk, leaf=leaf, id=id_)


@given(ids)
def test_any_responders_topic_comes_back_as_it_went(monitor: str) -> None:
    assert wire.parse_monitor_topic(wire.monitor_topic(monitor)) == monitor


@pytest.mark.parametrize(
    "name",
    [
        "", "pana", "pana/v1/k/x", "pana/v2/k/x/hb", "pana/v1/j/x/hb", "pana/v1/k/x/nonsense",
        "pana/v1/k/x/alert", "pana/v1/k/x/alert/", "pana/v1/k/x/hb/1", "pana/v1/k/x/alert/1/2",
        "pana/v1/k//hb", "pana/v1/k/x y/hb", "pana/v1/k/x\n/hb", "pana/v1/k/x/alert/a\n", "pana/v1/k/+/hb",
        "pana/v1/k/" + "x" * 65 + "/hb",
    ],
)  # fmt: skip
def test_a_topic_of_another_shape_is_refused(name: str) -> None:
    assert isinstance(wire.parse_topic(name), Rejected)


@pytest.mark.parametrize(
    "name", ["", "pana/v1/mon//status", "pana/v1/mon/m/x", "pana/v1/k/m/status", "pana/v1/mon/a b/status"]
)
def test_a_presence_topic_of_another_shape_is_refused(name: str) -> None:
    assert isinstance(wire.parse_monitor_topic(name), Rejected)


@given(st.text(max_size=100))
def test_any_text_as_a_topic_gives_a_value_or_a_reason(name: str) -> None:
    assert isinstance(wire.parse_topic(name), Address | Rejected)
    assert isinstance(wire.parse_monitor_topic(name), str | Rejected)


@given(st.integers(0, 4_000_000_000_000))
def test_any_moment_comes_back_as_it_went(moment_ms: int) -> None:
    assert wire.utc_ms(wire.utc_text(moment_ms)) == moment_ms


def test_a_moment_is_written_in_utc() -> None:
    """Pitfall 33: UTC on the wire, whatever zone the machine believes in."""
    assert wire.utc_text(1_706_745_600_007) == "2024-02-01T00:00:00.007Z"
    assert wire.utc_ms("2024-02-01T00:00:00Z") == 1_706_745_600_000


@pytest.mark.parametrize(
    "text", ["", "Z", "2026-01-31T09:30:00", "2026-01-31T09:30:00+05:00", "2026-13-01T00:00:00Z"]
)
def test_a_moment_of_another_shape_is_refused(text: str) -> None:
    assert isinstance(wire.utc_ms(text), Rejected)


@given(st.text(max_size=40) | st.text(max_size=40).map(lambda text: text + "Z"))
def test_any_text_as_a_moment_gives_a_value_or_a_reason(text: str) -> None:
    assert isinstance(wire.utc_ms(text), int | Rejected)
