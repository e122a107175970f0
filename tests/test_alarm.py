"""Alarms through the real core in virtual time: opened, answered, published, taken up again."""

from dataclasses import replace

import pytest
from fakes.virtual_kiosk import DOORS, KEY, UTC_MS, VirtualKiosk, example_config

from kiosk import sms_signed
from kiosk.alarm import MONITORS_MAX
from kiosk.bodies import AlertId, Reply
from kiosk.cases import LATE_ANSWER_S, Cases
from kiosk.config import Contact
from kiosk.effects import Publish, Save, Say, SendSms
from kiosk.messages import (
    HttpsAnswered,
    IncidentRecord,
    JournalLoaded,
    PresenceSeen,
    Published,
    ReplyReceived,
    Snapshot,
)
from kiosk.wire import UTC_MAX_MS

TAMPER = Contact(pin=22, wiring="nc", pull="up")
FIRST, SECOND = "+77010000011", "+77010000013"
GATEWAY = "+77010000001"


def kiosk(**config: object) -> VirtualKiosk:
    return VirtualKiosk(config=example_config(**config)).start().board().modem()


def online(**config: object) -> VirtualKiosk:
    return kiosk(**config).online().quiet()


def kept(stage: str = "sending", number: int = 1, **changes: object) -> IncidentRecord:
    fields = {
        "alert_id": AlertId(f"01KEPT{number}"), "kind": "press", "button": "counter",
        "pressed_utc_ms": UTC_MS, "clock": "synced", "seq": 40 + number, "code": "4711", "stage": stage,
    }  # fmt: skip
    return IncidentRecord(**(fields | changes))  # type: ignore[arg-type]


# ---- the press


def test_an_alert_goes_out_in_the_very_turn_of_the_press_and_first() -> None:
    virtual = online()
    virtual.edge("counter", pressed=True)
    virtual.run(0.015)
    turn = next(turn for turn in virtual.turns if any(isinstance(e, Publish) for e in turn))
    assert isinstance(turn[0], Publish)
    assert [e.what for e in turn if hasattr(e, "what")] == ["pressed", "sent"]


def test_with_the_link_known_down_the_text_goes_out_in_the_turn_of_the_press() -> None:
    virtual = kiosk().offline().quiet()
    virtual.press()
    assert [text.number for text in virtual.texts] == [GATEWAY]
    turn = next(turn for turn in virtual.turns if any(isinstance(e, SendSms) for e in turn))
    assert isinstance(turn[0], SendSms)


def test_with_the_link_not_known_yet_texts_wait_10_s_for_it() -> None:
    virtual = kiosk().press().run(9.5)
    assert virtual.texts == []
    assert virtual.run(0.3).texts


def test_a_link_that_falls_in_mid_incident_opens_sms_at_once() -> None:
    virtual = online().press().run(3.0)
    assert virtual.texts == []
    virtual.offline()
    assert len(virtual.texts) == 1


def test_a_new_connection_publishes_again_even_when_the_fall_of_the_old_was_not_seen() -> None:
    virtual = online().press()
    virtual.reply("received")
    assert virtual.quiet().online().alerts


def test_when_nobody_is_on_duty_sms_goes_out_beside_mqtt() -> None:
    virtual = online()
    virtual.feed(PresenceSeen("mon-1", False))
    virtual.press()
    assert virtual.alerts
    assert virtual.texts


def test_one_responder_on_duty_is_enough_and_their_number_is_bounded() -> None:
    virtual = online()
    for number in range(3 * MONITORS_MAX):
        virtual.feed(PresenceSeen(f"mon-{number}", True))
    for number in range(1, MONITORS_MAX):  # the rest were not remembered
        virtual.feed(PresenceSeen(f"mon-{number}", False))
    assert virtual.parts.alarm.links.listened
    virtual.feed(PresenceSeen("mon-0", False))
    assert not virtual.parts.alarm.links.listened
    assert virtual.faults == ("nobody_on_duty",)


@pytest.mark.parametrize("code", [0x10, 0x80, 0x87, 0x97])
def test_a_broker_that_says_nobody_listens_or_refuses_opens_sms_and_is_no_receipt(code: int) -> None:
    """Pitfall 5."""
    virtual = online().press()
    virtual.puback(code)
    assert len(virtual.texts) == 1
    assert virtual.stages == ["sending"]
    assert virtual.tells("unheard")[0]["code"] == code


def test_a_plain_puback_is_no_receipt_either() -> None:
    """Pitfall 5, figure 4 of the issue: a broker without a listener."""
    virtual = online().press()
    virtual.puback(0)
    assert virtual.run(200.0).stages == ["sending"]
    assert "received" not in virtual.said
    assert virtual.texts


def test_a_puback_for_an_alert_that_is_over_changes_nothing() -> None:
    virtual = online().press()
    token = virtual.alert_tokens[-1]
    virtual.reply("closed")
    assert virtual.feed(Published(token=token, code=0x87)) == []


def test_a_second_press_never_cancels_never_restarts_and_is_told_to_the_centre() -> None:
    virtual = online().press()
    virtual.reply("received")
    virtual.press("counter")
    assert virtual.said == ["pressed", "received", "pressed_again"]
    assert len({alert.alert_id for alert in virtual.alerts}) == 1
    assert (virtual.alerts[-1].presses, virtual.stages) == (2, ["received"])
    virtual.reply("received")
    assert virtual.quiet().run(50.0).alerts == []


def test_presses_are_published_until_the_centre_echoes_them() -> None:
    virtual = online().press().press()
    virtual.reply("received", presses=1)
    assert virtual.quiet().run(30.0).alerts
    virtual.reply("received", presses=2)
    assert virtual.quiet().run(30.0).alerts == []
    assert len(virtual.run(60.0).alerts) == 1  # it asks what became of it; the log need not be told
    assert [tell["path"] for tell in virtual.tells("sent")] == ["sms"]


def test_another_button_is_named_in_the_same_alert() -> None:
    virtual = online().press("counter").press("fitting", for_s=1.2)
    assert virtual.alerts[-1].button == "counter"
    assert virtual.alerts[-1].also == ("fitting",)


# ---- answers


def test_received_is_spoken_only_by_the_centres_own_receipt() -> None:
    virtual = online().press()
    virtual.reply("received")
    assert virtual.said == ["pressed", "received"]
    assert virtual.tells("received")[0]["path"] == "mqtt"


def test_answers_duplicate_late_and_out_of_order_are_harmless() -> None:
    virtual = online().press()
    for stage in ("en_route", "received", "accepted", "en_route", "received", "on_scene", "accepted"):
        virtual.reply(stage, by="op-1")
    assert virtual.stages == ["on_scene"]
    assert virtual.said == ["pressed", "en_route", "on_scene"]


def test_an_answer_about_another_alert_is_ignored() -> None:
    virtual = online().press()
    other = virtual.alerts[-1]
    virtual.reply("closed")
    virtual.press()
    virtual.quiet().reply("on_scene", alert=other)
    assert virtual.stages == ["sending"]
    assert virtual.said == []


def test_a_closed_incident_frees_the_kiosk_for_the_next_press() -> None:
    virtual = online().press()
    virtual.reply("closed", by="op-1")
    assert virtual.stages == []
    virtual.press()
    assert len({alert.alert_id for alert in virtual.alerts}) == 2
    assert virtual.said == ["pressed", "closed", "pressed"]


def test_acceptance_stops_escalation() -> None:
    virtual = online().press().run(11.0)
    virtual.reply("accepted", by="op-1")
    virtual.send_all_sms()
    assert virtual.quiet().run(600.0).texts == []


def test_a_receipt_alone_does_not_stop_it() -> None:
    virtual = online().press()
    virtual.reply("received")
    virtual.run(61.0).send_all_sms()
    assert [text.number for text in virtual.texts] == [FIRST, "+77010000012"]


def test_nothing_but_a_person_or_six_hours_ends_it() -> None:
    virtual = online().press()
    virtual.reply("accepted")
    virtual.sleep(6 * 3600 - 10.0)
    assert virtual.run(5.0).stages == ["accepted"]
    virtual.run(20.0)
    assert virtual.stages == []
    assert "closed" not in virtual.said
    assert virtual.tells("expired")
    assert ("alert_expired", "info") in virtual.events


# ---- six hours


def test_a_press_that_nobody_has_lives_six_hours_of_its_own() -> None:
    """A review found it: counted in an alert of yesterday, it ended with that one, and nobody ever came."""
    virtual = kiosk(sms=None, duty__tiers=()).offline().press()
    virtual.run(6 * 3600 - 60.0).press("fitting", for_s=1.2)
    virtual.run(120.0)
    assert virtual.tells("expired") == []
    assert virtual.online().alerts[-1].presses == 2
    virtual.offline().run(6 * 3600 - 200.0)
    assert virtual.tells("expired") == []
    assert virtual.run(200.0).tells("expired")


def test_a_press_into_an_alert_that_somebody_took_hours_ago_does_not_end_with_it() -> None:
    virtual = online().press()
    virtual.reply("accepted", by="op-1")
    virtual.run(6 * 3600 - 20.0).offline().press("fitting", for_s=1.2)
    assert virtual.run(30.0).stages == ["accepted"]
    assert virtual.quiet().online().alerts[-1].presses == 2


def test_a_press_does_not_hide_behind_a_count_that_the_journal_forgot() -> None:
    """A review found it: the disk was full, the power failed, and the centre already counted as many."""
    virtual = online().press()
    virtual.reply("received")
    on_disk = virtual.of(Save)[-1].snapshot
    virtual.press().press()
    virtual.reply("accepted", presses=3)
    again = VirtualKiosk(now_s=20.0, utc_ms=virtual.utc_ms + 5000, count=5000).start(on_disk).board().online()
    again.reply("accepted", presses=3)
    again.quiet().press()
    assert again.alerts[-1].presses == 4
    again.reply("accepted", presses=3)
    assert again.quiet().run(60.0).alerts
    again.reply("closed", presses=3)
    assert again.said[-1] == "pressed"  # it is an alarm of its own


@pytest.mark.parametrize("off_s", [6 * 3600 - 60.0, 6 * 3600 + 60.0])
def test_a_power_cut_of_hours_ends_no_alert_that_nobody_has(off_s: float) -> None:
    virtual = kiosk(sms=None, duty__tiers=()).offline().press().restart(off_s=off_s).board().offline()
    assert len(virtual.run(90.0).stages) == 1
    assert virtual.online().alerts


# ---- people's SMS


def test_an_officers_word_with_the_code_accepts_though_mqtt_is_down() -> None:
    virtual = kiosk().offline().quiet().press()
    virtual.sms_from(FIRST, f"ok {virtual.code}")
    assert virtual.stages == ["accepted"]
    assert virtual.said == ["pressed", "accepted"]
    assert virtual.tells("sms_reply") == [
        {
            "alert_id": virtual.tells("pressed")[0]["alert_id"],
            "kind": "press",
            "by": "duty1.1",
            "stage": "accepted",
        }
    ]


def test_an_acceptance_by_sms_is_told_to_the_centre_after_mqtt_is_back_until_it_confirms() -> None:
    virtual = kiosk().offline().press()
    virtual.sms_from(SECOND, f"GO {virtual.code}")
    virtual.online().run(20.0)
    assert len(virtual.alerts) >= 3
    assert {(alert.stage, alert.by) for alert in virtual.alerts} == {("en_route", "sms:duty2.1")}
    virtual.reply("received")
    assert virtual.quiet().run(60.0).alerts
    virtual.reply("en_route")
    assert virtual.quiet().run(200.0).alerts == []


def test_an_answer_to_an_alarm_that_is_over_takes_no_other_that_has_its_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Four digits are few, and a text may come minutes late; should a code ever be given twice, it waits."""
    monkeypatch.setattr(Cases, "is_free", lambda *_: True)
    virtual = kiosk().offline().press()
    code, seq = virtual.code, virtual.parts.alarm.cases.open[-1].incident.seq
    alert_id = virtual.tells("pressed")[0]["alert_id"]
    reply = Reply(alert_id=alert_id, stage="closed", at="2026-11-21T10:00:00Z")
    virtual.feed(ReplyReceived(reply, "https"))
    second = next(
        second
        for second in range(virtual.utc_ms // 1000 + 2, virtual.utc_ms // 1000 + 200_000)
        if sms_signed.reply_code(KEY, number=17, seq=seq + 1, pressed_s=second) == code
    )
    virtual.utc_ms = second * 1000 + 10
    virtual.press()
    assert virtual.code == code
    virtual.sms_from(FIRST, f"ok {code}")
    assert virtual.stages == ["pressed"]
    virtual.run(LATE_ANSWER_S)
    virtual.sms_from(FIRST, f"ok {code}")
    assert virtual.stages == ["accepted"]


@pytest.mark.parametrize(
    ("number", "text"),
    [(FIRST, "ok 0000"), (FIRST, "ok"), ("+77019999999", "ok {code}"), ("Bank", "ok {code}"),
     (GATEWAY, "ok {code}"), (FIRST, "A1R {code} accepted AAAAAAAAAA"),
     (GATEWAY, "A1R {code} accepted AAAAAAAAAA"), (FIRST, "close {code}")],
)  # fmt: skip
def test_a_forged_wrong_or_unsigned_text_is_ignored_told_and_never_answered(number: str, text: str) -> None:
    """Pitfall 30."""
    virtual = kiosk().offline().press().send_all_sms().quiet()
    virtual.sms_from(number, text.format(code=virtual.code))
    assert virtual.stages == ["sending"]
    assert virtual.told == ["sms_ignored"]
    assert virtual.texts == []


def answer(virtual: VirtualKiosk, stage: str, presses: int = 0) -> str:
    of = virtual.parts.alarm.cases.open[-1].incident
    return sms_signed.sign_answer(
        KEY, number=17, seq=of.seq, pressed_s=of.pressed_utc_ms // 1000, code=of.code, stage=stage,  # type: ignore[arg-type]
        presses=presses,
    )  # fmt: skip


def test_the_centres_signed_answer_reaches_a_kiosk_without_internet() -> None:
    virtual = kiosk().offline().press().quiet()
    for stage in ("received", "accepted", "closed"):
        virtual.sms_from(GATEWAY, answer(virtual, stage))
    assert virtual.said == ["received", "accepted", "closed"]
    assert virtual.tells("received")[0]["path"] == "sms"
    assert virtual.stages == []


def test_a_signed_answer_from_another_number_is_ignored() -> None:
    virtual = kiosk().offline().press().quiet()
    virtual.sms_from(FIRST, answer(virtual, "closed"))
    assert virtual.stages == ["sending"]


def test_receipts_by_several_routes_are_one_receipt() -> None:
    virtual = online().press()
    virtual.reply("received")
    virtual.sms_from(GATEWAY, answer(virtual, "received"))
    assert virtual.said == ["pressed", "received"]
    assert virtual.parts.alarm.cases.open[0].incident.heard_by == ("mqtt", "sms")


def test_nobody_can_accept_a_tampered_case_by_sms() -> None:
    virtual = VirtualKiosk(config=example_config(tamper=TAMPER)).start().modem().offline()
    virtual.edge("tamper", pressed=True)
    virtual.run(1.0)
    virtual.sms_from(FIRST, f"ok {virtual.code}")
    assert virtual.stages == ["sending"]


def test_a_code_that_an_alarm_and_a_drill_share_takes_neither() -> None:
    """Whoever answers the drill's text must not take the alarm."""
    virtual = online()
    alarm = virtual.parts.alarm
    for kind in ("drill", "press", "drill"):
        alarm.open(kind, "counter", virtual.now(), "synced")  # type: ignore[arg-type]
    alarm.cases.open = tuple(
        replace(case, incident=replace(case.incident, code="4711")) for case in alarm.cases.open
    )
    virtual.sms_from(FIRST, "ok 4711")
    assert virtual.told.count("sms_ignored") == 1
    assert virtual.tells("sms_reply") == []


# ---- restored


def test_an_open_incident_goes_on_after_a_power_cut_with_its_id_code_and_presses() -> None:
    virtual = online().press().press()
    again = virtual.restart().board().modem().online()
    assert again.told[0] == "resumed"
    assert (again.alerts[-1].alert_id, again.alerts[-1].presses) == (virtual.alerts[-1].alert_id, 2)
    assert again.alerts[-1].pressed_at == virtual.alerts[-1].pressed_at
    assert again.alerts[-1].seq == virtual.alerts[-1].seq


def test_a_restored_incident_counts_further_presses_and_opens_no_second() -> None:
    again = online().press().restart().online().press()
    assert len(again.stages) == 1
    assert again.said[-1] == "pressed_again"


@pytest.mark.parametrize("stage", ["received", "accepted", "en_route"])
def test_what_comforts_is_said_again_after_a_restart(stage: str) -> None:
    virtual = online().press()
    virtual.reply(stage)
    assert virtual.restart().said == [stage]


def test_stages_never_go_back_over_a_restart() -> None:
    virtual = online().press()
    virtual.reply("accepted")
    again = virtual.restart().online()
    again.reply("received")
    assert again.stages == ["accepted"]
    assert again.texts == []


def test_the_journal_that_comes_after_a_press_adds_and_takes_nothing() -> None:
    virtual = VirtualKiosk().begin().press()
    first = virtual.parts.alarm.cases.open[0].incident.alert_id
    virtual.feed(JournalLoaded(Snapshot(boot=5, seq=41, incidents=(kept(),))))
    assert [case.incident.alert_id for case in virtual.parts.alarm.cases.open] == ["01KEPT1", first]
    virtual.press()
    assert [case.incident.presses for case in virtual.parts.alarm.cases.open] == [1, 2]
    assert virtual.parts.alarm.seq == 42


def test_what_an_older_incident_hears_is_not_told_to_who_pressed_just_now() -> None:
    virtual = VirtualKiosk().begin().press()
    virtual.feed(JournalLoaded(Snapshot(seq=41, incidents=(kept(),))))
    virtual.online()
    old = next(alert for alert in virtual.alerts if alert.alert_id == "01KEPT1")
    virtual.quiet().reply("closed", alert=old)
    assert virtual.said == []
    assert virtual.tells("closed")


def test_a_journal_told_twice_or_with_doubles_restores_once() -> None:
    virtual = VirtualKiosk().begin()
    snapshot = Snapshot(seq=41, incidents=(kept(), kept(), kept("accepted")))
    for _ in range(2):
        virtual.feed(JournalLoaded(snapshot))
    assert virtual.stages == ["accepted"]


def test_closed_and_drilled_records_are_not_taken_up_and_hide_no_open_one() -> None:
    ended = tuple(kept("closed", number) for number in range(2, 12))
    virtual = VirtualKiosk().start(Snapshot(incidents=(kept(), *ended, kept(number=20, kind="drill"))))
    assert virtual.stages == ["sending"]


def test_a_start_after_a_crash_loop_sets_incidents_aside_and_says_so() -> None:
    virtual = VirtualKiosk(safe_start=True).start(Snapshot(seq=41, incidents=(kept(),)))
    assert virtual.stages == []
    assert virtual.tells("not_resumed")[0]["alert_id"] == "01KEPT1"
    assert virtual.faults == ("restart_loop",)
    assert virtual.press().stages == ["pressed"]


def test_a_clock_ten_years_off_after_a_restart_ends_nothing() -> None:
    for years in (-10, 10):
        virtual = online().press()
        again = virtual.restart(off_s=years * 365 * 86400.0).board().online()
        assert len(again.stages) == 1
        again.sleep(6 * 3600 - 60.0)
        assert again.run(5.0).stages


def test_a_clock_that_jumps_while_running_moves_no_interval() -> None:
    for jump_ms in (-10 * 365 * 86_400_000, 10 * 365 * 86_400_000, UTC_MAX_MS * 1000):
        virtual = online().press()
        virtual.utc_ms += jump_ms
        virtual.run(9.0)
        assert virtual.texts == []
        virtual.run(2.0)
        assert virtual.texts
        assert virtual.stages == ["sending"]
        assert virtual.parts.heartbeat(virtual.now()).at >= 0


def test_sequence_numbers_go_on_from_the_journal() -> None:
    virtual = VirtualKiosk().start(Snapshot(seq=41)).online()
    virtual.press()
    virtual.reply("closed")
    virtual.press()
    assert [alert.seq for alert in virtual.alerts] == [42, 43]


def test_an_alert_that_nobody_was_sent_before_the_journal_came_gets_its_number_then() -> None:
    virtual = VirtualKiosk().begin().press()
    virtual.feed(JournalLoaded(Snapshot(seq=41)))
    virtual.online().press()
    assert {alert.seq for alert in virtual.alerts} == {42}


def test_a_board_that_starts_at_the_same_wrong_time_gives_no_two_alerts_one_signature() -> None:
    first = VirtualKiosk().begin().press()
    first.feed(JournalLoaded(Snapshot()))
    second = VirtualKiosk(count=1000).begin().press()
    second.feed(JournalLoaded(first.of(Save)[-1].snapshot))
    codes = [(case.incident.seq, case.incident.code) for case in second.parts.alarm.cases.open]
    assert len(set(codes)) == 2


def test_two_alerts_of_one_second_are_two_by_sms_before_the_journal_came() -> None:
    """The centre knows a text by kiosk, number and second; a press must not become a touched case."""
    virtual = VirtualKiosk(config=example_config(tamper=TAMPER)).begin().run(3.0)
    virtual.edge("counter", pressed=True)
    virtual.edge("tamper", pressed=True)
    virtual.run(0.3).online()
    of = [case.incident for case in virtual.parts.alarm.cases.open]
    assert {incident.kind for incident in of} == {"press", "tamper"}
    assert len({incident.pressed_utc_ms // 1000 for incident in of}) == 1
    assert len({incident.seq for incident in of}) == len({incident.code for incident in of}) == 2


def test_a_number_that_was_given_before_the_journal_came_is_not_given_again() -> None:
    virtual = VirtualKiosk().begin().run(3.0).online().press()
    virtual.reply("closed")
    virtual.press()
    virtual.feed(JournalLoaded(Snapshot()))
    virtual.reply("closed")
    virtual.press()
    assert [alert.seq for alert in virtual.alerts] == [0, 1, 2]


def test_without_the_journal_alerts_are_numbered_from_0_and_differ_by_id() -> None:
    virtual = VirtualKiosk().begin().run(3.0).online().press()
    virtual.reply("closed")
    virtual.press()
    assert [alert.seq for alert in virtual.alerts] == [0, 1]
    assert len({alert.alert_id for alert in virtual.alerts}) == 2
    virtual.feed(JournalLoaded(Snapshot(seq=41)))
    virtual.press()
    assert virtual.alerts[-1].seq == 1


def test_a_case_that_is_over_but_not_dropped_yet_takes_no_press() -> None:
    virtual = online().press()
    alarm, now = virtual.parts.alarm, virtual.now()
    alarm.reply(Reply(alert_id=virtual.alerts[-1].alert_id, stage="closed", at="x"), "mqtt", now)
    assert Say("pressed") in alarm.press("counter", now, "synced")
    assert len(alarm.cases.open) == 2


def test_what_a_person_closed_in_the_turn_of_its_age_is_closed_and_not_expired() -> None:
    virtual = online().press()
    virtual.sleep(7 * 3600.0)
    virtual.reply("closed", by="op-1")
    assert virtual.said[-1] == "closed"
    assert virtual.tells("expired") == []


# ---- closed by somebody who did not know of the newest press


def test_a_press_that_the_closing_person_did_not_know_of_is_an_alarm_of_its_own() -> None:
    """The storm found it: closed at the centre, pressed again before the kiosk heard so, and nobody came."""
    virtual = online().press()
    (first,) = virtual.alerts
    virtual.reply("accepted", by="irina")
    virtual.press().quiet()
    virtual.reply("closed", alert=first, by="irina", presses=1)
    second = virtual.alerts[-1]
    assert second.alert_id != first.alert_id
    assert (second.kind, second.button, second.presses, second.stage) == ("press", "counter", 1, "pressed")
    assert [e.what for e in virtual.effects if hasattr(e, "what")][:2] == ["closed", "pressed"]
    assert [case.incident.alert_id for case in virtual.parts.alarm.cases.open] == [second.alert_id]
    assert not any(say.key == "closed" for say in virtual.of(Say))


def test_the_button_pressed_last_is_the_one_of_the_new_alarm() -> None:
    virtual = online().press()
    (first,) = virtual.alerts
    virtual.press("fitting", for_s=1.5).quiet()
    virtual.reply("closed", alert=first, presses=1)
    assert virtual.alerts[-1].button == "fitting"


def test_the_new_alarm_names_the_button_pressed_last_though_it_was_pressed_before() -> None:
    """A review found it: the new alarm named the last button that was new, in another room."""
    virtual = online().press("counter").press("fitting", for_s=1.5)
    old = virtual.alerts[-1]
    virtual.reply("accepted", by="op-1")
    virtual.quiet().press("counter").reply("closed", alert=old, presses=2)
    assert virtual.alerts[-1].alert_id != old.alert_id
    assert virtual.alerts[-1].button == "counter"


def test_the_new_alarm_tells_the_clock_as_it_is_by_now() -> None:
    virtual = online().board(synced=False).press()
    old = virtual.alerts[-1]
    virtual.board(synced=True).press().quiet().reply("closed", alert=old, presses=1)
    assert (old.clock, virtual.alerts[-1].clock) == ("unsynced", "synced")


@pytest.mark.parametrize("presses", [0, 2, 3])
def test_a_closing_that_knew_of_every_press_or_tells_no_count_ends_it(presses: int) -> None:
    virtual = online().press().press()
    virtual.reply("closed", presses=presses)
    assert virtual.parts.alarm.cases.open == ()


def test_a_closing_heard_twice_opens_one_new_alarm() -> None:
    virtual = online().press()
    (first,) = virtual.alerts
    virtual.press().quiet()
    for _ in range(3):
        virtual.reply("closed", alert=first, presses=1)
    assert len({alert.alert_id for alert in virtual.alerts} - {first.alert_id}) == 1
    assert len(virtual.parts.alarm.cases.open) == 1


def test_a_door_that_tells_all_stages_at_once_lets_none_of_the_old_alarm_be_said() -> None:
    """The simulation found it: "help is on its way" was said, and meant whoever had pressed before."""
    virtual = kiosk(https=DOORS).offline().quiet().press().press()
    stages = ("received", "accepted", "en_route", "closed")
    call = virtual.parts.alarm.doors.post
    assert call is not None
    virtual.quiet()
    replies = tuple(
        Reply(alert_id=call.alert_id, stage=stage, at="2026-11-21T10:00:00Z", presses=1)  # type: ignore[arg-type]
        for stage in stages
    )
    virtual.feed(HttpsAnswered(token=call.token, replies=replies, rtt_ms=30, peer="a.example.kz"))
    assert [say.key for say in virtual.of(Say)] == ["pressed"]


def test_a_press_after_help_was_taken_outlives_a_closing_by_text_that_knew_of_fewer() -> None:
    """Without Internet nobody hears of a press once a person took the alarm."""
    virtual = kiosk().offline().press().quiet()
    virtual.sms_from(GATEWAY, answer(virtual, "accepted"))
    (first,) = virtual.parts.alarm.cases.open
    virtual.press().sms_from(GATEWAY, answer(virtual, "closed", presses=1))
    (second,) = virtual.parts.alarm.cases.open
    assert second.incident.alert_id != first.incident.alert_id
    assert "closed" not in virtual.said
    virtual.sms_from(GATEWAY, answer(virtual, "closed", presses=1))
    assert virtual.parts.alarm.cases.open == ()


@pytest.mark.parametrize(("pressed_first", "told"), [(True, 1), (False, 2), (False, 4), (False, 0)])
def test_a_closing_by_text_ends_what_a_person_has_looked_at(*, pressed_first: bool, told: int) -> None:
    """A count of four may stand for more: then the closing holds."""
    virtual = kiosk().offline().press().quiet()
    if pressed_first:
        virtual.press()
    virtual.sms_from(GATEWAY, answer(virtual, "accepted"))
    if not pressed_first:
        virtual.press()
    virtual.sms_from(GATEWAY, answer(virtual, "closed", presses=told))
    assert virtual.parts.alarm.cases.open == ()


def test_people_are_called_for_the_new_alarm_by_text_where_the_link_is_down() -> None:
    virtual = online().press()
    (first,) = virtual.alerts
    virtual.reply("accepted", by="irina")
    virtual.press().quiet()
    virtual.reply("closed", alert=first, presses=1)
    virtual.offline().run(15.0)
    assert virtual.texts
