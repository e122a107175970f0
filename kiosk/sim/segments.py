"""SMS segments as they cross the air, packed and unpacked by gammu's own codec.

Owns the bytes between the simulated modem and the simulated network. Never used by the kiosk's real
parts; gammu is imported only when a segment is handled, so a machine without it can still load the demo.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

_SUBMIT_KIND = 0x01
_WANTS_REPORT = 0x20
_REPORT_HEADER = 0x06


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Hold one submitted segment: whom it is for, its text and its place among the parts."""

    number: str
    text: str
    part: int
    parts: int
    join_id: int
    wants_report: bool
    address: bytes
    pdu_hex: str


def unpack_submit(pdu_hex: str) -> Segment | None:
    """Read an SMS-SUBMIT (3GPP TS 23.040, 9.2.2.2) written with its SMSC field; None when it is not one."""
    gammu = _codec()
    try:
        pdu = bytes.fromhex(pdu_hex)
        body = pdu[1 + pdu[0] :]
        if body[0] & 0x03 != _SUBMIT_KIND:
            return None
        fields: dict[str, Any] = gammu.DecodePDU(pdu, True)
    except (ValueError, IndexError, gammu.GSMError):
        return None
    header = fields["UDH"]
    digits = body[2]
    return Segment(
        number=fields["Number"],
        # gammu counts an escaped letter twice and reads past the end of its own text
        text=fields["Text"].partition("\0")[0],
        part=max(header["PartNumber"], 1),
        parts=max(header["AllParts"], 1),
        join_id=max(header["ID8bit"], header["ID16bit"], 0),
        wants_report=bool(body[0] & _WANTS_REPORT),
        address=body[2 : 4 + (digits + 1) // 2],
        pdu_hex=pdu_hex.upper(),
    )


def pack_deliver(sender: str, text: str, at_utc: datetime | None = None) -> list[bytes]:
    """Write the SMS-DELIVER segments (without SMSC field) of a text; long texts make several."""
    gammu = _codec()
    at_utc = at_utc or datetime.now(UTC)
    entry = {"ID": "ConcatenatedAutoTextLong", "Buffer": text}
    packed = []
    for message in gammu.EncodeSMS({"Class": -1, "Unicode": False, "Entries": [entry]}):
        message.update(SMSC={"Number": ""}, Number=sender, Type="Deliver", DateTime=at_utc)
        pdu: bytes = gammu.EncodePDU(message, "Deliver")
        packed.append(pdu[1 + pdu[0] :])
    return packed


def pack_report(segment: Segment, reference: int, *, status: int, at_utc: datetime | None = None) -> bytes:
    """Write an SMS-STATUS-REPORT; `status` 0 is delivered (TS 23.040, 9.2.2.3 and 9.2.3.15)."""
    stamp = _timestamp(at_utc or datetime.now(UTC))
    return bytes([_REPORT_HEADER, reference & 0xFF]) + segment.address + stamp + stamp + bytes([status])


def _timestamp(at_utc: datetime) -> bytes:
    digits = at_utc.astimezone(UTC).strftime("%y%m%d%H%M%S") + "00"
    return bytes(int(digits[place + 1] + digits[place], 16) for place in range(0, len(digits), 2))


def _codec() -> Any:
    import gammu  # noqa: PLC0415 - the demo must load where gammu is absent

    return gammu
