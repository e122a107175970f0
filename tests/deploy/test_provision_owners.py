"""Whose the set-up's log is after provision.sh, and the folders above the clips."""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.board_tree import Board, Desk, planted, site_toml

pytestmark = pytest.mark.real
KIOSKS_GROUP = "4242"
LOG = "var/log/pana-provision.log"


@pytest.fixture(scope="module")
def desk(memory: Path) -> Desk:
    made = Desk(memory / "desk")
    made.make()
    return made


@pytest.fixture
def board(memory: Path, tmp_path: Path) -> Iterator[Board]:
    """Make a board on which the kiosk's group has a number of its own, and every chown is noted."""
    folder = memory / tmp_path.name
    made = planted(folder)
    passwd = made.root / "etc/passwd"
    passwd.write_text(passwd.read_text().replace(f":{os.getgid()}:root:", f":{KIOSKS_GROUP}:root:"))
    chown = made.stand_ins / "chown"
    real = shutil.which("chown")
    chown.write_text(f'#!/bin/sh\necho "$*" >>"{made.stand_ins}/owners"\n{real} "$@" 2>/dev/null || :\n')
    chown.chmod(0o755)
    yield made
    shutil.rmtree(folder)


def owners(board: Board, path: str) -> list[str]:
    """Give the owners that a path was given, in order."""
    lines = (board.stand_ins / "owners").read_text().splitlines()
    return [line.split()[0] for line in lines if line.endswith(f" {board.root}/{path}")]


def with_clips(desk: Desk, clips: str) -> Path:
    site = site_toml().decode().replace("[voice]\n", f'[voice]\nclips = "{clips}"\n', 1)
    return desk.make_kiosk(desk.make_release(), more={"site.toml": site.encode()})


def mode(board: Board, path: str) -> int:
    return stat.S_IMODE((board.root / path).stat().st_mode)


def test_the_errands_may_read_the_log_after_the_first_run(board: Board, desk: Desk) -> None:
    assert board.provision(desk.kiosk_file).returncode == 0
    assert owners(board, LOG)[-1] == f"{os.getuid()}:{KIOSKS_GROUP}"
    assert mode(board, LOG) == 0o640


def test_the_errands_may_read_the_log_of_a_run_that_failed(board: Board, desk: Desk) -> None:
    assert board.provision(desk.kiosk_file, FAILS="sh").returncode == 1
    assert owners(board, LOG)[-1] == f"{os.getuid()}:{KIOSKS_GROUP}"


@pytest.mark.parametrize("clips", ["/var/lib/kiosk-clips", "/var/lib/pana-kiosk/../kiosk-clips/", "/clips"])
def test_a_folder_that_only_holds_the_clips_folder_is_left_alone(
    board: Board, tmp_path: Path, clips: str
) -> None:
    before = [mode(board, path) for path in (".", "var/lib")]
    done = board.provision(with_clips(Desk(tmp_path / "desk"), clips))
    assert done.returncode == 0, done.stderr
    assert [mode(board, path) for path in (".", "var/lib")] == before
    assert owners(board, "var/lib") == []
    path = os.path.normpath(clips).lstrip("/")
    assert (board.root / path / "pressed_kk-1.wav").exists()
    assert mode(board, path) == 0o750


@pytest.mark.parametrize("parent", ["srv/kiosk/voices", "var/lib/pana-kiosk/more"])
def test_a_folder_that_is_missing_or_the_kiosks_own_is_made_the_kiosks(
    board: Board, tmp_path: Path, parent: str
) -> None:
    done = board.provision(with_clips(Desk(tmp_path / "desk"), f"/{parent}/clips"))
    assert done.returncode == 0, done.stderr
    assert mode(board, parent) == mode(board, f"{parent}/clips") == 0o750
    assert owners(board, parent)
