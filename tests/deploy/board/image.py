"""Builds the image without our software and keeps it: download, merge, initramfs, one ext4 disk.

Needs root or fakeroot for the owners in the tree; mounts nothing and runs no arm64 program.
"""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.board import initramfs, recipe, tree

MASKED = (
    "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "fstrim.timer",
    "getty@.service", "serial-getty@.service", "systemd-firstboot.service",
)  # fmt: skip
UNUSED_S = 14 * 86_400.0
CARD_ID = "0123456789abcdef0123456789abcdef"  # every card that is copied from one image has the same


@dataclass(frozen=True, slots=True)
class Image:
    """A bootable root: disk, kernel, initramfs and the device trees that belong to the kernel.

    `own_disk` is another disk for the same kernel, one that a board has written to (qcow2).
    """

    folder: Path
    own_disk: Path | None = None

    @property
    def disk(self) -> Path:
        """Name the disk: one ext4 file system without partitions."""
        return self.own_disk or self.folder / "disk.img"

    @property
    def form(self) -> str:
        """Tell the disk's form as QEMU calls it."""
        return "qcow2" if self.own_disk else "raw"

    @property
    def kernel(self) -> Path:
        """Name the stock kernel."""
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        """Name the initramfs."""
        return self.folder / "initrd"


def base() -> Image:
    """Give the image without our software, built if its inputs changed."""
    return Image(kept(f"base-{recipe.base_key()}", _build_base))


def kept(name: str, build: Callable[[Path], None]) -> Path:
    """Give a folder of the cache, made by `build` at most once, whoever asks at the same time."""
    home = recipe.cache_folder()
    home.mkdir(parents=True, exist_ok=True)
    folder = home / name
    with _locked(home / f"{name}.lock"):
        if not folder.exists():
            part = home / f"{name}.part"
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
            build(part)
            part.rename(folder)
            _forget(name)
        os.utime(folder)
    return folder


def _forget(name: str) -> None:
    """Drop what was not used for long: each of a kind is some hundred megabytes."""
    before_s = time.time() - UNUSED_S
    for old in recipe.cache_folder().glob(f"{name.rpartition('-')[0]}-????????????????"):
        if old.stat().st_mtime < before_s:
            shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def _locked(file: Path) -> Iterator[None]:
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _tarball(arch: str) -> Path:
    packages = list(recipe.PACKAGES)
    if arch == "arm64":
        packages += ["?essential", "?priority(required)", recipe.KERNEL_PACKAGE]
    variant = "extract" if arch == "arm64" else "minbase"
    name = f"debian-{arch}-{recipe.key_of(more=' '.join((recipe.SUITE, variant, *packages)))}"

    def fetch(folder: Path) -> None:
        tree.mmdebstrap(folder / "root.tar", arch=arch, include=packages, variant=variant)

    return kept(name, fetch) / "root.tar"


def fetched() -> tuple[Path, Path]:
    """Give Debian's packages for the board and its configured twin; nothing of ours is in them."""
    return _tarball("arm64"), _tarball("amd64")


def _build_base(folder: Path) -> None:
    build(folder, None)


def build(folder: Path, release: Path | None) -> None:
    """Build an image, with a release laid on it or without, in a process that may give files to anybody."""
    arm, twin = fetched()
    as_root = [] if os.geteuid() == 0 else ["fakeroot", "--"]
    command = [*as_root, sys.executable, "-m", "deploy.board.image", str(arm), str(twin), str(folder)]
    command += [str(tar) for tar in release.glob("pana-release-*.tar")] if release else []
    path = str(recipe.PARTS.parents[1])
    subprocess.run(command, check=True, timeout=1200, env={**os.environ, "PYTHONPATH": path})


def assemble(arm: Path, twin: Path, folder: Path, release: Path | None = None) -> None:
    """Make disk, kernel, initramfs and device trees out of the two tarballs, and lay a release on it."""
    root = folder / "root"
    tree.merge(arm, twin, root)
    version = tree.kernel_release(root)
    subprocess.run(["depmod", "-b", str(root), version], check=True, timeout=300, env=_with_sbin())
    initramfs.write(root, folder / "initrd")
    shutil.copy(root / f"boot/vmlinuz-{version}", folder / "vmlinuz")
    shutil.copytree(root / f"usr/lib/linux-image-{version}/broadcom", folder / "dtb")
    _settle(root)
    if release is not None:
        from deploy.board import laid  # noqa: PLC0415 - it is made of this

        unpacked = folder / "release"
        unpacked.mkdir()
        subprocess.run(["tar", "-xf", str(release), "-C", str(unpacked)], check=True, timeout=120)
        laid.lay(root, unpacked, twin)
        shutil.rmtree(unpacked)
    make_disk(root, folder / "disk.img")
    shutil.rmtree(root)


def make_disk(
    root: Path, disk: Path, *, size_mb: int = recipe.IMAGE_MB, label: str = recipe.IMAGE_LABEL
) -> None:
    """Put a tree on an ext4 disk without mounting anything."""
    with disk.open("wb") as file:
        file.truncate(size_mb << 20)
    command = ["mkfs.ext4", "-q", "-F", "-L", label, "-O", "^metadata_csum_seed,^orphan_file", "-m", "1"]
    subprocess.run([*command, "-d", str(root), str(disk)], check=True, timeout=600, env=_with_sbin())


def _settle(root: Path) -> None:
    """Lay our test files over the tree and switch on what the board needs: network, time, the agent."""
    etc = root / "etc"
    for source in sorted(recipe.FILES.rglob("*")):
        to = root / source.relative_to(recipe.FILES)
        if source.is_dir():
            to.mkdir(parents=True, exist_ok=True)
        else:
            shutil.copy(source, to)
    units = etc / "systemd/system"
    for name in MASKED:
        (units / name).unlink(missing_ok=True)
        (units / name).symlink_to("/dev/null")
    wants = units / "multi-user.target.wants"
    wants.mkdir(parents=True, exist_ok=True)
    (wants / "board-agent.service").symlink_to("../board-agent.service")
    (wants / "systemd-networkd.service").symlink_to("/usr/lib/systemd/system/systemd-networkd.service")
    (etc / "machine-id").write_text(f"{CARD_ID}\n")
    (etc / "hostname").write_text("raspberrypi\n")
    (etc / "hosts").write_text("127.0.0.1 localhost\n127.0.1.1 raspberrypi\n")
    for done in (
        etc / ".updated",
        root / "var/.updated",
    ):  # no hwdb and no caches are made anew at the first boot
        done.write_text("")
    (etc / "fstab").write_text(f"LABEL={recipe.IMAGE_LABEL} / ext4 noatime,errors=remount-ro 0 1\n")


def _with_sbin() -> dict[str, str]:
    return {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}


if __name__ == "__main__":
    assemble(*(Path(argument) for argument in sys.argv[1:5]))
