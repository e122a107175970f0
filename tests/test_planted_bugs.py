"""Bugs planted one at a time: the state machine of `test_core_invariants` must catch each of them.

A test that nothing can fail proves nothing; these prove that the invariants bite.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from fakes.kiosk_machine import KioskMachine
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from kiosk import alarm, contacts, delivery, guidance, incident, memory, speech, texting
from kiosk.incident import Over, Taken, Unheard

BOUNDED = settings(
    max_examples=400, stateful_step_count=40, deadline=None, derandomize=True, database=None,
    phases=[Phase.generate], suppress_health_check=list(HealthCheck), report_multiple_bugs=False,
)  # fmt: skip
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


def a_second_press_cancels(patch: pytest.MonkeyPatch) -> None:
    """A frightened person presses twice, and help turns back."""
    honest = incident.step

    def planted(of: Any, event: Any) -> Any:
        after = honest(of, event)
        return replace(after, state=Over()) if isinstance(event, incident.PressedAgain) else after

    patch.setattr(incident, "step", planted)


def a_late_receipt_takes_an_acceptance_back(patch: pytest.MonkeyPatch) -> None:
    """Replies overtake one another on the way."""
    honest = incident.step

    def planted(of: Any, event: Any) -> Any:
        is_receipt = isinstance(event, incident.Answered) and event.stage == "received"
        if is_receipt and isinstance(of.state, Taken):
            return replace(of, state=incident.Heard())
        return honest(of, event)

    patch.setattr(incident, "step", planted)


def help_is_promised_before_a_person_took_it(patch: pytest.MonkeyPatch) -> None:
    """A receipt of a machine is spoken as a duty officer's acceptance."""
    honest = guidance.follow

    def planted(of: Any, stage: Any, now_s: float, reassure_s: float) -> Any:
        return honest(of, "accepted" if stage == "received" else stage, now_s, reassure_s)

    patch.setattr(guidance, "follow", planted)


def trying_is_spoken_where_others_listen(patch: pytest.MonkeyPatch) -> None:
    """The aggressor hears that nobody has been reached."""
    honest = guidance.due_s
    patch.setattr(guidance, "due_s", lambda *args, **named: honest(*args, **(named | {"spoken": True})))


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
    honest = incident.revive
    patch.setattr(incident, "revive", lambda kept, **named: replace(honest(kept, **named), state=Unheard()))


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


def edges_count_by_the_time_they_arrive(patch: pytest.MonkeyPatch) -> None:
    """Pitfall 14: a short tap that waited in the queue vanishes."""
    honest = contacts.Contacts.take

    def planted(self: Any, event: Any, now: Any) -> Any:
        return honest(self, replace(event, at_s=now.s) if hasattr(event, "at_s") else event, now)

    patch.setattr(contacts.Contacts, "take", planted)


def any_code_is_good_enough(patch: pytest.MonkeyPatch) -> None:
    """Pitfall 30: a listed number alone would do, and such numbers can be forged."""
    patch.setattr(alarm.Alarm, "_case_of_code", lambda self, _: self.cases.newest("press"))


def texts_go_on_after_acceptance(patch: pytest.MonkeyPatch) -> None:
    """Officers who are not needed are called out all night."""
    patch.setattr(texting, "wanted", lambda _: True)


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


PLANTS: list[tuple[Plant, str]] = [
    (a_puback_is_taken_for_a_receipt, "nobody told received"),
    (a_second_press_cancels, "an incident ended or began by itself"),
    (a_late_receipt_takes_an_acceptance_back, "a stage went back|an answer was not taken in"),
    (help_is_promised_before_a_person_took_it, "accepted is not true of"),
    (trying_is_spoken_where_others_listen, "trying where others listen"),
    (sms_waits_though_mqtt_is_known_to_be_down, "SMS is up and has not got the alert"),
    (a_new_connection_does_not_publish_again, "MQTT is up and has not got the alert"),
    (further_presses_are_not_told, "MQTT is up and has not got the alert"),
    (a_restart_forgets_who_took_it, "a power cut changed an incident"),
    (the_journal_wipes_what_was_pressed_meanwhile, "an incident ended or began by itself"),
    (a_stage_is_not_written, "what is open is not on disk"),
    (edges_count_by_the_time_they_arrive, "a press while armed was not counted"),
    (any_code_is_good_enough, "accepted"),
    (texts_go_on_after_acceptance, "a text after a person took it"),
    (tamper_calls_people, "tamper called people"),
    (two_texts_are_given_to_the_modem, "two texts with the modem at once"),
    (the_loop_spins_while_a_text_is_with_the_modem, "the core never sleeps"),
    (an_older_incident_speaks_to_who_pressed_just_now, "is not true of"),
]


@pytest.mark.parametrize(("plant", "because"), PLANTS, ids=[plant.__name__ for plant, _ in PLANTS])
def test_the_state_machine_catches(plant: Plant, because: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError, match=because):
        run_state_machine_as_test(KioskMachine, settings=BOUNDED)
