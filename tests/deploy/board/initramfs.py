"""The first root: busybox and the few modules without which the disk is not seen, as a cpio archive.

Written by hand because Debian's own tool would have to run arm64 programs.
"""

import gzip
import lzma
from pathlib import Path

from deploy.board import recipe, tree

INIT = """\
#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /root
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
for file in $(/bin/busybox cat /modules/order); do /bin/busybox insmod "/modules/$file"; done
tries=0
until [ -n "$disk" ] || [ "$tries" -gt 300 ]; do
  disk=$(/bin/busybox findfs LABEL=%s 2>/dev/null) || { /bin/busybox sleep 0.1; tries=$((tries + 1)); }
done
/bin/busybox mount -t ext4 -o rw,noatime "$disk" /root || /bin/busybox poweroff -f
exec /bin/busybox switch_root /root /sbin/init
"""


def write(root: Path, out: Path) -> None:
    """Write the archive for the kernel in `root`."""
    names: list[str] = []
    files: list[tuple[str, int, bytes]] = [
        (name, 0o040755, b"") for name in ("bin", "modules", "proc", "sys", "dev", "root")
    ]
    files.append(("bin/busybox", 0o100755, (root / "usr/bin/busybox").read_bytes()))
    for number, module in enumerate(tree.with_needs(root, recipe.ROOT_MODULES)):
        name = f"{number:02}-{module.name.removesuffix('.xz')}"
        content = module.read_bytes()
        files.append(
            (f"modules/{name}", 0o100644, lzma.decompress(content) if module.suffix == ".xz" else content)
        )
        names.append(name)
    files.append(("modules/order", 0o100644, "\n".join(names).encode()))
    files.append(("init", 0o100755, (INIT % recipe.IMAGE_LABEL).encode()))
    out.write_bytes(gzip.compress(archive(files), compresslevel=1, mtime=0))


def archive(files: list[tuple[str, int, bytes]]) -> bytes:
    """Write a cpio archive of the form "newc" (Linux: Documentation/driver-api/early-userspace)."""
    out = bytearray()
    for inode, (name, mode, content) in enumerate([*files, ("TRAILER!!!", 0, b"")], start=1):
        figures = (inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
        out += b"070701" + "".join(f"{figure:08x}" for figure in figures).encode() + name.encode() + b"\0"
        out += b"\0" * (-len(out) % 4) + content
        out += b"\0" * (-len(out) % 4)
    return bytes(out)
