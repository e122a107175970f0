"""A record of an installer's check, as small as it may be."""

from typing import Any

from kiosk.commissioning import Commissioning, Finding

AT = "2026-11-27T10:00:00.000Z"


def a_finding(part: str = "modem", **changes: Any) -> Finding:
    fields: dict[str, Any] = {"level": "ok", "code": "modem_ok", "values": {"imei": "350000000000017"}}
    return Finding(part=part, **(fields | changes))


def a_record(record_id: str = "01RECORD", **changes: Any) -> Commissioning:
    fields: dict[str, Any] = {
        "kiosk_id": "kz-ala-0001", "by": "Әлия Қ.", "begun_at": AT, "at": AT, "clock": "synced",
        "version": "0.1.0", "config_hash": "abcd1234", "verdict": "passed", "rows": (a_finding(),),
    }  # fmt: skip
    return Commissioning(record_id=record_id, **(fields | changes))
