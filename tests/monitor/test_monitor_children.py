"""The centre's other processes are started again whenever they end, and end with it."""

import os
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from kiosk.monitor import children
from kiosk.monitor.children import Child

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


def test_a_program_that_cannot_be_started_is_tried_again(
    make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    child = make("exec sleep 60")
    wait_for(lambda: starts(tmp_path))
    (tmp_path / "program").unlink()
    os.kill(int(starts(tmp_path)[0].split()[0]), 9)
    wait_for(lambda: "No such file" in caplog.text)
    child.close()
