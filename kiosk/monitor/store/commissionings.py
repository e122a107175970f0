"""What installers sent of their kiosks: each record and each log once, the newest few of every kiosk.

A record that names another modem than the registry does corrects the registry and says so.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import IntegrityError

from kiosk.commissioning import Commissioning
from kiosk.monitor.store import audit, registry
from kiosk.monitor.store.schema import commissionings, provision_logs

RECORDS_KEPT, LOGS_KEPT = 20, 3  # of each kiosk


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A record as it came at `received_ms`; `imei_before` is the registry's IMEI where it was another one."""

    record: Commissioning
    received_ms: int
    imei_before: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """The log of a set-up as it came."""

    text: str
    received_ms: int


def keep(db: Connection, new: Commissioning, *, now_ms: int) -> int:
    """Keep a record; give when it first came. The same one again changes nothing."""
    kiosk_id = new.kiosk_id
    row = {
        "kiosk_id": kiosk_id,
        "record_id": new.record_id,
        "received_ms": now_ms,
        "verdict": new.verdict,
        "imei_before": _other_imei(db, new),
        "body": msgspec.json.encode(new),
    }
    first_ms = _first(db, commissionings, commissionings.c.record_id, row)
    if first_ms is not None:
        return first_ms
    if new.imei:
        registry.correct_imei(db, kiosk_id, new.imei, now_ms=now_ms)
    detail = f"verdict={new.verdict} record={new.record_id}"
    audit.write(db, at_ms=now_ms, who=kiosk_id, what="kiosk_commissioned", subject=kiosk_id, detail=detail)
    _forget(db, commissionings, commissionings.c.record_id, kiosk_id, RECORDS_KEPT)
    return now_ms


def keep_log(db: Connection, kiosk_id: str, text: str, *, now_ms: int) -> tuple[str, int]:
    """Keep the log of a set-up; give its id and when it first came."""
    data = text.encode("utf-8", "replace")
    log_id = hashlib.sha256(data).hexdigest()
    row = {"kiosk_id": kiosk_id, "log_id": log_id, "received_ms": now_ms, "text": data}
    first_ms = _first(db, provision_logs, provision_logs.c.log_id, row)
    if first_ms is not None:
        return log_id, first_ms
    _forget(db, provision_logs, provision_logs.c.log_id, kiosk_id, LOGS_KEPT)
    return log_id, now_ms


def of_kiosk(db: Connection, kiosk_id: str, limit: int = RECORDS_KEPT) -> Sequence[Held]:
    """Give a kiosk's records, the one that came last first."""
    query = select(commissionings).where(commissionings.c.kiosk_id == kiosk_id)
    newest = (commissionings.c.received_ms.desc(), commissionings.c.record_id.desc())
    return [
        Held(
            record=msgspec.json.decode(row["body"], type=Commissioning),
            received_ms=row["received_ms"],
            imei_before=row["imei_before"],
        )
        for row in db.execute(query.order_by(*newest).limit(limit)).mappings()
    ]


def last_log(db: Connection, kiosk_id: str) -> Log | None:
    """Give the newest log of a kiosk's set-up."""
    query = select(provision_logs).where(provision_logs.c.kiosk_id == kiosk_id)
    row = db.execute(query.order_by(provision_logs.c.received_ms.desc()).limit(1)).mappings().first()
    return None if row is None else Log(text=row["text"].decode(), received_ms=row["received_ms"])


def _first(db: Connection, table: Any, name: Any, row: dict[str, Any]) -> int | None:
    """Insert a row; where it is there already give when that came."""
    try:
        with db.begin_nested():
            db.execute(insert(table).values(**row))
    except IntegrityError:
        same = (table.c.kiosk_id == row["kiosk_id"]) & (name == row[name.name])
        return int(db.execute(select(table.c.received_ms).where(same)).scalar_one())
    return None


def _forget(db: Connection, table: Any, name: Any, kiosk_id: str, kept: int) -> None:
    newest = (table.c.received_ms.desc(), name.desc())
    query = select(name).where(table.c.kiosk_id == kiosk_id).order_by(*newest).offset(kept).limit(1000)
    old = list(db.execute(query).scalars())
    if old:
        db.execute(delete(table).where(table.c.kiosk_id == kiosk_id, name.in_(old)))


def _other_imei(db: Connection, new: Commissioning) -> str:
    entry = registry.get(db, new.kiosk_id)
    known = entry.draft.imei if entry is not None else ""
    return known if new.imei and known != new.imei else ""
