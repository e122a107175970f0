"""The MANIFEST of a bundle: text to values and back. Pure; never raises anything but BundleRefused."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from kiosk.messages import KioskError

FORMAT = "pana-bundle 1"
MANIFEST = "MANIFEST"
SIGNATURE = "MANIFEST.sig"
NAME_MAX = 200
MANIFEST_MAX = 1 << 20  # bytes: 4 000 files of the longest names
KIOSK_MAX = 32 << 20  # bytes of all files but release.tar
RELEASE_MAX = 1 << 30
RELEASE_TAR = "release.tar"  # of a kiosk bundle that is complete in itself
NUMBER_MAX = 16_777_215  # three bytes in an SMS

Kind = Literal["kiosk", "release"]
KEYS: Mapping[str, tuple[str, ...]] = {
    "release": ("kind", "version", "made-at"),
    "kiosk": ("kind", "version", "made-at", "kiosk", "number", "release"),
}
SHAPES = {
    "kind": r"kiosk|release",
    "version": r"[0-9][0-9A-Za-z.+~]{0,39}",
    "made-at": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
    "kiosk": r"[a-z0-9][a-z0-9-]{2,31}",
    "number": r"[1-9][0-9]{0,7}",
    "release": r"[0-9a-f]{64}",
}
PATH = re.compile(r"[A-Za-z0-9._+~/-]{1,200}", re.ASCII)
LINE = re.compile(r"([0-9a-f]{64})  (.+)", re.ASCII)
GET_ANOTHER = "nothing was changed; get this file anew from the desk"


class BundleRefused(KioskError):
    """A bundle that must not be used; the message says what is wrong with it, where, and what to do."""


class WrongKind(BundleRefused):
    """A sound bundle of the other kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a bundle says of itself. `kiosk`, `number` and `release` belong to the kind `kiosk` only."""

    kind: Kind
    version: str
    made_at: str  # UTC, whole seconds, as 2026-11-27T01:00:00Z
    kiosk: str = ""
    number: int = 0
    release: str = ""  # sha256 of the MANIFEST of the release it was made with


@dataclass(frozen=True, slots=True)
class Manifest:
    """The header and the sha256 of each file, by path."""

    header: Header
    digests: Mapping[str, str]


def text(manifest: Manifest) -> str:
    """Write a manifest; BundleRefused when it could not be read back."""
    header = manifest.header
    values: dict[str, str | int] = {
        "kind": header.kind,
        "version": header.version,
        "made-at": header.made_at,
        "kiosk": header.kiosk,
        "number": header.number,
        "release": header.release,
    }
    lines = [FORMAT, *(f"{key}: {values[key]}" for key in KEYS[header.kind]), ""]
    lines += [f"{digest}  {path}" for path, digest in sorted(manifest.digests.items())]
    written = "\n".join(lines) + "\n"
    if parse(written.encode(), "MANIFEST") != manifest:
        raise BundleRefused(f"MANIFEST: a {header.kind} bundle has no use for some of {header}")
    return written


def parse(content: bytes, where: str) -> Manifest:
    """Read a manifest to the letter. Raises BundleRefused; `where` names the bundle in its message."""
    try:
        lines = content.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise _wrong(where, f"byte {error.start} is no ASCII") from error
    if lines[0] != FORMAT:
        raise BundleRefused(
            f"{where}: is no bundle of a format that this version knows ({FORMAT}); {GET_ANOTHER}"
        )
    if lines.pop() != "" or "" not in lines:
        raise _wrong(where, "its last line or the empty line before the list is missing")
    cut = lines.index("")
    return Manifest(_header(lines[1:cut], where), _digests(lines[cut + 1 :], where, cut + 2))


def path_fault(path: str) -> str:
    """Say what is wrong with a path, or nothing."""
    if not PATH.fullmatch(path):
        return f"may hold A-Z a-z 0-9 . _ + ~ / - only, at most {NAME_MAX} of them"
    if path.startswith("/"):
        return "begins with /"
    if any(part in ("", ".", "..") for part in path.split("/")):
        return "has an empty part, . or .."
    if path in (MANIFEST, SIGNATURE):
        return "is a name of the format's own"
    return ""


def _header(lines: list[str], where: str) -> Header:
    given = [line.partition(": ")[::2] for line in lines]
    kind = given[0][1] if given and given[0][0] == "kind" else ""
    wanted = KEYS.get(kind)
    if wanted is None:
        raise _wrong(where, 'line 2 must be "kind: kiosk" or "kind: release"')
    if tuple(key for key, _ in given) != wanted:
        raise _wrong(where, f"its header must hold {', '.join(wanted)}, once each and in this order")
    for number, (key, value) in enumerate(given, start=2):
        if not re.fullmatch(SHAPES[key], value, re.ASCII):
            raise _wrong(where, f"line {number}: {key} is not written as it must be ({SHAPES[key]})")
    values = dict(given)
    number = int(values.get("number", 0))
    if number > NUMBER_MAX:
        raise _wrong(where, f"number is above {NUMBER_MAX}")
    return Header(
        kind="kiosk" if kind == "kiosk" else "release",
        version=values["version"],
        made_at=values["made-at"],
        kiosk=values.get("kiosk", ""),
        number=number,
        release=values.get("release", ""),
    )


def _digests(lines: list[str], where: str, first: int) -> dict[str, str]:
    digests: dict[str, str] = {}
    last = ""
    for number, line in enumerate(lines, start=first):
        found = LINE.fullmatch(line)
        if found is None:
            raise _wrong(where, f"line {number} is not 64 hex digits, two spaces and a path")
        digest, path = found.groups()
        fault = path_fault(path)
        if fault:
            raise _wrong(where, f"line {number}: the path {path!r} {fault}")
        if path <= last:
            raise _wrong(where, f"line {number}: {path} stands twice or out of order")
        digests[path] = digest
        last = path
    if not digests:
        raise _wrong(where, "it lists no file")
    for path in digests:
        above = path.rpartition("/")[0]
        while above:
            if above in digests:
                raise _wrong(where, f"{above} is a file and the folder of {path}")
            above = above.rpartition("/")[0]
    return digests


def _wrong(where: str, what: str) -> BundleRefused:
    return BundleRefused(f"{where}: its MANIFEST is damaged: {what}; {GET_ANOTHER}")
