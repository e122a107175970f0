"""A card's boot partition: bundle, release, the owner's key, and what begins the set-up at first start.

What begins it is provisioning/boot's; this only puts it in its places. Everything is verified before, and
read back from the card afterwards, for cards lie.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from kiosk import bundle
from kiosk.fleet.making import ENDING, OWNER_PUB, FleetError

Suite = Literal["trixie", "bookworm"]
HERE = "pana"  # the folder on the boot partition
SCRIPTS = "provisioning"
LEFT_OUT = ("broker", "grafana", "*.example.*", "contacts.sample.csv", "__pycache__")
SPARE = 16 << 20  # bytes that the system's own first start may need there
BEFORE = ".before-pana"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wifi:
    """A network that the kiosk may join."""

    name: str
    password: str

    def __post_init__(self) -> None:
        if (
            not self.name
            or not 8 <= len(self.password) <= 63
            or not (self.name + self.password).isprintable()
        ):
            raise FleetError("the Wi-Fi needs a name and a password of 8 to 63 printable letters")


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One boot partition that is to be prepared."""

    boot: Path
    source: Path  # the sources of the kiosk
    suite: Suite | None = None
    wifi: Wifi | None = None
    again: bool = False


def prepare(card: Card, path: Path, owner_pub: Path) -> Suite:
    """Put everything on the card; give which system it was prepared for. Raises FleetError, BundleRefused."""
    key = bundle.load_public_key(owner_pub)
    seen = bundle.verify(path, key, kind="kiosk")
    release = _release(seen, key)
    scripts = card.source / SCRIPTS
    if not (scripts / "provision.sh").is_file():
        raise FleetError(f"{scripts}: holds no provision.sh; name the sources of the kiosk by --source")
    _judge(card, seen, release)
    suite = card.suite or ("trixie" if (card.boot / "meta-data").exists() else "bookworm")
    if suite == "bookworm" and card.wifi is not None:
        raise FleetError(
            "Wi-Fi is laid down for Trixie only; on Bookworm set it with the Imager, or use a cable"
        )
    try:
        folder = card.boot / HERE
        _empty(folder)
        shutil.copytree(scripts, folder / SCRIPTS, ignore=shutil.ignore_patterns(*LEFT_OUT))
        shutil.copyfile(owner_pub, folder / OWNER_PUB)
        copies = [shutil.copyfile(one, folder / one.name) for one in (release, path) if one is not None]
        for name, text in _start(card, seen, suite).items():
            _replace(card.boot / name, text)
        _flush(card.boot)
    except OSError as error:
        raise FleetError(f"{error.filename or card.boot}: {error.strerror}; try another card") from error
    _read_back(copies, key)
    return suite


def _release(seen: bundle.Verified, key: Ed25519PublicKey) -> Path | None:
    """Find and verify the release beside the bundle; None when it is inside."""
    if "release.tar" in seen.digests:
        return None
    found = bundle.release_beside(seen)
    if found is None:
        what = f"the release that it was made with ({seen.header.version}) is not beside it"
        raise FleetError(f"{seen.path}: {what}; copy it there, or make the bundle with --whole")
    bundle.verify(found, key, kind="release", release=seen.header.release)
    return found


def _judge(card: Card, seen: bundle.Verified, release: Path | None) -> None:
    if not (card.boot / "cmdline.txt").is_file():
        raise FleetError(
            f"{card.boot}: is no boot partition of a card with Raspberry Pi OS: it has no cmdline.txt"
        )
    others = [one.name for one in (card.boot / HERE).glob(f"*{ENDING}")]
    if others and not card.again:
        raise FleetError(
            f"{card.boot}: is prepared for {others[0].removesuffix(ENDING)}; --again replaces that"
        )
    needed = seen.path.stat().st_size + (release.stat().st_size if release else 0) + SPARE
    free = shutil.disk_usage(card.boot).free + sum(
        one.stat().st_size for one in (card.boot / HERE).rglob("*") if one.is_file()
    )
    if free < needed:
        what = f"{free >> 20} MB are free, {needed >> 20} MB are needed"
        raise FleetError(f"{card.boot}: {what}; build the release for this board only (--target)")


def _start(card: Card, seen: bundle.Verified, suite: Suite) -> dict[str, str]:
    """Give what makes the set-up run at first start, by path on the boot partition."""
    boot = card.source / SCRIPTS / "boot"
    if suite == "trixie":
        return {
            "user-data": (boot / "user-data").read_text(encoding="utf-8"),
            "meta-data": f"dsmode: local\ninstance-id: pana-{seen.header.kiosk}-{seen.id[:12]}\n",
            "network-config": network(card.wifi),
        }
    line = (card.boot / "cmdline.txt").read_text(encoding="utf-8").split("\n", 1)[0].rstrip()
    addition = (boot / "cmdline.txt").read_text(encoding="utf-8").strip()
    kept = [
        word for word in line.split() if not word.startswith("systemd.run") and word not in addition.split()
    ]
    return {
        "firstrun.sh": (boot / "firstrun.sh").read_text(encoding="utf-8"),
        "cmdline.txt": " ".join([*kept, addition]) + "\n",
    }


def network(wifi: Wifi | None) -> str:
    """Write network-config (netplan, version 2): nothing waits for any of it."""
    lines = ["network:", "  version: 2", "  ethernets:", "    eth0: {dhcp4: true, optional: true}"]
    if wifi is not None:
        lines += ["  wifis:", "    wlan0:", "      dhcp4: true", "      optional: true"]
        lines += ['      regulatory-domain: "KZ"', "      access-points:"]
        lines.append(f"        {_quoted(wifi.name)}: {{password: {_quoted(wifi.password)}}}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """Quote for YAML: within double quotes only these two have a meaning in printable text."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _replace(path: Path, text: str) -> None:
    """Write a file of the boot partition; what the image brought is kept beside it, once."""
    before = path.with_name(path.name + BEFORE)
    if path.exists() and not before.exists():
        shutil.copyfile(path, before)
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8", newline="\n")
    _sync(part)
    part.replace(path)


def _empty(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()


def _flush(boot: Path) -> None:
    for path in _files(boot / HERE):
        _sync(path)
    os.sync()


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _sync(path: Path) -> None:
    """Write a file out and forget it, so that the next reading is the card's own."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(handle)


def _read_back(copies: list[Path], key: Ed25519PublicKey) -> None:
    for path in copies:
        try:
            bundle.verify(path, key, kind="kiosk" if path.name.endswith(ENDING) else "release")
        except bundle.BundleRefused as error:
            raise FleetError(
                f"{path}: the card did not keep what was written: {error}; take another card"
            ) from error
