"""Rows of the registry that tests write."""

from typing import Any

from sqlalchemy import Connection

from kiosk.monitor.store import registry, tokens
from kiosk.monitor.store.certificates import Certificate
from kiosk.monitor.store.drafts import Draft, draft
from kiosk.monitor.store.registry import Entry

TOKEN = bytes(range(32))


def a_draft(**changes: Any) -> Draft:
    """Give a kiosk; fields of the place may be named beside the others."""
    place = {
        "name": {"kk": "Дәріхана", "ru": "Аптека"},
        "address": {"kk": "Абай 10", "ru": "Абая 10"},
        "entrance": {"kk": "Ауладан", "ru": "Со двора"},
        "lat": 43.23815,
        "lon": 76.94551,
        "accuracy_m": 10,
        "kato": "751000000",
    }
    place |= {name: changes.pop(name) for name in list(changes) if name in place}
    return draft({"kiosk_id": "kz-ala-0001", "number": 17, "place": place} | changes)


def a_certificate(serial: str, **changes: Any) -> Certificate:
    fields: dict[str, Any] = {
        "kiosk_id": "kz-ala-0001",
        "not_before_ms": 0,
        "not_after_ms": 10**13,
        "issued_ms": 1000,
        "pem": b"pem",
    }
    return Certificate(serial=serial, **(fields | changes))


def change(db: Connection, new: Draft, *, who: str = "x", now_ms: int) -> Entry:
    """Change a kiosk as it stands now."""
    old = registry.get(db, new.kiosk_id)
    return registry.change(db, new, who=who, now_ms=now_ms, seen_ms=old.changed_ms if old else 0)


def made_token(db: Connection, kiosk_id: str = "kz-ala-0001", *, chance: bytes = TOKEN) -> str:
    return tokens.make(db, kiosk_id, chance, who="aida", now_ms=1000)
