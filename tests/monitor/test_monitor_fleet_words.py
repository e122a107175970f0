"""What the centre's core tells people and answers, to the letter: logs, pages and other systems read it."""

from typing import Any

from fakes.virtual_centre import ALERT_ID, UTC_MS, VirtualCentre, an_alert, announced, only, replies, told
from msgspec.structs import replace as replace_struct

from kiosk.bodies import KioskId, Token
from kiosk.effects import Tell
from kiosk.monitor.effects import Answer, FleetEffect, ShowKiosk
from kiosk.monitor.fleet import Fleet, Limits
from kiosk.monitor.messages import (
    AlertArrived,
    EarsFell,
    EarsRose,
    LinkFell,
    LinkRose,
    NewsRead,
)
from kiosk.wire import utc_text


def centre(**changes: Any) -> VirtualCentre:
    made = VirtualCentre(**changes)
    made.rise()
    return made


def words(out: list[FleetEffect]) -> list[tuple[str, dict[str, object], str]]:
    return [(tell.what, dict(tell.detail), tell.level) for tell in only(Tell, out)]


# ---- links


def test_a_link_is_told_with_its_peer_and_its_loss_with_the_reason() -> None:
    place = VirtualCentre()
    assert words(place.handle(LinkRose("broker:8883"))) == [("link_rose", {"peer": "broker:8883"}, "info")]
    assert words(place.handle(LinkFell("reset"))) == [("link_fell", {"reason": "reset"}, "error")]
    assert words(place.handle(LinkFell("refused"))) == [("link_fell", {"reason": "refused"}, "warning")]


def test_ears_are_told_with_their_peer_and_their_loss_with_the_reason() -> None:
    place = centre(ears=True)
    assert words(place.handle(EarsRose("broker:8884"))) == [("ears_rose", {"peer": "broker:8884"}, "info")]
    assert words(place.handle(EarsFell("reset"))) == [("ears_fell", {"reason": "reset"}, "error")]
    assert words(place.handle(EarsFell("refused"))) == [("ears_fell", {"reason": "refused"}, "warning")]


def test_a_centre_without_ears_of_its_own_hears_from_the_start() -> None:
    now = VirtualCentre().now()
    for fleet, level in (
        (Fleet(Limits(), on_duty=True), "error"),
        (Fleet(Limits(), on_duty=True, ears=True), "warning"),
    ):
        assert words(fleet.handle(EarsFell("reset"), now))[0][2] == level


def test_before_the_first_link_nothing_is_sent_and_nobody_judged() -> None:
    place = VirtualCentre()
    place.alert()
    place.beat()
    out = place.pass_time(120)
    assert replies(out) == []
    assert told(out) == ["alert_waiting"] * 2
    assert announced(out) == []
    (answer,) = only(Answer, place.order())
    assert (answer.ok, answer.text) == (False, "the centre has no link to its kiosks")


# ---- alerts


def by_door(place: VirtualCentre, **changes: Any) -> list[FleetEffect]:
    return place.handle(AlertArrived(alert=an_alert(**changes), door="https", token=Token("door")))


def test_whoever_delivers_by_https_hears_how_the_alert_stands() -> None:
    place = centre()
    out = by_door(place)
    assert told(out) == ["alert_received"]
    (answer,) = only(Answer, out)
    assert answer == Answer(token=Token("door"), ok=True, text="received", alert_id=ALERT_ID, presses=1)
    place.act("accept")
    (answer,) = only(Answer, by_door(place, attempt=2))
    assert answer == Answer(token=Token("door"), ok=True, text="accepted", alert_id=ALERT_ID, presses=1)


def test_whoever_delivers_anothers_alert_by_https_is_refused_with_the_reason() -> None:
    place = centre()
    place.alert()
    out = by_door(place, kiosk_id="kz-2")
    assert only(Answer, out) == [Answer(token=Token("door"), ok=False, text="alert id of another kiosk")]
    assert told(out) == []


def test_anothers_alert_by_mqtt_is_told_and_kept_among_the_events_of_whoever_sent_it() -> None:
    place = centre()
    place.alert()
    place.beat("kz-2")
    out = place.alert(kiosk_id="kz-2")
    detail = {"kiosk": "kz-2", "leaf": "alert", "reason": "alert id of another kiosk", "count": 1}
    assert words(out) == [("body_refused", detail, "error")]
    (event,) = place.fleet.roster.events("kz-2")
    assert (event.code, event.detail) == ("alert-unreadable", "alert id of another kiosk")
    assert event.at == utc_text(UTC_MS)


# ---- kiosks and their orders


def test_an_older_birth_tells_of_a_second_device_only_once_the_brokers_store_is_read() -> None:
    """Just after our own connection the broker hands over words that may be old."""
    for seconds, connection, doubts in ((9.0, 5, 0), (10.0, 3, 1)):
        place = centre()
        place.status("online", conn=5)
        place.pass_time(seconds)
        place.status("online", conn=3)
        assert (place.kiosk().connection, len(place.kiosk().doubts_ms)) == (connection, doubts)


def test_a_result_is_told_with_its_kiosk_command_and_state() -> None:
    place = centre()
    place.beat()
    out = place.result(command_id="01JCOMMANDABCDEF", state="failed", detail="busy")
    detail = {"kiosk": "kz-1", "command": "01JCOMMANDABCDEF", "state": "failed"}
    assert words(out) == [("command_result", detail, "info")]
    (event,) = place.fleet.roster.events("kz-1")
    assert (event.code, event.detail) == ("command", "ABCDEF failed: busy")


def test_a_result_without_detail_ends_with_its_state() -> None:
    place = centre()
    place.beat()
    place.result(command_id="01JCOMMANDABCDEF", state="accepted", detail="")
    assert [event.detail for event in place.fleet.roster.events("kz-1")] == ["ABCDEF accepted"]


def test_a_result_of_a_roll_out_keeps_the_whole_name_of_its_order() -> None:
    """The roll-out reads its orders' results by their names."""
    place = centre()
    place.beat()
    place.result(command_id="upd-7-0123456789")
    assert [event.detail for event in place.fleet.roster.events("kz-1")] == ["upd-7-0123456789 succeeded"]


def test_duty_is_told_and_answered() -> None:
    place = centre()
    for on, text in ((False, "off duty"), (True, "on duty")):
        out = place.duty(on=on)
        assert words(out) == [("duty", {"on": on}, "info")]
        assert only(Answer, out) == [Answer(token=Token("t"), ok=True, text=text)]


def test_news_that_changes_no_kiosks_life_shows_nothing() -> None:
    place = centre()
    place.beat()
    known = place.kiosk()
    newer = replace_struct(known, heard_ms=known.heard_ms + 1)
    assert only(ShowKiosk, place.handle(NewsRead(kiosks=(newer,)))) == []
    silent = replace_struct(newer, life="silent", since_ms=known.since_ms + 1, heard_ms=known.heard_ms + 2)
    (shown,) = only(ShowKiosk, place.handle(NewsRead(kiosks=(silent,))))
    assert (shown.kiosk.kiosk_id, shown.kiosk.life) == (KioskId("kz-1"), "silent")
