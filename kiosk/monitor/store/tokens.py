"""One-time tokens of enrolment: 256 bits that a person carries to a kiosk; only their SHA-256 is kept.

A token is used up in the transaction that keeps its certificate, or not at all.
"""

import hashlib
from base64 import b32encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, delete, insert, select, update

from kiosk.messages import KioskError
from kiosk.monitor.store import audit
from kiosk.monitor.store.bulk import among, run_many
from kiosk.monitor.store.drafts import RegistryError
from kiosk.monitor.store.schema import registry, tokens

TOKEN_BYTES = 32
LIFE_H, LIFE_MAX_H = 72, 24 * 30
LIMITS = f"a token takes {TOKEN_BYTES} random bytes and lives 1 to {LIFE_MAX_H} hours"
REPEAT_MS = 600_000  # so long the same question gets the same answer: the first one may have been lost


class TokenRefused(KioskError):
    """A token that opens nothing; the message is safe to show and tells no secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One token as people may see it."""

    kiosk_id: str
    created_ms: int
    expires_ms: int
    used_ms: int | None
    made_by: str


@dataclass(frozen=True, slots=True)
class Claim:
    """Whom a token is for; `serial` names the certificate when the same question was answered before."""

    kiosk_id: str
    serial: str = ""


def make(db: Connection, kiosk_id: str, chance: bytes, *, who: str, now_ms: int, life_h: int = LIFE_H) -> str:
    """Make a token out of 32 random bytes; older unused ones of this kiosk die. Raises RegistryError."""
    text = text_of(chance)
    kiosk = db.execute(select(registry.c.revoked_ms).where(registry.c.kiosk_id == kiosk_id)).first()
    if kiosk is None:
        raise RegistryError(f"no kiosk {kiosk_id} in the registry")
    if kiosk.revoked_ms is not None:
        raise RegistryError(f"kiosk {kiosk_id} is revoked; reinstate it first")
    keep_many(db, {kiosk_id: text}, who=who, now_ms=now_ms, life_h=life_h)
    return text


def text_of(chance: bytes) -> str:
    """Write 32 random bytes as a person carries them; raises RegistryError."""
    if len(chance) != TOKEN_BYTES:
        raise RegistryError(LIMITS)
    text = b32encode(chance).decode().rstrip("=")
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


def keep_many(db: Connection, made: Mapping[str, str], *, who: str, now_ms: int, life_h: int) -> None:
    """Keep one token for each of many kiosks, which may all have one: `made` gives its text by kiosk.

    Older unused ones of these kiosks die. Raises RegistryError.
    """
    if not 1 <= life_h <= LIFE_MAX_H:
        raise RegistryError(LIMITS)
    for some in among(db, tokens.c.kiosk_id, made):
        db.execute(delete(tokens).where(some, tokens.c.used_ms.is_(None)))
    fresh = [
        {
            "token_hash": _hash(text),
            "kiosk_id": kiosk_id,
            "created_ms": now_ms,
            "expires_ms": now_ms + life_h * 3_600_000,
            "made_by": who[:64],
        }
        for kiosk_id, text in made.items()
    ]
    named: dict[str, Any] = {name: bindparam(name) for row in fresh[:1] for name in row}
    run_many(db, insert(tokens).values(used_key="", serial="", **named), fresh)
    done = [("token_made", kiosk_id, f"life_h={life_h}") for kiosk_id in made]
    audit.write_many(db, done, who=who, at_ms=now_ms)


def claim(db: Connection, token: str, key_hash: str, now_ms: int) -> Claim:
    """Use a token up for one public key in the caller's transaction; raises TokenRefused.

    Of two that race, PostgreSQL lets the second wait for the first one's end, SQLite lets it begin later.
    """
    fresh = tokens.c.token_hash == _hash(token), tokens.c.used_ms.is_(None), tokens.c.expires_ms > now_ms
    taken = db.execute(update(tokens).where(*fresh).values(used_ms=now_ms, used_key=key_hash)).rowcount
    row = db.execute(select(tokens).where(fresh[0])).mappings().first()
    if row is None:
        raise TokenRefused("no such token; ask the centre for a new one")
    if taken == 0 and not _repeats(row, key_hash, now_ms):
        why = "was used already" if row["used_ms"] is not None else "has expired"
        raise TokenRefused(f"this token {why}; ask the centre for a new one")
    revoked = select(registry.c.revoked_ms).where(registry.c.kiosk_id == row["kiosk_id"])
    if db.execute(revoked).scalar() is not None:
        raise TokenRefused("this kiosk is revoked; ask the centre")
    return Claim(row["kiosk_id"], row["serial"] if taken == 0 else "")


def settle(db: Connection, token: str, serial: str) -> None:
    """Note which certificate a claimed token gave, so that the same question gets it again."""
    db.execute(update(tokens).where(tokens.c.token_hash == _hash(token)).values(serial=serial))


def of_kiosk(db: Connection, kiosk_id: str) -> Sequence[Token]:
    """Give a kiosk's tokens, newest first; their text is known to nobody."""
    query = select(tokens).where(tokens.c.kiosk_id == kiosk_id).order_by(tokens.c.created_ms.desc())
    return [
        Token(
            kiosk_id=row["kiosk_id"],
            created_ms=row["created_ms"],
            expires_ms=row["expires_ms"],
            used_ms=row["used_ms"],
            made_by=row["made_by"],
        )
        for row in db.execute(query).mappings()
    ]


def _repeats(row: RowMapping, key_hash: str, now_ms: int) -> bool:
    used_ms = row["used_ms"]
    recent = used_ms is not None and 0 <= now_ms - used_ms <= REPEAT_MS
    return bool(recent and row["serial"] and row["used_key"] == key_hash)


def _hash(token: str) -> str:
    """Forgive case, spaces and hyphens of a token that a person typed."""
    plain = "".join(letter for letter in token.upper() if letter.isalnum())
    return hashlib.sha256(plain.encode()).hexdigest()
