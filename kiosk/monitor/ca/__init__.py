"""The centre's private CA. It is the trust of the whole fleet: its key never leaves its file."""

from kiosk.monitor.ca.authority import Authority, Issued, Pair, Revoked, create
from kiosk.monitor.ca.csr import CsrRefused, PublicKey, key_hash, read_csr
from kiosk.monitor.ca.shapes import CaError

__all__ = [
    "Authority",
    "CaError",
    "CsrRefused",
    "Issued",
    "Pair",
    "PublicKey",
    "Revoked",
    "create",
    "key_hash",
    "read_csr",
]
