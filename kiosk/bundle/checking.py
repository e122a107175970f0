"""Verify a bundle: signature first, then every header, then every byte. Never writes anything."""

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from kiosk.bundle import manifest as manifests
from kiosk.bundle.archive import Member, members
from kiosk.bundle.manifest import (
    GET_ANOTHER,
    KIOSK_MAX,
    MANIFEST,
    MANIFEST_MAX,
    RELEASE_MAX,
    RELEASE_TAR,
    SIGNATURE,
    BundleRefused,
    Header,
    Kind,
    Manifest,
    WrongKind,
)

SIGNATURE_BYTES = 64
CHUNK = 1 << 20
RELEASE_NAMES = "pana-release-*.tar"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A bundle whose every byte was found to be what the owner signed."""

    path: Path
    header: Header
    digests: Mapping[str, str]  # sha256 by path
    members: Mapping[str, Member]
    id: str  # sha256 of its MANIFEST: what `release:` of a kiosk bundle names

    @property
    def names(self) -> tuple[str, ...]:
        """Give the paths of its files, sorted."""
        return tuple(self.digests)


def verify(
    path: Path,
    public_key: Ed25519PublicKey,
    *,
    kind: Kind,
    kiosk: str | None = None,
    release: str | None = None,
) -> Verified:
    """Verify a whole bundle; raises BundleRefused, whatever is wrong with it.

    `kiosk`: the id of the kiosk that it must be made for. `release`: the id that a release must have.
    """
    try:
        with open_regular(path) as file:
            return _verify(path, file, public_key, kind=kind, kiosk=kiosk, release=release)
    except OSError as error:
        raise BundleRefused(f"{path}: cannot be read: {error.strerror}; copy it again") from error


def file_id(path: Path) -> str:
    """Give a bundle's id without trusting it, to find the one that is looked for; empty when it has none."""
    try:
        with open_regular(path) as file:
            first = next(members(file, os.fstat(file.fileno()).st_size, str(path)), None)
            if first is None or first.name != MANIFEST or first.size > MANIFEST_MAX:
                return ""
            return hashlib.sha256(_read(file, first)).hexdigest()
    except (OSError, BundleRefused):
        return ""


def release_beside(kiosk_bundle: Verified) -> Path | None:
    """Find the release that a kiosk bundle was made with, in the same folder; None when it is not there."""
    wanted = kiosk_bundle.header.release
    beside = sorted(kiosk_bundle.path.parent.glob(RELEASE_NAMES))
    return next((path for path in beside if file_id(path) == wanted), None)


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading; a pipe, a device or a folder is refused before it can block."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        regular = stat.S_ISREG(os.fstat(handle).st_mode)
    except OSError:
        os.close(handle)
        raise
    if not regular:
        os.close(handle)
        raise BundleRefused(f"{path}: is no file; name a bundle")
    return os.fdopen(handle, "rb")


def _verify(
    path: Path,
    file: BinaryIO,
    public_key: Ed25519PublicKey,
    *,
    kind: Kind,
    kiosk: str | None,
    release: str | None,
) -> Verified:
    where = str(path)
    found = members(file, os.fstat(file.fileno()).st_size, where)
    signed = _signed(file, next(found, None), next(found, None), public_key, where)
    name = hashlib.sha256(signed).hexdigest()
    manifest = manifests.parse(signed, where)
    _judge_purpose(manifest.header, where, kind=kind, kiosk=kiosk)
    if release is not None and name != release:
        raise BundleRefused(
            f"{where}: is another release ({manifest.header.version}) than the kiosk's bundle was made with; "
            "take both files from one run of the desk"
        )
    listed: dict[str, Member] = {}
    for member in found:
        if member.name not in manifest.digests:
            raise BundleRefused(f"{where}: {member.name!r} is not listed in MANIFEST; {GET_ANOTHER}")
        if member.name in listed:
            raise BundleRefused(f"{where}: {member.name} is there twice; {GET_ANOTHER}")
        listed[member.name] = member
    _judge_whole(manifest, listed, where)
    for member in listed.values():
        if digest_of(file, member) != manifest.digests[member.name]:
            raise BundleRefused(f"{where}: {member.name} is damaged; copy the file again, or {GET_ANOTHER}")
    return Verified(path=path, header=manifest.header, digests=manifest.digests, members=listed, id=name)


def _signed(
    file: BinaryIO, first: Member | None, second: Member | None, key: Ed25519PublicKey, where: str
) -> bytes:
    if first is None or first.name != MANIFEST or second is None or second.name != SIGNATURE:
        raise BundleRefused(f"{where}: does not begin with {MANIFEST} and {SIGNATURE}, so it is no bundle")
    if first.size > MANIFEST_MAX or second.size != SIGNATURE_BYTES:
        raise BundleRefused(f"{where}: its {MANIFEST} or its signature has a wrong size; {GET_ANOTHER}")
    content = _read(file, first)
    try:
        key.verify(_read(file, second), content)
    except InvalidSignature as error:
        raise BundleRefused(
            f"{where}: the signature is not the owner's: the file was changed, or signed with another "
            f"key than owner.pub; {GET_ANOTHER}"
        ) from error
    return content


def _judge_purpose(header: Header, where: str, *, kind: Kind, kiosk: str | None) -> None:
    if header.kind != kind:
        told = {"kiosk": "the bundle of one kiosk", "release": "a release"}
        raise WrongKind(f"{where}: is {told[header.kind]}, {told[kind]} is asked for; name the other file")
    if kiosk is not None and header.kiosk != kiosk:
        raise BundleRefused(
            f"{where}: is made for {header.kiosk}, this is {kiosk}; take the bundle of this kiosk"
        )


def _judge_whole(manifest: Manifest, listed: Mapping[str, Member], where: str) -> None:
    missing = [name for name in manifest.digests if name not in listed]
    if missing:
        raise BundleRefused(f"{where}: {missing[0]} is missing ({len(missing)} in all); {GET_ANOTHER}")
    whole = manifest.header.kind == "kiosk"
    inner = listed[RELEASE_TAR].size if whole and RELEASE_TAR in listed else 0
    size = sum(member.size for member in listed.values()) - inner
    most = KIOSK_MAX if whole else RELEASE_MAX
    if size > most or inner > RELEASE_MAX + MANIFEST_MAX * 8:
        raise BundleRefused(f"{where}: holds {max(size, inner)} bytes, more than a bundle may; {GET_ANOTHER}")


def digest_of(file: BinaryIO, member: Member) -> str:
    """Hash one member's content."""
    digest = hashlib.sha256()
    file.seek(member.offset)
    left = member.size
    while left > 0:
        piece = file.read(min(CHUNK, left))
        if not piece:
            return ""
        digest.update(piece)
        left -= len(piece)
    return digest.hexdigest()


def _read(file: BinaryIO, member: Member) -> bytes:
    file.seek(member.offset)
    return file.read(member.size)
