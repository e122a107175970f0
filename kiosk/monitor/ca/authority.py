"""The private CA: signs servers, kiosks and the revocation list. All cryptography is `cryptography`'s.

What a request asks for beside its key is ignored: name, purpose and dates are ours. Never reads the clock or
a file, and never makes a kiosk's key: that is made on the kiosk.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from kiosk.monitor.ca import shapes
from kiosk.monitor.ca.csr import PublicKey
from kiosk.monitor.ca.shapes import CaError

BACKDATED_S = 6 * 3600  # a peer's clock may be behind; never further back than the CA's own beginning
CA_DAYS = 7300
DAY_S = 86_400
CLIENT = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
SERVER = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
PKCS8 = serialization.PrivateFormat.PKCS8


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A signed certificate as PEM; times are UTC s, the serial is lower-case hex."""

    serial: str
    pem: bytes
    not_before_s: int
    not_after_s: int


@dataclass(frozen=True, slots=True)
class Pair:
    """A key and its certificate as PEM; the key is a secret."""

    key: bytes
    cert: bytes


@dataclass(frozen=True, slots=True)
class Revoked:
    """One line of the revocation list."""

    serial: str
    at_s: int
    reason: x509.ReasonFlags


def create(name: str, now_s: int, *, permit: Sequence[str] = (), days: int = CA_DAYS) -> Pair:
    """Make a CA: ECDSA P-256, no CA below it; `permit` binds its servers to these DNS names and addresses."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = shapes.name(name)
    builder = shapes.builder(subject, subject, key.public_key(), now_s - BACKDATED_S, now_s + days * DAY_S)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(shapes.usage(signs=True), critical=True)
    if permit:
        builder = builder.add_extension(shapes.constraints(permit), critical=True)
    return Pair(_key_pem(key), builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


class Authority:
    """The CA with its key; times are UTC s."""

    def __init__(self, cert_pem: bytes, key_pem: bytes) -> None:
        try:
            self._cert = x509.load_pem_x509_certificate(cert_pem)
            key = serialization.load_pem_private_key(key_pem, None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise CaError(f"the CA's certificate or key cannot be read: {error}") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise CaError("the CA's key is not an EC key; make one with `kiosk monitor registry ca create`")
        if key.public_key() != self._cert.public_key():
            raise CaError("the CA's key does not belong to its certificate")
        self._key = key
        self.pem = self._cert.public_bytes(serialization.Encoding.PEM)

    @property
    def not_after_s(self) -> int:
        """Say when the CA itself ends."""
        return int(self._cert.not_valid_after_utc.timestamp())

    def client(self, name: str, key: PublicKey, now_s: int, days: int) -> Issued:
        """Sign a kiosk's key under its name; raises CaError once the CA has expired."""
        return self._issue(name, key, (now_s, days), [CLIENT])

    def client_pair(self, name: str, now_s: int, days: int) -> tuple[Issued, Pair]:
        """Make a key and certificate for a responder at the centre; raises CaError."""
        key = ec.generate_private_key(ec.SECP256R1())
        issued = self.client(name, key.public_key(), now_s, days)
        return issued, Pair(_key_pem(key), issued.pem)

    def server_pair(self, names: Sequence[str], now_s: int, days: int) -> tuple[Issued, Pair]:
        """Make a key and certificate for a server with these DNS names and addresses; raises CaError."""
        if not names:
            raise CaError("a server's certificate needs at least one name or address")
        key = ec.generate_private_key(ec.SECP256R1())
        alternative = x509.SubjectAlternativeName([shapes.general(name) for name in names])
        issued = self._issue(names[0][:64], key.public_key(), (now_s, days), [SERVER, alternative])
        return issued, Pair(_key_pem(key), issued.pem)

    def crl(self, revoked: Iterable[Revoked], now_s: int, days: int) -> bytes:
        """Sign the revocation list as PEM, valid for `days`; its number is the time."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._cert.subject)
            .last_update(shapes.when(now_s - BACKDATED_S))
            .next_update(shapes.when(now_s + days * DAY_S))
            .add_extension(x509.CRLNumber(now_s), critical=False)
            .add_extension(self._key_identifier(), critical=False)
        )
        for line in revoked:
            entry = (
                x509.RevokedCertificateBuilder()
                .serial_number(int(line.serial, 16))
                .revocation_date(shapes.when(line.at_s))
            )
            if line.reason is not x509.ReasonFlags.unspecified:  # which RFC 5280 wants left out
                entry = entry.add_extension(x509.CRLReason(line.reason), critical=False)
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def _issue(
        self, name: str, key: PublicKey, life: tuple[int, int], extensions: list[x509.ExtensionType]
    ) -> Issued:
        now_s, days = life
        begins_s = max(now_s - BACKDATED_S, int(self._cert.not_valid_before_utc.timestamp()))
        ends_s = min(now_s + days * DAY_S, self.not_after_s)
        if ends_s <= now_s:
            raise CaError("the CA has expired; make a new one and give it to every kiosk")
        builder = shapes.builder(shapes.name(name), self._cert.subject, key, begins_s, ends_s)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(shapes.usage(signs=False), critical=True)
        for extension in (self._key_identifier(), *extensions):
            builder = builder.add_extension(extension, critical=False)
        cert = builder.sign(self._key, hashes.SHA256())
        return Issued(
            serial=f"{cert.serial_number:x}",
            pem=cert.public_bytes(serialization.Encoding.PEM),
            not_before_s=begins_s,
            not_after_s=ends_s,
        )

    def _key_identifier(self) -> x509.AuthorityKeyIdentifier:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, PKCS8, serialization.NoEncryption())
