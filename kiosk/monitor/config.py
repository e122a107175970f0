"""The centre's configuration: TOML text -> typed, checked values.

Owns every key and its limits. Never reads a file: the caller gives the text.
"""

import ipaddress
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from kiosk import config_text
from kiosk.messages import ConfigError
from kiosk.monitor import sections
from kiosk.monitor.sections import FilePath

Broker = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9._-]{1,253}:[0-9]{1,5}\Z", description="host:port of a broker")
]
MonitorId = Annotated[
    str,
    Meta(pattern=r"^[a-z0-9][a-z0-9-]{2,31}\Z", description="3-32 small letters, digits and hyphens"),
]


class Identity(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who this centre is: `id` is also its MQTT client id. `on_duty` is what it says of itself at start."""

    id: MonitorId
    on_duty: bool = True


class Tls(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The pinned private CA, and the centre's own certificate where the broker asks for one."""

    ca: FilePath
    cert: FilePath | None = None
    key: FilePath | None = None


class Heartbeats(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A client of its own for heartbeats, heard by a process of its own: for some hundred kiosks and more."""

    id: MonitorId
    cert: FilePath | None = None
    key: FilePath | None = None
    user: str | None = None
    password_file: FilePath | None = None


class Mqtt(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The brokers, tried in turn. Without `tls` only loopback brokers are allowed."""

    brokers: Annotated[tuple[Broker, ...], Meta(min_length=1, max_length=8)]
    protocol: Literal["3.1.1", "5"] = "3.1.1"
    keepalive_s: Annotated[int, Meta(ge=4, le=60)] = 10
    tls: Tls | None = None
    user: str | None = None
    password_file: FilePath | None = None
    heartbeats: Heartbeats | None = None


class FleetLimits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a kiosk counts as silent (s without a heartbeat), and how much memory holds."""

    silent_after_s: Annotated[float, Meta(ge=5, le=3600)] = 80.0
    kiosks: Annotated[int, Meta(ge=1, le=200_000)] = 20_000
    alerts: Annotated[int, Meta(ge=10, le=20_000)] = 2_000


class Paths(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the centre keeps its store and its local socket."""

    state: FilePath = "/var/lib/pana-monitor"
    run: FilePath = "/run/pana-monitor"


class MonitorConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One centre's whole configuration."""

    monitor: Identity
    mqtt: Mqtt
    fleet: FleetLimits = field(default_factory=FleetLimits)
    paths: Paths = field(default_factory=Paths)
    store: sections.StoreSection = field(default_factory=sections.StoreSection)
    retention: sections.Retention = field(default_factory=sections.Retention)
    web: sections.Web | None = None
    doors: sections.Doors | None = None
    ca: sections.Ca | None = None
    sms: sections.Sms | None = None
    escalation: sections.Escalation = field(default_factory=sections.Escalation)
    cap: sections.CapHook | None = None
    updates: sections.Updates = field(default_factory=sections.Updates)

    @property
    def own_names(self) -> frozenset[str]:
        """Name everybody that this centre is on the broker: no kiosk may be called so."""
        ears = self.mqtt.heartbeats
        names = (self.monitor.id, self.mqtt.user, ears and ears.id, ears and ears.user)
        return frozenset(name for name in names if name)

    @property
    def store_url(self) -> str:
        """Give the store's URL, without a password."""
        return self.store.url or f"sqlite:///{self.paths.state}/centre.sqlite"

    @property
    def store_path(self) -> str:
        """Name the store's file."""
        return f"{self.paths.state}/centre.sqlite"

    @property
    def socket_path(self) -> str:
        """Name the local socket."""
        return f"{self.paths.run}/monitor.sock"


def read(text: str, file: str) -> MonitorConfig:
    """Decode and check; raises ConfigError that says file, key and what is allowed."""
    config = config_text.decode(MonitorConfig, text, file)
    mqtt = config.mqtt
    if mqtt.tls is None and not all(_is_loopback(broker) for broker in mqtt.brokers):
        raise ConfigError(
            f"{file}: mqtt.brokers: without [mqtt.tls] only brokers on this machine are allowed"
        )
    if mqtt.tls is not None and (mqtt.tls.cert is None) != (mqtt.tls.key is None):
        raise ConfigError(f"{file}: mqtt.tls: cert and key belong together; write both or neither")
    if mqtt.user is None and mqtt.password_file is not None:
        raise ConfigError(f"{file}: mqtt.password_file: needs mqtt.user")
    _demand_own_ears(mqtt.heartbeats, config.monitor.id, file)
    _demand_safe_web(config.web, file)
    if any(int(broker.rpartition(":")[2]) not in range(1, 65536) for broker in mqtt.brokers):
        raise ConfigError(f"{file}: mqtt.brokers: a port is a number from 1 to 65535")
    return config


def _demand_own_ears(ears: Heartbeats | None, own_id: str, file: str) -> None:
    """Refuse ears that would push the centre's own connection off, or that have half an identity."""
    if ears is None:
        return
    if ears.id == own_id:
        raise ConfigError(
            f"{file}: mqtt.heartbeats.id: must differ from monitor.id; two clients of one id fight"
        )
    if (ears.cert is None) != (ears.key is None):
        raise ConfigError(f"{file}: mqtt.heartbeats: cert and key belong together; write both or neither")
    if ears.user is None and ears.password_file is not None:
        raise ConfigError(f"{file}: mqtt.heartbeats.password_file: needs mqtt.heartbeats.user")


def _demand_safe_web(web: sections.Web | None, file: str) -> None:
    """Refuse to send passwords over a network in the clear."""
    if web is None:
        return
    if (web.cert is None) != (web.key is None):
        raise ConfigError(f"{file}: web: cert and key belong together; write both or neither")
    if web.cert is None and not _is_loopback(web.listen):
        raise ConfigError(f"{file}: web.listen: without cert and key only loopback is allowed")


def _is_loopback(broker: str) -> bool:
    host = broker.rpartition(":")[0]
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
