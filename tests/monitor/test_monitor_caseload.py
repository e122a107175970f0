"""The alerts in memory: what is written when, what is owed, and that nothing of a forgotten one stays."""

from typing import Any

from fakes.duty_centre import SIM, DutyCentre, a_text
from fakes.virtual_centre import ALERT_ID, UTC_MS, VirtualCentre, an_alert, replies

from kiosk.monitor import cases
from kiosk.monitor.caseload import KEEP_CLOSED_MS
from kiosk.monitor.messages import Restored
from kiosk.monitor.records import Case, StoreAlert


def centre(**changes: Any) -> DutyCentre:
    place = DutyCentre(**changes)
    place.begin()
    place.rise()
    return place


def held(place: VirtualCentre, alert_id: str = ALERT_ID) -> Case:
    case = place.fleet.caseload.get(alert_id)
    assert case is not None
    return case


def sms_id(seq: int = 1) -> str:
    return cases.sms_name(17, seq, UTC_MS // 1000)


# ---- a start


def test_what_the_store_held_is_not_written_again() -> None:
    place = VirtualCentre()
    place.handle(Restored(cases=(cases.open_case(an_alert(), "mqtt", place.now()),)))
    assert held(place).alert.presses == 1
    assert place.stored == []


def test_what_came_before_the_store_opened_is_joined_with_what_it_held() -> None:
    place = VirtualCentre(disk="not mounted")
    stored = cases.open_case(an_alert(), "mqtt", place.now())
    place.alert(presses=2, stage="accepted", by="officer-2")
    place.handle(Restored(cases=(stored,)))
    assert held(place).alert.presses == 2
    assert [(entry.stage, entry.by) for entry in held(place).stages] == [
        ("received", ""),
        ("accepted", "officer-2"),
    ]


# ---- what kiosks are owed


def test_a_stage_that_the_broker_took_hushes_no_other() -> None:
    place = VirtualCentre()
    place.rise()
    place.alert()
    place.act("accept")
    place.taken("received")
    assert replies(place.pass_time(10)) == ["accepted"]
    place.taken("accepted")
    assert replies(place.pass_time(60)) == []


# ---- an alert that came by SMS first


def test_an_alert_that_gets_its_own_name_takes_its_stages_along_unwritten() -> None:
    place = centre()
    place.text_in(a_text())
    place.stored.clear()
    place.alert()
    assert place.renamed() == [(sms_id(), ALERT_ID)]
    assert place.stored_stages() == []


def test_the_number_of_an_alert_that_is_over_is_forgotten_and_nothing_else_happens() -> None:
    place = centre()
    place.text_in(a_text())
    place.alert()
    assert held(place).sms_from == SIM
    place.taken("received")
    place.stored.clear()
    before = len(place.done)
    place.act("close")
    assert held(place).sms_from == ""
    assert [change for change in place.stored if isinstance(change, StoreAlert)] == [StoreAlert(held(place))]
    assert place.stored_stages() == [(ALERT_ID, "closed")]
    assert replies(place.done[before:]) == ["closed"]


# ---- what is let go


def let_go(place: VirtualCentre, alert_id: str) -> None:
    place.act("close", alert_id)
    for stage in ("received", "closed"):
        place.taken(stage, alert_id)  # type: ignore[arg-type]
    place.now_s += KEEP_CLOSED_MS / 1000 + 1
    place.pass_time(1)
    assert place.fleet.caseload.get(alert_id) is None


def test_letting_one_alert_go_takes_no_other_its_name() -> None:
    place = centre()
    for seq in (1, 2):
        place.text_in(a_text(seq=seq))
        place.alert(alert_id=f"ALERT{seq}", seq=seq)
    place.act("accept", "ALERT1")
    let_go(place, "ALERT2")
    assert held(place, sms_id(1)).alert.alert_id == "ALERT1"
    assert place.fleet.caseload.get(sms_id(2)) is None


def test_nothing_of_alerts_that_were_let_go_stays_in_memory() -> None:
    place = centre()
    for seq in (1, 2, 3):
        place.text_in(a_text(seq=seq))
        place.alert(alert_id=f"ALERT{seq}", seq=seq)
        place.pass_time(120)
        let_go(place, f"ALERT{seq}")
    caseload = place.fleet.caseload
    kept = (caseload._cases, caseload._presses, caseload._renamed, caseload._remind_s, caseload._untold._owed)
    assert [len(one) for one in kept] == [0, 0, 0, 0, 0]
    assert not caseload.touched
