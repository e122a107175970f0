"""A release on its way from one file to a folder for install-slot: verified, and only what is needed here."""

import hashlib
import shutil
from pathlib import Path

from kiosk import bundle
from kiosk.bundle import Verified
from kiosk.bundle.manifest import Manifest, text
from kiosk.update.places import Places, UpdateFailed

MB = 1_000_000
ROOM_MB = 60
UNPACKED = 6  # a wheel takes about that much more with its bytecode, and lies unpacked beside it for a while
COPIED = 2  # a clip: unpacked, and in the slot
VOICE = "voice/"


def verify(path: Path, places: Places, release: str | None) -> Verified:
    """Verify a release by the owner's key. Raises BundleRefused or ConfigError."""
    return bundle.verify(path, bundle.load_public_key(places.owner_key), kind="release", release=release)


def targets(release: Verified) -> tuple[str, ...]:
    """Name the systems that a release was made for."""
    found = (name for name in release.names if name.startswith("requirements/"))
    return tuple(sorted(name.removeprefix("requirements/").removesuffix(".txt") for name in found))


def needed_mb(release: Verified, target: str) -> int:
    """Estimate the room that a release takes while it is installed."""
    ours = [name for name in release.names if name.startswith(_folders(target))]
    size = sum(release.members[name].size * (COPIED if name.startswith(VOICE) else UNPACKED) for name in ours)
    return ROOM_MB + size // MB


def free_mb(places: Places) -> int:
    """Give the room that there is."""
    return shutil.disk_usage(places.base).free // MB


def unpack(release: Verified, places: Places, target: str) -> Path:
    """Lay down what this system needs of a release. Raises BundleRefused, UnpackingFailed, UpdateFailed."""
    folder = places.incoming / "release"
    clear(places)
    for number, under in enumerate(_folders(target)):
        part = places.incoming / f"part{number}"
        bundle.extract(release, part, under=under.rstrip("/"))
        _join(part, folder)
    manifest = text(Manifest(release.header, release.digests)).encode()
    if hashlib.sha256(manifest).hexdigest() != release.id:
        raise UpdateFailed("update_bundle", "its MANIFEST is not written as this version writes it")
    (folder / "MANIFEST").write_bytes(manifest)
    return folder


def clear(places: Places) -> None:
    """Take away what an earlier attempt left unpacked."""
    for left in (places.incoming / "release", *places.incoming.glob("part[0-9]")):
        shutil.rmtree(left, ignore_errors=True)


def forget(folder: Path, keep: str = "") -> None:
    """Take away what was fetched, whole or in part, but for the release `keep`."""
    for path in (*folder.glob("*.part"), *folder.glob("pana-release-*.tar")):
        if not keep or keep not in path.name:
            path.unlink(missing_ok=True)


def _folders(target: str) -> tuple[str, ...]:
    return ("app/", "pip/", "requirements/", f"wheels/{target}/", "deb/", f"debs/{target}/", VOICE)


def _join(part: Path, folder: Path) -> None:
    """Move the files of one part to where they belong; no two parts share a name."""
    for file in sorted(path for path in part.rglob("*") if path.is_file()):
        wanted = folder / file.relative_to(part)
        wanted.parent.mkdir(parents=True, exist_ok=True)
        file.rename(wanted)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(part)
