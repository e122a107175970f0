"""Faults and results that the centre is owed, kept until the broker has them."""

from fakes.virtual_kiosk import KEY, WORDS, example_config

from kiosk.bodies import CommandResult, Event, Token
from kiosk.effects import Publish, Tell
from kiosk.messages import Now, Snapshot
from kiosk.reports import Reports
from kiosk.site import Site
from kiosk.wire import UTC_MAX_MS

NOW = Now(s=100.0, utc_ms=1_790_000_000_000, chance=0.5, fresh_id="01FRESH")


def reports() -> Reports:
    return Reports(Site(config=example_config(), words=WORDS, key=KEY))


def owed(of: Reports) -> list[object]:
    return [effect.body for effect in of.hand_over() if isinstance(effect, Publish)]


def test_a_change_becomes_one_line_for_the_log_and_one_event_for_the_centre() -> None:
    made = reports()
    told = made.fault("modem_down", NOW, wrong=True, detail="unplugged")
    assert told == [Tell("fault_raised", (("code", "modem_down"), ("reason", "unplugged")), "warning")]
    assert made.fault("modem_down", NOW, wrong=True, detail="still") == []
    assert made.reasons() == {"modem_down": "still"}, "the newest is what somebody must act on"
    told = made.fault("modem_down", NOW, wrong=False)
    assert told == [Tell("fault_cleared", (("code", "modem_down"), ("reason", "")), "info")]
    assert made.reasons() == {}
    bodies = owed(made)
    assert [(body.code, body.state) for body in bodies if isinstance(body, Event)] == [
        ("modem_down", "raised"),
        ("modem_down", "cleared"),
    ]


def test_events_of_one_turn_have_ids_of_their_own() -> None:
    made = reports()
    made.judge({"disk_low": True, "throttled": True, "under_voltage": False}, NOW)
    bodies = [body for body in owed(made) if isinstance(body, Event)]
    assert [body.event_id for body in bodies] == ["01FRESH-1", "01FRESH-2"]


def test_long_words_are_cut_to_the_contracts_limits() -> None:
    made = reports()
    made.tell_centre("x" * 99, NOW, detail="y" * 999)
    (body,) = owed(made)
    assert isinstance(body, Event)
    assert (len(body.code), len(body.detail), body.state) == (60, 280, "info")


def test_what_is_not_acknowledged_is_owed_again() -> None:
    made = reports()
    made.result(CommandResult(command_id="c1", state="succeeded", at="x"))
    assert len(owed(made)) == 1
    assert owed(made) == []
    made.owe_again()
    assert len(owed(made)) == 1
    made.settled(Token("result.c1.succeeded"))
    made.owe_again()
    assert owed(made) == []


def test_the_journals_times_are_taken_up_and_never_go_back() -> None:
    made = reports()
    made.remember(Snapshot(last_press_utc_ms=500, last_test_utc_ms=10**20))
    made.remember(Snapshot(last_press_utc_ms=400))
    assert (made.health.last_press_utc_ms, made.health.last_test_utc_ms) == (500, UTC_MAX_MS)
