"""The signed bundle in which software and a kiosk's own files travel from the desk to the device.

Owns the format: how it is written, how it is verified before anything is taken out of it. Knows nothing of
what the files mean. Hostile input is the rule: a bundle lay on memory cards that went through many hands.
"""

from kiosk.bundle.checking import Verified, file_id, release_beside, verify
from kiosk.bundle.keys import create_signing_key, fingerprint, load_public_key, load_signing_key, public_pem
from kiosk.bundle.manifest import BundleRefused, Header, Kind, WrongKind
from kiosk.bundle.unpacking import UnpackingFailed, content, extract
from kiosk.bundle.writing import write

__all__ = [
    "BundleRefused",
    "Header",
    "Kind",
    "UnpackingFailed",
    "Verified",
    "WrongKind",
    "content",
    "create_signing_key",
    "extract",
    "file_id",
    "fingerprint",
    "load_public_key",
    "load_signing_key",
    "public_pem",
    "release_beside",
    "verify",
    "write",
]
