"""Enrolment and renewal as the database and the CA carry them out: one transaction each, or nothing at all.

A token is used up only with the certificate that it gave. Never keeps or logs a token or a key.
"""

from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine

from kiosk.monitor.ca import Authority, CsrRefused, PublicKey, key_hash, read_csr
from kiosk.monitor.doors.bodies import Credentials, Enrol, Enrolled
from kiosk.monitor.doors.refusals import Refused
from kiosk.monitor.sms_keys import SmsKeys
from kiosk.monitor.store import audit, certificates, names, registry, tokens
from kiosk.monitor.store.certificates import Certificate
from kiosk.monitor.store.registry import Entry
from kiosk.wire import utc_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """The CA, and what a kiosk is told beside its certificate; times are UTC ms."""

    engine: Engine
    authority: Authority
    days: int
    brokers: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    keys: SmsKeys | None = field(default=None, repr=False)
    own_names: frozenset[str] = frozenset()  # of the centre on the broker

    def enrol(self, asked: Enrol, now_ms: int) -> Enrolled:
        """Give a certificate for a token; the same question within 10 min gets the same answer.

        Raises Refused, SQLAlchemyError (nothing was used up), CaError.
        """
        key = _key(asked.csr)
        with self.engine.execution_options(writes=True).begin() as db:
            try:
                claim = tokens.claim(db, asked.token, key_hash(key), now_ms)
            except tokens.TokenRefused as error:
                raise Refused(403, f"token: {error}") from error
            kiosk = registry.get(db, claim.kiosk_id)
            if kiosk is None:
                raise Refused(403, "token: its kiosk is no longer in the registry; ask the centre")
            given = certificates.by_serial(db, claim.serial) if claim.serial else None
            if given is None:
                given = self._sign(db, kiosk.kiosk_id, key, now_ms)
                tokens.settle(db, asked.token, given.serial)
                if asked.imei:
                    registry.correct_imei(db, kiosk.kiosk_id, asked.imei, now_ms=now_ms)
                self._write(db, "enrolled", given, now_ms)
        return self._enrolled(kiosk, given)

    def renew(self, kiosk_id: str, csr: str, now_ms: int) -> Credentials:
        """Give a kiosk its next certificate; the old one stays valid until its end. Raises as `enrol`."""
        key = _key(csr)
        with self.engine.execution_options(writes=True).begin() as db:
            given = self._sign(db, kiosk_id, key, now_ms)
            self._write(db, "renewed", given, now_ms)
        return self._credentials(given)

    def _sign(self, db: Connection, kiosk_id: str, key: PublicKey, now_ms: int) -> Certificate:
        try:
            names.demand_free(db, kiosk_id, self.own_names)
        except names.NameTaken as error:
            raise Refused(403, str(error)) from error
        issued = self.authority.client(kiosk_id, key, now_ms // 1000, self.days)
        given = Certificate(
            serial=issued.serial,
            kiosk_id=kiosk_id,
            not_before_ms=issued.not_before_s * 1000,
            not_after_ms=issued.not_after_s * 1000,
            issued_ms=now_ms,
            pem=issued.pem,
        )
        certificates.keep(db, given)
        return given

    def _write(self, db: Connection, what: str, given: Certificate, now_ms: int) -> None:
        who, detail = given.kiosk_id, f"serial={given.serial}"
        audit.write(db, at_ms=now_ms, who=who, what=f"kiosk_{what}", subject=who, detail=detail)

    def _credentials(self, given: Certificate) -> Credentials:
        return Credentials(
            kiosk_id=given.kiosk_id,
            certificate=given.pem.decode(),
            chain=self.authority.pem.decode(),
            not_after=utc_text(given.not_after_ms),
            brokers=self.brokers,
        )

    def _enrolled(self, kiosk: Entry, given: Certificate) -> Enrolled:
        base = self._credentials(given)
        return Enrolled(
            kiosk_id=base.kiosk_id,
            certificate=base.certificate,
            chain=base.chain,
            not_after=base.not_after,
            brokers=base.brokers,
            number=kiosk.number,
            place=kiosk.place,
            sms_key=self.keys.of(kiosk.kiosk_id).hex() if self.keys else "",
            gateways=self.gateways,
        )


def _key(csr: str) -> PublicKey:
    try:
        return read_csr(csr.encode())
    except (CsrRefused, UnicodeError) as error:
        raise Refused(400, f"csr: {error if isinstance(error, CsrRefused) else 'not UTF-8'}") from error
