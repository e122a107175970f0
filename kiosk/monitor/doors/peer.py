"""Who is at the other end of a connection, by its certificate. Pure but for the certificate's parsing.

TLS has proved that the private CA signed it and that the peer has its key; dates are judged here, because an
alert from an expired certificate of ours is still an alert (docs/adr/0013).
"""

import re
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import NameOID

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A certificate's name, serial (lower-case hex) and dates (UTC s)."""

    name: str
    serial: str
    not_before_s: float
    not_after_s: float


def read_peer(der: bytes | None) -> Peer | None:
    """Read a client certificate; None for none, or one whose name could not be a kiosk's."""
    if not der:
        return None
    try:
        cert = x509.load_der_x509_certificate(der)
        names = [part.value for part in cert.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        begins, ends = cert.not_valid_before_utc, cert.not_valid_after_utc
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    if len(names) != 1 or not isinstance(names[0], str) or not NAME.fullmatch(names[0]):
        return None
    return Peer(
        name=names[0],
        serial=f"{cert.serial_number:x}",
        not_before_s=begins.timestamp(),
        not_after_s=ends.timestamp(),
    )
