"""Later releases for a board: the present tree under another version, perhaps with a fault planted in it.

Each is built by `kiosk fleet release build` out of a copy of the sources, and kept like the first one; of
Debian packages it holds our own only.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from deploy.board import desk, image, recipe

FIRST = "0.1.0"
# What a later version says otherwise, and a link that only its own rules of udev make.
OTHER_WORDS = {"kiosk/locales/ru.toml": ("Помощь прибыла.", "Помощь уже здесь.")}
CABLE = 'ATTRS{idProduct}=="6001|6015", SYMLINK+="pana-modem'
OTHER_RULE = {"systemd/udev/70-pana-modem.rules": (f'{CABLE}"', f'{CABLE} pana-later"')}
DIES = {"kiosk/commands/run.py": ("        from kiosk.arming import arm\n", "        raise RuntimeError\n")}
NAMED = ("pyproject.toml", "kiosk/__init__.py", "debian/changelog")
COPIED = (
    "kiosk", "systemd", "provisioning", "debian", "dev", "requirements", "pyproject.toml", "README.md",
    "CHANGELOG.md", "LICENSE",
)  # fmt: skip
Changes = Mapping[str, tuple[str, str]]


def release(version: str, changes: Changes) -> Path:
    """Give the file of a release of this tree under another version, with these texts replaced."""
    first = desk.release()
    key = recipe.key_of(Path(__file__), more=f"{first.name} {version} {sorted(changes.items())}")

    def build(folder: Path) -> None:
        sources = folder / "sources"
        _copy(sources)
        for name in NAMED:
            _replace(sources / name, FIRST, version)
        for name, (before, after) in changes.items():
            _replace(sources / name, before, after)
        command = [sys.executable, "-m", "kiosk", "fleet", "release", "build", "--source", str(sources)]
        command += ["--target", desk.TARGET, "--no-debs", "--out", str(folder)]
        command += ["--key", str(first / "owner.key")]
        env = {**os.environ, "PYTHONPATH": str(sources), "PYTHON": sys.executable}
        subprocess.run(command, cwd=sources, env=env, check=True, timeout=1800)
        shutil.rmtree(sources)

    return image.kept(f"release-{version}-{key}", build) / f"pana-release-{version}.tar"


def _copy(to: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", "made")
    to.mkdir()
    for name in COPIED:
        source = desk.TOP / name
        shutil.copytree(source, to / name, ignore=ignored) if source.is_dir() else shutil.copy(source, to)


def _replace(file: Path, before: str, after: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert before in text, f"{file.name} no longer holds {before!r}"
    file.write_text(text.replace(before, after, 1), encoding="utf-8")
