"""Small releases for tests: a wheel of a few lines that starts this tree's kiosk under any version, and pip.

`crash` makes a version that does not start, `deaf` one that never connects to the broker, `mute` one whose
command says nothing of itself, `wrong` one that says another version than its own.
"""

import base64
import hashlib
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pip

TARGET = "bookworm-arm64"
TREE = Path(__file__).parents[2]
PACKAGES = [path for path in sys.path if path.endswith("-packages")]
MAIN = """
import os, sys

if "{fault}" == "mute":
    raise SystemExit(1)


def main():
    version = "{says}"
    if sys.argv[1:] == ["--version"]:
        print("kiosk, version", version)
        return
    if "{fault}" == "crash" and sys.argv[1:2] == ["run"]:
        raise SystemExit(70)
    sys.path[:0] = {path!r}
    import kiosk

    kiosk.__version__ = version
    if "{fault}" == "deaf":
        from kiosk.net.mqtt import PahoLink

        PahoLink.open = lambda self, boot: None
    if "PANA_JUDGE_S" in os.environ:
        from kiosk import https_watch, update_desk
        from kiosk.update import machine

        https_watch.FIRST_S = update_desk.LOOK_EVERY_S = 2.0
        machine.JUDGE_S = float(os.environ["PANA_JUDGE_S"])
    from kiosk.cli import main as kiosk_main

    kiosk_main()
"""


def _record(name: str, data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(data)}"


def make_wheel(folder: Path, version: str, *, fault: str = "") -> Path:
    """Make the application's wheel; its `kiosk` runs the tree's own code with the packages of this Python."""
    says = "0.0.0" if fault == "wrong" else version
    code = MAIN.format(says=says, fault=fault, path=[str(TREE), *PACKAGES])
    info = f"pana_kiosk-{version}.dist-info"
    members = {
        "kiosk/__init__.py": "",
        "pana_start.py": code,
        "setuptools/__init__.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: pana-kiosk\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\nkiosk = pana_start:main\n",
    }
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"pana_kiosk-{version}-py3-none-any.whl"
    lines = [_record(name, text.encode()) for name, text in members.items()]
    with zipfile.ZipFile(wheel, "w") as packed:
        for name, text in members.items():
            packed.writestr(name, text)
        packed.writestr(f"{info}/RECORD", "\n".join([*lines, f"{info}/RECORD,,", ""]))
    return wheel


def make_pip(folder: Path) -> Path:
    """Pack the installed pip as its own wheel would be."""
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"pip-{pip.__version__}-py3-none-any.whl"
    root = Path(pip.__file__).parent
    with zipfile.ZipFile(wheel, "w") as packed:
        for file in sorted(root.rglob("*")):
            if file.is_file() and file.suffix != ".pyc":
                packed.write(file, file.relative_to(root.parent))
    return wheel


QUICK_PIP = """
import hashlib, pathlib, sys, sysconfig, zipfile

wheel, _, digest = pathlib.Path(sys.argv[-1]).read_text().strip().partition(" --hash=sha256:")
if hashlib.sha256(pathlib.Path(wheel).read_bytes()).hexdigest() != digest:
    raise SystemExit("hashes do not match")
zipfile.ZipFile(wheel).extractall(sysconfig.get_path("purelib"))
script = pathlib.Path(sys.executable).with_name("kiosk")
script.write_text(f"#!{sys.executable}\\nfrom pana_start import main\\nmain()\\n")
script.chmod(0o755)
"""


def make_quick_pip(folder: Path) -> Path:
    """Make what stands in for pip where pip itself is not what is tested: it takes 0.1 s and not 3."""
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / "pip-0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as packed:
        packed.writestr("pip/__main__.py", QUICK_PIP)
    return wheel


def make_release(
    folder: Path, version: str, pip_wheel: Path, *, fault: str = "", voice: Mapping[str, bytes] | None = None
) -> Path:
    """Lay an extracted release out, MANIFEST first; nothing is signed. `voice` are its clips, by name."""
    make_wheel(folder / "app", version, fault=fault)
    (folder / "pip").mkdir()
    (folder / "pip" / pip_wheel.name).hardlink_to(pip_wheel)
    (folder / "wheels" / TARGET).mkdir(parents=True)
    (folder / "requirements").mkdir()
    (folder / "requirements" / f"{TARGET}.txt").write_text("# nothing beyond the application\n")
    for name, content in (voice or {}).items():
        (folder / "voice").mkdir(exist_ok=True)
        (folder / "voice" / name).write_bytes(content)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}" for path in files]
    head = f"pana-bundle 1\nkind: release\nversion: {version}\nmade-at: 2026-11-27T01:00:00Z\n\n"
    (folder / "MANIFEST").write_text(head + "\n".join(sums) + "\n")
    return folder
