"""What the guest is made of, as data: suite, packages, units; and the key that a change of it changes.

Nothing here is built or run.
"""

import hashlib
import os
from pathlib import Path

SUITE = "trixie"
KERNEL_PACKAGE = "linux-image-arm64"
# What a board's Debian has before anybody installs a kiosk. The bundle brings alsa-utils and espeak-ng.
PACKAGES = (
    "adduser", "apt", "busybox-static", "ca-certificates", "dbus", "e2fsprogs", "fdisk", "iproute2", "kmod",
    "less", "login", "mount", "netbase", "nftables", "openssl", "passwd", "procps", "python3", "sudo",
    "systemd-sysv", "systemd-timesyncd", "tzdata", "udev",
)  # fmt: skip
# For the initramfs, in the order of their needs: modules.dep adds what they build on.
ROOT_MODULES = ("crc32c_generic", "virtio_blk", "ext4", "sdhci_iproc", "bcm2835")
IMAGE_MB = 2048  # a power of two: the SD card of -M raspi3b wants it
IMAGE_LABEL = "board-root"

PARTS = Path(__file__).parent
FILES = PARTS / "files"


def cache_folder() -> Path:
    """Name the folder that keeps images between runs."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "pana-guest"


def key_of(*files: Path, more: str = "") -> str:
    """Give a short name for these inputs: other content, other name."""
    digest = hashlib.sha256(more.encode())
    for file in sorted(files):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def base_key() -> str:
    """Name the image without our software."""
    own = [PARTS / name for name in ("recipe.py", "tree.py", "initramfs.py", "image.py")]
    return key_of(*own, *(path for path in FILES.rglob("*") if path.is_file()))
