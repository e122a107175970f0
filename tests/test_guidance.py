"""What is said when: each word only where it holds (rules of the prompts)."""

import pytest

from kiosk.bodies import STAGES, Stage
from kiosk.guidance import (
    REASSURING,
    SENDING_AFTER_S,
    Guidance,
    Line,
    again,
    comfort,
    due_s,
    follow,
    resume,
)

REASSURE_S = 60.0


def due(guidance: Guidance, stage: Stage, *, spoken: bool = True) -> float | None:
    return due_s(guidance, stage, pressed_s=100.0, trying_after_s=25.0, spoken=spoken)


def entered(stage: Stage, at_s: float = 100.0) -> Guidance:
    return follow(Guidance(), stage, at_s, REASSURE_S)[0]


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "sending"])
def test_a_stage_is_said_once_when_it_is_entered_and_by_its_own_name(stage: Stage) -> None:
    guidance, line = follow(Guidance(), stage, 100.0, REASSURE_S)
    assert line == Line(stage)
    assert follow(guidance, stage, 101.0, REASSURE_S) == (guidance, None)


def test_sending_is_said_only_when_no_receipt_came_in_its_first_seconds() -> None:
    guidance, line = follow(entered("pressed"), "sending", 100.0, REASSURE_S)
    assert line is None
    assert due(guidance, "sending") == 100.0 + SENDING_AFTER_S
    guidance, line = comfort(guidance, "sending", 104.0, REASSURE_S)
    assert line == Line("sending")
    assert due(guidance, "sending") == 125.0


def test_trying_cuts_in_after_25_s_without_a_receipt_and_again_each_reassurance() -> None:
    guidance = Guidance(said="sending", next_s=164.0)
    assert due(guidance, "sending") == 125.0
    guidance, line = comfort(guidance, "sending", 125.0, REASSURE_S)
    assert line == Line("trying", cut=True)
    assert due(guidance, "sending") == 125.0 + REASSURE_S
    assert due(Guidance(said="pressed"), "pressed") == 125.0


@pytest.mark.parametrize("stage", STAGES)
def test_nothing_unasked_is_said_where_others_listen_but_that_it_is_being_sent(stage: Stage) -> None:
    assert due(Guidance(said=stage), stage, spoken=False) is None
    assert (due(Guidance(said="pressed"), stage, spoken=False) is not None) == (stage == "sending")


@pytest.mark.parametrize("stage", sorted(REASSURING))
def test_comfort_says_what_holds_once_a_minute(stage: Stage) -> None:
    guidance = entered(stage)
    assert due(guidance, stage) == 160.0
    guidance, line = comfort(guidance, stage, 160.0, REASSURE_S)
    assert line == Line(stage)
    assert due(guidance, stage) == 220.0


@pytest.mark.parametrize("stage", ["on_scene", "closed"])
def test_once_help_is_there_nothing_is_repeated(stage: Stage) -> None:
    assert due(entered(stage), stage) is None


def test_a_further_press_is_answered_and_puts_the_next_comfort_off() -> None:
    guidance, line = again(entered("received"), 150.0, REASSURE_S)
    assert line == Line("pressed_again")
    assert due(guidance, "received") == 210.0


def test_after_a_restart_a_state_that_comforts_is_told_at_once() -> None:
    for stage in REASSURING:
        assert due(resume(stage, 500.0), stage) == 500.0
        assert comfort(resume(stage, 500.0), stage, 500.0, REASSURE_S)[1] == Line(stage)
    assert follow(resume("pressed", 500.0), "pressed", 500.0, REASSURE_S)[1] == Line("pressed")
    assert due(resume("on_scene", 500.0), "on_scene") is None
