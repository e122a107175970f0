"""What is refused before anything is changed, and what counts as standing as well as before."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.update.judging import Facts, Refusal, Standing, drill_fault, fault, refusal, standing
from kiosk.update.versions import is_older, key

FACTS = Facts(
    running="1.0", version="1.1", refused=("1.5",), target="bookworm-arm64",
    targets=("bookworm-arm64", "trixie-arm64"), free_mb=900, needed_mb=300, on_trial=False,
)  # fmt: skip
BEFORE = Standing(version="1.0", state="armed", up=("mqtt", "sms"))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, None),
        ({"on_trial": True}, "update_on_trial"),
        ({"target": "trixie-armhf"}, "update_target"),
        ({"version": "1.5"}, "update_refused"),
        ({"version": "1.5", "again": True}, None),
        ({"version": "0.9"}, "update_older"),
        ({"version": "0.9", "downgrade": True}, None),
        ({"free_mb": 299}, "update_space"),
    ],
)
def test_a_release_is_refused_with_its_reason(changes: dict[str, object], code: str | None) -> None:
    found = refusal(replace(FACTS, **changes))  # type: ignore[arg-type]
    assert (found.code if found else None) == code


ORDERED = [
    "0.9",
    "1.0.dev1",
    "1.0~rc1",
    "1.0a1",
    "1.0b2",
    "1.0rc1",
    "1.0",
    "1.0+local",
    "1.0.1",
    "1.2",
    "1.10",
    "2",
]


def test_versions_stand_in_their_order() -> None:
    assert sorted(set(ORDERED), key=key) == ["0.9", "1.0~rc1", *ORDERED[1:2], *ORDERED[3:]]
    assert key("1.0") == key("1.0.0") == key("1")
    assert is_older("1.9", "1.10")
    assert not is_older("1.10", "1.10")


@given(st.text(max_size=12), st.text(max_size=12))
def test_any_two_texts_have_an_order(one: str, other: str) -> None:
    assert not (is_older(one, other) and is_older(other, one))


def test_a_status_is_read_for_what_counts() -> None:
    status: dict[str, object] = {
        "state": "alerting", "mqtt": "up", "https": "down", "sms": "up", "faults": ["https_down"],
        "heartbeat": {"version": "1.0"}, "incidents": [{"kind": "press"}],
    }  # fmt: skip
    wanted = Standing(version="1.0", state="alerting", up=("mqtt", "sms"), faults=("https_down",), open=True)
    assert standing(status) == wanted
    assert not standing(status | {"incidents": [{"kind": "drill"}]}).open


@given(
    st.dictionaries(
        st.sampled_from(["state", "heartbeat", "incidents", "faults"]),
        st.integers() | st.lists(st.integers()),
    )
)
def test_a_status_that_makes_no_sense_is_nothing(status: dict[str, object]) -> None:
    assert standing(status).version == ""


def test_what_was_wrong_before_may_be_wrong_still() -> None:
    before = replace(BEFORE, state="faulty", up=("mqtt",), faults=("modem_down",))
    after = replace(before, version="1.1")
    assert fault(before, after, "1.1") is None
    mild = replace(after, faults=("modem_down", "clock_unsynced"))
    assert fault(before, mild, "1.1") is None
    worse = replace(after, faults=("modem_down", "voice_unavailable"))
    assert fault(before, worse, "1.1") == Refusal("update_not_armed", "voice_unavailable")
    assert drill_fault(before, "gateway1, duty1.1") is None
    assert drill_fault(before, "mqtt, gateway1") == Refusal("update_drill", "mqtt")


def test_of_a_kiosk_that_did_not_run_before_only_the_buttons_count() -> None:
    after = Standing(version="1.1", state="faulty", faults=("modem_down",))
    assert fault(None, after, "1.1") is None
    assert fault(None, replace(after, faults=("button_lost:a",)), "1.1") is not None
    assert drill_fault(None, "mqtt") is None
