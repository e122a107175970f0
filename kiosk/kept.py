"""One incident as the journal keeps it, and read again after a power cut. Pure.

Owns how old it is then, and how often it was pressed.
"""

from dataclasses import replace
from typing import assert_never

from kiosk.bodies import Clock, Stage
from kiosk.incident import Heard, Incident, Over, PressedAgain, State, Taken, Unheard
from kiosk.messages import IncidentRecord
from kiosk.wire import bounded_utc_ms

PRESSES_MAX = 9_999  # nobody presses so often


def record(incident: Incident) -> IncidentRecord:
    """Write the incident as the journal keeps it."""
    return IncidentRecord(
        alert_id=incident.alert_id,
        kind=incident.kind,
        button=incident.button,
        pressed_utc_ms=incident.pressed_utc_ms,
        clock=incident.clock,
        seq=incident.seq,
        code=incident.code,
        stage=incident.stage,
        presses=incident.presses,
        also=incident.also,
        by=incident.by,
        duty=incident.duty,
        last=incident.last,
        known=incident.known,
        anew=incident.anew_s is not None,
    )


def revive(kept: IncidentRecord, *, now_s: float, utc_ms: int, max_s: float) -> Incident:
    """Read a kept incident. Its age is wall time where that can be believed, else none.

    A clock that was unsynced, went back, or says "older than an incident may get" must not end an
    incident that nobody closed: such a one starts afresh and is told as late. What nobody has yet has all of
    its time before it.
    """
    pressed_utc_ms = bounded_utc_ms(kept.pressed_utc_ms)
    pressed_s = now_s - _age_s(pressed_utc_ms, kept.clock, utc_ms, max_s)
    state, again_s = _state_of(kept.stage), None
    if kept.last is not None:
        again_s = now_s - _age_s(bounded_utc_ms(kept.last.utc_ms), kept.last.clock, utc_ms, max_s)
    return Incident(
        alert_id=kept.alert_id,
        kind=kept.kind,
        button=kept.button,
        pressed_s=pressed_s,
        pressed_utc_ms=pressed_utc_ms,
        clock=kept.clock,
        seq=kept.seq,
        code=kept.code,
        duty=kept.duty,
        presses=max(1, kept.presses),
        base=max(1, kept.presses),
        also=kept.also,
        last=kept.last,
        again_s=now_s if isinstance(state, Unheard) else again_s,
        by=kept.by,
        known=kept.known,
        anew_s=now_s if kept.anew else None,
        state=state,
        resumed=True,
    )


def recounted(incident: Incident, counted: int, heard: PressedAgain) -> Incident:
    """Count on from the centre's count where the journal forgot presses: the next would hide behind it.

    Nobody knows when they were; where none came since, the newest counts as one of now, when it is `heard`.
    """
    if not incident.resumed or not incident.presses < counted <= PRESSES_MAX:
        return incident
    presses = counted + incident.presses - incident.base
    if incident.presses == incident.base:
        incident = replace(incident, last=heard.last, again_s=heard.s)
    return replace(incident, presses=presses, base=counted)


def _age_s(pressed_utc_ms: int, clock: Clock, utc_ms: int, max_s: float) -> float:
    age_s = (utc_ms - pressed_utc_ms) / 1000
    return age_s if clock == "synced" and 0 <= age_s < max_s else 0.0


def _state_of(stage: Stage) -> State:
    match stage:
        case "pressed" | "sending":
            return Unheard(attempting=stage == "sending")
        case "received":
            return Heard()
        case "accepted" | "en_route" | "on_scene":
            return Taken(stage)
        case "closed":
            return Over()
        case _:
            assert_never(stage)
