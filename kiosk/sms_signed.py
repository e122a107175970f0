"""The signed machine form of an SMS, both directions. Pure: the key comes in as bytes.

To the centre: ` A1:` + 45 base32 letters = 20 bytes of alert and 8 bytes of HMAC-SHA256.
From the centre: `A1R <code> <stage> <10 base32>`. Layout and sizes are docs/contract.md's.
"""

import hmac
import re
import struct
from base64 import b32decode, b32encode
from dataclasses import dataclass
from typing import get_args

from kiosk.bodies import Clock, Kind, ReplyStage
from kiosk.wire import Rejected

VERSION = 1
TAG_BYTES = 8
MARK = "A1:"
LAYOUT = struct.Struct(">B3s3sIBii")  # version, kiosk number, seq, Unix s, flags, lat and lon in 1e-5 deg
KINDS: tuple[Kind, ...] = get_args(Kind)
DRILL_FOR_PEOPLE = 3  # in two bits, behind the kinds
STAGES: tuple[ReplyStage, ...] = get_args(ReplyStage)
MACHINE = re.compile(r"\bA1:([A-Z2-7]{45})\b")
ANSWER = re.compile(r"\s*A1R ([0-9]{4}) ([a-z_]{1,12})(?: ([1-4]))? ([A-Z2-7]{10})\s*")
PRESSES_MAX = 4  # two bits
OTHER_BUTTON = 7  # the last of three bits: any that is not in the list of buttons, tamper, a drill
DEGREE = 1e5


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineAlert:
    """An alert as it fits into 20 bytes; `presses` saturates at `PRESSES_MAX`, `button` is a place.

    `duty` is of a drill to which people are to be called.
    """

    number: int
    seq: int
    pressed_s: int
    kind: Kind
    clock: Clock
    button: int
    presses: int
    lat: float
    lon: float
    duty: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CentreAnswer:
    """A stage that the centre sent by SMS; `tag` is to be verified against the alert it names.

    `presses` is how many the centre knows of, at most `PRESSES_MAX`; 0 where it does not say.
    """

    code: str
    stage: ReplyStage
    tag: str
    presses: int = 0


def pack(alert: MachineAlert, key: bytes) -> str:
    """Write and sign the machine form, mark and 45 letters."""
    for_people = alert.kind == "drill" and alert.duty
    flags = DRILL_FOR_PEOPLE if for_people else KINDS.index(alert.kind)
    flags |= (alert.clock == "unsynced") << 2
    flags |= min(alert.button, OTHER_BUTTON) << 3 | (min(max(alert.presses, 1), PRESSES_MAX) - 1) << 6
    body = LAYOUT.pack(
        VERSION,
        alert.number.to_bytes(3, "big"),
        (alert.seq & 0xFFFFFF).to_bytes(3, "big"),
        max(0, alert.pressed_s) & 0xFFFFFFFF,
        flags,
        round(alert.lat * DEGREE),
        round(alert.lon * DEGREE),
    )
    return MARK + b32encode(body + _tag(key, body)[:TAG_BYTES]).decode().rstrip("=")


def find_number(text: str) -> int | Rejected:
    """Read which kiosk signed, unverified, so that its key can be looked up."""
    body = _bytes(text)
    return body if isinstance(body, Rejected) else int.from_bytes(body[1:4], "big")


def unpack(text: str, key: bytes) -> MachineAlert | Rejected:
    """Find, verify and read the machine form in an SMS."""
    whole = _bytes(text)
    if isinstance(whole, Rejected):
        return whole
    body, tag = whole[: LAYOUT.size], whole[LAYOUT.size :]
    if not hmac.compare_digest(_tag(key, body)[:TAG_BYTES], tag):
        return Rejected("SMS: the signature is not this kiosk's")
    _, number, seq, pressed_s, flags, lat, lon = LAYOUT.unpack(body)
    for_people = flags & 3 == DRILL_FOR_PEOPLE
    return MachineAlert(
        number=int.from_bytes(number, "big"),
        seq=int.from_bytes(seq, "big"),
        pressed_s=pressed_s,
        kind="drill" if for_people else KINDS[flags & 3],
        clock="unsynced" if flags & 4 else "synced",
        button=flags >> 3 & 7,
        presses=(flags >> 6) + 1,
        lat=lat / DEGREE,
        lon=lon / DEGREE,
        duty=for_people,
    )


def _bytes(text: str) -> bytes | Rejected:
    found = MACHINE.search(text)
    if found is None:
        return Rejected("SMS: no machine form (A1: and 45 base32 letters)")
    whole = b32decode(found[1] + "===")
    if whole[0] != VERSION:
        return Rejected(f"SMS: machine form version {whole[0]}, this software reads {VERSION}")
    return whole


def reply_code(key: bytes, *, number: int, seq: int, pressed_s: int) -> str:
    """Derive an alert's four-digit code, so that the centre knows it without being told."""
    digest = _tag(key, b"code|%d|%d|%d" % (number, seq, pressed_s))
    return str(1000 + int.from_bytes(digest[:4], "big") % 9000)


def sign_answer(
    key: bytes, *, number: int, seq: int, pressed_s: int, code: str, stage: ReplyStage, presses: int = 0
) -> str:
    """Write the centre's signed answer to one alert, with how many `presses` it knows of unless that is 0."""
    said = _said(code, stage, min(presses, PRESSES_MAX))
    return f"A1R {said} {_answer_tag(key, number=number, seq=seq, pressed_s=pressed_s, said=said)}"


def parse_answer(text: str) -> CentreAnswer | None:
    """Read a centre's answer, unverified; None when it is something else."""
    found = ANSWER.fullmatch(text)
    if found is None:
        return None
    stage = next((known for known in STAGES if known == found[2]), None)
    presses = int(found[3] or 0)
    return CentreAnswer(code=found[1], stage=stage, tag=found[4], presses=presses) if stage else None


def verify_answer(answer: CentreAnswer, key: bytes, *, number: int, seq: int, pressed_s: int) -> bool:
    """Tell whether the centre signed this stage for this very alert."""
    said = _said(answer.code, answer.stage, answer.presses)
    tag = _answer_tag(key, number=number, seq=seq, pressed_s=pressed_s, said=said)
    return hmac.compare_digest(tag, answer.tag)


def _said(code: str, stage: str, presses: int) -> str:
    return f"{code} {stage} {presses}" if presses else f"{code} {stage}"


def _answer_tag(key: bytes, *, number: int, seq: int, pressed_s: int, said: str) -> str:
    digest = _tag(key, b"A1R|%d|%d|%d|" % (number, seq, pressed_s) + said.replace(" ", "|").encode())
    return b32encode(digest)[:10].decode()


def _tag(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")
