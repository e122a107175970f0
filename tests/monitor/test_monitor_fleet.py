"""The centre's core in virtual time: what it says, to whom, and never before it is on disk."""

from dataclasses import replace

from fakes.virtual_centre import (
    ALERT_ID,
    UTC_MS,
    VirtualCentre,
    a_beat,
    acked,
    an_alert,
    an_event,
    announced,
    commands,
    only,
    replies,
    told,
)
from msgspec.structs import replace as replace_struct

from kiosk.bodies import AlertId, KioskId, ReplyStage, Token
from kiosk.effects import Tell
from kiosk.monitor.caseload import KEEP_CLOSED_MS
from kiosk.monitor.effects import Acknowledge, Answer, FleetEffect, Save, SendReply, ShowKiosk
from kiosk.monitor.fleet import Limits
from kiosk.monitor.messages import (
    Acted,
    AlertArrived,
    EarsFell,
    EarsRose,
    HeartbeatArrived,
    HeartbeatsArrived,
    NewsRead,
    Overruled,
    Restored,
    Saved,
    Stopped,
    StoreRenewed,
)
from kiosk.monitor.records import Case, Kiosk, StageEntry, StoreAlert, StoreEvent, StoreKiosk, StoreStage
from kiosk.monitor.untold import ASKED_MS, RESEND_S, REST_S
from kiosk.wire import utc_text


def centre(**changes: object) -> VirtualCentre:
    made = VirtualCentre(**changes)  # type: ignore[arg-type]
    made.rise()
    return made


def a_case(**changes: object) -> Case:
    received = StageEntry(stage="received", at_ms=UTC_MS)
    return Case(
        alert=an_alert(**changes), received_ms=UTC_MS, door="mqtt", age_s=0, late=False, stages=(received,)
    )


# ---- an alert and its receipt


def test_an_alert_is_stored_then_receipted_then_acknowledged() -> None:
    place = centre()
    out = place.alert()
    kinds = [type(effect) for effect in out]
    assert kinds.index(Save) < kinds.index(SendReply)
    assert kinds.index(Save) < kinds.index(Acknowledge)
    assert replies(out) == ["received"]
    assert len(acked(out)) == 1
    assert told(out) == ["alert_received"]
    assert place.stored_stages() == [(ALERT_ID, "received")]


def test_no_receipt_and_no_acknowledgement_without_the_store() -> None:
    place = centre()
    place.disk = "disk full"
    out = place.alert() + place.pass_time(30)
    assert "alert_received" in told(out)
    assert told(out).count("store_broke") == 1
    assert replies(out) == []
    assert acked(out) == []
    place.disk = ""
    out = place.pass_time(1)
    assert told(out) == ["store_mended"]
    assert replies(out) == ["received"]
    assert len(acked(out)) == 1


def test_kiosks_are_told_that_nobody_can_answer_while_the_store_is_broken() -> None:
    place = centre()
    place.disk = "disk full"
    assert announced(place.alert()) == [False]
    assert place.fleet.store_fault == "disk full"
    place.disk = ""
    assert announced(place.pass_time(1)) == [True]


def test_a_repeat_is_receipted_again_and_stored_once() -> None:
    place = centre()
    place.alert()
    place.pass_time(REST_S)
    out = place.alert(attempt=2)
    assert replies(out) == ["received"]
    assert len(acked(out)) == 1
    assert len(place.fleet.caseload.all()) == 1
    assert place.stored_stages() == [(ALERT_ID, "received")]


def test_a_repeat_brings_a_kiosk_up_to_date_with_every_stage() -> None:
    place = centre()
    place.alert()
    place.act("accept")
    place.act("en_route")
    place.pass_time(REST_S)
    assert replies(place.alert()) == ["received", "accepted", "en_route"]


def test_presses_are_counted_told_and_echoed() -> None:
    place = centre()
    place.alert()
    place.pass_time(REST_S)
    out = place.alert(presses=3)
    assert told(out) == ["alert_repeated"]
    assert [effect.reply.presses for effect in only(SendReply, out)] == [3]
    assert [alert.presses for alert in place.stored_alerts()] == [1, 3]


def test_copies_in_a_row_are_answered_together() -> None:
    """A broker hands over what waited while the centre was away, and a thin link carries the answers."""
    place = centre()
    place.alert()
    out = [effect for presses in range(1, 251) for effect in place.alert(presses=presses)]
    assert len(acked(out)) == 250
    assert replies(out) == []
    (reply,) = only(SendReply, place.pass_time(REST_S))
    assert (reply.reply.stage, reply.reply.presses) == ("received", 250)
    assert replies(place.pass_time(RESEND_S - 1)) == []


def test_a_new_stage_waits_for_no_rest() -> None:
    place = centre()
    place.alert()
    out = place.handle(Acted(token=Token("t"), action="accept", alert=ALERT_ID, by="op-1", note=""))
    assert replies(out) == ["accepted"]


def test_a_reply_that_the_broker_takes_settles_no_copy_that_came_after_it() -> None:
    place = centre()
    place.alert()
    place.alert(presses=2)
    place.taken("received")
    (reply,) = only(SendReply, place.pass_time(REST_S))
    assert reply.reply.presses == 2


def test_a_press_after_the_end_is_told_as_an_error() -> None:
    place = centre()
    place.alert(kind="drill")
    place.act("close")
    (tell,) = only(Tell, place.alert(kind="drill", presses=2))
    assert tell.level == "error"


def test_an_alert_that_a_person_accepted_by_sms_is_shown_as_accepted() -> None:
    place = centre()
    place.alert(stage="accepted", by="officer-2")
    assert place.stages() == ["received", "accepted"]
    place.alert(stage="en_route", by="officer-2")
    assert place.stages() == ["received", "accepted", "en_route"]


def test_a_drill_is_unmistakable() -> None:
    place = centre()
    (tell,) = only(Tell, place.alert(kind="drill"))
    assert ("drill", True) in tell.detail
    assert tell.level == "warning"
    (tell,) = only(Tell, place.alert(alert_id="B"))
    assert ("drill", False) in tell.detail
    assert tell.level == "error"


def test_an_alert_with_anothers_id_is_refused_and_told() -> None:
    place = centre()
    place.alert()
    out = place.alert(kiosk_id="kz-2", presses=9)
    assert told(out) == ["body_refused"]
    assert len(acked(out)) == 1
    assert place.fleet.caseload.all()[0].alert.presses == 1


def test_skipped_alerts_are_told() -> None:
    place = centre()
    place.alert(seq=1)
    assert "alerts_missing" in told(place.alert(alert_id="B", seq=4))
    assert place.kiosk().missing == (2, 3)


# ---- replies that get lost


def test_a_reply_is_repeated_until_the_broker_has_it() -> None:
    place = centre()
    place.alert()
    assert replies(place.pass_time(9)) == []
    assert replies(place.pass_time(1)) == ["received"]
    place.taken("received")
    assert replies(place.pass_time(60)) == []


def test_what_the_broker_says_of_unknown_replies_is_harmless() -> None:
    assert centre().taken("received", "nobody") == []


def test_replies_wait_for_the_link_and_follow_when_it_rises() -> None:
    place = centre()
    place.alert()
    place.taken("received")
    place.fall()
    assert place.act("accept").ok
    assert replies(place.done[-20:]) == ["received"]
    place.pass_time(REST_S)
    assert replies(place.rise()) == ["received", "accepted"]


def test_a_kiosk_that_connects_anew_hears_again_how_its_alert_stands() -> None:
    place = centre()
    place.status("online", conn=1)
    place.alert()
    place.alert(alert_id="B", kiosk_id="kz-2")
    place.taken("received")
    place.taken("received", "B")
    place.pass_time(REST_S)
    assert replies(place.status("online", conn=1)) == []
    assert replies(place.status("online", conn=2)) == ["received"]


def test_of_an_alert_that_was_just_closed_a_new_connection_hears_the_end_only() -> None:
    """A kiosk that has it open still asks itself, at once on a new connection and again and again."""
    place = centre()
    place.status("online", conn=1)
    place.alert()
    for action in ("accept", "close"):
        place.act(action)
    for stage in ("received", "accepted", "closed"):
        place.taken(stage)
    place.pass_time(REST_S)
    assert replies(place.status("online", conn=2)) == ["closed"]
    place.taken("closed")
    place.fall()
    place.pass_time(ASKED_MS / 1000)
    assert replies(place.rise()) == []
    assert replies(place.status("online", conn=3)) == []
    assert replies(place.alert()) == ["received", "accepted", "closed"]


def test_acknowledgements_of_a_lost_connection_are_forgotten() -> None:
    place = centre()
    place.disk = "disk full"
    place.alert()
    place.fall()
    place.disk = ""
    assert acked(place.pass_time(2)) == []


# ---- people


def test_an_officer_finds_an_alert_by_the_end_or_the_beginning_of_its_id() -> None:
    place = centre()
    place.alert(alert_id="01JABC")
    place.alert(alert_id="01JXYZ")
    assert place.act("accept", "xyz").alert_id == "01JXYZ"
    assert place.act("accept", "01ja").alert_id == "01JABC"
    assert place.act("accept", "01J").text == "2 alerts match; write more of the id"
    for nothing in ("", "nope"):
        answer = place.act("accept", nothing)
        assert (answer.ok, answer.text) == (False, "no such alert")


def test_the_whole_id_wins_and_so_does_the_one_open_alert() -> None:
    place = centre()
    for name in ("AB", "CAB", "DAB"):
        place.alert(alert_id=name)
    assert place.act("close", "AB").alert_id == "AB"
    place.act("close", "CAB")
    assert place.act("accept", "ab").alert_id == "DAB"


def test_an_acceptance_is_answered_once_it_is_on_disk() -> None:
    place = centre()
    place.alert()
    place.disk = "disk full"
    answer = place.act("accept")
    assert not answer.ok
    assert answer.text == "not on disk yet (disk full); it is kept and tried again"
    assert not place.act("accept").ok
    place.disk = ""
    assert "accepted" in replies(place.pass_time(1))
    assert place.act("accept").ok


def test_a_refused_action_says_why_and_changes_nothing() -> None:
    place = centre()
    place.alert()
    place.act("accept", by="op-1")
    answer = place.act("accept", by="op-2")
    assert (answer.ok, answer.text) == (False, "already accepted by op-1")


def test_an_alert_that_nobody_takes_is_told_again_each_minute() -> None:
    place = centre()
    place.alert()
    assert "alert_waiting" not in told(place.pass_time(59))
    assert told(place.pass_time(61)).count("alert_waiting") == 2
    place.act("accept")
    assert "alert_waiting" not in told(place.pass_time(120))


def test_nobody_is_reminded_of_a_drill() -> None:
    place = centre()
    place.alert(kind="drill")
    assert "alert_waiting" not in told(place.pass_time(120))


def test_a_forgotten_drill_ends_by_itself_and_an_alert_never_does() -> None:
    place = centre()
    place.alert(kind="drill")
    place.alert(alert_id="B")
    place.pass_time(3700, step_s=60)
    assert place.stages() == ["received", "closed"]
    assert place.stages("B") == ["received"]


def test_a_closed_alert_of_which_another_monitor_told_every_stage_is_let_go_too() -> None:
    """Owing nothing of an alert is not the same as owing it nothing yet: it would stay in memory for good."""
    place = centre()
    stages = tuple(StageEntry(stage=stage, at_ms=UTC_MS) for stage in ("received", "accepted", "closed"))
    place.alert()
    place.handle(NewsRead(cases=(replace(a_case(), stages=stages),)))
    for stage in ("received", "accepted", "closed"):
        place.taken(stage)
    place.handle(NewsRead(cases=(replace(a_case(presses=2), stages=stages),)))
    place.now_s += KEEP_CLOSED_MS / 1000 + 1
    place.pass_time(1)
    assert place.fleet.caseload.get(ALERT_ID) is None


def test_a_stage_that_the_store_took_back_is_no_longer_owed() -> None:
    place = centre()
    place.alert()
    place.taken("received")
    closed = StageEntry(stage="closed", at_ms=UTC_MS + 5, by="aigerim")
    overruled(place, "accepted", closed)
    place.taken("closed")
    place.now_s += KEEP_CLOSED_MS / 1000 + 1
    place.pass_time(11)
    assert place.fleet.caseload.get(ALERT_ID) is None


def test_closed_alerts_are_let_go_once_no_kiosk_can_ask_about_them() -> None:
    place = centre()
    place.alert()
    place.act("close")
    place.pass_time(3 * 3600, step_s=600)
    assert len(place.fleet.caseload.all()) == 1
    place.pass_time(4 * 3600, step_s=600)
    assert len(place.fleet.caseload.all()) == 1  # the broker has not taken the last word yet
    for stage in ("received", "closed"):
        place.taken(stage)  # type: ignore[arg-type]
    place.pass_time(1)
    assert place.fleet.caseload.all() == ()


def test_a_command_reaches_a_known_kiosk_and_its_result_is_shown() -> None:
    place = centre()
    place.beat()
    (command,) = commands(place.order())
    assert (command.name, command.by) == ("drill", "op-1")
    assert command.expires_at == utc_text(UTC_MS + 60_000)
    out = place.result(command_id=command.command_id, detail="passed")
    assert told(out) == ["command_result"]
    assert len(acked(out)) == 1
    notes = [event.detail for event in place.fleet.roster.events("kz-1")]
    short = command.command_id[-6:]
    assert notes == [f"{short} drill by op-1", f"{short} succeeded: passed"]


def test_a_command_to_nobody_or_without_a_link_is_refused() -> None:
    place = centre()
    (answer,) = only(Answer, place.order("kz-9"))
    assert answer.text == "no such kiosk"
    place.beat()
    place.fall()
    (answer,) = only(Answer, place.order())
    assert not answer.ok


def test_a_result_of_an_unknown_kiosk_is_acknowledged_and_passed_over() -> None:
    out = centre().result("kz-9", detail="x")
    assert [type(effect) for effect in out] == [Acknowledge]


def test_duty_is_announced_at_every_connection_and_change() -> None:
    place = VirtualCentre()
    assert announced(place.rise()) == [True]
    assert announced(place.duty(on=False)) == [False]
    assert announced(place.duty(on=False)) == []
    assert announced(place.rise()) == [False]


def test_duty_is_announced_again_now_and_then_for_a_broker_that_forgot_it() -> None:
    place = VirtualCentre()
    place.rise()
    assert announced(place.pass_time(299)) == []
    assert announced(place.pass_time(1)) == [True]
    assert announced(place.pass_time(300)) == [True]


# ---- kiosks


def test_a_kiosk_that_falls_silent_is_told_within_90_s() -> None:
    place = centre()
    place.beat()
    assert told(place.pass_time(80)) == []
    assert told(place.pass_time(2)) == ["kiosk_silent"]
    assert told(place.beat(seq=2)) == ["kiosk_online"]


def test_a_will_is_told_at_once() -> None:
    place = centre()
    place.pass_time(10)
    place.status()
    assert told(place.status("offline")) == ["kiosk_silent"]


def test_a_deaf_centre_judges_nobody() -> None:
    place = centre()
    place.beat()
    place.fall()
    assert told(place.pass_time(600)) == []
    place.rise()
    assert told(place.pass_time(80)) == []
    assert told(place.pass_time(2)) == ["kiosk_silent"]


def test_deaf_ears_judge_nobody_and_then_give_everybody_a_full_period() -> None:
    place = VirtualCentre(ears=True)
    place.rise()
    place.beat()
    assert told(place.pass_time(600)) == []
    assert told(place.handle(EarsRose("broker:8883"))) == ["ears_rose"]
    assert told(place.pass_time(80)) == []
    assert told(place.pass_time(2)) == ["kiosk_silent"]
    place.beat()
    levels = [only(Tell, place.handle(EarsFell("cut")))[0].level for _ in range(2)]
    assert levels == ["error", "warning"]
    assert told(place.pass_time(600)) == []


def test_a_will_counts_while_the_ears_are_deaf() -> None:
    place = VirtualCentre(ears=True)
    place.rise()
    place.pass_time(10)
    place.status()
    assert told(place.status("offline")) == ["kiosk_silent"]


def test_losing_the_link_is_an_error_once_and_a_failed_attempt_a_warning() -> None:
    place = centre()
    levels = [only(Tell, place.fall())[0].level for _ in range(2)]
    assert levels == ["error", "warning"]


def test_two_devices_with_one_name_are_told_once() -> None:
    place = centre()
    out = []
    for number in range(8):
        out += place.beat(boot=5 + number % 2 * 4, seq=number + 1)
    assert told(out).count("kiosk_twin") == 1


def test_heartbeats_reach_the_disk_together() -> None:
    """Pitfall 36: no fsync per heartbeat."""
    place = centre()
    place.pass_time(10)
    for number in range(20):
        place.beat(f"kz-{number}", seq=1)  # a kiosk that is new is written at once
    place.stored.clear()
    saves = 0
    for second in range(60):
        for number in range(20):
            place.beat(f"kz-{number}", seq=second + 2)
        saves += len(only(Save, place.pass_time(1)))
    assert saves == 8
    assert len(place.stored_kiosks()) == 160


def test_many_heartbeats_reach_the_disk_within_10_s_a_part_at_a_time() -> None:
    """No alert waits behind a commit of thousands of rows."""
    place = centre()
    names = [f"kz-{number}" for number in range(4000)]
    saves: list[Save] = []
    for turn in range(1, 81):
        beats = tuple(HeartbeatArrived(KioskId(name), a_beat(seq=turn, boot=5)) for name in names)
        saves += only(Save, place.handle(HeartbeatsArrived(beats)))
        saves += only(Save, place.pass_time(0.25))
    parts = [save.changes for save in saves[1:]]
    assert max(len(part) for part in parts) <= 1000
    stored = [change.kiosk for part in parts for change in part if isinstance(change, StoreKiosk)]
    newest = {kiosk.kiosk_id: kiosk.heartbeat.seq for kiosk in stored if kiosk.heartbeat}
    assert set(newest) == set(names)
    assert min(newest.values()) >= 80 - 40  # 10 s are 40 turns


def test_a_power_cut_in_a_whole_region_changes_every_kiosk_in_the_turns_own_saves() -> None:
    """The batch of the loop makes one commit of them."""
    place = centre()
    for number in range(300):
        place.status("online", kiosk=f"kz-{number}")
    place.pass_time(11)
    wills = [place.status("offline", kiosk=f"kz-{number}") for number in range(300)]
    assert all(len(only(Save, out)) == 1 for out in wills)
    place.pass_time(11)
    assert {kiosk.life for kiosk in place.fleet.roster.all()} == {"silent"}


def test_an_orderly_end_writes_the_newest_heartbeats() -> None:
    place = centre()
    place.pass_time(10)
    place.beat()
    place.handle(Stopped())
    assert place.stored_kiosks() == ["kz-1"]


def test_an_event_is_kept_once_and_only_the_latest_stay_in_memory() -> None:
    place = centre()
    assert told(place.event()) == ["kiosk_unknown"] or told(place.event()) == []
    assert told(place.event(2, state="info")) == ["kiosk_event"]
    assert len(acked(place.event(2))) == 1
    for number in range(50):
        place.event(number)
    assert len(place.fleet.roster.events("kz-1")) == 20


def test_rubbish_is_counted_and_told_ever_more_seldom() -> None:
    place = centre()
    place.beat()
    out = [effect for _ in range(100) for effect in place.rubbish("event")]
    assert told(out).count("body_refused") == 7
    assert len(acked(out)) == 100
    assert place.kiosk().refused == 100
    assert place.fleet.roster.refused == 100


def test_an_unreadable_alert_is_always_told_and_kept_as_an_event() -> None:
    place = centre()
    place.beat()
    out = [effect for _ in range(5) for effect in place.rubbish("alert")]
    assert told(out).count("body_refused") == 5
    assert [event.code for event in place.fleet.roster.events("kz-1")] == ["alert-unreadable"] * 5
    assert told(place.rubbish("alert", "stranger")) == ["body_refused"]
    assert place.fleet.roster.get("stranger") is None


# ---- bounds


def test_strangers_never_push_a_known_kiosk_out_and_an_alert_always_gets_in() -> None:
    place = centre(limits=Limits(kiosks=2))
    place.beat("kz-1")
    place.now_s += 5
    place.beat("kz-2")
    assert told(place.beat("kz-3")) == ["body_refused"]
    assert place.status(kiosk="kz-4") is not None
    place.event(1, kiosk="kz-5")
    place.beat("kz-6")
    assert {known.kiosk_id for known in place.fleet.roster.all()} == {"kz-1", "kz-2"}
    place.event(1, kiosk="kz-1")
    assert replies(place.alert(kiosk_id="kz-7")) == ["received"]
    assert {known.kiosk_id for known in place.fleet.roster.all()} == {"kz-2", "kz-7"}
    assert place.fleet.roster.events("kz-1") == ()


def test_memory_lets_closed_alerts_go_first_then_drills_then_whoever_floods() -> None:
    place = centre(limits=Limits(alerts=4))
    place.alert(alert_id="C", kiosk_id="kz-1")
    place.alert(alert_id="D", kiosk_id="kz-1", kind="drill")
    place.alert(alert_id="E", kiosk_id="kz-2")
    place.alert(alert_id="F", kiosk_id="kz-3")
    place.act("close", "C")
    assert "alert_out_of_memory" not in told(place.alert(alert_id="G", kiosk_id="kz-3"))
    assert "alert_out_of_memory" in told(place.alert(alert_id="H", kiosk_id="kz-3"))
    out = place.alert(alert_id="I", kiosk_id="kz-3")
    assert replies(out) == ["received"]
    assert {case.alert.alert_id for case in place.fleet.caseload.all()} == {"E", "G", "H", "I"}
    assert place.fleet.caseload.get("F") is None


# ---- start, and stores that come late or break


def test_everything_that_was_open_is_told_again_after_a_restart() -> None:
    place = VirtualCentre()
    accepted = StageEntry(stage="accepted", at_ms=UTC_MS, by="op-1")
    case = a_case()
    place.handle(
        Restored(
            cases=(Case(alert=case.alert, received_ms=UTC_MS, door="mqtt", age_s=0, late=False,
                        stages=(*case.stages, accepted)),),
            kiosks=(Kiosk(kiosk_id=KioskId("kz-1"), life="online", boot=5),),
            events=(an_event(1),),
        )
    )  # fmt: skip
    assert replies(place.rise()) == ["received", "accepted"]
    assert [event.event_id for event in place.fleet.roster.events("kz-1")] == ["ev-1"]
    assert "kiosk_silent" not in told(place.pass_time(80))
    assert "kiosk_silent" in told(place.pass_time(2))


def test_a_damaged_store_is_told() -> None:
    assert told(VirtualCentre().handle(Restored(quarantined="/x.damaged"))) == ["store_quarantined"]


def test_a_store_that_opens_late_is_joined_with_what_came_meanwhile() -> None:
    place = centre()
    place.disk = "not mounted"
    place.alert(presses=2)
    stored = a_case()
    accepted = StageEntry(stage="accepted", at_ms=UTC_MS, by="op-1")
    place.handle(
        Restored(
            cases=(Case(alert=stored.alert, received_ms=UTC_MS, door="mqtt", age_s=0, late=False,
                        stages=(*stored.stages, accepted)),),
        )
    )  # fmt: skip
    place.disk = ""
    assert replies(place.pass_time(1)) == ["received", "accepted"]
    assert place.stored_alerts()[-1].presses == 2


def test_a_new_store_gets_everything_that_memory_holds() -> None:
    place = centre()
    place.alert()
    place.act("accept")
    place.event()
    place.stored.clear()
    out = place.handle(StoreRenewed("/x.damaged"))
    assert "store_quarantined" in told(out)
    kinds = [type(change) for change in place.stored]
    assert kinds == [StoreAlert, StoreStage, StoreStage, StoreKiosk, StoreEvent]


def test_an_alert_that_memory_had_let_go_comes_back_with_all_its_stages() -> None:
    place = centre()
    closed = StageEntry(stage="closed", at_ms=UTC_MS, by="op-1")
    case = a_case()
    known = Case(alert=case.alert, received_ms=UTC_MS, door="mqtt", age_s=0, late=False,
                 stages=(*case.stages, closed))  # fmt: skip
    out = place.handle(AlertArrived(alert=an_alert(), door="mqtt", known=known))
    assert replies(out) == ["received", "closed"]
    assert told(out) == []
    assert place.stored == []


def test_a_confirmation_that_concerns_nothing_changes_nothing() -> None:
    assert VirtualCentre().handle(Saved(0))[1:] == []


# ---- another monitor on the same database


def overruled(place: VirtualCentre, asked: ReplyStage, entry: StageEntry) -> list[FleetEffect]:
    """Let the last Save come back with another monitor's word on a stage."""
    (save,) = only(Save, place.fleet.handle(Acted(token=Token("t"), action="accept", alert=ALERT_ID, by="me"),
                                            place.now()))  # fmt: skip
    return place.handle(Saved(save.serial, (Overruled(AlertId(ALERT_ID), entry, asked),)))


def test_whoever_was_too_late_hears_who_was_first_and_the_kiosk_hears_the_first() -> None:
    place = VirtualCentre()
    place.rise()
    place.alert()
    first = StageEntry(stage="accepted", at_ms=UTC_MS + 5, by="aigerim")
    out = overruled(place, "accepted", first)
    (answer,) = only(Answer, out)
    assert (answer.ok, answer.text) == (False, "already accepted by aigerim")
    assert [reply.reply.by for reply in only(SendReply, out)] == ["aigerim"]
    case = place.fleet.caseload.get(ALERT_ID)
    assert case is not None
    assert case.stages[-1] == first


def test_an_acceptance_after_the_end_is_taken_back() -> None:
    place = VirtualCentre()
    place.rise()
    place.alert()
    closed = StageEntry(stage="closed", at_ms=UTC_MS + 5, by="aigerim")
    (answer,) = only(Answer, overruled(place, "accepted", closed))
    assert (answer.ok, answer.text) == (False, "already closed by aigerim")
    assert place.stages() == ["received", "closed"]


def test_a_copy_that_another_monitor_received_first_is_received_all_the_same() -> None:
    """A kiosk that delivers by HTTPS at one monitor is not refused because another one heard it by MQTT."""
    place = VirtualCentre()
    notice = AlertArrived(alert=an_alert(), door="https", token=Token("t"))
    (save,) = only(Save, place.fleet.handle(notice, place.now()))
    earlier = StageEntry(stage="received", at_ms=UTC_MS - 5)
    out = place.handle(Saved(save.serial, (Overruled(AlertId(ALERT_ID), earlier, "received"),)))
    assert [(answer.ok, answer.text) for answer in only(Answer, out)] == [(True, "received")]


def test_a_door_hears_how_many_presses_are_counted() -> None:
    """After the end no more are: the door may not be able to look, and the kiosk must hear that."""
    place = centre()

    def deliver(presses: int) -> tuple[str, int]:
        alert = an_alert(presses=presses, route="https")
        out = place.handle(AlertArrived(alert=alert, door="https", token=Token("t")))
        (said,) = only(Answer, out)
        return said.text, said.presses

    assert [deliver(1), deliver(3)] == [("received", 1), ("received", 3)]
    place.act("close")
    assert deliver(4) == ("closed", 3)


def test_a_word_about_an_alert_that_memory_let_go_changes_nothing() -> None:
    place = VirtualCentre()
    over = Overruled(AlertId("gone"), StageEntry(stage="closed", at_ms=1), "accepted")
    assert told(place.handle(Saved(1, (over,)))) == []


def test_news_of_kiosks_is_believed_where_it_is_newer_and_never_written_again() -> None:
    place = VirtualCentre()
    place.rise()
    place.beat()
    known = place.kiosk()
    place.handle(Stopped())
    place.stored.clear()
    silent = replace_struct(known, life="silent", why="will", since_ms=known.since_ms + 1)
    stale = replace_struct(known, life="stopped", heard_ms=known.heard_ms - 1)
    stranger = replace_struct(known, kiosk_id=KioskId("kz-7"))
    out = place.handle(NewsRead(kiosks=(silent, stale, stranger)))
    assert [shown.kiosk.kiosk_id for shown in only(ShowKiosk, out)] == ["kz-1", "kz-7"]
    assert place.kiosk().life == "silent"
    place.handle(Stopped())
    assert place.stored_kiosks() == []


def test_a_batch_of_strangers_heartbeats_never_pushes_a_known_kiosk_out() -> None:
    place = centre(limits=Limits(kiosks=2))
    beats = tuple(HeartbeatArrived(KioskId(f"kz-{number}"), a_beat(boot=5)) for number in range(4))
    place.handle(HeartbeatsArrived(beats))
    assert {kiosk.kiosk_id for kiosk in place.fleet.roster.all()} == {"kz-0", "kz-1"}


def test_a_doubled_kiosk_that_is_heard_stays_flagged_and_alive() -> None:
    place = centre()
    for seq in (9, 8, 7, 6):
        place.handle(HeartbeatsArrived((HeartbeatArrived(KioskId("kz-1"), a_beat(boot=5, seq=seq)),)))
    assert place.kiosk().twin
    place.pass_time(5)
    assert (place.kiosk().twin, place.kiosk().life) == (True, "online")
