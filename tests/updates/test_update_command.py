"""`kiosk update`: one at a time, said in the site's language, an order of the centre always answered."""

import fcntl
import json
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fakes.update_bench import PretendDaemon, UpdateBench
from kiosk_orders import lay_order

from kiosk import update_folder
from kiosk.bundle import file_id
from kiosk.cli import main
from kiosk.messages import LinkDown
from kiosk.update.daemon import Daemon
from kiosk.update.places import Places, UpdateFailed
from kiosk.update.record import Papers
from kiosk.update_folder import OUTCOME, REQUEST
from kiosk.updates import UpdateOutcome

pytestmark = pytest.mark.real
Run = Callable[..., Result]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UpdateBench:
    made = UpdateBench(tmp_path)
    made.first()
    daemon = PretendDaemon(made)
    daemon.restart()
    monkeypatch.setenv("PATH", made.path)
    monkeypatch.setenv("PANA_ROOT", str(tmp_path))
    monkeypatch.setattr("kiosk.update.daemon.Daemon", lambda *_: daemon)
    monkeypatch.setattr("kiosk.update.system.System.restart", lambda _: daemon.restart())
    (tmp_path / "site.toml").write_text(f'[paths]\nstate = "{made.state}"\n[kiosk]\nlanguages = ["en"]\n')
    return made


@pytest.fixture
def run(bench: UpdateBench) -> Run:
    def kiosk(*words: str) -> Result:
        return CliRunner().invoke(main, ["update", *words, "--config", str(bench.root / "site.toml")])

    return kiosk


def fetched(monkeypatch: pytest.MonkeyPatch, answer: Path | Exception) -> None:
    def fetch(*_: Any) -> Path:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr("kiosk.commands.update._View.fetch", fetch)


def told(bench: UpdateBench) -> UpdateOutcome:
    outcome = update_folder.read(bench.state / "update", OUTCOME, UpdateOutcome)
    assert outcome is not None
    return outcome


def test_an_update_says_what_it_does_and_how_it_ended(bench: UpdateBench, run: Run) -> None:
    done = run(str(bench.release("2.0")), "--yes")
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[-2:] == ["version 2.0 is kept", "Version 2.0 runs."]
    done = run("status")
    assert done.output.splitlines() == ["running: 2.0 (slot b)", "in the other slot: 1.0"]


def test_what_was_not_installed_is_said_in_the_words_asked_for(bench: UpdateBench, run: Run) -> None:
    done = run(str(bench.release("0.9")), "--lang", "ru")
    assert done.exit_code == 1
    assert done.output.splitlines()[-1] == "Не обновлено: выпуск старше работающей версии (0.9 < 1.0)"
    done = run(str(bench.release("0.9", name="again")), "--json")
    assert json.loads(done.output.splitlines()[-1])["code"] == "update_older"


def test_status_tells_of_a_trial_and_of_what_was_taken_back(bench: UpdateBench, run: Run) -> None:
    bench.slots.make("b", "2.0")
    bench.slots.do("switch", "b")
    (bench.slots.base / "refused").write_text("1.5 update_link: mqtt\n")
    assert run("status").output.splitlines()[2:] == ["on trial: 2.0", "taken back earlier: 1.5"]
    found = json.loads(run("status", "--json").output)
    assert found == {"version": "2.0", "slot": "b", "spare": "1.0", "trial": "2.0", "refused": ["1.5"]}


def test_a_trial_is_judged_after_a_cut(bench: UpdateBench, run: Run) -> None:
    assert run("--resume").output == "Nothing is under way.\n"
    bench.slots.make("b", "1.0")
    bench.slots.do("switch", "b")
    assert run("--resume").output.splitlines()[-1] == "Version 1.0 runs."
    assert (bench.slots.current, bench.slots.trial) == ("b", None)


def test_a_cut_trial_is_judged_before_the_next_update(bench: UpdateBench, run: Run) -> None:
    bench.slots.make("b", "1.0")
    bench.slots.do("switch", "b")
    done = run(str(bench.release("2.0")), "--yes")
    assert [line for line in done.output.splitlines() if line.startswith("Version")] == [
        "Version 1.0 runs.",
        "Version 2.0 runs.",
    ]
    assert bench.slots.current == "a"


def test_an_order_of_the_centre_is_carried_out_and_answered(
    bench: UpdateBench, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = bench.release("2.0")
    lay_order(bench.state, "2.0", file_id(path))
    fetched(monkeypatch, path)
    assert run("--from-centre").exit_code == 0
    assert (told(bench).ending, told(bench).command_id, told(bench).update_id) == ("succeeded", "c1", "c1")
    assert not (bench.state / "update" / REQUEST).exists()
    assert not path.exists()
    assert run("--from-centre").output == ""


@pytest.mark.parametrize(
    ("answer", "code"),
    [(UpdateFailed("update_not_offered"), "update_not_offered"), (Path("/dev/null"), "update_bundle")],
)
def test_an_order_that_cannot_be_carried_out_is_answered_too(
    bench: UpdateBench, run: Run, monkeypatch: pytest.MonkeyPatch, answer: Path | Exception, code: str
) -> None:
    lay_order(bench.state, "2.0")
    file = bench.root / "damaged.tar"
    file.write_bytes(b"damaged")
    fetched(monkeypatch, answer if isinstance(answer, Exception) else file)
    assert run("--from-centre").exit_code == 0
    assert (told(bench).ending, told(bench).code) == ("failed", code)
    assert not (bench.state / "update" / REQUEST).exists()


def test_an_order_that_ends_gives_its_room_back_before_it_is_answered(
    bench: UpdateBench, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk the answer could not be written: each minute the order would be tried again."""
    lay_order(bench.state, "2.0")
    incoming = bench.slots.base / "incoming"
    incoming.mkdir()
    for name in (f"{'ab' * 32}.part", f"pana-release-{'cd' * 32}.tar"):
        (incoming / name).write_bytes(b"x")
    fetched(monkeypatch, UpdateFailed("update_space"))
    monkeypatch.setattr(Papers, "finish", lambda *_: left.extend(incoming.iterdir()))
    left: list[Path] = []
    assert run("--from-centre").exit_code == 0
    assert left == []


class Enough(Exception):
    """The test has seen enough."""


@pytest.mark.parametrize("answer", [b"", b'{"error": "busy: 8 clients are connected already"}\n'])
def test_nothing_is_fetched_while_a_daemon_is_there_and_gives_no_answer(
    bench: UpdateBench, run: Run, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    """An incident may be open, and the line is its own."""
    lay_order(bench.state, "2.0")
    asked: list[str] = []

    def wait(_seconds: float) -> None:
        raise Enough

    doors = SimpleNamespace(call=lambda door, _question: asked.append(door))
    monkeypatch.setattr("time.sleep", wait)
    monkeypatch.setattr("kiosk.net.call.Caller", lambda *_: doors)
    https = SimpleNamespace(tls=object(), centres=["a.example.kz:8443"])
    config = SimpleNamespace(https=https, paths=SimpleNamespace(state=str(bench.state)))
    monkeypatch.setattr("kiosk.arming.read_config", lambda _file: (config, ()))
    monkeypatch.setattr("kiosk.update.daemon.ASK_S", 0.2)
    path = bench.root / "kiosk.sock"
    monkeypatch.setattr("kiosk.update.daemon.Daemon", lambda *_: Daemon(path, 1.0))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        links: list[socket.socket] = []

        def accept() -> None:
            links.append(listener.accept()[0])
            links[0].sendall(answer)

        accepting = threading.Thread(target=accept)
        accepting.start()
        done = run("--from-centre")
        accepting.join()
        links[0].close()
    assert isinstance(done.exception, Enough)
    assert asked == []


def test_an_order_waits_while_no_door_answers(
    bench: UpdateBench, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_order(bench.state, "2.0")
    part = bench.slots.base / "incoming" / f"{'ab' * 32}.part"
    part.parent.mkdir()
    part.touch()
    fetched(monkeypatch, LinkDown("no route"))
    assert run("--from-centre").exit_code == 1
    assert (bench.state / "update" / REQUEST).exists()
    assert part.exists()


DAY_S = 24 * 3600.0


@pytest.mark.parametrize(
    ("laid", "now", "expired"),
    [
        (("one", 30.0), ("one", 90.0), False),
        (("one", 30.0), ("one", 29.0 + DAY_S), False),
        (("one", 30.0), ("one", 31.0 + DAY_S), True),
        (("one", 90.0), ("one", 30.0), False),
        (("one", 30.0), ("another", 30.0), True),
        (("", 30.0), ("", 30.0), True),
        (None, ("one", 30.0), True),
    ],
)
def test_an_order_grows_old_by_the_time_since_the_boot_while_that_lasts(
    bench: UpdateBench, monkeypatch: pytest.MonkeyPatch, laid: Any, now: Any, expired: bool
) -> None:
    """The clock without a battery is set after the order came: the file seems to be of long ago."""
    monkeypatch.setattr("kiosk.update_folder.boot", lambda: laid)
    (lay_order if laid else _lay_old)(bench.state, "2.0")
    os.utime(bench.state / "update" / REQUEST, (1.0, 1.0))
    monkeypatch.setattr("kiosk.update_folder.boot", lambda: now)
    papers = Papers(Places(bench.root), bench.state)
    order = papers.order()
    assert order is not None
    assert order.version == "2.0"
    assert (papers.order_age_s(order) > DAY_S) == expired


def _lay_old(state: Path, version: str) -> None:
    """Lay an order down as earlier versions do."""
    order = {"command_id": "c1", "release": "ab" * 32, "version": version}
    (state / "update").mkdir()
    (state / "update" / REQUEST).write_text(json.dumps(order))


def test_an_order_is_carried_out_though_the_clock_was_set_since(
    bench: UpdateBench, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = bench.release("2.0")
    lay_order(bench.state, "2.0", file_id(path))
    os.utime(bench.state / "update" / REQUEST, (1.0, 1.0))
    fetched(monkeypatch, path)
    assert run("--from-centre").exit_code == 0
    assert (told(bench).ending, told(bench).code) == ("succeeded", "")


def test_an_order_of_another_boot_that_lies_too_long_is_answered(bench: UpdateBench, run: Run) -> None:
    _lay_old(bench.state, "2.0")
    os.utime(bench.state / "update" / REQUEST, (1.0, 1.0))
    assert run("--from-centre").exit_code == 0
    assert told(bench).code == "update_expired"


def test_an_order_whose_version_was_taken_back_meanwhile_is_answered(bench: UpdateBench, run: Run) -> None:
    """The guard went back by itself, and then the power was cut."""
    lay_order(bench.state, "2.0")
    (bench.slots.base / "refused").write_text("2.0 it did not come to rest in 3 starts\n")
    (bench.slots.base / "update.json").write_text(
        json.dumps(
            {"update_id": "c1", "command_id": "c1", "version": "2.0", "before_version": "1.0", "slot": "b",
             "release": "ab" * 32, "switched": True}
        )
    )  # fmt: skip
    assert run("--from-centre").exit_code == 0
    assert (told(bench).ending, told(bench).code) == ("rolled_back", "update_start")
    assert told(bench).detail.startswith("it did not come to rest")


def test_an_order_that_cannot_be_read_is_dropped(bench: UpdateBench, run: Run) -> None:
    lay_order(bench.state, "2.0")
    (bench.state / "update" / REQUEST).write_text("nonsense")
    assert run("--from-centre").exit_code == 0
    assert not (bench.state / "update" / REQUEST).exists()


def test_a_kiosk_without_doors_cannot_fetch(bench: UpdateBench, run: Run, tmp_path: Path) -> None:
    lay_order(bench.state, "2.0")
    assert run("--from-centre").exit_code == 0
    assert (told(bench).ending, told(bench).code) == ("failed", "update_bundle")


def test_one_update_at_a_time(bench: UpdateBench, run: Run) -> None:
    with (bench.slots.base / "update.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = run("--resume")
    assert done.exit_code == 1
    assert "another update is under way" in done.output


def test_a_machine_without_slots_is_told_so(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PANA_ROOT", str(tmp_path / "empty"))
    done = run("--resume")
    assert done.exit_code == 1
    assert "was not set up by provision.sh" in done.output


@pytest.mark.parametrize("words", [(), ("status", "--resume"), ("--from-centre", "--resume")])
def test_one_thing_is_asked_for_at_a_time(run: Run, words: tuple[str, ...]) -> None:
    assert run(*words).exit_code == 2
