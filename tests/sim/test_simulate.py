"""The whole system in virtual time: laws that hold on fresh seeds, the same trace from the same seed."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from click.testing import CliRunner
from fakes import sim_plants
from msgspec.structs import replace

from kiosk.cli import main
from kiosk.commands import simulate
from kiosk.simulate.story import Deed, Shop, Story
from kiosk.simulate.teller import LAWS, Sum, Teller, verdict
from kiosk.words import load_catalogue

pytestmark = pytest.mark.timeout(900)  # one story may take minutes where a slow machine counts lines
PLAY_S = 10.0  # of one run of the tests; at least one story is played however slow the machine is
WORDS = load_catalogue()
PRESS = Deed(at_s=20.0, what="press", who="k1", for_s=0.2)


@pytest.fixture
def teller() -> Teller:
    return Teller(WORDS, random.Random)


def test_every_law_holds_on_a_fresh_seed(teller: Teller, capsys: pytest.CaptureFixture[str]) -> None:
    seed = str(random.SystemRandom().randrange(10**9))
    with capsys.disabled():
        print(f"\nfresh seed {seed}")  # noqa: T201 - whoever reads the log can play it again, also what hung
    total, began_s = Sum(), time.monotonic()
    for number in range(10_000):
        outcome = teller.play(teller.write(f"{seed}.{number}"))
        total.add(outcome.counts, outcome.measured)
        assert outcome.held, f"kiosk simulate --seed {seed}.{number} --story: {verdict(outcome)}"
        if time.monotonic() - began_s > PLAY_S:
            break
    with capsys.disabled():
        print(f"\n{total.line(seed, 0)}")  # noqa: T201 - as above


@pytest.mark.parametrize("number", [20, 2, 19, 53, 0, 1])
def test_every_law_holds_on_stories_that_reach_most_faults(teller: Teller, number: int) -> None:
    """Chosen among sixty: together they go where the others go, whatever the fresh seed meets."""
    outcome = teller.play(teller.write(f"reach.{number}"))
    assert outcome.held, verdict(outcome)


def test_the_same_seed_gives_the_same_trace(teller: Teller) -> None:
    story = teller.write("trace.27")
    first, second = teller.play(story), teller.play(teller.write("trace.27"))
    assert (first.digest, first.counts) == (second.digest, second.counts)
    assert teller.play(teller.write("trace.36")).digest != first.digest


@pytest.mark.real
def test_another_process_with_another_hash_seed_gives_the_same_trace() -> None:
    told = []
    for hash_seed in ("1", "2"):
        ran = subprocess.run(
            [sys.executable, "-m", "kiosk", "simulate", "--seed", "h.24", "--story"],
            capture_output=True, text=True, check=False, env={**os.environ, "PYTHONHASHSEED": hash_seed},
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        told.append(ran.stdout)
    assert told[0] == told[1]


# ---- the command


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    sim_plants.help_is_promised_before_a_person_took_it(monkeypatch)
    yield monkeypatch
    monkeypatch.undo()


def run(*arguments: str) -> tuple[int, list[str]]:
    done = CliRunner().invoke(main, ["simulate", *arguments])
    return done.exit_code, done.output.splitlines()


def test_the_last_line_of_a_run_counts_what_was_played() -> None:
    code, lines = run("--incidents", "5", "--seed", "t185")
    assert code == 0
    assert lines[-1].startswith("simulate: incidents=")
    assert lines[-1].endswith("violations=0 seed=t185")


def test_a_broken_law_ends_with_its_seed_and_its_shortest_story(planted: pytest.MonkeyPatch) -> None:
    planted.setattr(simulate, "SHRINK_PLAYS", 40)
    code, lines = run("--incidents", "50", "--seed", "t297")
    text = "\n".join(lines)
    assert code == 1
    assert "LAW 3 BROKEN" in text
    assert "the shortest story that breaks it" in text
    assert lines[-1].endswith("violations=1 seed=t297")


def test_one_story_is_told_as_a_timeline(planted: pytest.MonkeyPatch) -> None:
    code, lines = run("--seed", "t297.0", "--story")
    assert code in {0, 1}
    assert lines[0].startswith("story t297.0")
    assert any("its process begins" in line for line in lines)


def test_a_seed_with_a_point_is_one_story(planted: pytest.MonkeyPatch) -> None:
    planted.undo()
    code, lines = run("--seed", "trace.36")
    assert code == 0
    assert " stories=1 " in lines[-1]


def test_real_time_ends_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    code, lines = run("--incidents", "1000000", "--seed", "t185", "--minutes", "0.0001")
    assert code == 0
    assert " stories=1 " in lines[-1]


def test_a_fresh_seed_is_told_and_a_strange_one_refused() -> None:
    code, lines = run("--incidents", "1")
    assert code == 0
    assert lines[-1].rpartition("seed=")[2].isdigit()
    assert run("--seed", "../x")[0] == 2


@pytest.mark.real
def test_several_processes_play_the_same_stories() -> None:
    code, lines = run("--incidents", "3", "--seed", "t127", "--jobs", "2")
    assert code == 0
    alone = run("--incidents", "3", "--seed", "t127")
    assert lines[-1] == alone[1][-1]
    assert simulate._play("t127.0")[1] == -1


# ---- stories


def test_a_press_is_taken_closed_and_forgotten(teller: Teller) -> None:
    outcome = teller.play(Story(seed="one", shops=(Shop(),), deeds=(PRESS,)), telling=True)
    assert outcome.held
    assert outcome.counts["presses"] == 1
    for word in ("alert_received", "accept on a page", "close on a page", "closed"):
        assert word in outcome.timeline
    assert "every law held" in verdict(outcome)


def test_every_law_has_its_words() -> None:
    assert len(LAWS) == 9


def test_a_page_that_waited_for_a_stalled_commit_breaks_no_law(teller: Teller) -> None:
    """The other monitor hears the acceptance meanwhile; this one reads nothing while its commit hangs."""
    deeds = (
        Deed(at_s=29.9, what="fault", who="store", how="stall", for_s=0.6),
        Deed(at_s=30.0, what="press", who="k1", for_s=0.2),
        Deed(at_s=31.0, what="officer", who="officer-11", how="accept web-b"),
    )
    shop = Shop(https=False, sms=False)
    story = Story(seed="stall50", shops=(shop,), deeds=deeds, monitors=2, heal_s=32.0)
    outcome = teller.play(story)
    assert outcome.held, verdict(outcome)


def test_a_drill_on_its_way_when_one_for_people_is_ordered_breaks_no_law(teller: Teller) -> None:
    """Each says for itself whether people are to be called to it (74252642.2988)."""
    deeds = (
        Deed(at_s=30.0, what="order", who="k1", how="drill"),
        Deed(at_s=30.03, what="fault", who="mqtt:k1", how="slow", for_s=60.0),
        Deed(at_s=30.5, what="order", who="k1", how="duty"),
    )
    story = Story(seed="orders", shops=(Shop(https=False),), deeds=deeds, monitors=1, heal_s=91.0, calm=True)
    outcome = teller.play(story)
    assert outcome.held, verdict(outcome)


def test_a_press_on_an_input_that_a_frozen_process_could_not_open_again_breaks_no_law(teller: Teller) -> None:
    deeds = (
        Deed(at_s=32.0, what="fault", who="pins:k1", how="lost", for_s=11.33),
        Deed(at_s=39.0, what="freeze", who="k1", for_s=12.38),
        Deed(at_s=51.0, what="press", who="k1", for_s=0.2),
    )
    story = Story(
        seed="589684833.556", shops=(Shop(https=False),), deeds=deeds, monitors=1, heal_s=53.0, calm=True
    )
    outcome = teller.play(story)
    assert outcome.held, verdict(outcome)


def test_a_press_on_an_input_that_a_frozen_process_could_not_read_yet_breaks_no_law(teller: Teller) -> None:
    """It began while nobody answered a read, and was frozen before it asked again (970956814.430)."""
    deeds = (
        Deed(at_s=30.0, what="crash", who="k1", how="kill", for_s=0.2),
        Deed(at_s=30.1, what="fault", who="pins:k1", how="deaf", for_s=16.31),
        Deed(at_s=34.0, what="freeze", who="k1", for_s=39.92),
        Deed(at_s=72.5, what="press", who="k1", for_s=0.05),
    )
    story = Story(seed="unread", shops=(Shop(https=False),), deeds=deeds, monitors=1, heal_s=75.0, calm=True)
    outcome = teller.play(story)
    assert outcome.held, verdict(outcome)


def test_a_press_after_the_end_begins_anew_also_where_another_monitor_counted_it(teller: Teller) -> None:
    """One monitor closes; the kiosk reaches only the other, which has not read of that for a second."""
    deeds = (
        PRESS,
        Deed(at_s=40.0, what="fault", who="mqtt:a", how="cut", for_s=100.0),
        Deed(at_s=60.0, what="officer", who="officer-11", how="close web-a"),
        replace(PRESS, at_s=60.3),
    )
    shop = Shop(https=False, sms=False)
    story = Story(seed="made", shops=(shop,), deeds=deeds, monitors=2, heal_s=141.0, calm=True)
    outcome = teller.play(story, telling=True)
    assert outcome.held, verdict(outcome)
    begun = [line for line in outcome.timeline.splitlines() if " pressed alert_id=" in line]
    assert len(begun) == 2, outcome.timeline


def test_a_press_that_only_the_centre_remembers_gives_the_alert_its_time_anew(teller: Teller) -> None:
    """The process died before the press was written; without it the alert ended too early (478016114.19)."""
    deeds = (
        replace(PRESS, at_s=40.0),
        replace(PRESS, at_s=230.0),
        Deed(at_s=230.0, what="crash", who="k1", how="kill", for_s=0.2, n=4),
        replace(PRESS, at_s=242.0),
        Deed(at_s=242.0, what="crash", who="k1", how="power", for_s=0.2),
        Deed(at_s=653.0, what="officer", who="officer-12", how="close web-a"),
    )
    shop = Shop(mode="spoken", guard="double", https=False, sms=False, max_s=600.0)
    story = Story(seed="478016114.19", shops=(shop,), deeds=deeds, monitors=1, heal_s=654.0, calm=True)
    outcome = teller.play(story)
    assert outcome.held, verdict(outcome)
