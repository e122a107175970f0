"""The slots' script: one rename a change, a trial that ends by itself, and a cut before any of its steps."""

import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.slots import KILLED, SCRIPTS, Slots

pytestmark = pytest.mark.real
STEPS_MAX = 30
DEATHS = 10


@pytest.fixture
def slots(tmp_path: Path) -> Slots:
    """1.0 runs from slot a; 2.0 lies in slot b."""
    made = Slots(tmp_path)
    made.make("a", "1.0")
    made.make("b", "2.0", kept=True)
    made.do("switch", "a")
    return made


def test_the_first_slot_is_switched_to_without_a_trial(tmp_path: Path) -> None:
    slots = Slots(tmp_path)
    slots.make("a")
    assert slots.run("current").returncode == 1
    assert slots.do("spare") == "a"
    slots.do("switch", "a")
    assert (slots.do("current"), slots.do("spare"), slots.trial) == ("a", "b", None)


def test_a_switch_begins_a_trial_and_confirming_ends_it(slots: Slots) -> None:
    slots.do("switch", "b")
    assert (slots.current, slots.trial) == ("b", {"slot": "b", "previous": "a", "tries": "0"})
    slots.do("confirm")
    assert (slots.current, slots.trial, slots.refused) == ("b", None, [])


def test_going_back_refuses_the_version_and_keeps_the_reason(slots: Slots) -> None:
    slots.do("switch", "b")
    slots.do("back", "the link\nis down")
    assert (slots.current, slots.trial) == ("a", None)
    assert (slots.base / "refused").read_text() == "2.0 the link is down\n"
    done = slots.run("switch", "b")
    assert (done.returncode, slots.current) == (1, "a")
    assert "refused" in done.stderr
    slots.do("allow", "2.0")
    slots.do("switch", "b")
    assert slots.current == "b"


def test_a_person_may_go_back_without_a_trial(slots: Slots) -> None:
    slots.do("switch", "b")
    slots.do("confirm")
    slots.do("back", "it is too slow")
    assert (slots.current, slots.refused) == ("a", ["2.0"])
    assert slots.run("back", "and again").returncode == 1
    assert slots.current == "a"


def test_three_starts_that_are_not_confirmed_are_enough(slots: Slots) -> None:
    slots.do("switch", "b")
    seen = []
    for _ in range(5):
        slots.do("guard")
        seen.append(slots.current)
    assert seen == ["b", "b", "b", "a", "a"]
    assert (slots.trial, slots.refused) == (None, ["2.0"])


def test_a_guard_without_a_trial_changes_nothing(slots: Slots) -> None:
    before = sorted(str(path) for path in slots.base.rglob("*"))
    slots.do("guard")
    assert sorted(str(path) for path in slots.base.rglob("*")) == before


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("switch", "c"), "no slot is called c"),
        (("switch", "b"), "not complete"),
        (("confirm",), "nothing is on trial"),
        (("back", "why"), "no complete version"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(
    slots: Slots, words: tuple[str, ...], why: str
) -> None:
    slots.make("b", "2.0", complete=False)
    done = slots.run(*words)
    assert (done.returncode, slots.current, slots.trial) == (1, "a", None)
    assert why in done.stderr


def test_a_second_switch_waits_for_the_first_ones_verdict(slots: Slots) -> None:
    slots.do("switch", "b")
    assert "on trial already" in slots.run("switch", "a").stderr
    assert slots.run("switch", "b").returncode == 0
    assert slots.current == "b"


def test_the_guard_drops_a_trial_that_was_never_switched_to(slots: Slots) -> None:
    (slots.base / "trial").write_text("slot b\nprevious a\ntries 0\n")
    slots.do("guard")
    assert (slots.current, slots.trial, slots.refused) == ("a", None, [])
    assert slots.run("confirm").returncode == 1


@pytest.mark.parametrize("text", ["", "slot x\n", "slot b\nprevious b\ntries 9999999999\n", "\0\0\0"])
def test_a_trial_that_cannot_be_read_still_ends(slots: Slots, text: str) -> None:
    slots.do("switch", "b")
    (slots.base / "trial").write_text(text)
    for _ in range(4):
        slots.do("guard")
    assert (slots.current, slots.trial) == ("a", None)


def test_the_guard_finds_a_complete_slot_when_the_present_one_is_not(slots: Slots) -> None:
    slots.make("a", "1.0", complete=False)
    slots.do("guard")
    assert slots.current == "b"
    (slots.base / "current").unlink()
    slots.make("a", "1.0")
    (slots.base / "refused").write_text("1.0 bad\n")
    slots.do("guard")
    assert slots.current == "b"
    slots.make("b", "2.0", complete=False)
    slots.do("guard")
    assert slots.current == "a", "a refused version is better than none"


def test_the_guard_never_fails_a_start(tmp_path: Path) -> None:
    slots = Slots(tmp_path)
    assert slots.run("guard").returncode == 0
    slots.base.mkdir(parents=True)
    assert slots.run("guard").returncode == 0
    assert slots.run("bad").returncode == 2


def test_a_version_that_was_kept_and_dies_ten_times_before_it_is_ready_gives_way(slots: Slots) -> None:
    """A rotten file in the confirmed slot was a crash every 2 s for ever, beside a whole version."""
    seen = []
    for _ in range(DEATHS):
        slots.do("guard")
        said = slots.dies()
        seen.append(slots.current)
    assert seen == ["a"] * (DEATHS - 1) + ["b"]
    assert (slots.trial, slots.refused) == (None, [])
    assert said == "slot: a (1.0) ended 10 times before it was ready; b (2.0) runs from now on\n"


def test_two_broken_versions_take_turns_of_ten_starts(slots: Slots) -> None:
    seen = []
    for _ in range(3 * DEATHS):
        slots.dies()
        seen.append(slots.current)
    assert seen == ["a"] * (DEATHS - 1) + ["b"] * DEATHS + ["a"] * DEATHS + ["b"]


def test_a_start_that_came_to_be_ready_ends_the_row(slots: Slots) -> None:
    for _ in range(DEATHS - 1):
        slots.dies()
    slots.do("ready")
    for _ in range(DEATHS + 1):
        slots.dies(ready=True)
        assert slots.current == "a"
    for _ in range(DEATHS - 1):
        slots.dies()
    assert slots.current == "a"


@pytest.mark.parametrize(
    ("result", "status"),
    [
        ("exit-code", "78"),  # the configuration is wrong
        ("exit-code", "226"),  # systemd's own trouble: a namespace
        ("exit-code", "243"),  # and credentials
        ("success", "0"),  # told to stop
        ("success", "TERM"),
        ("resources", ""),
        ("oom-kill", "KILL"),
        ("timeout", ""),  # in another program of the unit
        ("", ""),  # by hand
    ],
)
def test_an_end_that_is_not_the_versions_fault_swaps_nothing_and_ends_the_row(
    slots: Slots, result: str, status: str
) -> None:
    for _ in range(DEATHS - 1):
        slots.dies()
    for _ in range(DEATHS + 1):
        slots.dies(result, status)
    for _ in range(DEATHS - 1):
        slots.dies()
    assert slots.current == "a"


@pytest.mark.parametrize(
    ("result", "status"),
    [
        ("exit-code", "70"),
        ("exit-code", "203"),  # its program cannot be run
        ("signal", "SEGV"),
        ("core-dump", "ABRT"),
        ("timeout", "TERM"),
        ("protocol", "0"),
    ],
)
def test_however_a_version_dies_its_death_counts(slots: Slots, result: str, status: str) -> None:
    for _ in range(DEATHS):
        slots.dies(result, status)
    assert slots.current == "b"


def test_nothing_takes_over_that_is_not_whole_or_was_refused(slots: Slots) -> None:
    (slots.base / "refused").write_text("2.0 bad\n")
    for _ in range(DEATHS + 2):
        assert slots.dies() == ""
    assert slots.current == "a"
    slots.make("b", "2.1", complete=False, kept=True)
    assert slots.dies() == ""
    assert slots.current == "a"
    slots.make("b", "2.1")
    assert slots.dies() == ""
    assert slots.current == "a", "what was only laid there has its trial before it"
    slots.make("b", "2.1", kept=True)
    slots.dies()
    assert slots.current == "b"


def test_no_version_takes_over_that_cannot_use_this_kiosks_configuration(slots: Slots) -> None:
    """It would end with 78 for ever, and nothing counts that."""
    slots.config.parent.mkdir(parents=True)
    slots.config.write_text("a key that it does not know")
    for _ in range(DEATHS + 2):
        assert slots.dies() == ""
    assert slots.current == "a"
    copy = slots.root / "var/lib/pana-kiosk/site.good.toml"
    copy.parent.mkdir(parents=True)
    copy.write_text("good")
    slots.dies()
    assert slots.current == "b", "it can run with the copy"


def test_what_is_switched_from_may_take_over_later(slots: Slots) -> None:
    slots.make("b", "3.0")
    slots.do("switch", "b")
    slots.do("confirm")
    for _ in range(DEATHS):
        slots.dies()
    assert slots.current == "a"


def test_a_trial_is_left_to_its_own_rule(slots: Slots) -> None:
    slots.do("switch", "b")
    for _ in range(DEATHS + 1):
        slots.dies()
    assert (slots.current, slots.trial) == ("b", {"slot": "b", "previous": "a", "tries": "0"})


def test_a_start_of_the_system_counts_anew(slots: Slots) -> None:
    """Power that comes and goes ends no version: the count lies in /run."""
    for _ in range(DEATHS - 1):
        slots.dies()
    assert [path.name for path in slots.run_folder.iterdir()] == ["pana-kiosk.deaths"]
    (slots.run_folder / "pana-kiosk.deaths").unlink()
    slots.dies()
    assert slots.current == "a"


@pytest.mark.parametrize(
    "text", ["", "a\n", "a many\n", "c 10\n", "b 10\n", "a 99999999999999999999\n", "\0"]
)
def test_a_count_that_cannot_be_read_is_none(slots: Slots, text: str) -> None:
    slots.run_folder.mkdir()
    (slots.run_folder / "pana-kiosk.deaths").write_text(text)
    for _ in range(DEATHS - 1):
        slots.dies()
        assert slots.current == "a"
    slots.dies()
    assert slots.current == "b"


def test_counting_never_fails_a_start_or_an_end(tmp_path: Path) -> None:
    slots = Slots(tmp_path / "empty")
    assert slots.run("ready").returncode == 0
    assert slots.run("ended", SERVICE_RESULT="signal", EXIT_STATUS="SEGV").returncode == 0


class Minute:
    """`sleep` in the script's PATH that only counts; it may do something at one of its seconds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "slept"

    def path(self, then: str = ":", at: int = 0) -> str:
        spy = self.folder / "sleep"
        spy.write_text(f'#!/bin/sh\necho "$1" >>{self.log}\n[ "$(wc -l <{self.log})" != {at} ] || {then}\n')
        spy.chmod(0o755)
        return f"{self.folder}:{os.environ['PATH']}"

    @property
    def slept_s(self) -> int:
        return sum(map(int, self.log.read_text().split())) if self.log.exists() else 0


@pytest.fixture
def minute(tmp_path: Path) -> Minute:
    (tmp_path / "spies").mkdir()
    return Minute(tmp_path / "spies")


def test_a_version_whose_process_runs_for_a_minute_is_kept(slots: Slots, minute: Minute) -> None:
    """Nobody judged a centre's new version: its fourth start, months later, was the old version's again."""
    slots.do("switch", "b")
    for _ in range(3):
        slots.do("guard")
    done = slots.run("prove", str(os.getpid()), PATH=minute.path())
    assert (done.returncode, minute.slept_s) == (0, 60)
    slots.do("guard")
    assert (slots.current, slots.trial, slots.refused) == ("b", None, [])


def test_a_process_that_ends_within_the_minute_proves_nothing_and_holds_no_restart_up(
    slots: Slots, minute: Minute
) -> None:
    slots.do("switch", "b")
    with subprocess.Popen(["sleep", "1000"]) as child:
        reaping = threading.Thread(target=child.wait)
        reaping.start()
        done = slots.run("prove", str(child.pid), PATH=minute.path(f"kill -KILL {child.pid}", at=5))
        child.kill()
        reaping.join()
    assert done.returncode == 1
    assert minute.slept_s < 60
    assert slots.trial == {"slot": "b", "previous": "a", "tries": "0"}


def test_without_a_trial_there_is_nothing_to_wait_for(slots: Slots, minute: Minute) -> None:
    done = slots.run("prove", str(os.getpid()), PATH=minute.path())
    assert (done.returncode, done.stderr, minute.slept_s) == (0, "", 0)


def test_going_back_by_hand_ends_the_wait(slots: Slots, minute: Minute) -> None:
    slots.do("switch", "b")
    back = f"{SCRIPTS / 'slot'} back 'by hand'"
    done = slots.run("prove", str(os.getpid()), PATH=minute.path(back, at=3))
    assert (done.returncode, minute.slept_s, slots.current, slots.refused) == (0, 3, "a", ["2.0"])


def each_cut(make: Callable[[int], Slots], *words: str, **more: str) -> list[Slots]:
    """Run the script on fresh roots, killed one step later each time, until it ends by itself."""
    made = []
    for cut in range(1, STEPS_MAX):
        slots = make(cut)
        done = slots.run(*words, cut=cut, **more)
        made.append(slots)
        if done.returncode != KILLED:
            assert done.returncode == 0, done.stderr
            return made
    raise AssertionError(f"{words} has more than {STEPS_MAX} steps")


def converge(slots: Slots) -> None:
    """Start the kiosk as often as it takes; each start may be the last before a cut."""
    for _ in range(6):
        slots.do("guard")
        assert slots.is_complete(slots.current)
    assert slots.trial is None


@pytest.mark.parametrize(
    ("before", "words", "ends"),
    [
        ((), ("switch", "b"), {"a"}),
        ((("switch", "b"),), ("confirm",), {"a", "b"}),
        ((("switch", "b"),), ("back", "why"), {"a"}),
        ((("switch", "b"),), ("guard",), {"a"}),
        ((("switch", "b"), ("guard",), ("guard",), ("guard",)), ("guard",), {"a"}),
    ],
)
def test_a_cut_before_any_step_leaves_what_the_guard_puts_right(
    tmp_path: Path, before: tuple[tuple[str, ...], ...], words: tuple[str, ...], ends: set[str]
) -> None:
    def make(cut: int) -> Slots:
        slots = Slots(tmp_path / str(cut))
        slots.make("a", "1.0")
        slots.make("b", "2.0")
        slots.do("switch", "a")
        for step in before:
            slots.do(*step)
        return slots

    tried = each_cut(make, *words)
    for slots in tried:
        converge(slots)
        assert slots.current in ends
    assert len(tried) > 2


def test_a_cut_while_the_other_version_takes_over_leaves_one_that_runs(tmp_path: Path) -> None:
    def make(cut: int) -> Slots:
        slots = Slots(tmp_path / str(cut))
        slots.make("a", "1.0")
        slots.make("b", "2.0", kept=True)
        slots.do("switch", "a")
        for _ in range(DEATHS - 1):
            slots.dies()
        return slots

    tried = each_cut(make, "ended", SERVICE_RESULT="exit-code", EXIT_STATUS="70")
    for slots in tried:
        converge(slots)
    assert {slots.current for slots in tried} == {"a", "b"}
    assert tried[-1].current == "b"


def test_going_back_once_decided_is_carried_out_after_a_cut(tmp_path: Path) -> None:
    """Between `refused` and the rename the decision stands: nothing may start that version again."""
    for cut in range(1, STEPS_MAX):
        slots = Slots(tmp_path / str(cut))
        slots.make("a", "1.0")
        slots.make("b", "2.0")
        slots.do("switch", "a")
        slots.do("switch", "b")
        if slots.run("back", "why", cut=cut).returncode == 0:
            return
        decided = slots.refused == ["2.0"]
        slots.do("guard")
        assert not decided or slots.current == "a"


def test_each_change_is_on_the_disk_before_the_next_begins(slots: Slots, tmp_path: Path) -> None:
    log = tmp_path / "calls"
    spies = tmp_path / "spies"
    spies.mkdir()
    for name in ("mv", "rm", "ln", "sync"):
        spy = spies / name
        spy.write_text(f'#!/bin/sh\necho "{name} $*" >>{log}\nexec /usr/bin/{name} "$@"\n')
        spy.chmod(0o755)
    path = f"{spies}:{os.environ['PATH']}"
    for words in (("switch", "b"), ("back", "why"), ("allow", "2.0"), ("switch", "b"), ("confirm",)):
        assert slots.run(*words, PATH=path).returncode == 0
    loose = ""
    written: set[str] = set()
    for call in log.read_text().splitlines():
        verb, *names = call.split()
        if verb == "sync":
            written |= set(names)
            loose = "" if names == [str(slots.base)] else loose
        elif verb in ("mv", "rm"):
            assert not loose, f"{call} before {loose} was durable"
            assert verb == "rm" or names[-1].endswith("/current") or names[-2] in written, call
            written.clear()
            loose = call
    assert not loose
