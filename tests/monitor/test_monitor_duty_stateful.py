"""The duty ladder and the SMS of two monitors in any order; and bugs planted to see that the rules bite."""

from collections.abc import Callable
from typing import Any

import pytest
from fakes.duty_machine import DutyMachine
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from kiosk.monitor import answers, outbox, staff
from kiosk.monitor.caseload import Caseload
from kiosk.monitor.cases import is_waiting
from kiosk.monitor.escalation import Climb, Escalation
from kiosk.monitor.outbox import Outbox
from kiosk.monitor.staff import Staff

DutyMachine.TestCase.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
DutyMachine.TestCase.pytestmark = [pytest.mark.timeout(600)]  # shrinking alone may take 300 s
test_two_monitors_in_any_order = DutyMachine.TestCase

BOUNDED = settings(
    max_examples=300, stateful_step_count=30, deadline=None, derandomize=True, database=None,
    phases=[Phase.generate], suppress_health_check=list(HealthCheck), report_multiple_bugs=False,
)  # fmt: skip
# Hypothesis draws constants of whatever modules are loaded: what one run finds among them, another may not.
FRESH = settings(BOUNDED, derandomize=False)
ROUNDS = (BOUNDED, *[FRESH] * 8)
Plant = Callable[[pytest.MonkeyPatch], None]


def people_are_called_after_somebody_accepted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Escalation, "wants", staticmethod(lambda case: case.alert.kind == "press"))


def drills_call_people(patch: pytest.MonkeyPatch) -> None:
    def planted(case: Any) -> bool:
        return case.alert.kind != "tamper" and is_waiting(case)

    patch.setattr(Escalation, "wants", staticmethod(planted))


def a_monitor_without_the_lease_sends_too(patch: pytest.MonkeyPatch) -> None:
    honest = Staff.run

    def planted(self: Any, now: Any, **what: bool) -> Any:
        self._held = True
        return honest(self, now, **what)

    patch.setattr(Staff, "run", planted)


def a_settled_text_goes_out_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        Staff,
        "_resume",
        lambda self, now: [self._outbox.resume(text, now) for text in self._left] and None,
    )
    patch.setattr(outbox, "SEND_MAX_S", 1.0)


def the_ladder_begins_anew_with_each_holder(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Escalation, "resume", lambda *_: None)


def the_ladder_stops_after_one_round(patch: pytest.MonkeyPatch) -> None:
    honest = Escalation._climb

    def planted(self: Any, alert_id: Any, climb: Climb, plan: Any, now: Any) -> Any:
        return [] if climb.tier > len(plan.tiers) else honest(self, alert_id, climb, plan, now)

    patch.setattr(Escalation, "_climb", planted)


def a_text_goes_out_before_it_is_on_disk(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Outbox, "_is_planned", lambda *_: True)
    honest = Staff.run

    def planted(self: Any, now: Any, *, saved: bool, ticked: bool) -> Any:
        return honest(self, now, saved=True, ticked=ticked)

    patch.setattr(Staff, "run", planted)


def nobody_is_ever_called(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Escalation, "_climb", lambda *_: [])


def a_copy_by_another_way_is_another_alert(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Caseload, "twin", lambda *_: None)


def an_answer_goes_out_again_and_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(answers.Answers, "run", _eager)


def _eager(self: Any, case: Any, _kiosk: Any, now: Any) -> None:
    if case.sms_from and not self._outbox.has(case.alert.alert_id, "answer"):
        text = staff.Text(
            alert_id=case.alert.alert_id, step=self.step(case), to=case.alert.kiosk_id, kind="answer"
        )
        self._outbox.plan(text, now)


PLANTED: tuple[Plant, ...] = (
    people_are_called_after_somebody_accepted,
    drills_call_people,
    a_monitor_without_the_lease_sends_too,
    a_settled_text_goes_out_again,
    the_ladder_begins_anew_with_each_holder,
    the_ladder_stops_after_one_round,
    a_text_goes_out_before_it_is_on_disk,
    nobody_is_ever_called,
    a_copy_by_another_way_is_another_alert,
    an_answer_goes_out_again_and_again,
)


@pytest.mark.timeout(1200)  # against hanging only: ROUNDS bounds the work
@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_bug_is_caught(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        search()


def search() -> None:
    """Let the two monitors go wrong, again and again until they do."""
    for bounds in ROUNDS:
        run_state_machine_as_test(DutyMachine, settings=bounds)
