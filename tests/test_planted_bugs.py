"""Bugs planted one at a time: the state machine of `test_core_invariants` must catch each of them.

A test that nothing can fail proves nothing; these prove that the invariants bite.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from fakes import sim_plants
from fakes.kiosk_machine import KioskMachine
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from kiosk import (
    alarm,
    cases,
    delivery,
    door_desk,
    incident,
    kept,
    memory,
    posting,
    rehearsal,
    speech,
    texting,
)
from kiosk.incident import Taken, Unheard

BOUNDED = settings(
    max_examples=400, stateful_step_count=40, deadline=None, derandomize=True, database=None,
    phases=[Phase.generate], suppress_health_check=list(HealthCheck), report_multiple_bugs=False,
)  # fmt: skip
# Hypothesis draws constants of whatever modules are loaded: what one run finds among them, another may not.
FRESH = settings(BOUNDED, derandomize=False)
ROUNDS = (BOUNDED, *[FRESH] * 8)  # the shyest bug is found in 6 of 10
Plant = Callable[[pytest.MonkeyPatch], None]


def a_puback_is_taken_for_a_receipt(patch: pytest.MonkeyPatch) -> None:
    """Pitfall 5: "received" would be spoken though nobody listens."""
    honest = alarm.Alarm.published

    def planted(self: Any, alert_id: str, code: int) -> Any:
        case = self.cases.find(alert_id)
        if case and code == 0:
            self.cases.put(
                replace(case, incident=incident.step(case.incident, incident.Answered("received")))
            )
        return honest(self, alert_id, code)

    patch.setattr(alarm.Alarm, "published", planted)


def a_late_receipt_takes_an_acceptance_back(patch: pytest.MonkeyPatch) -> None:
    """Replies overtake one another on the way."""
    honest = incident.step

    def planted(of: Any, event: Any) -> Any:
        is_receipt = isinstance(event, incident.Answered) and event.stage == "received"
        if is_receipt and isinstance(of.state, Taken):
            return replace(of, state=incident.Heard())
        return honest(of, event)

    patch.setattr(incident, "step", planted)


def sms_waits_though_mqtt_is_known_to_be_down(patch: pytest.MonkeyPatch) -> None:
    """Ten seconds lost whenever the Internet is cut."""
    honest = texting.begin_s
    patch.setattr(
        texting,
        "begin_s",
        lambda route, of, _, ladder: honest(route, of, delivery.Links(mqtt="up"), ladder),
    )


def a_new_connection_does_not_publish_again(patch: pytest.MonkeyPatch) -> None:
    """Pitfall 1: what the old connection lost stays lost until a far retry."""
    patch.setattr(delivery, "mqtt_rose", lambda route: replace(route, again_s=1e12))


def further_presses_are_not_told(patch: pytest.MonkeyPatch) -> None:
    """The centre would not see that somebody presses again and again."""
    patch.setattr(delivery, "mqtt_changed", lambda route: route)
    patch.setattr(delivery.MqttRoute, "owes", lambda self, _: self.told_presses == 0)


def a_restart_forgets_who_took_it(patch: pytest.MonkeyPatch) -> None:
    """After a power cut everybody would be called out again."""
    honest = kept.revive
    patch.setattr(kept, "revive", lambda of, **named: replace(honest(of, **named), state=Unheard()))


def the_journal_wipes_what_was_pressed_meanwhile(patch: pytest.MonkeyPatch) -> None:
    """Restoring replaces the open cases instead of joining them."""
    honest = alarm.Alarm.restore

    def planted(self: Any, snapshot: Any, now: Any) -> Any:
        self.cases.open = ()
        return honest(self, snapshot, now)

    patch.setattr(alarm.Alarm, "restore", planted)


def a_stage_is_not_written(patch: pytest.MonkeyPatch) -> None:
    """Only a new incident is saved, so a crash after an acceptance loses it."""
    honest = memory.Memory.save

    def planted(self: Any, new: Any, now: Any, **more: Any) -> Any:
        same = [record.alert_id for record in new.incidents] == [
            record.alert_id for record in self._saved.incidents
        ]
        return honest(self, replace(new, incidents=self._saved.incidents) if same else new, now, **more)

    patch.setattr(memory.Memory, "save", planted)


def any_code_is_good_enough(patch: pytest.MonkeyPatch) -> None:
    """Pitfall 30: a listed number alone would do, and such numbers can be forged."""
    patch.setattr(cases.Cases, "of_code", lambda self, _: self.newest("press"))


def texts_go_on_after_acceptance(patch: pytest.MonkeyPatch) -> None:
    """Officers who are not needed are called out all night."""
    patch.setattr(texting, "wanted", lambda *_: True)


def tamper_calls_people(patch: pytest.MonkeyPatch) -> None:
    """A cleaner opens the case and the officers run."""
    honest = texting.begin
    patch.setattr(
        texting,
        "begin",
        lambda route, of, ladder, now_s: honest(route, replace(of, kind="press"), ladder, now_s),
    )


def two_texts_are_given_to_the_modem(patch: pytest.MonkeyPatch) -> None:
    """Pitfall 23: a modem has one owner and one text at a time."""
    honest = alarm.ModemDesk._hand

    def planted(self: Any, now: Any, deadline_s: float) -> Any:
        return honest(self, now, deadline_s) + honest(self, now, deadline_s)

    patch.setattr(alarm.ModemDesk, "_hand", planted)


def the_loop_spins_while_a_text_is_with_the_modem(patch: pytest.MonkeyPatch) -> None:
    """A wake time in the past: the processor runs hot and the battery empties."""
    honest = alarm.ModemDesk.wake_s
    patch.setattr(
        alarm.ModemDesk, "wake_s", lambda self, links: 0.0 if self.with_modem else honest(self, links)
    )


def an_older_incident_speaks_to_who_pressed_just_now(patch: pytest.MonkeyPatch) -> None:
    """ "This alert is closed" would be said of another alert."""
    patch.setattr(speech.Speech, "_speaks", lambda *_: True)


def https_waits_though_mqtt_is_known_to_be_down(patch: pytest.MonkeyPatch) -> None:
    """Five seconds lost whenever MQTT is blocked and HTTPS is not."""
    honest = posting.due_s
    patch.setattr(
        posting,
        "due_s",
        lambda route, of, _, timing: honest(route, of, delivery.Links(mqtt="up"), timing),
    )


def an_error_of_a_door_is_taken_for_a_receipt(patch: pytest.MonkeyPatch) -> None:
    """A captive portal or a status 500 would be spoken as "has reached the centre"."""
    honest = door_desk.DoorDesk.failed

    def planted(self: Any, token: Any, reason: str, now: Any) -> Any:
        call = self.post
        out = honest(self, token, reason, now)
        case = self._cases.find(call.alert_id) if call and call.token == token else None
        if case:
            heard = incident.step(case.incident, incident.Answered("received"))
            self._cases.put(replace(case, incident=heard))
        return out

    patch.setattr(door_desk.DoorDesk, "failed", planted)


def an_answer_about_another_alert_counts(patch: pytest.MonkeyPatch) -> None:
    """A lying or confused door closes what is open."""
    honest = alarm.Alarm.door_answered

    def planted(self: Any, token: Any, replies: Any, now: Any) -> Any:
        call = self.doors.post or self.doors.poll
        about = call.alert_id if call else ""
        named = tuple(msgspec.structs.replace(reply, alert_id=about) for reply in replies)
        return honest(self, token, named, now)

    patch.setattr(alarm.Alarm, "door_answered", planted)


def asking_never_stops(patch: pytest.MonkeyPatch) -> None:
    """Every kiosk would hold a door for as long as its incidents are open."""
    honest = posting.poll_due_s
    patch.setattr(
        posting, "poll_due_s", lambda route, of, links: honest(replace(route, by_mqtt=False), of, links)
    )


def nobody_asks_for_later_stages(patch: pytest.MonkeyPatch) -> None:
    """Without MQTT "a duty officer has your signal" would never be said."""
    patch.setattr(posting, "poll_due_s", lambda *_: None)


def a_post_under_way_blocks_sms(patch: pytest.MonkeyPatch) -> None:
    """A door that hangs would hold up the last path."""
    run, desk_run, desk_wake = alarm.Alarm.run, alarm.ModemDesk.run, alarm.ModemDesk.wake_s
    doors: list[Any] = []

    def planted(self: Any, now: Any) -> Any:
        doors[:] = [self.doors]
        return run(self, now)

    def is_blocked() -> bool:
        return any(one.post for one in doors)

    patch.setattr(alarm.Alarm, "run", planted)
    patch.setattr(alarm.ModemDesk, "run", lambda self, *args: [] if is_blocked() else desk_run(self, *args))
    patch.setattr(
        alarm.ModemDesk, "wake_s", lambda self, *args: None if is_blocked() else desk_wake(self, *args)
    )


def two_posts_are_under_way(patch: pytest.MonkeyPatch) -> None:
    """The second would wait behind the first, and count as failed meanwhile."""
    honest = door_desk.DoorDesk._post
    patch.setattr(
        door_desk.DoorDesk,
        "_post",
        lambda self, now, links: honest(self, now, links) + honest(self, replace(now, s=now.s + 60), links),
    )


def a_trial_takes_a_press_of_any_button(patch: pytest.MonkeyPatch) -> None:
    """An installer stands at one button, somebody in need at the other."""
    honest = rehearsal.Rehearsal.takes

    def planted(self: Any, button: str, began_s: float, now: Any) -> Any:
        return honest(self, self._trial.button if self._trial else button, began_s, now)

    patch.setattr(rehearsal.Rehearsal, "takes", planted)


def a_trial_takes_more_than_one_press(patch: pytest.MonkeyPatch) -> None:
    """Whoever presses twice means it."""
    honest = rehearsal.Rehearsal.takes

    def planted(self: Any, button: str, began_s: float, now: Any) -> Any:
        trial = self._trial
        taken = honest(self, button, began_s, now)
        self._trial = trial
        return taken

    patch.setattr(rehearsal.Rehearsal, "takes", planted)


PLANTS: list[tuple[Plant, str]] = [
    (a_puback_is_taken_for_a_receipt, "nobody told received"),
    (sim_plants.a_second_press_cancels, "an incident ended or began by itself"),
    (
        a_late_receipt_takes_an_acceptance_back,
        "a stage went back|an answer was not taken in|a text after a person",
    ),
    (sim_plants.help_is_promised_before_a_person_took_it, "accepted is not true of"),
    (sim_plants.trying_is_spoken_where_others_listen, "trying where others listen"),
    (sms_waits_though_mqtt_is_known_to_be_down, "SMS is up and has not got the alert"),
    (a_new_connection_does_not_publish_again, "MQTT is up and has not got the alert"),
    (further_presses_are_not_told, "MQTT is up and has not got the alert"),
    (a_restart_forgets_who_took_it, "a power cut changed an incident|went back"),
    (the_journal_wipes_what_was_pressed_meanwhile, "an incident ended or began by itself"),
    (a_stage_is_not_written, "what is open is not on disk"),
    (sim_plants.edges_count_by_the_time_they_arrive, "a press while armed was not counted"),
    (any_code_is_good_enough, "accepted"),
    (texts_go_on_after_acceptance, "a text after a person took it"),
    (tamper_calls_people, "tamper called people"),
    (two_texts_are_given_to_the_modem, "two texts with the modem at once"),
    (the_loop_spins_while_a_text_is_with_the_modem, "the core never sleeps"),
    (https_waits_though_mqtt_is_known_to_be_down, "HTTPS is there and has not got the alert"),
    (an_error_of_a_door_is_taken_for_a_receipt, "nobody told received|received is not true of"),
    (an_answer_about_another_alert_counts, "nobody told|is not true of|an incident ended|may not have"),
    (asking_never_stops, "asked though MQTT brings the answers"),
    (nobody_asks_for_later_stages, "nobody asks what became of the alert"),
    (a_post_under_way_blocks_sms, "SMS is up and has not got the alert"),
    (two_posts_are_under_way, "two posts at once|HTTPS is there and has not got the alert"),
    (an_older_incident_speaks_to_who_pressed_just_now, "is not true of"),
    (a_trial_takes_a_press_of_any_button, "a press while armed was not counted"),
    (a_trial_takes_more_than_one_press, "a press while armed was not counted"),
    (sim_plants.what_begins_in_one_turn_shares_a_name, "ended or began by itself|went out twice in one turn"),
]


@pytest.mark.timeout(1200)  # against hanging only: ROUNDS bounds the work
@pytest.mark.parametrize(("plant", "because"), PLANTS, ids=[plant.__name__ for plant, _ in PLANTS])
def test_the_state_machine_catches(plant: Plant, because: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError, match=because):
        search()


def search() -> None:
    """Let the state machine look for a bug, again and again until it finds one."""
    for bounds in ROUNDS:
        run_state_machine_as_test(KioskMachine, settings=bounds)
