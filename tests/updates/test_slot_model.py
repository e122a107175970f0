"""Anything in any order, cut before any step: what runs is complete, and a version on trial does not stay."""

import tempfile
from pathlib import Path

import pytest
from fakes.slots import KILLED, Slots
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

CUTS = st.one_of(st.none(), st.integers(1, 12))
SLOT = st.sampled_from("ab")
DEATHS = 10


class SlotsInAnyState(RuleBasedStateMachine):
    """`confirmed` holds what was once switched to without a trial or confirmed: to that it may come back."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.slots = Slots(Path(self._folder.name))
        self.number = 1
        self.deaths = 0

    def teardown(self) -> None:
        self._folder.cleanup()

    @initialize()
    def first_install(self) -> None:
        self.slots.make("a", "v1")
        self.slots.do("switch", "a")

    @rule(finished=st.booleans())
    def install(self, finished: bool) -> None:
        """Put the next version into the spare slot, as install-slot does: never in the middle of a trial."""
        if self.slots.trial is None and self.slots.current:
            self.number += 1
            spare = self.slots.do("spare")
            self.slots.make(spare, f"v{self.number}", complete=False)
            if finished:
                self.slots.make(spare, f"v{self.number}")

    @rule(slot=SLOT, cut=CUTS)
    def switch(self, slot: str, cut: int | None) -> None:
        refused = self.slots.refused
        was, version = self.slots.current, self.version(slot)
        done = self.slots.run("switch", slot, cut=cut)
        assert done.returncode in (0, 1, KILLED)
        if self.slots.current != was:
            assert version not in refused

    @rule(cut=CUTS)
    def confirm(self, cut: int | None) -> None:
        was = self.slots.current
        self.slots.run("confirm", cut=cut)
        assert self.slots.current == was

    @rule(cut=CUTS)
    def back(self, cut: int | None) -> None:
        was, version = self.slots.current, self.version(self.slots.current)
        done = self.slots.run("back", "it was asked for", cut=cut)
        if done.returncode == 0 and self.slots.current != was:
            assert version in self.slots.refused
            assert self.slots.trial is None

    @rule(cut=CUTS)
    def start(self, cut: int | None) -> None:
        """Start the kiosk: the guard first."""
        self.slots.run("guard", cut=cut)

    @rule(times=st.sampled_from([1, 9, 10]), result=st.sampled_from(["signal", "success"]), cut=CUTS)
    def die(self, times: int, result: str, cut: int | None) -> None:
        """Let starts die before they are ready: only ten in a row bring the other version, no refused one."""
        for n in range(times):
            was, trial, refused = self.slots.current, self.slots.trial, self.slots.refused
            self.deaths = 0 if trial or result == "success" else self.deaths + 1
            self.slots.dies(result, "KILL", cut=cut if n == times - 1 else None)
            if self.slots.current != was:
                assert self.deaths >= DEATHS
                assert self.version(self.slots.current) not in refused
                self.deaths = 0

    @rule()
    def come_to_rest(self) -> None:
        self.slots.dies(ready=True)
        self.deaths = 0

    def version(self, slot: str) -> str:
        file = self.slots.base / "slots" / slot / "VERSION"
        return file.read_text().strip() if file.exists() else ""

    @invariant()
    def what_runs_is_complete(self) -> None:
        if self.slots.current:
            assert self.slots.is_complete(self.slots.current)

    @invariant()
    def a_trial_always_has_a_way_back(self) -> None:
        trial = self.slots.trial
        if trial and trial["slot"] == self.slots.current:
            assert self.slots.is_complete(trial["previous"])

    @invariant()
    def a_trial_does_not_last(self) -> None:
        trial = self.slots.trial
        if trial and trial["slot"] == self.slots.current:
            assert int(trial["tries"]) <= 3


@pytest.mark.real
@pytest.mark.timeout(300)
def test_anything_in_any_order_leaves_a_kiosk_that_runs() -> None:
    machine = SlotsInAnyState.TestCase
    machine.settings = settings(
        max_examples=25, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
    )
    machine().runTest()
