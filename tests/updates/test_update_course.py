"""An update on real slots: kept when it stands, taken back when not, whole again after a cut at any step."""

from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.update_bench import BenchCourse, Cut, PretendDaemon, UpdateBench, course
from kiosk_orders import lay_order

from kiosk import update_folder
from kiosk.bundle import BundleRefused, file_id
from kiosk.update.course import Wishes
from kiosk.update.machine import JUDGE_S
from kiosk.update.record import RECORD
from kiosk.update_folder import OUTCOME, REQUEST
from kiosk.updates import UpdateOutcome

pytestmark = pytest.mark.real


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UpdateBench:
    made = UpdateBench(tmp_path)
    made.first()
    monkeypatch.setenv("PATH", made.path)
    return made


def daemon_of(bench: UpdateBench, **ill: str) -> PretendDaemon:
    names = {key.replace("_", "."): value for key, value in ill.items()}
    daemon = PretendDaemon(bench, ill={key.removeprefix("v"): value for key, value in names.items()})
    daemon.restart()
    return daemon


def told(bench: UpdateBench) -> UpdateOutcome:
    outcome = update_folder.read(bench.state / "update", OUTCOME, UpdateOutcome)
    assert outcome is not None
    return outcome


def test_a_healthy_version_is_kept_and_told(bench: UpdateBench) -> None:
    daemon = daemon_of(bench)
    said: list[str] = []
    path = bench.release("2.0")
    ended = course(bench, daemon, said=lambda what, _: said.append(what)).install(path)
    assert (ended.ending, ended.version, ended.before) == ("succeeded", "2.0", "1.0")
    assert (bench.slots.current, bench.slots.trial, daemon.running) == ("b", None, "2.0")
    assert said == ["verify", "install", "prepare", "switch", "start", "drill", "confirm"]
    assert daemon.drills == ["2.0"]
    assert told(bench) == ended
    assert not (bench.slots.base / RECORD).exists()
    assert not (bench.slots.base / "incoming/release").exists()


@pytest.mark.parametrize(
    ("ill", "code"),
    [
        ("crash", "update_start"),
        ("hangs", "update_start"),
        ("link", "update_link"),
        ("drill", "update_drill"),
    ],
)
def test_an_ill_version_is_taken_back_and_refused_from_then_on(
    bench: UpdateBench, ill: str, code: str
) -> None:
    daemon = daemon_of(bench, v2_0=ill)
    path = bench.release("2.0")
    ended = course(bench, daemon).install(path)
    assert (ended.ending, ended.code) == ("rolled_back", code)
    assert (bench.slots.current, bench.slots.trial, daemon.running) == ("a", None, "1.0")
    assert bench.slots.refused == ["2.0"]
    again = course(bench, daemon).install(path)
    assert (again.ending, again.code, bench.slots.current) == ("failed", "update_refused", "a")
    daemon.ill = {}
    mended = course(bench, daemon, wishes=Wishes(again=True)).install(path)
    assert (mended.ending, bench.slots.refused) == ("succeeded", [""][:0])


def test_nothing_is_switched_while_an_incident_is_open(bench: UpdateBench) -> None:
    daemon = daemon_of(bench)
    daemon.alarms = 20
    made = course(bench, daemon)
    ended = made.install(bench.release("2.0"))
    assert ended.ending == "succeeded"
    assert made.clock_s >= 20 * 60
    assert daemon.restarts == 2


def during(made: BenchCourse, change: str, then: Callable[[], None]) -> None:
    """Let something happen while the slots are being changed, which takes seconds on a busy card."""
    really = getattr(made.slots, change)

    def changed(word: str) -> None:
        really(word)
        then()

    setattr(made.slots, change, changed)


def test_an_incident_that_opens_while_the_slots_are_switched_is_not_interrupted(bench: UpdateBench) -> None:
    daemon = daemon_of(bench)
    made = course(bench, daemon)
    during(made, "switch", lambda: setattr(daemon, "alarms", 5))
    ended = made.install(bench.release("2.0"))
    assert (ended.ending, daemon.running, daemon.alarms) == ("succeeded", "2.0", 0)
    assert (daemon.restarts, daemon.interrupted) == (2, 0)


def test_an_incident_that_opens_on_the_way_back_is_not_interrupted(bench: UpdateBench) -> None:
    daemon = daemon_of(bench, v2_0="link")
    made = course(bench, daemon)
    during(made, "back", lambda: setattr(daemon, "alarms", 5))
    ended = made.install(bench.release("2.0"))
    assert (ended.ending, ended.code, daemon.running, daemon.alarms) == (
        "rolled_back", "update_link", "1.0", 0,
    )  # fmt: skip
    assert (daemon.restarts, daemon.interrupted) == (3, 0)


def test_a_good_version_whose_drill_an_incident_interrupted_late_is_kept(bench: UpdateBench) -> None:
    daemon = daemon_of(bench)
    made = course(bench, daemon)

    def interrupted() -> None:
        made.clock_s += JUDGE_S
        daemon.alarms = 5
        daemon.drill = really  # type: ignore[method-assign]

    really, daemon.drill = daemon.drill, interrupted  # type: ignore[method-assign, assignment]
    ended = made.install(bench.release("2.0"))
    assert (ended.ending, daemon.drills, daemon.interrupted) == ("succeeded", ["2.0"], 0)


def test_a_way_back_that_was_cut_before_the_restart_ends_with_the_previous_version_running(
    bench: UpdateBench,
) -> None:
    daemon = daemon_of(bench, v2_0="link")
    made = course(bench, daemon)
    during(made, "back", lambda: setattr(daemon, "standing", cut))
    really = daemon.standing
    with pytest.raises(Cut):
        made.install(bench.release("2.0"))
    assert (daemon.running, bench.slots.current) == ("2.0", "a")
    daemon.standing = really  # type: ignore[method-assign]
    daemon.alarms = 3
    ended = course(bench, daemon).resume()
    assert ended is not None
    assert (ended.ending, ended.code, daemon.running) == ("rolled_back", "update_link", "1.0")
    assert daemon.interrupted == 0


def cut() -> None:
    raise Cut


def fetched(bench: UpdateBench) -> Path:
    """Give a release where one that was fetched lies."""
    made = bench.release("2.0")
    incoming = bench.slots.base / "incoming"
    incoming.mkdir()
    return made.rename(incoming / f"pana-release-{file_id(made)}.tar")


def test_a_cut_in_the_judging_leaves_no_release_on_the_card(bench: UpdateBench) -> None:
    daemon = daemon_of(bench)
    path = fetched(bench)
    lay_order(bench.state, "2.0")
    really, daemon.drill = daemon.drill, cut  # type: ignore[method-assign, assignment]
    with pytest.raises(Cut):
        course(bench, daemon).install(path, command_id="c1")
    daemon.drill = really  # type: ignore[method-assign]
    ended = course(bench, daemon).resume()
    assert ended is not None
    assert ended.ending == "succeeded"
    assert list(path.parent.iterdir()) == []


def test_what_was_fetched_for_an_order_that_still_waits_stays(bench: UpdateBench) -> None:
    daemon = daemon_of(bench)
    lay_order(bench.state, "2.1", "cd" * 32, "c2")
    incoming = bench.slots.base / "incoming"
    incoming.mkdir()
    part = incoming / f"{'cd' * 32}.part"
    for file in (part, incoming / f"pana-release-{'ab' * 32}.tar"):
        file.touch()
    assert course(bench, daemon).install(bench.release("2.0")).ending == "succeeded"
    assert list(incoming.iterdir()) == [part]


def test_a_daemon_that_is_away_stops_the_update_unless_it_is_forced(bench: UpdateBench) -> None:
    daemon = daemon_of(bench, v1_0="hangs")
    path = bench.release("2.0")
    ended = course(bench, daemon).install(path)
    assert (ended.ending, ended.code, bench.slots.current) == ("failed", "update_no_daemon", "a")
    ended = course(bench, daemon, wishes=Wishes(force=True)).install(path)
    assert (ended.ending, bench.slots.current) == ("succeeded", "b")


def test_a_version_that_runs_already_is_not_installed_anew(bench: UpdateBench) -> None:
    daemon = daemon_of(bench)
    ended = course(bench, daemon).install(bench.release("1.0"))
    assert (ended.ending, ended.code, bench.slots.current, daemon.restarts) == (
        "succeeded", "update_same", "a", 1,
    )  # fmt: skip
    assert not bench.slots.is_complete("b")


def test_an_older_version_is_refused_though_the_owner_signed_it_until_a_person_here_allows_it(
    bench: UpdateBench,
) -> None:
    daemon = daemon_of(bench)
    path = bench.release("0.9")
    lay_order(bench.state, "0.9")
    for ordered in ("c1", None):
        ended = course(bench, daemon).install(path, command_id=ordered)
        assert (ended.ending, ended.code) == ("failed", "update_older")
        assert (bench.slots.current, daemon.restarts) == ("a", 1)
        assert not bench.slots.is_complete("b")
    ended = course(bench, daemon, wishes=Wishes(downgrade=True)).install(path)
    assert (ended.ending, bench.slots.current) == ("succeeded", "b")


def test_another_key_s_release_is_refused_before_anything(bench: UpdateBench, tmp_path: Path) -> None:
    other = UpdateBench(tmp_path / "other")
    with pytest.raises(BundleRefused, match="signature"):
        course(bench, daemon_of(bench)).install(other.release("2.0"))


@pytest.mark.parametrize("fault", ["mute", "wrong"])
def test_a_release_that_cannot_be_installed_leaves_all_as_it_was(bench: UpdateBench, fault: str) -> None:
    ended = course(bench, daemon_of(bench)).install(bench.release("2.0", fault=fault))
    assert (ended.ending, ended.code, bench.slots.current) == ("failed", "update_install", "a")
    assert not bench.slots.is_complete("b")


def test_a_disk_without_room_is_told(bench: UpdateBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.update.release.free_mb", lambda _places: 5)
    ended = course(bench, daemon_of(bench)).install(bench.release("2.0"))
    assert (ended.code, ended.detail) == ("update_space", "5 MB < 60 MB")


@pytest.mark.parametrize(("ill", "ends"), [({}, "b"), ({"v2_0": "crash"}, "a"), ({"v2_0": "link"}, "a")])
def test_a_cut_before_or_after_any_step_ends_with_a_kiosk_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ill: dict[str, str], ends: str
) -> None:
    """After each cut the machine starts anew, then the resumed update; the order still lies there."""
    bench = UpdateBench(tmp_path)
    bench.first()
    monkeypatch.setenv("PATH", bench.path)
    path = bench.release("2.0")
    for cut_at in range(1, 60):
        daemon = daemon_of(bench, **ill)
        lay_order(bench.state, "2.0")
        made = course(bench, daemon, cut_at=cut_at, by_hand=True)
        try:
            made.install(path, command_id="c1")
        except Cut:
            daemon.restart()
            assert daemon.running in ("1.0", "2.0")
            again = course(bench, daemon, by_hand=True)
            ended = again.resume()
            if ended is None or (ended.ending == "failed" and ended.code == "update_interrupted"):
                ended = course(bench, daemon, by_hand=True).install(path, command_id="c1")
        else:
            break
        assert ended.ending == ("succeeded" if ends == "b" else "rolled_back")
        assert (bench.slots.current, bench.slots.trial) == (ends, None)
        assert told(bench).command_id in ("c1", None)
        _as_before(bench)
    assert cut_at > 10
    assert not (bench.state / "update" / REQUEST).exists()


def _as_before(bench: UpdateBench) -> None:
    for name in ("refused", "trial", RECORD):
        (bench.slots.base / name).unlink(missing_ok=True)
    (bench.slots.base / "current").unlink()
    (bench.slots.base / "slots/b/complete").unlink(missing_ok=True)
    bench.slots.do("switch", "a")
