"""Rules across the keys of the links: addresses that exist, TLS wherever another machine is meant. Pure."""

import ipaddress
from collections.abc import Iterator
from typing import Literal

from kiosk.config import Config

Found = tuple[str, str, Literal["error", "warning"]]  # key, what is wrong, and how bad it is


def faults(config: Config) -> Iterator[Found]:
    """List what is wrong with the links."""
    yield from _mqtt(config)
    yield from _https(config)


def _mqtt(config: Config) -> Iterator[Found]:
    mqtt = config.mqtt
    yield from _addresses("mqtt.brokers", mqtt.brokers)
    for index, broker in enumerate(mqtt.brokers):
        if mqtt.tls is None and not _is_loopback(broker.rpartition(":")[0]):
            yield (f"mqtt.brokers[{index}]", "is another machine: [mqtt.tls] is needed", "error")
    if mqtt.password_file is not None and mqtt.user is None:
        yield ("mqtt.user", "missing; password_file needs it", "error")


def _addresses(key: str, addresses: tuple[str, ...]) -> Iterator[Found]:
    """Check what is `host:port`, each once."""
    seen: set[str] = set()
    for index, address in enumerate(addresses):
        port = address.rpartition(":")[2]
        if not 1 <= int(port) <= 65535:
            yield (f"{key}[{index}]", f"port {port} does not exist; allowed: 1 to 65535", "error")
        if address.casefold() in seen:
            yield (f"{key}[{index}]", "stands twice", "error")
        seen.add(address.casefold())


def _https(config: Config) -> Iterator[Found]:
    https, mqtt = config.https, config.mqtt
    if https is None:
        return
    yield from _addresses("https.centres", https.centres)
    if https.tls is None and mqtt.tls is None:
        yield ("https.tls", "missing; the doors know a kiosk by its certificate alone", "error")
    if https.tls is not None and mqtt.tls is not None and https.tls != mqtt.tls:
        yield ("https.tls", "is not [mqtt.tls], whose certificate alone is renewed", "warning")
    if config.timing.https_after_s > config.timing.sms_after_s:
        yield ("timing.https_after_s", "is later than sms_after_s: SMS would go first", "warning")


def _is_loopback(host: str) -> bool:
    """Tell whether a host is this machine by its name alone; a name that DNS could change is not."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.casefold() == "localhost"
