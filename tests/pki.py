"""A throw-away private certificate authority for tests and bench: keys and certificates as PEM files.

Never used on a kiosk: there the key is made on the device and the centre signs.
"""

import datetime as dt
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

YEAR_S = 365 * 86400


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, as files."""

    cert: Path
    key: Path


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _when(utc_s: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(int(utc_s), tz=dt.UTC)


class Authority:
    """A private CA in a folder; `now_s` is the moment around which validity is laid (UTC seconds)."""

    def __init__(
        self, folder: Path, *, now_s: float | None = None, life_s: float = 10 * YEAR_S, name: str = "ca"
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.now_s = dt.datetime.now(tz=dt.UTC).timestamp() if now_s is None else now_s
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(f"Pana test {name}")
        self.ca = folder / f"{name}.crt"
        builder = self._builder(self._name, self._key.public_key(), self.now_s - 86400, self.now_s + life_s)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_usage(sign=True), critical=True)
        self._cert = builder.sign(self._key, hashes.SHA256())
        self.ca.write_bytes(self._cert.public_bytes(serialization.Encoding.PEM))

    def server(
        self,
        label: str = "server",
        *,
        names: tuple[str, ...] = ("localhost", "127.0.0.1"),
        from_s: float = -3600.0,
        to_s: float = YEAR_S,
        peer: bool = False,
    ) -> Pair:
        """Issue a server certificate valid from `from_s` to `to_s` relative to `now_s`.

        A `peer` also dials other servers of its cluster with it.
        """
        return self._issue(label, names[0], span_s=(from_s, to_s), names=names, peer=peer)

    def client(
        self, common_name: str, *, label: str = "", from_s: float = -3600.0, to_s: float = YEAR_S
    ) -> Pair:
        """Issue a client certificate: a kiosk's or a responder's, by its CN."""
        return self._issue(label or common_name, common_name, span_s=(from_s, to_s))

    def _issue(
        self,
        label: str,
        common_name: str,
        *,
        span_s: tuple[float, float],
        names: tuple[str, ...] = (),
        peer: bool = False,
    ) -> Pair:
        from_s, to_s = span_s
        purposes = [ExtendedKeyUsageOID.SERVER_AUTH if names else ExtendedKeyUsageOID.CLIENT_AUTH]
        purposes += [ExtendedKeyUsageOID.CLIENT_AUTH] if peer else []
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(_name(common_name), key.public_key(), self.now_s + from_s, self.now_s + to_s)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        builder = builder.add_extension(_usage(sign=False), critical=True)
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_alt(name) for name in names]), critical=False
            )
        cert = builder.sign(self._key, hashes.SHA256())
        pair = Pair(self.folder / f"{label}.crt", self.folder / f"{label}.key")
        pair.cert.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
        pair.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        pair.key.chmod(0o600)
        return pair

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, from_s: float, to_s: float
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(_when(from_s))
            .not_valid_after(_when(to_s))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )


def _alt(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(*, sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign,
        crl_sign=sign,
        encipher_only=False,
        decipher_only=False,
    )
