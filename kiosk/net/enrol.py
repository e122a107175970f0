"""How this kiosk comes to its certificate, and to the next one: key made here, signed by the centre.

Never sends a key, never prints or logs a token, and leaves a working identity alone until the new one has
been proven whole: the key fits, the pinned CA signed it, the name is ours.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kiosk import wire
from kiosk.config import Tls
from kiosk.messages import DeviceError, LinkDown
from kiosk.net import identity
from kiosk.net.call import ANSWER_MAX_BYTES, Caller, Question, demand_ok
from kiosk.net.tls import OwnCertificate

CALL_S = 20.0
KEY_BYTES_MIN = 16  # of the key that signs SMS


class Papers(msgspec.Struct, frozen=True, kw_only=True):
    """What the centre gives: certificate as PEM, and once the key (hex) that signs this kiosk's SMS."""

    kiosk_id: str
    certificate: str
    number: int | None = None
    sms_key: str = ""
    brokers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for at which path, beside the CSR."""

    path: str
    said: dict[str, str]


class Enrolment:
    """One kiosk's enrolment and renewals; `files` is where its identity lies.

    What root writes belongs to the owner of `state`, the daemon's own folder; but a copy of the CA is root's.
    """

    def __init__(
        self, kiosk_id: str, files: Tls, trusted_utc_s: Callable[[], float], *, state: Path | None = None
    ) -> None:
        self._kiosk_id = kiosk_id
        self._files = files
        self._trusted_utc_s = trusted_utc_s
        self._state = state

    def enrol(
        self, door: str, token: str, *, ca: Path, imei: str = "", sms_key: Path | None = None
    ) -> Papers:
        """Ask one door for the first certificate, trusting `ca` alone. Raises LinkDown, DeviceError.

        Asking again after a lost answer sends the same key, so that the centre may give the same answer.
        """
        identity.finish(self._files)
        said = {"token": token} | ({"imei": imei} if imei else {})
        caller = Caller(ca, self._trusted_utc_s)
        papers = self._ask(caller, door, Request(path="/v1/enrol", said=said))
        key = _sms_key(papers)
        proven = self._prove(papers, ca)
        if sms_key is not None and key:
            identity.write(sms_key, key + b"\n", identity.SECRET_MODE, like=self._state)
        if not Path(self._files.ca).exists() or not ca.samefile(self._files.ca):
            identity.write(Path(self._files.ca), _read(ca), identity.PUBLIC_MODE)
        identity.replace(self._files, proven, like=self._state)
        return papers

    def renew(self, doors: Sequence[str]) -> Papers:
        """Ask the doors in turn for the next certificate, by the present one. Raises as `enrol`."""
        identity.finish(self._files)
        caller = Caller(self._files, self._trusted_utc_s)
        refusals = []
        for door in doors:
            try:
                papers = self._ask(caller, door, Request(path="/v1/renew", said={}))
                proven = self._prove(papers, Path(self._files.ca))
            except LinkDown as error:
                refusals.append(f"{door}: {error}")
                continue
            identity.replace(self._files, proven, like=self._state)
            return papers
        raise LinkDown("; ".join(refusals) or "no door to ask")

    def _ask(self, caller: Caller, door: str, request: Request) -> Papers:
        csr = _csr(self._kiosk_id, self._key()).decode()
        body = msgspec.json.encode(request.said | {"csr": csr})
        answer = caller.call(door, Question(path=request.path, deadline_s=CALL_S, body=body))
        demand_ok(answer)
        papers = wire.parse(Papers, answer.body, ANSWER_MAX_BYTES)
        if isinstance(papers, wire.Rejected):
            raise LinkDown(f"an answer that cannot be used: {papers.reason}")
        if papers.kiosk_id != self._kiosk_id:
            raise LinkDown(f"the centre's papers are another kiosk's, not for {self._kiosk_id}: wrong token?")
        return papers

    def _key(self) -> ec.EllipticCurvePrivateKey:
        """Take the key that is still asked for, or make a new one."""
        path = identity.pending_key(self._files)
        if path.exists():
            try:
                key = serialization.load_pem_private_key(_read(path), None)
            except (ValueError, TypeError):
                key = None
            if isinstance(key, ec.EllipticCurvePrivateKey):
                return key
        made = ec.generate_private_key(ec.SECP256R1())
        form = serialization.PrivateFormat.PKCS8
        pem = made.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        identity.write(path, pem, identity.SECRET_MODE, like=self._state)
        return made

    def _prove(self, papers: Papers, ca: Path) -> bytes:
        """Give the certificate once it is known to fit the key, the CA and the name. Raises LinkDown."""
        certificate = papers.certificate.encode()
        candidate = Path(f"{self._files.cert}.candidate")
        identity.write(candidate, certificate, identity.PUBLIC_MODE, like=self._state)
        try:
            key = identity.pending_key(self._files)
            trial = Tls(ca=str(ca), cert=str(candidate), key=str(key))
            own = OwnCertificate(trial, self._trusted_utc_s).read()
        except LinkDown as error:
            raise LinkDown(f"the centre's certificate does not fit: {error}") from error
        finally:
            candidate.unlink(missing_ok=True)
        if own.name != self._kiosk_id or own.days_left < 0:
            raise LinkDown(f"the centre's certificate is for {own.name!r}, {own.days_left} days left")
        return certificate


def _csr(kiosk_id: str, key: ec.EllipticCurvePrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, kiosk_id)])
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return csr.public_bytes(serialization.Encoding.PEM)


def _sms_key(papers: Papers) -> bytes:
    """Give the key that signs SMS, as its file holds it; empty for none. Raises LinkDown."""
    try:
        if papers.sms_key and len(bytes.fromhex(papers.sms_key)) < KEY_BYTES_MIN:
            raise LinkDown("the centre's SMS key is too short")
        return papers.sms_key.encode("ascii")
    except ValueError as error:
        raise LinkDown("the centre's SMS key is not hex") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DeviceError(f"{path}: cannot be read: {error.strerror}") from error
