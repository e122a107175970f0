"""The site's configuration: TOML text -> typed, checked values.

Owns every key, its limits and its error message. Never reads a file: the caller gives the text.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from kiosk.bodies import END, Kato, Lat, Lon, Phone, Place, Words
from kiosk.config_voice import FilePath, VoiceSite
from kiosk.messages import Language

Name = Annotated[
    str, Meta(pattern=r"^[a-z][a-z0-9_-]{0,23}" + END, description="1 to 24 of a-z 0-9 _ -, a letter first")
]
Pin = Annotated[int, Meta(ge=0, le=63)]
Seconds = Annotated[float, Meta(gt=0, le=86400)]
Broker = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9._-]{1,253}:[0-9]{1,5}" + END, description="host:port, no scheme")
]
Ascii = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9 .,;:/()+?!'#&*=<>-]{1,24}" + END,
        description="1 to 24 Latin letters, digits, spaces or . , ; : / ( ) + ? ! ' # & * = < > -",
    ),
]


class Identity(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who this kiosk is: `id` is also its certificate's CN, `number` stands in SMS texts."""

    id: Annotated[
        str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{2,31}" + END, description="3 to 32 of a-z 0-9 -, no - first")
    ]
    number: Annotated[int, Meta(ge=1, le=0xFFFFFF)]
    languages: Annotated[tuple[Language, ...], Meta(min_length=1, max_length=3)]


class ShortPlace(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The place as it stands in an SMS: very short, one form a script."""

    kk: Annotated[str, Meta(min_length=1, max_length=24)]
    ru: Annotated[str, Meta(min_length=1, max_length=24)]
    latin: Ascii


class Site(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the kiosk stands; `service_phone` stands on the staff's card and is sent to nobody."""

    name: Words
    address: Words
    entrance: Words
    short: ShortPlace
    lat: Lat
    lon: Lon
    accuracy_m: Annotated[int, Meta(ge=0, le=10000)]
    kato: Kato
    phone: Phone | None = None
    service_phone: Phone | None = None

    def place(self) -> Place:
        """Give the place as it travels in an alert."""
        return Place(
            name=self.name,
            address=self.address,
            entrance=self.entrance,
            lat=self.lat,
            lon=self.lon,
            accuracy_m=self.accuracy_m,
            kato=self.kato,
            phone=self.phone,
        )


class Contact(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One input: BCM `pin`; `wiring` normally open or closed, against the `pull`ed side."""

    pin: Pin
    wiring: Literal["no", "nc"] = "no"
    pull: Literal["up", "down", "none"] = "up"


class Button(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A named button. `guard` single: one press; hold: pressed `hold_s`; double: twice in `double_s`."""

    name: Name
    pin: Pin
    wiring: Literal["no", "nc"] = "no"
    pull: Literal["up", "down", "none"] = "up"
    guard: Literal["single", "hold", "double"] = "single"
    hold_s: Annotated[float, Meta(ge=0.2, le=5)] = 1.0
    double_s: Annotated[float, Meta(ge=0.3, le=5)] = 1.5
    stable_ms: Annotated[int, Meta(ge=5, le=40)] = 15
    stuck_s: Annotated[float, Meta(ge=5, le=3600)] = 30.0


class Gpio(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How pins are driven. `auto` takes lgpio where libgpiod v2 is missing, and says so."""

    factory: Literal["libgpiod", "lgpio", "auto", "mock"] = "libgpiod"
    chip: str = "auto"


class LampPins(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The staff's lamp; no `pin` means no lamp."""

    pin: Pin | None = None
    active_high: bool = True
    armed: bool = True


class Tls(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The pinned private CA and this kiosk's own certificate; never the system's store."""

    ca: FilePath
    cert: FilePath
    key: FilePath


class Mqtt(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The brokers, tried in turn. Without `tls` only loopback brokers are allowed."""

    brokers: Annotated[tuple[Broker, ...], Meta(min_length=1, max_length=8)]
    protocol: Literal["3.1.1", "5"] = "3.1.1"
    keepalive_s: Annotated[int, Meta(ge=4, le=60)] = 8
    tls: Tls | None = None
    user: str | None = None
    password_file: FilePath | None = None


class Https(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The centre's HTTPS doors, tried in turn: the second path. `tls` only where it is not that of MQTT."""

    centres: Annotated[tuple[Broker, ...], Meta(min_length=1, max_length=8)]
    deadline_s: Annotated[float, Meta(ge=1, le=30)] = 5.0
    tls: Tls | None = None


class Balance(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the operator tells the balance: USSD `code`, and a `pattern` whose group 1 is the sum in tenge."""

    code: Annotated[
        str, Meta(pattern=r"^[*#][0-9*#]{1,20}#" + END, description="a USSD code like *100#, ending with #")
    ]
    pattern: Annotated[str, Meta(max_length=200)]
    every_h: Annotated[int, Meta(ge=1, le=168)] = 24
    low_kzt: Annotated[float, Meta(ge=0)] = 500.0


class Sms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The GSM modem and the centre's gateway numbers; `key_file` holds this kiosk's signing key (hex)."""

    device: FilePath
    gateways: Annotated[tuple[Phone, ...], Meta(max_length=4)]
    key_file: FilePath
    pin_file: FilePath | None = None
    smsc: Phone | None = None
    balance: Balance | None = None
    power_pin: Pin | None = None
    power_active_high: bool = True
    power_off_s: Annotated[float, Meta(ge=1, le=30)] = 5.0
    send_deadline_s: Annotated[float, Meta(ge=5, le=120)] = 45.0


class Officer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A duty officer's phone and the form of text it gets (`latin` = GSM-7, 160 letters)."""

    number: Phone
    language: Literal["kk", "ru", "latin"]


class Tier(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """People who are written to together."""

    people: Annotated[tuple[Officer, ...], Meta(min_length=1, max_length=8)]


class Duty(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Tiers of duty officers, first to last; no default: an empty list must be written."""

    tiers: Annotated[tuple[Tier, ...], Meta(max_length=8)]


class Timing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the next path is tried, in seconds after the press (see docs/architecture.md)."""

    https_after_s: Annotated[float, Meta(ge=1, le=120)] = 5.0
    sms_after_s: Seconds = 10.0
    tier_every_s: Annotated[float, Meta(ge=20, le=3600)] = 60.0
    mqtt_retry_s: Annotated[float, Meta(ge=2, le=60)] = 5.0
    sms_retry_s: Annotated[float, Meta(ge=2, le=60)] = 5.0
    trying_after_s: Annotated[float, Meta(ge=10, le=600)] = 25.0
    drill_s: Annotated[float, Meta(ge=15, le=600)] = 90.0
    incident_max_s: Annotated[float, Meta(ge=600, le=86400)] = 21600.0


class Beat(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Heartbeat period in seconds, jittered by 10 %."""

    every_s: Annotated[float, Meta(ge=5, le=300)] = 30.0


class Paths(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the daemon keeps its journal and its local socket."""

    state: FilePath = "/var/lib/pana-kiosk"
    run: FilePath = "/run/pana-kiosk"


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One site's whole configuration."""

    kiosk: Identity
    site: Site
    buttons: Annotated[tuple[Button, ...], Meta(min_length=1, max_length=8)]
    voice: VoiceSite
    mqtt: Mqtt
    duty: Duty
    https: Https | None = None
    sms: Sms | None = None
    gpio: Gpio = field(default_factory=Gpio)
    tamper: Contact | None = None
    mains_lost: Contact | None = None
    lamp: LampPins = field(default_factory=LampPins)
    timing: Timing = field(default_factory=Timing)
    heartbeat: Beat = field(default_factory=Beat)
    paths: Paths = field(default_factory=Paths)

    def inputs(self) -> dict[str, Button | Contact]:
        """Give every wired input by its name: the buttons' own, `tamper` and `mains_lost`."""
        extra = {"tamper": self.tamper, "mains_lost": self.mains_lost}
        named = {button.name: button for button in self.buttons}
        return named | {name: contact for name, contact in extra.items() if contact is not None}

    def identity(self) -> Tls | None:
        """Give the files by which this kiosk proves who it is, and which it renews."""
        return self.mqtt.tls or (self.https.tls if self.https else None)
