"""The files that prove who this kiosk is: CA, certificate, key, and the key that signs its SMS.

Looks whether each can be used, and says of those that cannot why; a kiosk that was installed without Internet
has none of them yet, and arms all the same. Never raises, never logs what is in them.
"""

from pathlib import Path

from kiosk.config import Config
from kiosk.messages import ConfigError, PapersRead

KEY_BYTES_MIN = 16
PEM = b"-----BEGIN "


def look(config: Config) -> PapersRead:
    """Look at every one of the files that this site needs."""
    missing: dict[str, str] = {}
    files = config.identity()
    if files is not None:
        why = _wrong(files.ca)
        if why:
            missing["ca_missing"] = why
        why = _wrong(files.cert) or _wrong(files.key)
        if why:
            missing["cert_missing"] = why
    key = b""
    try:
        key = load_sms_key(config)
    except ConfigError as error:
        missing["sms_key_missing"] = str(error)
    return PapersRead(missing=missing, sms_key=key)


def load_sms_key(config: Config) -> bytes:
    """Read the key that signs this kiosk's SMS: at least 16 bytes as hex. Raises ConfigError."""
    if config.sms is None:
        return b""
    path = Path(config.sms.key_file)
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path}: sms.key_file: {type(error).__name__}; 32 or more hex digits expected"
        ) from error
    if len(key) < KEY_BYTES_MIN:
        raise ConfigError(
            f"{path}: sms.key_file: {len(key)} bytes are too short, at least {KEY_BYTES_MIN} expected"
        )
    return key


def _wrong(name: str) -> str:
    """Say why a PEM file cannot be used; empty when it looks whole."""
    try:
        text = Path(name).read_bytes()
    except OSError as error:
        return f"{name}: {error.strerror}"
    if not text.strip():
        return f"{name}: it is empty"
    return "" if PEM in text else f"{name}: it is not PEM text"
