"""A root tree for arm64 of which not one program was run: files of arm64, settings of an amd64 twin.

Both tarballs hold the same packages of the same suite; the twin was configured, so its /etc, /var, links and
modes are what the arm64 packages' own scripts would have made.
"""

import shutil
import subprocess
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from deploy.board import recipe

OWN_TREES = ("etc/", "var/")
NOT_OURS = ("etc/ld.so.cache", "etc/apt/sources.list", "etc/apt/sources.list.d/", "var/cache/", "var/log/")
FOREIGN = ("x86_64-linux-gnu", "aarch64-linux-gnu")


def mmdebstrap(tarball: Path, *, arch: str, include: Iterable[str], variant: str) -> None:
    """Fetch packages as a tarball; the mirror is mmdebstrap's own choice."""
    command = ["mmdebstrap", "--quiet", f"--variant={variant}", f"--architectures={arch}"]
    command += ["--aptopt=APT::Install-Recommends false", *(f"--include={name}" for name in include)]
    part = tarball.with_suffix(".part.tar")
    subprocess.run([*command, recipe.SUITE, str(part)], check=True, timeout=900)
    part.replace(tarball)


def merge(arm: Path, twin: Path, root: Path) -> None:
    """Unpack the arm64 tarball to `root` and lay the configured twin's settings over it."""
    root.mkdir(parents=True)
    subprocess.run(["tar", "-xf", str(arm), "-C", str(root)], check=True, timeout=300)
    for name in ("etc", "var"):
        shutil.rmtree(root / name)
    with tarfile.open(twin) as tar:
        for member in tar:
            _take(tar, member, root)
    _translate(root / "var/lib/dpkg")


def _take(tar: tarfile.TarFile, member: tarfile.TarInfo, root: Path) -> None:
    name = member.name.removeprefix("./")
    if not name or name.startswith(("dev/", "proc/", "sys/", "run/", *NOT_OURS)):
        return
    there = root / name
    present = there.is_symlink() or there.exists()
    compiled = name.endswith("/hwdb.bin") or ("/__pycache__" in name and there.parent.exists())
    made_by_scripts = (member.issym() or member.isdir()) and FOREIGN[0] not in name + member.linkname
    if f"{name}/".startswith(OWN_TREES) or (not present and (compiled or made_by_scripts)):
        tar.extract(member, root, filter="fully_trusted")
    elif present and not member.issym() and not there.is_symlink() and there.is_dir() == member.isdir():
        _same_rights(there, member)


def _same_rights(there: Path, member: tarfile.TarInfo) -> None:
    """A package's scripts give some files to groups (dbus' helper, crontab): so does this."""
    stat = there.lstat()
    if (stat.st_uid, stat.st_gid) != (member.uid, member.gid):
        shutil.chown(there, member.uid, member.gid)
    if stat.st_mode & 0o7777 != member.mode:
        there.chmod(member.mode)


def _translate(dpkg: Path) -> None:
    """Let dpkg's list of installed packages be of arm64."""
    for old in list((dpkg / "info").glob("*:amd64.*")):
        old.rename(old.with_name(old.name.replace(":amd64.", ":arm64.")))
    for file in (dpkg / "status", *(dpkg / "info").glob("*.list")):
        text = file.read_text("utf-8").replace("Architecture: amd64", "Architecture: arm64")
        text = text.replace(FOREIGN[0], FOREIGN[1]).replace("ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1")
        file.write_text(text, "utf-8")
    for file in dpkg.glob("arch*"):  # native and known architectures
        file.write_text("arm64\n")


def kernel_release(root: Path) -> str:
    """Name the one kernel in the tree."""
    (modules,) = (root / "usr/lib/modules").iterdir()
    return modules.name


def with_needs(root: Path, wanted: Iterable[str]) -> Iterator[Path]:
    """List module files in the order in which to load them, each once."""
    folder = root / "usr/lib/modules" / kernel_release(root)
    needs: dict[str, list[str]] = {}
    for line in (folder / "modules.dep").read_text().splitlines():
        file, _, rest = line.partition(":")
        needs[file] = rest.split()
    by_name = {Path(file).name.partition(".")[0].replace("-", "_"): file for file in needs}
    given: set[str] = set()
    for name in wanted:
        file = by_name[name]
        for one in (*reversed(needs[file]), file):
            if one not in given:
                given.add(one)
                yield folder / one
