"""Certificates that the centre's CA gave to kiosks: kept, listed, revoked, and judged at each request.

A serial is lower-case hex. Never signs anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, func, insert, select, update

from kiosk.monitor.store import audit
from kiosk.monitor.store.schema import certificates, registry

Reason = Literal["lost", "stolen", "replaced", "retired", "other"]
LISTED_AFTER_END_MS = 30 * 86_400_000  # a broker whose clock is behind still refuses what was revoked


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """One certificate; times are UTC ms."""

    serial: str
    kiosk_id: str
    not_before_ms: int
    not_after_ms: int
    issued_ms: int
    pem: bytes
    revoked_ms: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the centre holds of a peer: `known` its certificate, `registered` its kiosk."""

    known: bool = False
    registered: bool = False
    revoked: bool = False


def keep(db: Connection, new: Certificate) -> None:
    """Keep a certificate that was just signed."""
    db.execute(
        insert(certificates).values(
            serial=new.serial,
            kiosk_id=new.kiosk_id,
            not_before_ms=new.not_before_ms,
            not_after_ms=new.not_after_ms,
            issued_ms=new.issued_ms,
            revoked_ms=new.revoked_ms,
            reason=new.reason,
            pem=new.pem,
        )
    )


def by_serial(db: Connection, serial: str) -> Certificate | None:
    """Give one certificate."""
    row = db.execute(select(certificates).where(certificates.c.serial == serial)).mappings().first()
    return None if row is None else Certificate(**row)


def of_kiosk(db: Connection, kiosk_id: str) -> Sequence[Certificate]:
    """Give a kiosk's certificates, newest first."""
    query = select(certificates).where(certificates.c.kiosk_id == kiosk_id)
    newest_first = (certificates.c.issued_ms.desc(), certificates.c.serial)
    return [Certificate(**row) for row in db.execute(query.order_by(*newest_first)).mappings()]


def ends(db: Connection, kiosk_ids: Sequence[str]) -> dict[str, int]:
    """Give when the newest certificate of each kiosk ends (UTC ms), revoked ones left out."""
    query = (
        select(certificates.c.kiosk_id, func.max(certificates.c.not_after_ms))
        .where(certificates.c.kiosk_id.in_(kiosk_ids), certificates.c.revoked_ms.is_(None))
        .group_by(certificates.c.kiosk_id)
    )
    return {row[0]: row[1] for row in db.execute(query)}


def standing(db: Connection, serial: str, kiosk_id: str) -> Standing:
    """Judge a peer by its certificate's serial and name; a serial of another kiosk counts as revoked."""
    wanted = select(certificates.c.kiosk_id, certificates.c.revoked_ms)
    held = db.execute(wanted.where(certificates.c.serial == serial)).first()
    kiosk = db.execute(select(registry.c.revoked_ms).where(registry.c.kiosk_id == kiosk_id)).first()
    bad = held is not None and (held.revoked_ms is not None or held.kiosk_id != kiosk_id)
    shut = kiosk is not None and kiosk.revoked_ms is not None
    return Standing(known=held is not None, registered=kiosk is not None, revoked=bad or shut)


def revoke(db: Connection, serial: str, reason: Reason, *, who: str, now_ms: int) -> bool:
    """Revoke one certificate; False when there is none or it is revoked already."""
    wanted = update(certificates).where(certificates.c.serial == serial, certificates.c.revoked_ms.is_(None))
    if db.execute(wanted.values(revoked_ms=now_ms, reason=reason)).rowcount != 1:
        return False
    detail = f"reason={reason}"
    audit.write(db, who=who, what="certificate_revoked", subject=serial, detail=detail, at_ms=now_ms)
    return True


def revoke_all(db: Connection, kiosk_id: str, reason: Reason, *, now_ms: int) -> int:
    """Revoke every certificate of a kiosk; give how many that were. The caller records it."""
    wanted = update(certificates).where(
        certificates.c.kiosk_id == kiosk_id, certificates.c.revoked_ms.is_(None)
    )
    return db.execute(wanted.values(revoked_ms=now_ms, reason=reason)).rowcount


def listed(db: Connection, now_ms: int) -> Sequence[Certificate]:
    """Give what belongs on the revocation list now, in the order of the serials."""
    query = select(certificates).where(
        certificates.c.revoked_ms.is_not(None),
        certificates.c.not_after_ms > now_ms - LISTED_AFTER_END_MS,
    )
    return [Certificate(**row) for row in db.execute(query.order_by(certificates.c.serial)).mappings()]
