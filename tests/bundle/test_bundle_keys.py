"""The owner's keys: made once, kept to themselves, and told over the telephone."""

import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from kiosk import bundle
from kiosk.messages import ConfigError


def test_a_key_is_made_private_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "owner.key"
    made = bundle.create_signing_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    read = bundle.load_signing_key(path)
    assert bundle.fingerprint(read.public_key()) == bundle.fingerprint(made.public_key())
    assert re.fullmatch(r"([a-p]{4} ){7}[a-p]{4}", bundle.fingerprint(read.public_key()))


def test_the_public_half_is_read_back(tmp_path: Path) -> None:
    key = bundle.create_signing_key(tmp_path / "owner.key").public_key()
    (tmp_path / "owner.pub").write_bytes(bundle.public_pem(key))
    assert bundle.load_public_key(tmp_path / "owner.pub") == key


def test_a_key_is_never_written_over_another(tmp_path: Path) -> None:
    path = tmp_path / "owner.key"
    path.write_text("mine")
    with pytest.raises(ConfigError, match="never overwritten"):
        bundle.create_signing_key(path)
    assert path.read_text() == "mine"
    with pytest.raises(ConfigError, match="cannot be written"):
        bundle.create_signing_key(tmp_path / "none/owner.key")


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "owner.key"
    bundle.create_signing_key(path)
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        bundle.load_signing_key(path)


def test_what_is_no_key_is_refused_with_a_sentence(tmp_path: Path) -> None:
    other = generate_private_key(SECP256R1())
    path, public = tmp_path / "owner.key", tmp_path / "owner.pub"
    with pytest.raises(ConfigError, match="kiosk fleet key create"):
        bundle.load_signing_key(path)
    with pytest.raises(ConfigError, match=r"copy owner\.pub"):
        bundle.load_public_key(public)
    path.touch(0o600)
    public.write_text("x")
    with pytest.raises(ConfigError, match="is no private key"):
        bundle.load_signing_key(path)
    with pytest.raises(ConfigError, match="is no public key in PEM"):
        bundle.load_public_key(public)
    path.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(ConfigError, match="is no Ed25519 key"):
        bundle.load_signing_key(path)
    with pytest.raises(ConfigError, match="is no Ed25519 key"):
        bundle.load_public_key(public)
