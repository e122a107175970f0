"""The parts of a certificate: names, dates, purposes, and to which names a CA is bound."""

import datetime as dt
from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from cryptography import x509
from cryptography.x509.oid import NameOID

from kiosk.messages import KioskError
from kiosk.monitor.ca.csr import PublicKey

EVERYWHERE = ("0.0.0.0/0", "::/0")


class CaError(KioskError):
    """The CA cannot do this; the message says why."""


def builder(
    subject: x509.Name, issuer: x509.Name, key: PublicKey, begins_s: int, ends_s: int
) -> x509.CertificateBuilder:
    """Begin a certificate with a random serial; times are UTC s."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(when(begins_s))
        .not_valid_after(when(ends_s))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def constraints(permit: Sequence[str]) -> x509.NameConstraints:
    """Permit these names; where no address is among them, no address at all."""
    allowed = [general(name, constraint=True) for name in permit]
    kinds = {type(name) for name in allowed}
    excluded = [] if x509.IPAddress in kinds else [x509.IPAddress(ip_network(net)) for net in EVERYWHERE]
    return x509.NameConstraints(permitted_subtrees=allowed, excluded_subtrees=excluded or None)


def general(name: str, *, constraint: bool = False) -> x509.GeneralName:
    """Read a DNS name or an address; raises CaError."""
    try:
        address = ip_address(name)
    except ValueError:
        try:
            return x509.DNSName(name)
        except ValueError as error:
            raise CaError(f"{name!r} is neither a DNS name nor an address") from error
    return x509.IPAddress(ip_network(address) if constraint else address)


def name(common_name: str) -> x509.Name:
    """Give a name that is a CN only; raises CaError."""
    try:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    except ValueError as error:
        raise CaError(f"a certificate's name is 1 to 64 letters: {error}") from error


def when(utc_s: int) -> dt.datetime:
    """Give UTC s as the library wants it."""
    return dt.datetime.fromtimestamp(utc_s, tz=dt.UTC)


def usage(*, signs: bool) -> x509.KeyUsage:
    """Say what a key is for: to sign certificates and lists, or to prove who one is."""
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )
