"""The signed machine form of an SMS, to the centre and from it."""

import hmac
from base64 import b32encode
from dataclasses import replace
from hashlib import sha256
from itertools import product
from typing import Any, get_args

import pytest

from kiosk.bodies import Clock, Kind, ReplyStage
from kiosk.sms_signed import (
    LAYOUT,
    MachineAlert,
    find_number,
    pack,
    parse_answer,
    reply_code,
    sign_answer,
    unpack,
    verify_answer,
)
from kiosk.wire import Rejected

KEY, OTHER = bytes(range(32)), bytes(32)
ALERT = MachineAlert(
    number=17, seq=7, pressed_s=1_790_000_000, kind="press", clock="synced", button=0, presses=1,
    lat=43.23815, lon=76.94551,
)  # fmt: skip
IDENTITY = {"number": 17, "seq": 7, "pressed_s": 1_790_000_000}
STAGES: tuple[ReplyStage, ...] = get_args(ReplyStage)


def test_it_is_the_mark_and_45_letters_that_any_telephone_can_send() -> None:
    form = pack(ALERT, KEY)
    assert form.startswith("A1:")
    assert len(form) == 48
    assert set(form[3:]) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")


@pytest.mark.parametrize(
    "changes",
    [{"kind": kind, "clock": clock} for kind, clock in product(get_args(Kind), get_args(Clock))]
    + [{"button": 7, "presses": 4}, {"number": 0xFFFFFF, "seq": 0xFFFFFF}, {"lat": -90.0, "lon": -180.0},
       {"lat": 90.0, "lon": 180.0}, {"pressed_s": 0xFFFFFFFF}],
)  # fmt: skip
def test_the_centre_reads_what_the_kiosk_packed(changes: dict[str, Any]) -> None:
    alert = replace(ALERT, **changes)
    assert unpack(f"SOS! Kiosk 17 {pack(alert, KEY)}", KEY) == alert


def test_what_is_too_large_saturates_and_never_raises() -> None:
    big = replace(ALERT, seq=2**40 + 5, presses=99, button=12, pressed_s=-5)
    assert unpack(pack(big, KEY), KEY) == replace(ALERT, seq=5, presses=4, button=7, pressed_s=0)


def test_another_kiosks_key_or_a_changed_letter_is_refused() -> None:
    form = pack(ALERT, KEY)
    assert unpack(pack(ALERT, OTHER), KEY) == Rejected("SMS: the signature is not this kiosk's")
    for place in range(5, 47):
        changed = form[:place] + ("A" if form[place] != "A" else "B") + form[place + 1 :]
        assert isinstance(unpack(changed, KEY), Rejected)


@pytest.mark.parametrize("text", ["", "A1:", "A1:" + "A" * 44, "A1:" + "a" * 45, "XA1:" + "A" * 45])
def test_a_text_without_the_form_is_refused(text: str) -> None:
    assert isinstance(unpack(text, KEY), Rejected)
    assert isinstance(find_number(text), Rejected)


def test_another_version_is_refused_by_name() -> None:
    refused = unpack("A1:" + "A" * 45, KEY)
    assert refused == Rejected("SMS: machine form version 0, this software reads 1")


@pytest.mark.parametrize("kind", get_args(Kind))
@pytest.mark.parametrize("duty", [False, True])
def test_a_drill_and_nothing_else_says_whether_it_is_for_people(kind: Kind, duty: bool) -> None:
    alert = replace(ALERT, kind=kind, duty=duty)
    assert unpack(pack(alert, KEY), KEY) == replace(alert, duty=duty and kind == "drill")


def test_whether_people_are_meant_lies_in_the_bits_of_the_kind() -> None:
    body = LAYOUT.pack(1, b"\0\0\x11", b"\0\0\x07", 0, 3, 0, 0)
    tag = hmac.new(KEY, body, sha256).digest()[:8]
    found = unpack("A1:" + b32encode(body + tag).decode().rstrip("="), KEY)
    assert isinstance(found, MachineAlert)
    assert (found.kind, found.duty) == ("drill", True)


def test_the_kiosks_number_can_be_read_before_its_key_is_known() -> None:
    assert find_number(pack(ALERT, KEY)) == 17


# ---- codes


def test_both_sides_derive_the_same_four_digits() -> None:
    codes = {reply_code(KEY, number=17, seq=seq, pressed_s=1_790_000_000) for seq in range(200)}
    assert all(len(code) == 4 and code.isdigit() and code[0] != "0" for code in codes)
    assert len(codes) > 190
    assert reply_code(KEY, **IDENTITY) == reply_code(KEY, **IDENTITY)
    assert reply_code(KEY, **IDENTITY) != reply_code(OTHER, **IDENTITY)


# ---- the centre's answer


@pytest.mark.parametrize("stage", STAGES)
def test_a_signed_answer_counts_for_its_own_alert_only(stage: ReplyStage) -> None:
    text = sign_answer(KEY, **IDENTITY, code="4711", stage=stage)
    answer = parse_answer(f" {text} ")
    assert answer is not None
    assert (answer.code, answer.stage) == ("4711", stage)
    assert verify_answer(answer, KEY, **IDENTITY)
    assert not verify_answer(answer, OTHER, **IDENTITY)
    for key, value in IDENTITY.items():
        assert not verify_answer(answer, KEY, **{**IDENTITY, key: value + 1})
    assert not verify_answer(replace(answer, code="4712"), KEY, **IDENTITY)
    other = "received" if stage != "received" else "closed"
    assert not verify_answer(replace(answer, stage=other), KEY, **IDENTITY)


@pytest.mark.parametrize(("presses", "told"), [(0, 0), (1, 1), (3, 3), (4, 4), (5, 4), (99, 4)])
def test_an_answer_may_say_how_many_presses_the_centre_knows_of(presses: int, told: int) -> None:
    text = sign_answer(KEY, **IDENTITY, code="4711", stage="closed", presses=presses)
    assert text.startswith(f"A1R 4711 closed {told} " if told else "A1R 4711 closed ")
    assert len(text) <= 40
    answer = parse_answer(text)
    assert answer is not None
    assert (answer.stage, answer.presses) == ("closed", told)
    assert verify_answer(answer, KEY, **IDENTITY)
    for forged in {0, 1, 2, 3, 4} - {told}:
        assert not verify_answer(replace(answer, presses=forged), KEY, **IDENTITY)


@pytest.mark.parametrize(
    "text",
    ["A1R 4711 closed 0 AAAAAAAAAA", "A1R 4711 closed 5 AAAAAAAAAA", "A1R 4711 closed 12 AAAAAAAAAA",
     "A1R 4711 closed 1AAAAAAAAAA", "A1R ٤٧١١ closed AAAAAAAAAA",
     "", "OK 4711", "A1R 4711 accepted", "A1R 4711 accepted AAAAAAAAA", "A1R 4711 sending AAAAAAAAAA",
     "A1R 471 accepted AAAAAAAAAA", "A1R 4711 accepted aaaaaaaaaa", "A1R 4711 pressed AAAAAAAAAA"],
)  # fmt: skip
def test_what_is_no_answer_of_the_centre_is_none(text: str) -> None:
    assert parse_answer(text) is None
