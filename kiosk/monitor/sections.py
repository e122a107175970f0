"""The sections of the centre's configuration beyond identity and broker: types and limits only.

A section that is left out switches its part off. Secrets stand in files, never in the configuration.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

FilePath = Annotated[str, Meta(pattern=r"^/[^\0]*\Z", description="an absolute path")]
Listen = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9._:\[\]-]{1,253}:[0-9]{1,5}\Z", description="host:port to listen on")
]
HttpUrl = Annotated[str, Meta(pattern=r"^https?://[^\s]{1,1000}\Z", description="an http(s) address")]
Days = Annotated[int, Meta(ge=0, le=36_500)]
Number = Annotated[
    str, Meta(pattern=r"^\+[0-9]{8,15}\Z", description="an international number: + and 8 to 15 digits")
]


class StoreSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where everything is kept: an SQLAlchemy URL without a password, which stands in its file.

    Without `url` it is SQLite beside the other state. Several monitors share one PostgreSQL.
    """

    url: Annotated[str, Meta(pattern=r"^(sqlite:////|postgresql://)[^\s]*\Z")] | None = None
    password_file: FilePath | None = None


class Retention(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many days each table keeps its rows; 0 keeps them for good."""

    alerts_days: Days = 1825
    events_days: Days = 365
    fine_days: Days = 2  # heartbeats in steps of 5 min
    coarse_days: Days = 32  # heartbeats in steps of 1 h
    inbox_days: Days = 365
    commissioning_days: Days = 1825  # what installers found, and the logs of their set-ups
    audit_days: Days = 0


class Web(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The pages. Without `cert` and `key` only loopback may be listened on (a TLS proxy stands before it)."""

    listen: Listen = "127.0.0.1:8080"
    origin: HttpUrl | None = None  # how browsers name it, e.g. https://centre.example.kz
    cert: FilePath | None = None
    key: FilePath | None = None
    session_h: Annotated[float, Meta(gt=0, le=168)] = 12.0
    idle_min: Annotated[float, Meta(gt=0, le=1440)] = 60.0
    metrics_token_file: FilePath | None = None  # without one, /metrics answers loopback only


class Doors(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The HTTPS doors for kiosks: mutual TLS with the project's own CA, on a port of their own."""

    listen: Listen
    cert: FilePath
    key: FilePath
    ca: FilePath


class Ca(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The CA that signs kiosks' certificates; its key stays on this machine, or enrolment stays off."""

    cert: FilePath
    key: FilePath
    days: Annotated[int, Meta(ge=1, le=3650)] = 365
    brokers: tuple[str, ...] = ()  # told to a kiosk that enrols
    gateways: tuple[Number, ...] = ()  # the centre's numbers for SMS, told to a kiosk that enrols
    crl_days: Annotated[int, Meta(ge=1, le=365)] = 30
    crl: FilePath | None = None  # where the doors keep the newest revocation list for the broker


class Modem(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The centre's own GSM modem."""

    device: FilePath
    pin_file: FilePath | None = None
    smsc: Number | None = None


class SmsGateway(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An HTTP gateway that sends SMS: POST of JSON {to, text, id} with a bearer token."""

    url: HttpUrl
    token_file: FilePath
    ca: FilePath | None = None  # the gateway's CA where it is not a public one


class Sms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """SMS of the centre, both ways. Each kiosk's key is derived from the master key by its id."""

    master_key_file: FilePath  # 64 hex digits
    keys: FilePath | None = None  # a folder of <kiosk id>.key, for kiosks whose key is not derived
    modem: Modem | None = None
    gateway: SmsGateway | None = None
    first: Literal["gateway", "modem"] = "gateway"  # the other one is tried behind it
    smsd_inbox: FilePath | None = None  # a folder that gammu-smsd writes texts into
    webhook_token_file: FilePath | None = None  # lets an operator POST texts to /v1/sms


class Escalation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the next tier is written to while nobody has accepted (s)."""

    first_after_s: Annotated[float, Meta(ge=0, le=600)] = 0.0
    every_s: Annotated[float, Meta(ge=10, le=3600)] = 60.0


class Updates(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose releases are offered to the kiosks: the public half of the owner's signing key."""

    owner_key: FilePath = "/etc/pana-monitor/owner.pub"


class CapHook(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where each alert goes as CAP 1.2 XML, signed with HMAC-SHA256 of the secret."""

    url: HttpUrl
    secret_file: FilePath
    sender: str = "pana-monitor"
    drills: bool = False
    ca: FilePath | None = None
