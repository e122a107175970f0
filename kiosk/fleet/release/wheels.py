"""Wheels of one board, fetched by hash; those that nobody publishes are built here from hashed sources."""

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

from kiosk.fleet.making import FleetError
from kiosk.fleet.release import armhf
from kiosk.fleet.release.children import run
from kiosk.fleet.release.debs import Archive
from kiosk.fleet.release.locks import Pin, cut
from kiosk.fleet.release.targets import Target

PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download", "--no-deps")
NAME_MAX = 100  # of a name in a ustar header
BY_HASH = ("--require-hashes", "--only-binary", ":all:")


def gather(archive: Archive, lock: Path, tree: Path) -> int:
    """Fetch and build all wheels of a board, and write its requirements; give how many there are."""
    target, scratch = archive.target, archive.root.parent
    wheels = tree / "wheels" / target.name
    wanted = cut(lock.read_text(encoding="utf-8"), target, str(lock))
    wheels.mkdir(parents=True, exist_ok=True)
    fetch(target, wanted.wheels, wheels, scratch)
    shorten(wheels)
    text = "".join(pin.line() for pin in wanted.wheels)
    for pin in wanted.built:
        made = armhf.BUILDERS[pin.name](archive, pin, _source(pin, scratch), wheels)
        text += Pin(pin.name, pin.version, (f"sha256:{_sha256(made)}",)).line()
    text += "".join(f"# {pin.name}: Debian's {target.from_debian[pin.name]}\n" for pin in wanted.debian)
    requirements = tree / "requirements" / f"{target.name}.txt"
    requirements.parent.mkdir(parents=True, exist_ok=True)
    requirements.write_text(text, encoding="utf-8")
    return len(list(wheels.glob("*.whl")))


def fetch(target: Target, pins: Sequence[Pin], wheels: Path, scratch: Path) -> None:
    """Fetch wheels by hash for a board's Python and machine, never a source."""
    lines = scratch / f"{target.name}.txt"
    lines.write_text("".join(pin.line() for pin in pins), encoding="utf-8")
    abi = "cp" + target.python.replace(".", "")
    command: list[str | Path] = [*PIP, *BY_HASH, "--dest", wheels]
    command += ["--implementation", "cp", "--python-version", target.python]
    command += [word for tag in (abi, "abi3", "none") for word in ("--abi", tag)]
    command += [word for tag in target.platforms for word in ("--platform", tag)]
    run([*command, "--requirement", lines], f"{target.name}: wheels")


def shorten(folder: Path) -> None:
    """Leave one platform tag in names too long for a tar; which one is all the same to pip."""
    for path in folder.glob("*.whl"):
        if len(path.name) > NAME_MAX:
            head, _, tags = path.stem.rpartition("-")
            path.rename(path.with_name(f"{head}-{tags.rpartition('.')[2]}.whl"))


def fetch_pip(lock: Path, folder: Path) -> Path:
    """Fetch pip's own wheel by hash: a blank system has none."""
    folder.mkdir(parents=True, exist_ok=True)
    run([*PIP, *BY_HASH, "--dest", folder, "--requirement", lock], "pip's wheel")
    return _only(folder, "pip-*.whl")


def build_app(source: Path, folder: Path) -> Path:
    """Build the application's wheel out of the sources; the same sources give the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder.resolve())]
    run(command, "the application's wheel", where=source)
    return _only(folder, "pana_kiosk-*-py3-none-any.whl")


def _source(pin: Pin, scratch: Path) -> Path:
    folder = scratch / f"source-{pin.name}"
    folder.mkdir(exist_ok=True)
    lines = scratch / f"source-{pin.name}.txt"
    lines.write_text(pin.line(), encoding="utf-8")
    command: list[str | Path] = [*PIP, "--require-hashes", "--no-binary", ":all:", "--dest", folder]
    run([*command, "--requirement", lines], f"sources of {pin.name}")
    return _only(folder, f"{pin.name}-{pin.version}.tar.gz")


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise FleetError(
            f"{folder}: {len(found)} files are called {pattern}, one is expected; empty the folder"
        )
    return found[0]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
