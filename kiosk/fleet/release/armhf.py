"""Wheels for 32-bit ARM that nobody publishes, cross-built at the desk: one file of C, no build system."""

import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from kiosk.fleet.making import FleetError
from kiosk.fleet.release.children import run
from kiosk.fleet.release.debs import Archive
from kiosk.fleet.release.locks import Pin
from kiosk.fleet.release.wheelfile import record

COMPILER = "arm-linux-gnueabihf-gcc"  # Debian's gcc-arm-linux-gnueabihf
FLAGS = ("-shared", "-fPIC", "-O2", "-fwrapv", "-DNDEBUG", "-s", "-ffile-prefix-map=.=.")

Builder = Callable[[Archive, Pin, Path, Path], Path]


def msgspec(archive: Archive, pin: Pin, source: Path, wheels: Path) -> Path:
    """Build msgspec's wheel: Python files as they are, and one extension of one C file."""
    target, scratch = archive.target, archive.root.parent
    with tarfile.open(source) as tar:
        tar.extractall(scratch / "msgspec", filter="data")
    tree = scratch / "msgspec" / f"msgspec-{pin.version}"
    package = tree / "src" / "msgspec"
    if not (package / "_core.c").is_file():
        raise FleetError(f"{source}: is built otherwise than msgspec 0.22; see kiosk/fleet/release/armhf.py")
    headers = archive.unpacked(f"libpython{target.python}-dev", scratch / f"headers-{target.name}")
    tag = "cp" + target.python.replace(".", "")
    extension = f"_core.cpython-{tag.removeprefix('cp')}-arm-linux-gnueabihf.so"
    include = headers / "usr" / "include"
    made = scratch / f"{target.name}-{extension}"
    where = (f"-I{include}/python{target.python}", f"-I{include}")
    run([COMPILER, *FLAGS, *where, "_core.c", "-o", made.resolve()], f"{target.name}: msgspec", where=package)
    files = {f"msgspec/{path.name}": path.read_bytes() for path in package.glob("*.py*")}
    files[f"msgspec/{extension}"] = made.read_bytes()
    info = f"msgspec-{pin.version}.dist-info"
    files[f"{info}/METADATA"] = (tree / "PKG-INFO").read_bytes()
    files[f"{info}/licenses/LICENSE"] = (tree / "LICENSE").read_bytes()
    tags = f"{tag}-{tag}-linux_{target.machine}"
    wheel = f"Wheel-Version: 1.0\nGenerator: kiosk fleet\nRoot-Is-Purelib: false\nTag: {tags}\n"
    files[f"{info}/WHEEL"] = wheel.encode()
    path = wheels / f"msgspec-{pin.version}-{tags}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in sorted((files | record(files, info)).items()):
            packed.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return path


BUILDERS: Mapping[str, Builder] = {"msgspec": msgspec}
