"""What another monitor on the same store wrote: shown here, joined with what is held, never written again."""

from dataclasses import replace

from fakes.virtual_centre import ALERT_ID, UTC_MS, VirtualCentre, an_alert, only, told
from msgspec.structs import replace as replace_struct

from kiosk.bodies import AlertId, KioskId
from kiosk.effects import Tell
from kiosk.monitor import cases
from kiosk.monitor.effects import FleetEffect, Show
from kiosk.monitor.fleet import Limits
from kiosk.monitor.messages import NewsRead, Overruled, Saved
from kiosk.monitor.records import Case, StageEntry, StoreRenamed

ACCEPTED = StageEntry(stage="accepted", at_ms=UTC_MS + 5, by="aigerim")
SMS_ID = cases.sms_name(17, 1, UTC_MS // 1000)


def centre(limits: Limits | None = None) -> VirtualCentre:
    made = VirtualCentre(limits=limits or Limits())
    made.rise()
    return made


def held(place: VirtualCentre, alert_id: str = ALERT_ID) -> Case:
    case = place.fleet.caseload.get(alert_id)
    assert case is not None
    return case


def learn(place: VirtualCentre, case: Case) -> list[FleetEffect]:
    return place.handle(NewsRead(cases=(case,)))


def test_an_alert_that_is_news_is_shown_as_it_stands() -> None:
    place = centre()
    case = replace(cases.open_case(an_alert(), "mqtt", place.now()), stages=(ACCEPTED,))
    assert only(Show, learn(place, case)) == [Show(case)]


def test_news_without_any_stage_is_passed_over() -> None:
    """Nobody can say how far it is; what follows from it would trip each turn of the core."""
    place = centre()
    case = replace(cases.open_case(an_alert(), "mqtt", place.now()), stages=())
    assert only(Show, learn(place, case)) == []
    place.alert(alert_id="B")
    assert [held.alert.alert_id for held in place.fleet.caseload.all()] == ["B"]


def test_an_alert_that_is_news_stays_and_another_gives_way() -> None:
    place = centre(Limits(alerts=2))
    for alert_id in ("A", "B"):
        place.alert(alert_id=alert_id)
    out = learn(place, cases.open_case(an_alert(alert_id="C", kind="drill"), "mqtt", place.now()))
    assert [case.alert.alert_id for case in place.fleet.caseload.all()] == ["B", "C"]
    (tell,) = only(Tell, out)
    assert (tell.what, dict(tell.detail)["alert"]) == ("alert_out_of_memory", "A")


def test_a_stage_that_is_news_is_shown_with_what_is_held_and_nothing_is_written_again() -> None:
    place = centre()
    place.alert()
    news = replace(held(place), stages=(*held(place).stages, ACCEPTED))
    place.alert(presses=3)
    place.stored.clear()
    out = learn(place, news)
    assert only(Show, out) == [Show(held(place))]
    assert (held(place).alert.presses, held(place).stages[-1]) == (3, ACCEPTED)
    assert [alert.presses for alert in place.stored_alerts()] == [3]  # which the other one did not have
    assert place.stored_stages() == []


def test_what_a_kiosk_told_us_of_its_officer_is_added_to_news_that_lacks_it() -> None:
    place = centre()
    place.alert(stage="accepted", by="officer-2")
    theirs = replace(held(place), stages=held(place).stages[:1])
    place.pass_time(5)
    learn(place, theirs)
    assert [(entry.stage, entry.by) for entry in held(place).stages] == [
        ("received", ""),
        ("accepted", "officer-2"),
    ]


def test_a_word_of_the_store_that_goes_before_ours_is_shown_and_not_written() -> None:
    place = centre()
    place.alert()
    place.act("accept")
    place.stored.clear()
    out = place.handle(Saved(99, (Overruled(AlertId(ALERT_ID), ACCEPTED, "accepted"),)))
    assert only(Show, out) == [Show(held(place))]
    assert held(place).stages[-1] == ACCEPTED
    assert place.stored == []


def test_news_of_a_text_whose_alert_is_held_by_its_own_name_becomes_one_with_it() -> None:
    place = centre()
    place.alert()
    ours = held(place).alert
    text = an_alert(alert_id=SMS_ID, presses=2, place=replace_struct(ours.place, phone=""))
    out = learn(place, cases.open_case(text, "sms", place.now(), "+77010000017"))
    assert told(out) == ["alert_renamed"]
    (tell,) = only(Tell, out)
    detail = dict(tell.detail)
    assert (detail["alert"], detail["old"], detail["kiosk"]) == (ALERT_ID, SMS_ID, KioskId("kz-1"))
    assert [change for change in place.stored if isinstance(change, StoreRenamed)] == [
        StoreRenamed(AlertId(SMS_ID), AlertId(ALERT_ID))
    ]
    joined = held(place)
    assert [case.alert.alert_id for case in place.fleet.caseload.all()] == [ALERT_ID]
    assert (joined.alert.alert_id, joined.alert.presses, joined.alert.place) == (ALERT_ID, 2, ours.place)
