"""What is carried to the board by hand: files on a small ext4 disk, as on a memory stick."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from deploy.board.image import make_disk

MOUNT = "mkdir -p /media/stick; mountpoint -q /media/stick || mount -o ro LABEL=stick /media/stick"


def make(folder: Path, files: Mapping[str, Path]) -> Path:
    """Make a stick with these files or folders under these names."""
    tree = folder / "stick"
    for name, source in files.items():
        to = tree / name
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, to) if source.is_dir() else shutil.copy(source, to)
    used_mb = sum(path.stat().st_size for path in tree.rglob("*") if path.is_file()) >> 20
    disk = folder / "stick.img"
    make_disk(tree, disk, size_mb=used_mb * 5 // 4 + 32, label="stick")
    shutil.rmtree(tree)
    return disk
