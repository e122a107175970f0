"""The releases that the doors offer: rows for all monitors, files on each machine that has doors.

A file's name is its id. What is offered was verified by the owner's key before it got that name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, RowMapping, delete, insert, select

from kiosk.monitor.store import audit
from kiosk.monitor.store.schema import releases, rollouts

ACTIVE = ("running", "paused")


class ReleaseInUse(Exception):
    """A release that a roll-out still needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One release; `size` in bytes, `added_ms` UTC."""

    release_id: str
    version: str
    size: int
    made_at: str
    targets: str
    added_ms: int
    added_by: str


def file_of(state: str | Path, release_id: str) -> Path:
    """Name the file of a release below the centre's state folder."""
    return Path(state) / "releases" / f"{release_id}.tar"


def add(db: Connection, new: Release) -> bool:
    """Offer a release; False where it is offered already."""
    if get(db, new.release_id) is not None:
        return False
    row = {name: getattr(new, name) for name in Release.__slots__}
    db.execute(insert(releases).values(**row))
    detail = f"version={new.version} size={new.size}"
    audit.write(
        db, at_ms=new.added_ms, who=new.added_by, what="release_added", subject=new.release_id, detail=detail
    )
    return True


def get(db: Connection, release_id: str) -> Release | None:
    """Give one release."""
    row = db.execute(select(releases).where(releases.c.release_id == release_id)).mappings().first()
    return None if row is None else _release(row)


def listed(db: Connection) -> Sequence[Release]:
    """Give every release, the newest first."""
    rows = db.execute(select(releases).order_by(releases.c.added_ms.desc(), releases.c.release_id)).mappings()
    return [_release(row) for row in rows]


def find(db: Connection, text: str) -> Sequence[Release]:
    """Give the releases that are meant by a version, or by an id or its beginning (8 letters and more)."""
    least = 8
    return [
        one
        for one in listed(db)
        if one.version == text or (len(text) >= least and one.release_id.startswith(text))
    ]


def remove(db: Connection, release_id: str, *, who: str, now_ms: int) -> bool:
    """Offer a release no more; raises ReleaseInUse while a roll-out of it may go on."""
    wanted = select(rollouts.c.rollout_id).where(
        rollouts.c.release_id == release_id, rollouts.c.state.in_(ACTIVE)
    )
    if db.execute(wanted).first() is not None:
        raise ReleaseInUse(release_id)
    gone = db.execute(delete(releases).where(releases.c.release_id == release_id)).rowcount == 1
    if gone:
        audit.write(db, at_ms=now_ms, who=who, what="release_removed", subject=release_id)
    return gone


def _release(row: RowMapping) -> Release:
    return Release(**{name: row[name] for name in Release.__slots__})
