"""Certificate requests that kiosks send: read, judged, and their key named. Raises nothing but CsrRefused."""

import hashlib

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from kiosk.messages import KioskError

CSR_MAX_BYTES = 8192
RSA_BITS = range(2048, 4097)  # a longer one costs the centre more than it protects

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey


class CsrRefused(KioskError):
    """A certificate request that is not signed; the message says what a good one looks like."""


def read_csr(pem: bytes) -> PublicKey:
    """Check a request and give its key; its signature proves that the sender has it. Raises CsrRefused."""
    if len(pem) > CSR_MAX_BYTES:
        raise CsrRefused(f"the CSR has {len(pem)} bytes; at most {CSR_MAX_BYTES} are allowed")
    try:
        csr = x509.load_pem_x509_csr(pem)
        key = csr.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CsrRefused("the CSR is not PKCS#10 in PEM (BEGIN CERTIFICATE REQUEST)") from error
    allowed = _allowed(key)
    if allowed is None:
        raise CsrRefused("the CSR's key is neither EC P-256 nor Ed25519 nor RSA of 2048 to 4096 bits")
    try:
        valid = csr.is_signature_valid
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CsrRefused("the CSR's signature uses an algorithm that is not supported") from error
    if not valid:
        raise CsrRefused("the CSR's signature does not fit its key; make a new CSR with the key itself")
    return allowed


def _allowed(key: object) -> PublicKey | None:
    match key:
        case ec.EllipticCurvePublicKey() if isinstance(key.curve, ec.SECP256R1):
            return key
        case rsa.RSAPublicKey() if key.key_size in RSA_BITS:
            return key
        case ed25519.Ed25519PublicKey():
            return key
        case _:
            return None


def key_hash(key: PublicKey) -> str:
    """Name a public key by the SHA-256 of its DER form, in hex."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()
