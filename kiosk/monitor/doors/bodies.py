"""What travels through the doors beside alerts and replies. Owns fields and limits only.

Unknown fields are ignored on arrival, so that a newer kiosk may send some.
"""

from typing import Annotated

from msgspec import Meta, Struct

from kiosk.bodies import END, Phone, Place, Utc

Pem = Annotated[str, Meta(min_length=64, max_length=8192, description="PEM text")]
Hex64 = Annotated[
    str, Meta(pattern=r"^([0-9a-f]{64,128})?" + END, description="hex digits of a key; empty without SMS")
]
TokenText = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9 -]{16,128}" + END,
        description="a one-time token as the centre showed it; case, spaces and hyphens are forgiven",
    ),
]
ImeiText = Annotated[
    str, Meta(pattern=r"^([0-9]{14,16})?" + END, description="the modem's IMEI: 14 to 16 digits, or nothing")
]


class Enrol(Struct, frozen=True, kw_only=True):
    """A kiosk asks for its first certificate; its key was made on the device and never leaves it."""

    token: TokenText
    csr: Pem
    imei: ImeiText = ""


class Renew(Struct, frozen=True, kw_only=True):
    """A kiosk asks for its next certificate; the key may be a new one."""

    csr: Pem


class Credentials(Struct, frozen=True, kw_only=True):
    """A kiosk's certificate, and what it must know to use it; `brokers` are host:port."""

    kiosk_id: str
    certificate: Pem
    chain: Pem
    not_after: Utc
    brokers: tuple[str, ...] = ()


class Enrolled(Credentials, frozen=True, kw_only=True):
    """All that a kiosk gets once: it is registered under `number`, and signs its SMS with `sms_key`."""

    number: int
    place: Place
    sms_key: Hex64 = ""
    gateways: tuple[Phone, ...] = ()


class Health(Struct, frozen=True, kw_only=True):
    """Whether the centre behind the doors is there; without it alerts are answered 503."""

    core: bool
    store: bool
    at: Utc


class Refusal(Struct, frozen=True):
    """Why nothing was done: what is wrong, where, and what to do."""

    error: str
