"""Bugs planted into the real code, one at a time: each breaks a law of the simulation, some an invariant."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from kiosk import (
    alarm,
    contacts,
    core,
    delivery,
    drill,
    guidance,
    health,
    incident,
    kept,
    memory,
    mqtt_watch,
    posting,
    reports,
    texting,
)
from kiosk import cases as kiosk_cases
from kiosk.incident import Over
from kiosk.monitor import caseload, cases, escalation, fleet, outbox, staff, untold
from kiosk.monitor.messages import LeaseChanged
from kiosk.simulate.hosts import neighbours

Plant = Callable[[pytest.MonkeyPatch], None]


# ---- law 1: a press reaches the centre in time


def a_new_connection_does_not_publish_again(patch: pytest.MonkeyPatch) -> None:
    """What the old connection lost stays lost."""
    patch.setattr(delivery, "mqtt_rose", lambda route: replace(route, again_s=1e12))
    patch.setattr(delivery, "mqtt_changed", lambda route: route)


def sms_is_never_begun(patch: pytest.MonkeyPatch) -> None:
    """Without Internet nobody hears of it."""
    patch.setattr(texting, "begin_s", lambda *_: None)
    patch.setattr(texting, "tier_due_s", lambda *_: None)


def https_waits_for_mqtt(patch: pytest.MonkeyPatch) -> None:
    """MQTT is blocked, the second path stands open, and nobody takes it."""
    patch.setattr(posting, "due_s", lambda *_: None)


def edges_count_by_the_time_they_arrive(patch: pytest.MonkeyPatch) -> None:
    """A short tap that waited in the queue vanishes."""
    honest = contacts.Contacts.take

    def planted(self: Any, event: Any, now: Any) -> Any:
        return honest(self, replace(event, at_s=now.s) if hasattr(event, "at_s") else event, now)

    patch.setattr(contacts.Contacts, "take", planted)


def time_passes_before_its_edges(patch: pytest.MonkeyPatch) -> None:
    """As it was until the simulation found it: a standstill made of two taps a button that is stuck."""
    patch.setattr(contacts.Contacts, "begin_turn", lambda *_: None)


def an_officers_word_makes_the_button_mute(patch: pytest.MonkeyPatch) -> None:
    """As it was until a review found it: by SMS alone a press hours after an "OK" reached nobody."""
    patch.setattr(incident, "ANEW_AFTER_S", 1e12)


def the_centre_is_forgotten_once_an_officer_took_it(patch: pytest.MonkeyPatch) -> None:
    """As it was until a review found it: what was lost before the "OK" was never sent again."""
    patch.setattr(texting, "wanted", lambda of, _: of.escalating)


# ---- law 2: each incident once


def a_text_and_its_alert_are_not_joined(patch: pytest.MonkeyPatch) -> None:
    """The same press stands on the board twice."""
    patch.setattr(caseload.Caseload, "twin", lambda *_: None)


def every_start_gives_old_alerts_new_names(patch: pytest.MonkeyPatch) -> None:
    """A kiosk that resumes an incident tells it as another one."""
    honest = kept.revive

    def planted(of: Any, **named: Any) -> Any:
        return replace(honest(of, **named), alert_id=f"{of.alert_id}x")

    patch.setattr(kept, "revive", planted)


# ---- law 3: nothing is spoken before it holds


def a_puback_is_taken_for_a_receipt(patch: pytest.MonkeyPatch) -> None:
    """The broker has it, the centre perhaps never."""
    honest = alarm.Alarm.published

    def planted(self: Any, alert_id: str, code: int) -> Any:
        case = self.cases.find(alert_id)
        if case and code == 0:
            heard = incident.step(case.incident, incident.Answered("received"))
            self.cases.put(replace(case, incident=heard))
        return honest(self, alert_id, code)

    patch.setattr(alarm.Alarm, "published", planted)


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


def every_word_of_a_turn_is_said(patch: pytest.MonkeyPatch) -> None:
    """As it was until the simulation found it: "closed" was an answer to a press that nobody knew of.

    Both came in one turn after a standstill, at which time passed before the contacts' edges were seen.
    """
    time_passes_before_its_edges(patch)
    patch.setattr(core, "newest_word", lambda effects: effects)


# ---- law 4: people are called until one accepts


def the_kiosk_calls_on_after_an_acceptance(patch: pytest.MonkeyPatch) -> None:
    """Officers who are not needed are called out all night."""
    patch.setattr(texting, "wanted", lambda *_: True)


def texts_about_tamper_go_on(patch: pytest.MonkeyPatch) -> None:
    """As it was until the simulation found it: the centre had long had what was texted on and on."""
    patch.setattr(texting, "wanted", lambda incident, _: incident.escalating or incident.kind == "drill")


def the_kiosk_calls_one_tier_only(patch: pytest.MonkeyPatch) -> None:
    """The first tier sleeps, and nobody else is woken."""
    honest = texting.tier_due_s
    patch.setattr(
        texting, "tier_due_s", lambda route, *rest: None if route.next_tier else honest(route, *rest)
    )


def the_centre_calls_one_round_only(patch: pytest.MonkeyPatch) -> None:
    """Whoever did not wake at the first text is not called again."""
    honest = escalation.Escalation._climb

    def planted(self: Any, alert_id: Any, climb: Any, plan: Any, now: Any) -> Any:
        over = climb.tier > len(plan.tiers)
        return [] if over else honest(self, alert_id, climb, plan, now)

    patch.setattr(escalation.Escalation, "_climb", planted)


def a_new_holder_of_the_lease_forgets_who_waits(patch: pytest.MonkeyPatch) -> None:
    """One monitor dies, and with it the calls."""
    patch.setattr(staff.Staff, "_resume", lambda *_: None)


def a_lease_that_nobody_can_renew_is_let_go(patch: pytest.MonkeyPatch) -> None:
    """As it was until a review found it: the database is away, and the centre calls nobody."""
    honest = neighbours.Neighbours.look

    def planted(self: Any, *, link_up: bool, works: bool) -> Any:
        if works or self._until_s is None or self.holds:
            return honest(self, link_up=link_up, works=works)
        self._until_s = None
        return [LeaseChanged(held=False)]

    patch.setattr(neighbours.Neighbours, "look", planted)


# ---- law 5: drills stay drills


def drills_call_people(patch: pytest.MonkeyPatch) -> None:
    """Every test wakes the officers."""
    honest = drill.DrillMaster.begin

    def planted(self: Any, now: Any, **named: Any) -> Any:
        return honest(self, now, **(named | {"duty": True}))

    patch.setattr(drill.DrillMaster, "begin", planted)


def a_drill_is_texted_as_an_alarm(patch: pytest.MonkeyPatch) -> None:
    """TEST is missing in front."""
    honest = alarm.transmission.sms_text.compose
    patch.setattr(
        alarm.transmission.sms_text,
        "compose",
        lambda words, config, script, of: honest(words, config, script, replace(of, kind="press")),
    )


def an_alarm_is_shown_as_a_drill(patch: pytest.MonkeyPatch) -> None:
    """Nobody runs."""
    honest = cases.open_case

    def planted(alert: Any, door: Any, now: Any, sms_from: str = "") -> Any:
        case = honest(alert, door, now, sms_from)
        return replace(case, alert=msgspec.structs.replace(alert, kind="drill"))

    patch.setattr(cases, "open_case", planted)


def every_drill_climbs_the_ladder(patch: pytest.MonkeyPatch) -> None:
    """The centre calls people to drills that were not meant for them."""
    patch.setattr(
        escalation.Escalation,
        "wants",
        staticmethod(lambda case: case.alert.kind != "tamper" and cases.is_waiting(case)),
    )


def what_begins_in_one_turn_shares_a_name(patch: pytest.MonkeyPatch) -> None:
    """As it was until the simulation found it: a press and a torn-open case became one alert."""
    patch.setattr(kiosk_cases.Cases, "name", lambda _self, fresh_id: fresh_id)


def alerts_before_the_journal_share_a_number(patch: pytest.MonkeyPatch) -> None:
    """As it was until the simulation found it: by SMS a press becomes the touched case of that second."""
    honest = alarm.Alarm._number

    def planted(self: Any, alert_id: str, pressed_utc_ms: int) -> Any:
        if not self.knows_seq:
            self.seq = -1
        return honest(self, alert_id, pressed_utc_ms)

    patch.setattr(alarm.Alarm, "_number", planted)
    patch.setattr(kiosk_cases.Cases, "is_free", lambda *_: True)  # else their code would tell them apart


# ---- law 6: bounded


def a_door_that_fails_is_asked_in_a_loop(patch: pytest.MonkeyPatch) -> None:
    """No rest between two posts."""
    honest = posting.began

    def planted(route: Any, now_s: float, doors: int) -> Any:
        return replace(honest(route, now_s, doors), again_s=now_s)

    patch.setattr(posting, "began", planted)


def a_link_that_is_down_is_dialled_in_a_loop(patch: pytest.MonkeyPatch) -> None:
    """The radio never rests."""
    patch.setattr(mqtt_watch, "HURRY_EVERY_S", 0.2)


def events_pile_up_without_a_bound(patch: pytest.MonkeyPatch) -> None:
    """A flapping contact fills the memory while MQTT is down."""
    patch.setattr(health, "OUTBOX_MAX", 1_000_000)


def a_text_that_nobody_takes_is_sent_in_a_loop(patch: pytest.MonkeyPatch) -> None:
    """The gateway is out of order, and the bill is paid a hundred times."""
    patch.setattr(outbox, "BACKOFF_S", 0.0)
    patch.setattr(outbox, "TRIES_MAX", 10**9)


def pages_pile_up_behind_a_slow_modem(patch: pytest.MonkeyPatch) -> None:
    """As it was until a review found it: a new victim's first text waited behind old rounds about others."""
    patch.setattr(outbox.Outbox, "pages", lambda _: frozenset())


def every_copy_is_answered_by_itself(patch: pytest.MonkeyPatch) -> None:
    """As it was until the simulation found it: a monitor comes back, and answers flood a link."""
    patch.setattr(untold, "REST_S", -1.0)


# ---- law 7: nothing on the kiosk cancels


def a_second_press_cancels(patch: pytest.MonkeyPatch) -> None:
    """A frightened person presses twice, and help turns back."""
    honest = incident.step

    def planted(of: Any, event: Any) -> Any:
        after = honest(of, event)
        return replace(after, state=Over()) if isinstance(event, incident.PressedAgain) else after

    patch.setattr(incident, "step", planted)


def a_restart_forgets_what_was_open(patch: pytest.MonkeyPatch) -> None:
    """The journal is read, and thrown away."""
    honest = alarm.Alarm.restore

    def planted(self: Any, snapshot: Any, now: Any) -> Any:
        return honest(self, replace(snapshot, incidents=()), now)

    patch.setattr(alarm.Alarm, "restore", planted)


def what_waits_behind_the_reading_wipes_it(patch: pytest.MonkeyPatch) -> None:
    """As it was until a review found it: a disk is slow, and the power fails once more."""
    honest = memory.Memory.start

    def planted(self: Any, now: Any) -> None:
        honest(self, now)
        self._is_read = True

    patch.setattr(memory.Memory, "start", planted)


def an_incident_expires_after_a_tenth_of_its_time(patch: pytest.MonkeyPatch) -> None:
    """Nobody came yet, and the kiosk gives up."""
    honest = alarm.Alarm._age

    def planted(self: Any, case: Any, now: Any) -> Any:
        return honest(self, case, replace(now, s=now.s + 0.9 * self.ladder.timing.incident_max_s))

    patch.setattr(alarm.Alarm, "_age", planted)


def six_hours_count_from_the_first_press(patch: pytest.MonkeyPatch) -> None:
    """As it was until a review found it: a fresh press ended with the old alert that it was counted in."""
    patch.setattr(incident.Incident, "last_s", property(lambda of: of.pressed_s))


# ---- law 8: all becomes quiet


def a_fault_that_is_over_still_stands(patch: pytest.MonkeyPatch) -> None:
    """The lamp shows trouble for ever."""
    honest = reports.Reports.fault

    def planted(self: Any, code: str, now: Any, *, wrong: bool, detail: str = "") -> Any:
        stays = code in {"journal_failed", "modem_down"} and not wrong
        return [] if stays else honest(self, code, now, wrong=wrong, detail=detail)

    patch.setattr(reports.Reports, "fault", planted)


def presence_is_told_once(patch: pytest.MonkeyPatch) -> None:
    """As it was until the simulation found it: a broker that forgot it leaves the kiosks alone."""
    patch.setattr(fleet, "ANNOUNCE_S", 1e12)


def what_is_owed_to_nobody_is_kept(patch: pytest.MonkeyPatch) -> None:
    """As it was until the simulation found it."""

    def planted(self: Any, case: Any, but: Any = ()) -> None:
        if not cases.is_sms_name(case.alert.alert_id):
            owed = self._owed.setdefault(case.alert.alert_id, {})
            owed.update({entry.stage: untold._Debt(0.0) for entry in case.stages if entry not in but})
            self._due_s = 0.0

    patch.setattr(untold.Untold, "owe", planted)


def nobody_asks_what_became_of_it(patch: pytest.MonkeyPatch) -> None:
    """As it was until the simulation found it: an answer that the broker forgot is lost for good."""
    honest = delivery.mqtt_due_s
    patch.setattr(
        delivery,
        "mqtt_due_s",
        lambda route, of, links: honest(route, of, links) if route.owes(of) else None,
    )


def what_the_store_holds_comes_before_a_text_in_memory(patch: pytest.MonkeyPatch) -> None:
    """As it was until the simulation found it: an incident stands on one monitor's board twice."""

    def planted(self: Any, restored: Any, now: Any) -> None:
        for stored in restored:
            fresh = self.get(stored.alert.alert_id)
            self._put(stored if fresh is None else cases.rejoin(stored, fresh, now), stored, now)

    patch.setattr(caseload.Caseload, "restore", planted)
