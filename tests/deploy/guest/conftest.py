"""The emulated board for the tests of this folder: a release laid on an image, then set up with its bundle.

They carry the marker `guest` and run only when asked for: `make guest`.
"""

import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from deploy.board import desk, hearing, image, laid, machine, stick
from deploy.board.host import Host
from deploy.board.kiosk_board import KioskBoard

SET_UP_S = 600.0
FIGURES: dict[str, str] = {}


@pytest.fixture(scope="session")
def figure() -> Callable[[str, str], None]:
    """Give a function that notes a measured figure for the end of the run."""
    return FIGURES.__setitem__


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """Give a folder with a short name: sockets lie in it."""
    made = Path(tempfile.mkdtemp(prefix="pana-guest-"))
    yield made
    if not os.environ.get("PANA_GUEST_KEEP"):
        shutil.rmtree(made)


@pytest.fixture(scope="session")
def host(folder: Path) -> Iterator[Host]:
    """Give the real broker and the real centre."""
    missing = machine.missing_programs()
    assert not missing, f"run dev/setup.sh guest; missing: {', '.join(missing)}"
    with Host(folder / "host") as host:
        yield host


@pytest.fixture(scope="session")
def the_stick(host: Host, folder: Path) -> Path:
    """Give the installer's memory stick."""
    began_s = time.monotonic()
    made = stick.make(folder, desk.bundle(host, folder / "desk"))
    FIGURES["release and bundle at the desk"] = f"{time.monotonic() - began_s:.0f} s"
    return made


@pytest.fixture(scope="session")
def clips(folder: Path) -> dict[str, hearing.Samples]:
    """Give the sentences of the release, by language, key and number."""
    (tar,) = desk.release().glob("pana-release-*.tar")
    with tarfile.open(tar) as release:
        wanted = [one for one in release if one.name.startswith("voice/") and one.name.endswith(".wav")]
        release.extractall(folder / "clips", members=wanted, filter="data")
    found = sorted((folder / "clips" / "voice").rglob("*.wav"))
    return {path.stem.rpartition("-")[0]: hearing.clip(path) for path in found}


@pytest.fixture(scope="module")
def board(host: Host, the_stick: Path, folder: Path, request: pytest.FixtureRequest) -> Iterator[KioskBoard]:
    """Give a kiosk of this module's own, the release laid on it from outside, armed and linked."""
    disk = _laid()
    name = request.module.__name__.rpartition("_")[2]
    with KioskBoard(host, disk, folder / name, stick=the_stick) as board:
        board.power_on()
        FIGURES["power on to the first shell"] = f"{time.monotonic() - board.machine.on_since_s:.0f} s"
        # the bundle's own token is used up by the first board of this run
        board.machine.must(f"{stick.MOUNT}\ntoken={host.token()}\n{laid.SET_UP}", within_s=SET_UP_S)
        board.wait_armed()
        board.wait_linked("mqtt", "sms")
        yield board


def _laid() -> image.Image:
    began_s = time.monotonic()
    made = laid.board()
    FIGURES["image with the release laid on it"] = f"{time.monotonic() - began_s:.0f} s"
    return made


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell the figures that were measured."""
    if FIGURES:
        terminalreporter.section("measured in the emulated board")
    for what, figure in FIGURES.items():
        terminalreporter.line(f"{what}: {figure}")
