"""Every law bites: a bug that is planted into the real code breaks it, by the shortest story that does.

Each story was found by the seed beside it and shrunk, or made by hand where there is none. Without the bug
the same story keeps every law.
"""

import random
from dataclasses import dataclass

import pytest
from fakes import sim_plants as plant

from kiosk.simulate.performance import Outcome
from kiosk.simulate.story import Deed, Shop, Story
from kiosk.simulate.teller import Teller
from kiosk.words import load_catalogue

WORDS = load_catalogue()
MQTT_ONLY = Shop(https=False, sms=False)
BY_SMS = Shop(https=False)


@dataclass(frozen=True)
class Case:
    """A bug, the law that it breaks, how it was found, and its shortest story."""

    bug: plant.Plant
    law: int
    seed: str
    shop: Shop
    deeds: tuple[Deed, ...]
    monitors: int = 1

    def story(self) -> Story:
        heal_s = max(deed.at_s + deed.for_s for deed in self.deeds) + 1.0
        return Story(
            seed="planted",
            shops=(self.shop,),
            deeds=self.deeds,
            monitors=self.monitors,
            heal_s=heal_s,
            calm=True,
        )


def press(at_s: float, for_s: float = 0.2) -> Deed:
    return Deed(at_s=at_s, what="press", who="k1", for_s=for_s)


def fault(at_s: float, who: str, how: str, for_s: float) -> Deed:
    return Deed(at_s=at_s, what="fault", who=who, how=how, for_s=for_s)


def officer(at_s: float, how: str) -> Deed:
    return Deed(at_s=at_s, what="officer", who="officer-11", how=how)


def freeze(at_s: float, for_s: float) -> Deed:
    return Deed(at_s=at_s, what="freeze", who="k1", for_s=for_s)


def crash(at_s: float, who: str, off_s: float) -> Deed:
    return Deed(at_s=at_s, what="crash", who=who, how="kill", for_s=off_s)


def late(at_s: float) -> Deed:
    """Put good people off until then."""
    return Deed(at_s=at_s, what="forge", who="k1", how="unlisted")


PRESS = press(30.0)
DRILL = Deed(at_s=30.0, what="drill", who="k1", how="drill")
OFFLINE = fault(25.0, "mqtt:k1", "cut", 60.0)
FORGETS = fault(40.0, "broker", "forget", 159.0)
FLAPS = tuple(fault(30.0 + 14 * number, "pins:k1", "lost", 7.0) for number in range(20))

CASES = (
    Case(plant.a_new_connection_does_not_publish_again, 1, "", MQTT_ONLY, (OFFLINE, PRESS)),
    Case(plant.sms_is_never_begun, 1, "", BY_SMS,
        (fault(190.0, "mqtt:k1", "cut", 200.0), press(200.0))),
    Case(plant.https_waits_for_mqtt, 1, "", Shop(sms=False), (OFFLINE, PRESS)),
    Case(
        plant.edges_count_by_the_time_they_arrive, 1, "", MQTT_ONLY,
        (freeze(30.0, 3.0), press(30.5, 0.05)),
    ),
    Case(
        plant.time_passes_before_its_edges, 1, "54396002.380", Shop(guard="double", https=False, sms=False),
        (freeze(30.0, 33.0), PRESS),
    ),
    Case(
        plant.an_officers_word_makes_the_button_mute, 1, "", BY_SMS,
        (fault(25.0, "mqtt:k1", "cut", 600.0), PRESS, officer(60.0, "accept sms"), press(300.0), late(620.0)),
    ),
    Case(
        plant.the_centre_is_forgotten_once_an_officer_took_it, 1, "", BY_SMS,
        (
            fault(25.0, "mqtt:k1", "cut", 900.0), fault(25.0, "sms:a", "lose", 60.0), PRESS,
            officer(60.0, "accept sms"), late(920.0),
        ),
    ),
    Case(plant.a_text_and_its_alert_are_not_joined, 2, "", BY_SMS, (OFFLINE, PRESS)),
    Case(plant.every_start_gives_old_alerts_new_names, 2, "", MQTT_ONLY, (PRESS, crash(35.0, "k1", 3.0))),
    Case(
        plant.what_the_store_holds_comes_before_a_text_in_memory, 2, "q.8", BY_SMS,
        (
            OFFLINE, PRESS, fault(28.0, "store:a", "down", 90.0), fault(28.0, "mqtt:a", "cut", 150.0),
            crash(29.0, "a", 1.0),
        ), monitors=2,
    ),
    Case(plant.a_puback_is_taken_for_a_receipt, 3, "", MQTT_ONLY,
        (PRESS, fault(25.0, "broker", "forget", 20.0))),
    Case(plant.help_is_promised_before_a_person_took_it, 3, "", MQTT_ONLY, (PRESS,)),
    Case(plant.trying_is_spoken_where_others_listen, 3, "", MQTT_ONLY, (OFFLINE, PRESS)),
    Case(
        plant.every_word_of_a_turn_is_said, 3, "781460201.5843", Shop(guard="hold", https=False, sms=False),
        (PRESS, press(66.5, 0.2), freeze(67.0, 8.44), officer(67.0, "close web-a")),
    ),
    Case(
        plant.the_kiosk_calls_on_after_an_acceptance, 4, "", BY_SMS,
        (PRESS, fault(80.0, "modem:k1", "refuse", 50.0), officer(100.0, "accept web-a")),
    ),
    Case(
        plant.texts_about_tamper_go_on, 4, "464362528.694", Shop(https=False, tamper=True),
        (
            fault(25.0, "mqtt:k1", "cut", 10.0), fault(25.0, "modem:k1", "refuse", 300.0),
            Deed(at_s=30.0, what="tamper", who="k1", for_s=5.0), FORGETS, officer(45.0, "accept web-a"),
        ),
    ),
    Case(plant.the_kiosk_calls_one_tier_only, 4, "", BY_SMS, (PRESS, late(430.0))),
    Case(plant.the_centre_calls_one_round_only, 4, "", MQTT_ONLY, (PRESS, late(430.0))),
    Case(
        plant.a_new_holder_of_the_lease_forgets_who_waits, 4, "", BY_SMS,
        (fault(25.0, "mqtt:k1", "cut", 405.0), PRESS, crash(60.0, "a", 400.0), late(430.0)), monitors=2,
    ),
    Case(
        plant.a_lease_that_nobody_can_renew_is_let_go, 4, "", MQTT_ONLY,
        (PRESS, fault(40.0, "store", "down", 400.0), late(430.0)), monitors=2,
    ),
    Case(
        plant.alerts_before_the_journal_share_a_number, 5, "253944247.2347", Shop(https=False, tamper=True),
        (
            fault(25.0, "disk:k1", "stall", 60.0), OFFLINE, crash(28.0, "k1", 3.0),
            press(40.0), Deed(at_s=40.0, what="tamper", who="k1", for_s=0.2),
        ),
    ),
    Case(plant.drills_call_people, 5, "", BY_SMS, (DRILL,)),
    Case(plant.a_drill_is_texted_as_an_alarm, 5, "", BY_SMS, (DRILL,)),
    Case(plant.an_alarm_is_shown_as_a_drill, 5, "", MQTT_ONLY, (PRESS,)),
    Case(plant.every_drill_climbs_the_ladder, 5, "", BY_SMS, (DRILL,)),
    Case(
        plant.what_begins_in_one_turn_shares_a_name, 5, "574658379.1553",
        Shop(https=False, sms=False, tamper=True),
        (PRESS, Deed(at_s=30.0, what="tamper", who="k1", for_s=0.2)),
    ),
    Case(
        plant.a_door_that_fails_is_asked_in_a_loop, 6, "", Shop(sms=False),
        (OFFLINE, fault(25.0, "https:k1", "cut", 60.0), PRESS),
    ),
    Case(plant.a_link_that_is_down_is_dialled_in_a_loop, 6, "", MQTT_ONLY, (OFFLINE, PRESS)),
    Case(
        plant.events_pile_up_without_a_bound, 6, "", MQTT_ONLY,
        (fault(25.0, "mqtt:k1", "cut", 300.0), *FLAPS),
    ),
    Case(
        plant.a_text_that_nobody_takes_is_sent_in_a_loop, 6, "", MQTT_ONLY,
        (fault(25.0, "modem:a", "refuse", 200.0), fault(25.0, "gateway:a", "refuse", 200.0), PRESS),
    ),
    Case(
        plant.pages_pile_up_behind_a_slow_modem, 6, "", MQTT_ONLY,
        (fault(25.0, "gateway:a", "hang", 300.0), fault(25.0, "modem:a", "hang", 300.0), PRESS, late(330.0)),
    ),
    Case(
        plant.every_copy_is_answered_by_itself, 6, "294315169.1430", MQTT_ONLY,
        (press(20.0), fault(25.0, "mqtt:a", "cut", 545.0),
         *(fault(30.0 + 2.5 * number, "mqtt:k1", "cut", 0.3) for number in range(200))),
    ),
    Case(plant.a_second_press_cancels, 7, "", MQTT_ONLY, (PRESS, press(35.0))),
    Case(plant.a_restart_forgets_what_was_open, 7, "", MQTT_ONLY, (PRESS, crash(33.0, "k1", 3.0))),
    Case(
        plant.what_waits_behind_the_reading_wipes_it, 7, "", MQTT_ONLY,
        (
            PRESS, fault(34.0, "disk:k1", "stall", 11.0), crash(35.0, "k1", 1.0),
            crash(45.212, "k1", 1.0), press(45.235),
        ),
    ),
    Case(
        plant.an_incident_expires_after_a_tenth_of_its_time, 7, "", Shop(https=False, sms=False, max_s=600.0),
        (PRESS, late(130.0)),
    ),
    Case(
        plant.six_hours_count_from_the_first_press, 7, "", Shop(https=False, sms=False, max_s=600.0),
        (PRESS, press(500.0), late(700.0)),
    ),
    Case(plant.a_fault_that_is_over_still_stands, 8, "", MQTT_ONLY,
        (fault(25.0, "disk:k1", "full", 60.0), PRESS)),
    Case(plant.presence_is_told_once, 8, "1.0", MQTT_ONLY, (FORGETS, fault(40.0, "broker", "down", 0.2))),
    Case(
        plant.what_is_owed_to_nobody_is_kept, 8, "1.39", MQTT_ONLY,
        (
            PRESS, officer(40.0, "accept web-a"), officer(50.0, "close web-b"),
            officer(50.0, "en_route web-a"),
        ), monitors=2,
    ),
    Case(
        plant.nobody_asks_what_became_of_it, 8, "1.1", MQTT_ONLY,
        (PRESS, FORGETS, officer(60.0, "close web-a"))
    ),
)  # fmt: skip


def play(case: Case) -> Outcome:
    return Teller(WORDS, random.Random).play(case.story(), telling=True)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.bug.__name__)
def test_the_law_catches(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    case.bug(monkeypatch)
    outcome = play(case)
    assert outcome.law == case.law, outcome.what or outcome.timeline


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.bug.__name__)
def test_without_the_bug_the_story_keeps_every_law(case: Case) -> None:
    outcome = play(case)
    assert outcome.held, f"{outcome.what}\n{outcome.timeline}"


def test_every_law_has_a_bug_that_breaks_it() -> None:
    assert {case.law for case in CASES} == set(range(1, 9))
