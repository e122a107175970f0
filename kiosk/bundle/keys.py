"""The owner's signing key: made at the desk, kept there; its public half goes to every kiosk as owner.pub."""

import hashlib
import os
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from kiosk.messages import ConfigError

KEY_FILE_MAX = 10_000  # bytes


def create_signing_key(path: Path) -> Ed25519PrivateKey:
    """Make the key, mode 0600, never over another file; on disk when it returns. Raises ConfigError."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as out:
            out.write(pem)
            out.flush()
            os.fsync(out.fileno())
    except FileExistsError as error:
        raise ConfigError(f"{path}: exists already, and a signing key is never overwritten") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error
    return key


def load_signing_key(path: Path) -> Ed25519PrivateKey:
    """Read the signing key; refuses one that others can read. Raises ConfigError."""
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigError(f"{path}: others may read the signing key; chmod 600 {path}")
        key = load_pem_private_key(_pem(path), None)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; make one: kiosk fleet key create") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{path}: is no private key without a passphrase") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"{path}: is no Ed25519 key; make one: kiosk fleet key create")
    return key


def load_public_key(path: Path) -> Ed25519PublicKey:
    """Read owner.pub (PEM, SubjectPublicKeyInfo). Raises ConfigError."""
    try:
        key = load_pem_public_key(_pem(path))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; copy owner.pub from the desk") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigError(f"{path}: is no public key in PEM; copy owner.pub from the desk") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigError(f"{path}: is no Ed25519 key; copy owner.pub from the desk")
    return key


def public_pem(key: Ed25519PublicKey) -> bytes:
    """Write owner.pub."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def fingerprint(key: Ed25519PublicKey) -> str:
    """Give 32 letters a-p (128 bits of SHA-256) to compare a key with, over the telephone."""
    digest = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    letters = "".join(chr(ord("a") + half) for byte in digest for half in (byte >> 4, byte & 15))
    return " ".join(letters[at : at + 4] for at in range(0, 32, 4))


def _pem(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(KEY_FILE_MAX)
