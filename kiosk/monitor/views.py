"""Alerts and kiosks as plain data for people and programs that ask. Pure.

Real alerts come before drills, open ones before closed ones, and a drill always says so.
"""

from typing import Any

import msgspec

from kiosk.bodies import Event
from kiosk.monitor import cases
from kiosk.monitor.records import Case, Kiosk
from kiosk.wire import utc_text

View = dict[str, Any]


def order(found: tuple[Case, ...]) -> list[Case]:
    """Sort as people should read: open before closed, real before drill, not taken first, then the oldest."""
    return sorted(
        found,
        key=lambda case: (
            cases.is_closed(case),
            cases.is_drill(case),
            not cases.is_waiting(case),
            case.received_ms,
            case.alert.alert_id,
        ),
    )


def alert(case: Case) -> View:
    """Show one alert."""
    body = case.alert
    return {
        "alert_id": body.alert_id,
        "kiosk_id": body.kiosk_id,
        "kind": body.kind,
        "drill": cases.is_drill(case),
        "stage": cases.top(case),
        "by": next((entry.by for entry in case.stages if entry.stage == "accepted"), ""),
        "pressed_at": body.pressed_at,
        "received_at": utc_text(case.received_ms),
        "age_s": case.age_s,
        "late": case.late,
        "clock": case.clock_note or "synced",
        "path": case.door,
        "also_by": list(case.also_by),
        "outcome": next((entry.outcome for entry in case.stages if entry.outcome), ""),
        "referral": next((entry.referral for entry in case.stages if entry.referral), ""),
        "button": body.button,
        "also": list(body.also),
        "presses": body.presses,
        "seq": body.seq,
        "attempt": body.attempt,
        "place": msgspec.to_builtins(body.place),
        "stages": [
            {
                "stage": entry.stage,
                "at": utc_text(entry.at_ms),
                "by": entry.by,
                "note": entry.note,
                "via": entry.via,
            }
            for entry in case.stages
        ],
    }


def kiosk(known: Kiosk, events: tuple[Event, ...]) -> View:
    """Show one kiosk with its last heartbeat and latest events."""
    return {
        "kiosk_id": known.kiosk_id,
        "life": known.life,
        "why": known.why,
        "since": utc_text(known.since_ms),
        "heard_at": utc_text(known.heard_ms) if known.heard_ms else "",
        "version": known.version,
        "twin": known.twin,
        "missing_alerts": list(known.missing),
        "heartbeats_lost": known.heartbeats_lost,
        "refused": known.refused,
        "heartbeat": msgspec.to_builtins(known.heartbeat),
        "events": [msgspec.to_builtins(event) for event in events],
    }
