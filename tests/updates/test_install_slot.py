"""A release put into a slot: nothing fetched, complete last, made anew after a cut anywhere."""

import subprocess
from pathlib import Path

import pytest
from fakes.releases import TARGET, make_pip, make_quick_pip, make_release
from fakes.slots import KILLED, Slots

pytestmark = pytest.mark.real


@pytest.fixture
def quick_pip(tmp_path: Path) -> Path:
    return make_quick_pip(tmp_path / "pip")


def install(
    slots: Slots, release: Path, slot: str = "b", cut: int | None = None, target: str = TARGET
) -> subprocess.CompletedProcess[str]:
    return slots.run(slot, str(release), target, script="install-slot", cut=cut)


def test_a_release_goes_into_a_slot_and_starts_from_there(tmp_path: Path, quick_pip: Path) -> None:
    slots = Slots(tmp_path)
    release = make_release(tmp_path / "release", "2.0", make_pip(tmp_path / "pip"))
    done = install(slots, release)
    assert (done.returncode, done.stdout) == (0, "b: changed\n"), done.stderr
    folder = slots.base / "slots/b"
    assert (folder / "VERSION").read_text() == "2.0\n"
    assert (folder / "MANIFEST").read_bytes() == (release / "MANIFEST").read_bytes()
    compiled = {path.parents[1].name for path in folder.rglob("*/__pycache__/*.pyc")}
    assert compiled == {"kiosk", "site-packages"}  # not what is never run
    assert not (folder / "bin/pip").exists()
    assert install(slots, release).stdout == "b: ok\n"
    newer = make_release(tmp_path / "newer", "3.0", quick_pip)
    assert install(slots, newer).stdout == "b: changed\n"
    assert (folder / "VERSION").read_text() == "3.0\n"
    slots.do("switch", "b")
    assert "runs from slot b" in install(slots, release).stderr


def test_a_cut_before_any_step_leaves_no_slot_that_counts_and_the_next_run_makes_it(
    tmp_path: Path, quick_pip: Path
) -> None:
    slots = Slots(tmp_path)
    release = make_release(tmp_path / "release", "2.0", quick_pip)
    slots.make("b", "1.0")
    for cut in range(1, 20):
        done = install(slots, release, cut=cut)
        if done.returncode != KILLED:
            break
        if slots.is_complete("b"):
            assert cut == 1, "the old version counts only until the first step"
    assert (done.returncode, done.stdout) == (0, "b: changed\n"), done.stderr
    assert cut > 8


@pytest.mark.parametrize(
    ("fault", "why"), [("mute", "does not start"), ("wrong", 'says that it is "kiosk, version 0.0.0"')]
)
def test_a_version_that_does_not_know_itself_leaves_no_slot(
    tmp_path: Path, quick_pip: Path, fault: str, why: str
) -> None:
    slots = Slots(tmp_path)
    done = install(slots, make_release(tmp_path / "release", "2.0", quick_pip, fault=fault))
    assert done.returncode == 1
    assert why in done.stderr.splitlines()[-1]
    assert not (slots.base / "slots/b").exists()


def test_pip_itself_refuses_a_changed_wheel(tmp_path: Path) -> None:
    slots = Slots(tmp_path)
    release = make_release(tmp_path / "release", "2.0", make_pip(tmp_path / "pip"))
    wheel = next((release / "app").iterdir())
    wheel.write_bytes(wheel.read_bytes() + b"\0")
    done = install(slots, release)
    assert (done.returncode, slots.is_complete("b")) == (1, False)
    assert "cannot be installed" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("slot", "target", "spoil", "why"),
    [
        ("c", TARGET, "", "no slot is called c"),
        ("b", "../x", "", "not the name of a target"),
        ("b", "trixie-armhf", "", "not made for trixie-armhf"),
        ("b", TARGET, "MANIFEST", "names no version"),
        ("b", TARGET, "pip", "holds no pip"),
        ("b", TARGET, "trial", "a version is on trial"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence_before_anything_changes(
    tmp_path: Path, slot: str, target: str, spoil: str, why: str
) -> None:
    slots = Slots(tmp_path)
    slots.make("b", "1.0")
    stand_in = tmp_path / "pip-0-py3-none-any.whl"
    stand_in.touch()
    release = make_release(tmp_path / "release", "2.0", stand_in)
    if spoil == "MANIFEST":
        (release / "MANIFEST").write_text("nothing\n")
    elif spoil == "pip":
        next((release / "pip").iterdir()).unlink()
    elif spoil == "trial":
        (slots.base / "trial").touch()
    done = install(slots, release, slot, target=target)
    assert (done.returncode, done.stdout, slots.is_complete("b")) == (1, "", True)
    assert why in done.stderr
    assert len(done.stderr.splitlines()) == 1
