"""The centre's other processes are started again whenever they end, and end with it."""

import os
import select
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import pytest
from fakes.doors_site import DoorsSite

from kiosk.monitor import children
from kiosk.monitor.children import Child
from kiosk.sim.broker import free_port

pytestmark = pytest.mark.real
PATIENCE_S = 45.0  # a deadline, never a delay
Make = Callable[..., Child]


def wait_for(what: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.02)


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Let a shell script stand for the interpreter; it notes each start in `starts`."""
    made: list[Child] = []
    monkeypatch.setattr(children, "FIRST_REST_S", 0.02)
    monkeypatch.setattr(children, "STOP_S", 0.5)

    def build(script: str, listen: Callable[[IO[bytes]], None] | None = None) -> Child:
        program = tmp_path / "program"
        program.write_text(f'#!/bin/sh\necho "$$ $*" >> {tmp_path}/starts\n{script}\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(children.sys, "executable", str(program))
        made.append(Child("web", ["web", "--config", "/m.toml"], listen=listen))
        made[-1].open()
        return made[-1]

    yield build
    for child in made:
        child.close()


def starts(folder: Path) -> list[str]:
    file = folder / "starts"
    return file.read_text().splitlines() if file.exists() else []


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_process_that_ends_is_started_again(make: Make, tmp_path: Path) -> None:
    make("exit 3")
    wait_for(lambda: len(starts(tmp_path)) >= 3)
    assert starts(tmp_path)[0].endswith("-m kiosk monitor web --config /m.toml")


def test_closing_ends_it_and_starts_no_other(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "STOP_S", PATIENCE_S)
    child = make("exec sleep 60")
    wait_for(lambda: starts(tmp_path))
    pid = int(starts(tmp_path)[0].split()[0])
    child.close()
    child.close()
    assert not is_alive(pid)
    assert len(starts(tmp_path)) == 1


def test_one_that_does_not_heed_is_killed(make: Make, tmp_path: Path) -> None:
    child = make(f"trap '' TERM\ntouch {tmp_path}/deaf\nwhile :; do sleep 0.1; done")
    wait_for((tmp_path / "deaf").exists)
    pid = int(starts(tmp_path)[0].split()[0])
    child.close()
    wait_for(lambda: not is_alive(pid))


def test_closing_goes_on_while_the_thread_that_reaps_stands_still(make: Make, tmp_path: Path) -> None:
    goes_on = threading.Event()
    child = make("exec sleep 60", lambda _: goes_on.wait(2 * PATIENCE_S))  # type: ignore[func-returns-value]
    wait_for(lambda: starts(tmp_path) and child._process)
    process: Any = child._process
    with process._waitpid_lock:  # as the thread holds it while it reaps
        child.close()
    goes_on.set()
    wait_for(lambda: process.poll() is not None)


def test_a_process_that_is_born_while_closing_ends_too(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    real, born = subprocess.Popen, threading.Event()
    held: list[Child] = []
    made: list[Any] = []

    def late(*args: Any, **more: Any) -> Any:
        born.set()
        wait_for(lambda: held and held[0]._closing.is_set())
        made.append(real(*args, **more))
        return made[0]

    monkeypatch.setattr(subprocess, "Popen", late)
    held.append(make("exec sleep 60"))
    assert born.wait(PATIENCE_S)
    held[0].close()
    wait_for(lambda: not held[0]._thread.is_alive())
    assert made[0].returncode < 0
    assert len(made) == 1


def test_what_it_writes_is_listened_to_until_it_ends(make: Make, tmp_path: Path) -> None:
    heard: list[bytes] = []
    make("echo beat", lambda stream: heard.append(stream.read()))
    wait_for(lambda: len(heard) >= 2)
    assert heard[0] == b"beat\n"


LIVES = "import os, time; os.write(int(os.environ['PANA_LIFE_FD']), b'.')"


def run_python(words: str) -> str:
    return f'exec {sys.executable} -c "{words}"'


def test_one_whose_loop_stands_still_is_killed_and_started_again(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It kept its port for good: only an end was noticed."""
    monkeypatch.setattr(children, "STEP_S", 0.01)
    monkeypatch.setattr(children, "FIRST_STEPS", 10**9)
    make(run_python(f"{LIVES}; time.sleep(600)"))
    wait_for(lambda: len(starts(tmp_path)) >= 2)
    assert "child=web hangs: killed" in caplog.text
    assert "child=web ended=-9" in caplog.text


def test_one_that_never_shows_life_is_killed_after_a_longer_time(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "STEP_S", 0.01)
    monkeypatch.setattr(children, "SILENT_STEPS", 10**9)
    monkeypatch.setattr(children, "FIRST_STEPS", 5)
    make("exec sleep 600")
    wait_for(lambda: len(starts(tmp_path)) >= 2)


class Steps:
    """Stands for `poll`: what each step brings, with the byte on the pipe, until nothing is left."""

    def __init__(self, pipe: int, brings: str) -> None:
        self._pipe, self._brings = pipe, list(brings)

    def register(self, *_: object) -> None:
        pass

    def poll(self, _wait_ms: float) -> list[tuple[int, int]]:
        if not self._brings:
            os.close(self._pipe)
            return [(0, 0)]
        sign = self._brings.pop(0) == "!"
        if sign:
            os.write(self._pipe, b".")
        return [(0, 0)] if sign else []


@pytest.mark.parametrize(
    ("brings", "killed"),
    [("." * 599 + "!" + ("." * 29 + "!") * 3, 0), ("!" + "." * 30, 1), ("." * 600, 1)],
)
def test_each_sign_of_life_begins_the_count_anew(
    monkeypatch: pytest.MonkeyPatch, brings: str, killed: int
) -> None:
    out, own = os.pipe()
    killings: list[None] = []
    process: Any = SimpleNamespace(poll=lambda: None, kill=lambda: killings.append(None))
    monkeypatch.setattr(select, "poll", lambda: Steps(own, brings))
    Child("web", [])._watch(process, out)
    assert len(killings) == killed
    os.close(out)
    if killed:
        os.close(own)


def test_a_loop_shows_life_where_somebody_watches_and_never_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(children.LIFE, raising=False)
    children.sign_of_life()()
    out, own = os.pipe()
    monkeypatch.setenv(children.LIFE, str(own))
    sign = children.sign_of_life()
    assert children.LIFE not in os.environ, "no process of the child's own has it"
    for _ in range(70_000):  # more than a pipe holds
        sign()
    assert os.read(out, 3) == b"..."
    os.close(out)
    sign()
    os.close(own)


def test_a_listener_that_trips_ends_its_process_and_another_one_starts(
    make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make("echo beat\nexec sleep 600", lambda _: 1 / 0)
    wait_for(lambda: len(starts(tmp_path)) >= 2)
    assert "listen=failed" in caplog.text
    assert not is_alive(int(starts(tmp_path)[0].split()[0]))


def test_whatever_fails_at_a_start_the_next_one_is_tried(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real, tries = subprocess.Popen, iter([ValueError("odd"), None, None, None])

    def odd(*args: Any, **more: Any) -> Any:
        error = next(tries, None)
        if error is not None:
            raise error
        return real(*args, **more)

    monkeypatch.setattr(subprocess, "Popen", odd)
    make("exec sleep 600")
    wait_for(lambda: starts(tmp_path))
    assert "child=web ended=ValueError" in caplog.text


def test_a_program_that_cannot_be_started_is_tried_again(
    make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    child = make("exec sleep 60")
    wait_for(lambda: starts(tmp_path))
    (tmp_path / "program").unlink()
    os.kill(int(starts(tmp_path)[0].split()[0]), 9)
    wait_for(lambda: "No such file" in caplog.text)
    child.close()


@pytest.mark.parametrize("name", ["web", "doors"])
def test_pages_and_doors_show_life_again_and_again(tmp_path: Path, name: str) -> None:
    """Else each would be killed again and again."""
    file = tmp_path / "monitor.toml"
    file.write_text(
        f'[monitor]\nid = "monitor-1"\n[mqtt]\nbrokers = ["127.0.0.1:1"]\n'
        f'[web]\nlisten = "127.0.0.1:{free_port()}"\n'
        f'[paths]\nstate = "{tmp_path}/state"\nrun = "{tmp_path}/run"\n'
    )
    (tmp_path / "state").mkdir()
    if name == "doors":
        site = DoorsSite(tmp_path)
        site.engine.dispose()
        file = site.file
    out, own = os.pipe()
    command = [sys.executable, "-m", "kiosk", "monitor", name, "--config", str(file)]
    with subprocess.Popen(command, pass_fds=(own,), env={**os.environ, children.LIFE: str(own)}) as process:
        os.close(own)
        try:
            assert [os.read(out, 1) for _ in range(3)] == [b"."] * 3
        finally:
            process.kill()
            os.close(out)
