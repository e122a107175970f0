"""The centre's configuration: TOML text -> typed, checked values.

Owns every key and its limits. Never reads a file: the caller gives the text.
"""

import ipaddress
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from kiosk import config_text
from kiosk.messages import ConfigError

FilePath = Annotated[str, Meta(pattern=r"^/[^\0]*\Z", description="an absolute path")]
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


class Mqtt(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The brokers, tried in turn. Without `tls` only loopback brokers are allowed."""

    brokers: Annotated[tuple[Broker, ...], Meta(min_length=1, max_length=8)]
    protocol: Literal["3.1.1", "5"] = "3.1.1"
    keepalive_s: Annotated[int, Meta(ge=4, le=60)] = 10
    tls: Tls | None = None
    user: str | None = None
    password_file: FilePath | None = None


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
    if any(int(broker.rpartition(":")[2]) not in range(1, 65536) for broker in mqtt.brokers):
        raise ConfigError(f"{file}: mqtt.brokers: a port is a number from 1 to 65535")
    return config


def _is_loopback(broker: str) -> bool:
    host = broker.rpartition(":")[0]
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
