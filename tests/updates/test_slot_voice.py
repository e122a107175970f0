"""A release's clips go with it into its slot: each version has its own, whole; going back finds them."""

from pathlib import Path

import pytest
from fakes.releases import TARGET, make_quick_pip, make_release
from fakes.slots import KILLED, Slots
from fakes.update_bench import PretendDaemon, UpdateBench, course

from kiosk.update import release

pytestmark = pytest.mark.real

SAME, OLD, NEW = b"the same words" * 999, b"said before" * 999, b"said now" * 999
FIRST = {"kk-drill-1-aa.wav": SAME, "kk-sent-1-bb.wav": OLD, "manifest.json": b"first"}
SECOND = {"kk-drill-1-aa.wav": SAME, "kk-sent-1-cc.wav": NEW, "manifest.json": b"second"}


def voice_in(slots: Slots, slot: str) -> dict[str, bytes]:
    folder = slots.base / "slots" / slot / "voice"
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def lay(slots: Slots, slot: str, voice: dict[str, bytes]) -> None:
    folder = slots.make(slot, "1.0") / "voice"
    folder.mkdir()
    for name, content in voice.items():
        (folder / name).write_bytes(content)


def test_a_cut_anywhere_leaves_the_running_version_s_clips_and_no_torn_ones_that_count(
    tmp_path: Path,
) -> None:
    slots = Slots(tmp_path)
    lay(slots, "a", FIRST)
    slots.do("switch", "a")
    made = make_release(tmp_path / "release", "2.0", make_quick_pip(tmp_path / "pip"), voice=SECOND)
    for cut in range(1, 30):
        done = slots.run("b", str(made), TARGET, script="install-slot", cut=cut)
        assert voice_in(slots, "a") == FIRST
        assert not slots.is_complete("b") or voice_in(slots, "b") == SECOND
        if done.returncode != KILLED:
            break
    assert (done.returncode, done.stdout, voice_in(slots, "b")) == (0, "b: changed\n", SECOND), done.stderr
    assert cut > 9


def test_an_unchanged_clip_lies_on_the_disk_once_and_a_forged_one_is_not_taken_for_it(tmp_path: Path) -> None:
    slots = Slots(tmp_path)
    lay(slots, "a", {**FIRST, "kk-sent-1-cc.wav": b"another's sound under this name"})
    slots.do("switch", "a")
    made = make_release(tmp_path / "release", "2.0", make_quick_pip(tmp_path / "pip"), voice=SECOND)
    slots.run("b", str(made), TARGET, script="install-slot")
    a, b = (slots.base / "slots" / slot / "voice" for slot in "ab")
    assert (a / "kk-drill-1-aa.wav").samefile(b / "kk-drill-1-aa.wav")
    assert voice_in(slots, "b") == SECOND
    assert {path.stat().st_mode & 0o777 for path in b.iterdir()} == {0o644}


@pytest.mark.parametrize(("ill", "runs"), [({}, "b"), ({"2.0": "drill"}, "a")])
def test_an_update_lays_the_release_s_clips_beside_and_going_back_finds_the_old_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ill: dict[str, str], runs: str
) -> None:
    bench = UpdateBench(tmp_path)
    bench.first()
    monkeypatch.setenv("PATH", bench.path)
    lay(bench.slots, "a", FIRST)
    daemon = PretendDaemon(bench, ill=ill)
    daemon.restart()
    course(bench, daemon).install(bench.release("2.0", voice=SECOND))
    assert bench.slots.current == runs
    assert (voice_in(bench.slots, "a"), voice_in(bench.slots, "b")) == (FIRST, SECOND)


def test_clips_count_for_the_room_that_is_needed_but_not_as_what_is_compiled(tmp_path: Path) -> None:
    bench = UpdateBench(tmp_path)
    key = course(bench, PretendDaemon(bench)).places
    big = {"kk-sent-1-dd.wav": bytes(5_000_000), "manifest.json": b"{}"}
    plain = release.verify(bench.release("2.0"), key, None)
    voiced = release.verify(bench.release("2.1", voice=big), key, None)
    assert release.needed_mb(voiced, TARGET) - release.needed_mb(plain, TARGET) == 10
