"""The revocation list: made anew each day and whenever somebody is revoked, and kept in a file for brokers.

Pitfalls: an expired list locks the whole fleet out of the broker; one that forgot a serial lets a stolen
kiosk back in. Never waits for anybody to ask for it.
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from anyio import to_thread
from cryptography import x509
from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import SQLAlchemyError

from kiosk.monitor.ca import Authority, CaError, Revoked
from kiosk.monitor.ca.files import PUBLIC_MODE, write
from kiosk.monitor.store import certificates, schema
from kiosk.monitor.store.bulk import among

LOG = logging.getLogger(__name__)
LOOK_S = 30.0
AGAIN_S = 86_400.0
REASONS = {
    "lost": x509.ReasonFlags.key_compromise,
    "stolen": x509.ReasonFlags.key_compromise,
    "replaced": x509.ReasonFlags.superseded,
    "retired": x509.ReasonFlags.cessation_of_operation,
}


def lines(db: Connection, now_ms: int) -> list[Revoked]:
    """Give the lines of the list as it stands now."""
    return [
        Revoked(
            held.serial,
            (held.revoked_ms or 0) // 1000,
            REASONS.get(held.reason, x509.ReasonFlags.unspecified),
        )
        for held in certificates.listed(db, now_ms)
    ]


def unforgotten(
    db: Connection, before: Iterable[Revoked], listed: Sequence[Revoked], now_ms: int
) -> list[Revoked]:
    """Give the lines of the list before that this one would miss, but those of certificates that ended.

    No revocation is ever taken back: what is missing was lost, or the database is an old copy.
    """
    here = {line.serial for line in listed}
    missing = {line.serial: line for line in before if line.serial not in here}
    table = schema.certificates.c
    for wanted in among(db, table.serial, sorted(missing)):
        ended = table.not_after_ms <= now_ms - certificates.LISTED_AFTER_END_MS
        for serial in db.execute(select(table.serial).where(wanted, ended)).scalars():
            del missing[serial]
    return list(missing.values())


def read(file: Path, authority: Authority) -> list[Revoked]:
    """Give the lines of a list that our CA signed; none where there is no such list."""
    try:
        found = x509.load_pem_x509_crl(file.read_bytes())
        ours = found.is_signature_valid(x509.load_pem_x509_certificate(authority.pem).public_key())  # type: ignore[arg-type]
        return [_line(entry) for entry in found] if ours else []
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError) as error:
        LOG.warning("crl file=%s unreadable reason=%r", file, type(error).__name__)
        return []


def _line(entry: x509.RevokedCertificate) -> Revoked:
    reasons = [each.value.reason for each in entry.extensions if isinstance(each.value, x509.CRLReason)]
    at_s = int(entry.revocation_date_utc.timestamp())
    return Revoked(f"{entry.serial_number:x}", at_s, *(reasons or [x509.ReasonFlags.unspecified]))


class RevocationList:
    """The newest list; `file`, where there is one, is what a broker reads."""

    def __init__(self, engine: Engine, authority: Authority, *, days: int, file: Path | None) -> None:
        self._engine = engine
        self._authority = authority
        self._days = days
        self._file = file
        self._serials: frozenset[str] | None = None
        self._before: list[Revoked] | None = None
        self._made_s = 0.0
        self.pem = b""

    async def keep_fresh(self) -> None:
        """Make it again when it is a day old or somebody was revoked, until cancelled."""
        while True:
            await self.refresh()
            await asyncio.sleep(LOOK_S)

    async def refresh(self) -> None:
        """Look once whether a new list is due; what fails is logged and tried again."""
        try:
            await to_thread.run_sync(self._refresh)
        except (SQLAlchemyError, CaError) as error:
            left_s = self._made_s + self._days * 86_400 - time.time()
            LOG.warning("crl refresh=failed valid_h=%d reason=%r", left_s // 3600, type(error).__name__)

    def _refresh(self) -> None:
        now_s = int(time.time())
        with self._engine.connect() as db:
            listed = lines(db, now_s * 1000)
            if self._before is None:
                self._before = read(self._file, self._authority) if self._file is not None else []
            kept = unforgotten(db, self._before, listed, now_s * 1000)
        listed += kept
        serials = frozenset(line.serial for line in listed)
        # one made while the clock ran ahead is "not yet valid" to every broker: never keep it
        if serials == self._serials and 0 <= now_s - self._made_s < AGAIN_S:
            return
        pem = self._authority.crl(listed, now_s, self._days)
        if self._file is not None:
            write(self._file, pem, PUBLIC_MODE)
        self.pem, self._serials, self._made_s, self._before = pem, serials, now_s, listed
        if kept:
            LOG.error("crl kept=%d reason='the database has lost these revocations'", len(kept))
        LOG.info("crl made serials=%d days=%d", len(serials), self._days)
