"""fleet.toml: what all kiosks of a fleet share. Types, limits and reading of a text; never opens a file.

Its tables are those of site.toml, so every key means the same in both. What differs from kiosk to kiosk
(place, number, mode of the voice) stands in the sheet; a `profile` replaces whole tables for some kiosks.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Meta, Struct, field

from kiosk import config
from kiosk.bodies import Phone
from kiosk.config_text import decode
from kiosk.fleet.options import Options
from kiosk.messages import ConfigError, Language

SITE_TABLES = (
    "buttons", "mqtt", "duty", "https", "sms", "gpio", "tamper", "mains_lost", "lamp", "timing", "heartbeat",
)  # fmt: skip
# Where provisioning lays a kiosk's files; the daemon's user may write there, and nowhere else.
TLS = {
    "ca": "/etc/pana-kiosk/ca.pem",
    "cert": "/etc/pana-kiosk/kiosk.pem",
    "key": "/etc/pana-kiosk/kiosk.key",
}
SMS_KEY = "/etc/pana-kiosk/sms.key"


class Shared(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[fleet]: the project's CA, the door where kiosks enrol, and what a row may leave out."""

    ca: Annotated[str, Meta(min_length=1, max_length=500, description="a file; relative to fleet.toml")]
    door: config.Broker | None = None  # by default the first of https.centres
    languages: Annotated[tuple[Language, ...], Meta(min_length=1, max_length=3)] = ("kk", "ru")
    service_phone: Phone | None = None  # on every card for the staff
    rotate: bool = True  # each kiosk begins with another broker and door of the list


class Tables(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Tables of site.toml that a profile may replace, each as a whole; `voice` without its `mode`."""

    buttons: Annotated[tuple[config.Button, ...], Meta(min_length=1, max_length=8)] | None = None
    mqtt: config.Mqtt | None = None
    duty: config.Duty | None = None
    https: config.Https | None = None
    sms: config.Sms | None = None
    gpio: config.Gpio | None = None
    tamper: config.Contact | None = None
    mains_lost: config.Contact | None = None
    lamp: config.LampPins | None = None
    timing: config.Timing | None = None
    heartbeat: config.Beat | None = None
    voice: dict[str, Any] = {}


class FleetFile(Tables, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of fleet.toml."""

    fleet: Shared
    options: Options = field(default_factory=Options)
    profiles: dict[str, Tables] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """fleet.toml, checked; `tables` by profile, "" for kiosks without one."""

    shared: Shared
    options: Options
    tables: Mapping[str, Mapping[str, Any]]

    @property
    def door(self) -> str:
        """Name the door where a kiosk enrols; empty where there is none."""
        centres = self.tables[""].get("https", {}).get("centres", [""])
        return self.shared.door or centres[0]


def read(text: str, file: str) -> Template:
    """Decode and check fleet.toml. Raises ConfigError, one line a fault: file, line, key, what is allowed."""
    checked = decode(FleetFile, text, file)
    data = tomllib.loads(text)
    base = {name: data[name] for name in (*SITE_TABLES, "voice") if name in data}
    profiles = {name: base | tables for name, tables in data.get("profiles", {}).items()}
    template = Template(shared=checked.fleet, options=checked.options, tables={"": base} | profiles)
    faults = [
        f"{file}: {fault}" for name, tables in template.tables.items() for fault in _faults(name, tables)
    ]
    if checked.options.ssh == "key" and not checked.options.ssh_key:
        faults.append(f'{file}: options.ssh_key: missing; ssh = "key" needs the technician\'s public key')
    if not template.door:
        faults.append(f"{file}: fleet.door: missing; without [https] say where a kiosk enrols, host:port")
    if faults:
        raise ConfigError("\n".join(faults))
    return template


def _faults(profile: str, tables: Mapping[str, Any]) -> list[str]:
    at = f"profiles.{profile}." if profile else ""
    found = [f"{at}{name}: missing" for name in ("buttons", "mqtt", "duty") if name not in tables]
    if "mode" in tables.get("voice", {}):
        found.append(f"{at}voice.mode: is chosen for each kiosk, in the sheet's column voice; take it out")
    if tables.get("mqtt", {}).get("tls", TLS) != TLS:
        found.append(f"{at}mqtt.tls: leave it out; provisioning puts the files in /etc/pana-kiosk")
    if tables.get("sms", {}).get("key_file", SMS_KEY) != SMS_KEY:
        found.append(f"{at}sms.key_file: must be {SMS_KEY}, where provisioning puts it")
    return found
