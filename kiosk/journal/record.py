"""What the journal writes, as values: the newest snapshot and the stages that were reached.

Owns the format's number, the checksum and the comparison of two snapshots. Never touches a file.
"""

import hashlib
from dataclasses import dataclass

import msgspec

from kiosk.messages import Snapshot

FORMAT = 1
MAX_SNAPSHOT_BYTES = 256 * 1024


class Damaged(ValueError):
    """The store is not what this software wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageReached:
    """One line of the history; `ended` means that the incident left the kiosk without a `closed`."""

    at_utc_ms: int
    alert_id: str
    kind: str
    stage: str
    by: str


@dataclass(frozen=True, slots=True)
class Packed:
    """A snapshot as it lies in the store."""

    format: int
    body: bytes
    sha256: str


def pack(snapshot: Snapshot) -> Packed:
    """Encode a snapshot; raises ValueError when it is too large to be one."""
    body = msgspec.json.encode(snapshot)
    if len(body) > MAX_SNAPSHOT_BYTES:
        raise ValueError(f"a snapshot of {len(body)} bytes, at most {MAX_SNAPSHOT_BYTES} are allowed")
    return Packed(FORMAT, body, hashlib.sha256(body).hexdigest())


def unpack(format_: object, body: object, sha256: object) -> Snapshot:
    """Decode a snapshot; raises Damaged for anything that `pack` did not make."""
    if format_ != FORMAT:
        raise Damaged(f"snapshot of format {format_!r}, this software reads {FORMAT}")
    if not isinstance(body, bytes) or hashlib.sha256(body).hexdigest() != sha256:
        raise Damaged("the snapshot's checksum is wrong")
    try:
        return msgspec.json.decode(body, type=Snapshot)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Damaged(f"the snapshot cannot be read: {error}") from error


def new_stages(old: Snapshot, new: Snapshot) -> list[StageReached]:
    """List the stages that `new` has and `old` had not, one an incident."""
    before = {incident.alert_id: incident.stage for incident in old.incidents}
    now = {incident.alert_id for incident in new.incidents}
    reached = [
        StageReached(
            at_utc_ms=new.saved_utc_ms,
            alert_id=incident.alert_id,
            kind=incident.kind,
            stage=incident.stage,
            by=incident.by,
        )
        for incident in new.incidents
        if before.get(incident.alert_id) != incident.stage
    ]
    reached += [
        StageReached(
            at_utc_ms=new.saved_utc_ms,
            alert_id=incident.alert_id,
            kind=incident.kind,
            stage="ended",
            by="",
        )
        for incident in old.incidents
        if incident.alert_id not in now and incident.stage != "closed"
    ]
    return reached
