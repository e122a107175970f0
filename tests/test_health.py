"""Faults, the outbox for the centre, and the heartbeat's size."""

from dataclasses import replace
from typing import Any

import pytest

from kiosk import wire
from kiosk.bodies import CommandResult, Event, Heartbeat, Token
from kiosk.health import (
    DISK_LOW_MB,
    FAULTS_MAX,
    MILD,
    OUTBOX_MAX,
    TOLD_FAULTS,
    Beat,
    Fault,
    Health,
    board_faults,
    hand_again,
    hand_over,
    heartbeat,
    modem_faults,
    post,
    serious,
    set_fault,
    settle,
)
from kiosk.messages import BoardRead, ModemStatus

AT = "2026-11-21T10:00:00.000Z"
BOARD = BoardRead(
    temp_c=51, under_voltage=False, throttled=False, disk_free_mb=24512, mem_free_mb=612, clock_synced=True
)
MODEM = ModemStatus(
    imei="860000000000001", sim="ready", registration="home", operator="Kcell KZ", signal_dbm=-71
)
BEAT = Beat(
    seq=123456, boot=1790000000, at_s=1790003600, uptime_s=864000, alerting=False, open_alerts=0,
    mode="spoken", has_sms=True, mqtt_up=True, config_hash="abcd1234", version="0.1.0",
)  # fmt: skip
WELL = Health(
    rtt_ms=14, drops=3, modem=MODEM, modem_up=True, balance_kzt=1520.5, board=BOARD, power="mains",
    cert_days_left=61, last_press_utc_ms=1_789_990_000_000, last_test_utc_ms=1_789_990_000_000,
    contacts={"counter": "released", "fitting": "released"},
)  # fmt: skip


def faulty(*codes: str) -> Health:
    health = Health()
    for code in codes:
        health, _ = set_fault(health, code, wrong=True)
    return health


def event(number: int) -> Event:
    return Event(event_id=f"e{number}", kiosk_id="almaty-0017", at=AT, code="modem_down", state="raised")


# ---- faults


def test_a_fault_is_raised_once_and_cleared_once() -> None:
    health, change = set_fault(Health(), "modem_down", wrong=True)
    assert change == Fault(code="modem_down", raised=True)
    assert set_fault(health, "modem_down", wrong=True) == (health, None)
    health, change = set_fault(health, "modem_down", wrong=False)
    assert change == Fault(code="modem_down", raised=False)
    assert set_fault(health, "modem_down", wrong=False) == (health, None)


def test_faults_are_bounded() -> None:
    health = faulty(*(f"worker:{number}" for number in range(2 * FAULTS_MAX)))
    assert len(health.faults) == FAULTS_MAX


@pytest.mark.parametrize("code", sorted(MILD))
def test_what_staff_can_do_nothing_about_does_not_light_their_lamp(code: str) -> None:
    assert not serious(faulty(code))
    assert serious(faulty(code, "button_lost:counter"))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"under_voltage": True}, "under_voltage"),
        ({"throttled": True}, "throttled"),
        ({"disk_free_mb": DISK_LOW_MB - 1}, "disk_low"),
        ({"clock_synced": False}, "clock_unsynced"),
    ],
)
def test_the_boards_figures_are_judged_one_by_one(changes: dict[str, Any], code: str) -> None:
    """Pitfalls 32, 35, 38."""
    assert [name for name, wrong in board_faults(BOARD).items() if wrong] == []
    assert [name for name, wrong in board_faults(replace(BOARD, **changes)).items() if wrong] == [code]


def test_a_board_that_does_not_tell_its_disk_is_not_accused() -> None:
    assert not board_faults(replace(BOARD, disk_free_mb=None))["disk_low"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"sim": "missing"}, "sim_missing"),
        ({"sim": "pin_needed"}, "sim_locked"),
        ({"sim": "puk_needed"}, "sim_locked"),
        ({"registration": "searching"}, "gsm_unregistered"),
        ({"registration": "denied"}, "gsm_unregistered"),
    ],
)
def test_the_modems_words_are_judged_one_by_one(changes: dict[str, Any], code: str) -> None:
    assert [name for name, wrong in modem_faults(MODEM).items() if wrong] == []
    assert not any(modem_faults(replace(MODEM, registration="roaming")).values())
    assert [name for name, wrong in modem_faults(replace(MODEM, **changes)).items() if wrong] == [code]


# ---- the outbox


def test_a_body_is_handed_once_and_again_only_when_that_is_asked_for() -> None:
    health, due = hand_over(post(Health(), event(1)))
    assert [out.token for out in due] == ["event.e1"]
    health, due = hand_over(health)
    assert due == ()
    health, due = hand_over(hand_again(health))
    assert [out.token for out in due] == ["event.e1"]


def test_what_the_broker_has_is_forgotten() -> None:
    health = post(post(Health(), event(1)), event(2))
    health = settle(settle(health, Token("event.e1")), Token("event.unknown"))
    assert [out.token for out in health.outbox] == ["event.e2"]


def test_each_state_of_a_command_is_a_body_of_its_own() -> None:
    health = Health()
    for state in ("in_progress", "succeeded"):
        health = post(health, CommandResult(command_id="c1", state=state, at=AT))
    assert [out.token for out in health.outbox] == ["result.c1.in_progress", "result.c1.succeeded"]


def test_a_full_outbox_loses_its_oldest_and_counts_them() -> None:
    """Pitfall 35: telemetry is bounded, so it never evicts an alert."""
    health = Health()
    for number in range(OUTBOX_MAX + 5):
        health = post(health, event(number))
    assert len(health.outbox) == OUTBOX_MAX
    assert health.outbox[0].token == "event.e5"
    assert health.dropped_events == 5


# ---- the heartbeat


def test_a_healthy_heartbeat_is_at_most_400_bytes() -> None:
    """The contract."""
    assert len(wire.encode(heartbeat(WELL, BEAT))) <= 400


def test_the_worst_heartbeat_is_bounded_and_shows_what_matters_first() -> None:
    codes = [
        *sorted(MILD),
        *(f"button_stuck:{letter * 24}" for letter in "abcdefgh"),
        *("x" * 99 + str(n) for n in range(20)),
    ]
    worst = replace(
        WELL,
        faults=faulty(*codes).faults,
        modem=replace(MODEM, operator="Ы" * 80, signal_dbm=-(2**40), registration="searching"),
        modem_up=False,
        board=replace(BOARD, temp_c=2**40, under_voltage=True, throttled=True, clock_synced=False),
        power="battery", rtt_ms=2**40, drops=2**40, voice_ok=False, contacts={"counter": "stuck"},
    )  # fmt: skip
    beat = heartbeat(worst, replace(BEAT, mqtt_up=False, alerting=True, open_alerts=8, uptime_s=2**40))
    assert len(wire.encode(beat)) <= 1536
    assert len(beat.faults) == TOLD_FAULTS
    assert beat.faults[0] == "button_stuck:" + "a" * 24
    assert wire.parse(Heartbeat, wire.encode(beat)) == beat


def test_the_state_tells_alerting_before_faulty_before_armed() -> None:
    assert heartbeat(WELL, BEAT).state == "armed"
    assert heartbeat(replace(WELL, faults=("clock_unsynced",)), BEAT).state == "armed"
    assert heartbeat(replace(WELL, faults=("modem_down",)), BEAT).state == "faulty"
    assert heartbeat(replace(WELL, faults=("modem_down",)), replace(BEAT, alerting=True)).state == "alerting"


@pytest.mark.parametrize(
    ("levels", "told"),
    [
        ({}, "unknown"),
        ({"a": "released", "b": "released"}, "released"),
        ({"a": "released", "b": "pressed"}, "pressed"),
        ({"a": "stuck", "b": "pressed"}, "stuck"),
        ({"a": "stuck", "b": "lost"}, "lost"),
        ({"a": "unknown", "b": "released"}, "unknown"),
    ],
)
def test_the_worst_button_stands_in_the_heartbeat(levels: dict[str, str], told: str) -> None:
    assert heartbeat(replace(WELL, contacts=levels), BEAT).button.level == told


def test_a_kiosk_that_knows_nothing_yet_says_so() -> None:
    beat = heartbeat(Health(), replace(BEAT, at_s=-5, uptime_s=-1))
    assert (beat.clock, beat.power, beat.button.level) == ("unsynced", "unknown", "unknown")
    assert beat.links.sms is not None
    assert not beat.links.sms.up
    assert (beat.at, beat.uptime_s, beat.board.temp_c) == (0, 0, None)


def test_a_site_without_a_modem_has_no_sms_in_its_links() -> None:
    assert heartbeat(WELL, replace(BEAT, has_sms=False)).links.sms is None
