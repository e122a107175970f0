"""The bodies that travel between kiosk and centre (contract v1), as values.

Owns their fields and limits and nothing else: encoding is `wire`'s, meaning is the core's.
Unknown fields are ignored on arrival, so a newer peer may add some; `v` (the tag) is always sent, and any
other than 1 is refused.
"""

from typing import Annotated, Literal, NewType

from msgspec import Meta, Struct

AlertId = NewType("AlertId", str)
KioskId = NewType("KioskId", str)
Token = NewType("Token", str)

Kind = Literal["press", "drill", "tamper"]
Stage = Literal["pressed", "sending", "received", "accepted", "en_route", "on_scene", "closed"]
ReplyStage = Literal["received", "accepted", "en_route", "on_scene", "closed"]
Route = Literal["mqtt", "https", "sms"]
Clock = Literal["synced", "unsynced"]
Power = Literal["mains", "battery", "unknown"]
StatusState = Literal["online", "offline", "stopped"]
CommandName = Literal["drill", "report", "restart", "refresh-voice", "update"]
CommandState = Literal["queued", "in_progress", "succeeded", "failed", "rejected", "expired"]
KioskState = Literal["armed", "alerting", "faulty"]

STAGES: tuple[Stage, ...] = ("pressed", "sending", "received", "accepted", "en_route", "on_scene", "closed")

# Python's `$` also matches before a last newline, and \d any script's digits: neither is wanted.
END = r"(?!\n)$"

ID_WORDS = "1 to 64 letters, digits, _ or -"
Id = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}" + END, description=ID_WORDS)]
Short = Annotated[str, Meta(max_length=60)]
Utc = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z" + END,
        description="a time in UTC like 2026-01-31T09:30:00.000Z",
    ),
]
Digest = Annotated[
    str, Meta(pattern=r"^[0-9a-f]{64}" + END, description="SHA-256 of a release's MANIFEST, 64 hex digits")
]
Version = Annotated[
    str,
    Meta(pattern=r"^[0-9][0-9A-Za-z.+~]{0,39}" + END, description="a version of the software like 0.2.0"),
]
Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Figure = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]  # wide: a sensor that lies must silence nobody
Small = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Lat = Annotated[float, Meta(ge=-90, le=90)]
Lon = Annotated[float, Meta(ge=-180, le=180)]
Kato = Annotated[str, Meta(pattern=r"^[0-9]{9}" + END, description="the 9 digits of a KATO code")]
Phone = Annotated[
    str,
    Meta(
        pattern=r"^\+[0-9]{8,15}" + END,
        description="an international number: + and 8 to 15 digits, no spaces",
    ),
]


class Words(Struct, frozen=True):
    """One short text in both languages of the country."""

    kk: Annotated[str, Meta(min_length=1, max_length=60)]
    ru: Annotated[str, Meta(min_length=1, max_length=60)]


class Place(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the kiosk stands: WGS 84 degrees, metres, the 9-digit KATO code."""

    name: Words
    address: Words
    entrance: Words
    lat: Lat
    lon: Lon
    accuracy_m: Count
    kato: Kato
    phone: Phone | None = None


class Alert(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="v", tag=1):
    """One alarm transmission; <= 1.5 kB as JSON; nothing about a person. `duty` calls people to a drill."""

    alert_id: Id
    kiosk_id: Id
    kind: Kind
    button: Short
    pressed_at: Utc
    clock: Clock
    presses: Count
    seq: Count
    attempt: Count
    sent_at: Utc
    route: Route
    place: Place
    versions: Annotated[dict[str, Short], Meta(max_length=8)]
    also: Annotated[tuple[Short, ...], Meta(max_length=8)] = ()
    stage: Stage = "pressed"
    by: Short = ""
    duty: bool = False


class Reply(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="v", tag=1):
    """The centre's answer to an alert; `by` is opaque; `presses` echoes what the centre has counted."""

    alert_id: Id
    stage: ReplyStage
    at: Utc
    by: Short = ""
    note: Annotated[str, Meta(max_length=280)] = ""
    presses: Count = 0


class Status(Struct, frozen=True, kw_only=True, tag_field="v", tag=1):
    """Retained presence and will; (`boot`, `conn`) is the epoch that orders them."""

    state: StatusState
    boot: Count
    conn: Count
    at: Utc
    version: Short = ""


class MonitorStatus(Struct, frozen=True, kw_only=True, tag_field="v", tag=1):
    """Retained presence and will of a responder: is anybody on duty?"""

    state: StatusState
    boot: Count
    conn: Count
    at: Utc
    on_duty: bool = True


class ButtonHealth(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """`level` names what is wrong or `released`; times are Unix seconds."""

    level: Literal["released", "pressed", "stuck", "lost", "unknown"] = "released"
    last_press_at: Count = 0
    last_test_at: Count = 0


class MqttHealth(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The MQTT link: round-trip time in ms and the number of drops since boot."""

    up: bool = True
    rtt_ms: Small = 0
    drops: Small = 0


class SmsHealth(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The GSM modem: registration, operator, RSSI in dBm, balance in tenge, last test in Unix seconds."""

    up: bool = True
    registered: Short = "home"
    operator: Short = ""
    signal_dbm: Figure | None = None
    balance_kzt: float | None = None
    last_test_at: Count = 0


class Links(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Every path of alarm transmission that this kiosk has."""

    mqtt: MqttHealth | None = None
    https: MqttHealth | None = None
    sms: SmsHealth | None = None


class VoiceHealth(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Voice mode of the site, and whether sound works."""

    mode: Literal["spoken", "cover", "off"]
    ok: bool = True


class Board(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Figures of the board; None where it does not tell."""

    temp_c: Figure | None = None
    under_voltage: bool = False
    throttled: bool = False
    disk_free_mb: Count | None = None
    mem_free_mb: Count | None = None


class Heartbeat(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False, tag_field="v", tag=1):
    """The newest health of a kiosk, <= 400 B when healthy.

    Hence times are Unix seconds, and what is left out is the healthy value: only trouble takes room. A centre
    holds 100 000 of them: nothing in them can form a cycle, so the garbage collector need not look (`gc`).
    """

    seq: Count
    boot: Count
    at: Count
    uptime_s: Count
    state: KioskState = "armed"
    faults: Annotated[tuple[Short, ...], Meta(max_length=16)] = ()
    button: ButtonHealth = ButtonHealth(level="unknown")
    links: Links = Links()
    voice: VoiceHealth = VoiceHealth(mode="off")
    power: Power = "mains"
    board: Board = Board()
    clock: Clock = "synced"
    open_alerts: Count = 0
    cert_days_left: Figure | None = None
    config_hash: Short = ""
    version: Short = ""


class Event(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="v", tag=1):
    """Something a technician should know: a fault raised or cleared, a drill's result."""

    event_id: Id
    kiosk_id: Id
    at: Utc
    code: Short
    state: Literal["raised", "cleared", "info"] = "info"
    detail: Annotated[str, Meta(max_length=280)] = ""


class Command(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="v", tag=1):
    """An order of the centre; `expires_at` is UTC, after which it must not be carried out.

    `release` and `version` say what `update` shall install.
    """

    command_id: Id
    name: CommandName
    at: Utc
    expires_at: Utc
    by: Short = ""
    duty: bool = False
    release: Digest | None = None
    version: Version | None = None


class CommandResult(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="v", tag=1):
    """How a command stands."""

    command_id: Id
    state: CommandState
    at: Utc
    detail: Annotated[str, Meta(max_length=280)] = ""


Body = Alert | Event | CommandResult | Heartbeat
