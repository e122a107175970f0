"""dev/board_in_ci.sh: what the surroundings do not give fails nothing; what is ours does."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "dev/board_in_ci.sh"


def run(folder: Path, *, installs: int = 0, makes: int = 0, presses: int = 0) -> "tuple[int, str]":
    """Run it where each of its three commands ends with the code that is given."""
    stubs = {"dev/setup.sh": installs, ".venv/bin/python": makes, "bin/make": presses}
    for name, code in stubs.items():
        stub = folder / name
        stub.parent.mkdir(parents=True, exist_ok=True)
        stub.write_text(f'#!/bin/sh\necho "ran ${{0##*/}} $*"\nexit {code}\n')
        stub.chmod(0o755)
    shutil.copy(SCRIPT, folder / "dev")
    done = subprocess.run(
        [str(folder / "dev" / SCRIPT.name)], capture_output=True, text=True, timeout=60, check=False,
        env={"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"},
    )  # fmt: skip
    return done.returncode, done.stdout


def test_release_and_image_come_first_and_then_the_press(tmp_path: Path) -> None:
    code, said = run(tmp_path)
    assert code == 0
    assert [line for line in said.splitlines() if line.startswith("ran ")] == [
        "ran setup.sh guest", "ran python -m deploy.board", "ran make guest",
    ]  # fmt: skip
    assert "NOT RUN" not in said


@pytest.mark.parametrize("lacking", [{"installs": 100}, {"installs": 124}, {"makes": 75}, {"makes": 124}])
def test_what_the_surroundings_do_not_give_is_told_and_fails_nothing(
    tmp_path: Path, lacking: dict[str, int]
) -> None:
    code, said = run(tmp_path, **lacking)
    assert code == 0
    assert "##### NOT RUN: make guest" in said
    assert "ran make" not in said


@pytest.mark.parametrize("ours", [{"makes": 1}, {"presses": 2}, {"presses": 124}])
def test_a_release_that_cannot_be_built_and_a_press_that_does_not_arrive_fail(
    tmp_path: Path, ours: dict[str, int]
) -> None:
    code, said = run(tmp_path, **ours)
    assert code == next(iter(ours.values()))
    assert "NOT RUN" not in said
