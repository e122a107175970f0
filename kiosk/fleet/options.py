"""What the system around the kiosk is told: `options.toml` for people, `options.env` for the shell. Pure."""

import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from kiosk.bodies import END

PLAIN = re.compile(r"[A-Za-z0-9/_.+-]*", re.ASCII)


class Options(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Choices about the system; every one has its safe default."""

    ssh: Literal["off", "key"] = "off"
    ssh_key: Annotated[
        str,
        Meta(
            pattern=r"^((ssh-ed25519|ecdsa-sha2-nistp256|ssh-rsa) [A-Za-z0-9+/=]{40,800}"
            r"( [A-Za-z0-9@._-]{1,80})?)?" + END,
            description="one line of an authorized_keys file, without options",
        ),
    ] = ""
    read_only_root: bool = False
    data_device: Annotated[
        str,
        Meta(
            pattern=r"^(/dev/disk/by-label/[A-Za-z0-9_-]{1,16})?" + END,
            description="empty, or /dev/disk/by-label/NAME",
        ),
    ] = ""
    updates_hour: Annotated[int, Meta(ge=0, le=23)] = 3
    timezone: Annotated[str, Meta(pattern=r"^[A-Za-z]{1,20}(/[A-Za-z_]{1,30}){0,2}" + END)] = "Asia/Almaty"
    wifi_powersave: bool = False


def env_text(options: Options, kiosk_id: str) -> str:
    """Write options.env: one KEY=value a line; a value with blanks stands between single quotes."""
    values = {
        "PANA_SSH": options.ssh,
        "PANA_SSH_KEY": options.ssh_key,
        "PANA_READ_ONLY_ROOT": "yes" if options.read_only_root else "no",
        "PANA_DATA_DEVICE": options.data_device,
        "PANA_UPDATES_HOUR": str(options.updates_hour),
        "PANA_HOSTNAME": kiosk_id,
        "PANA_TIMEZONE": options.timezone,
        "PANA_WIFI_POWERSAVE": "on" if options.wifi_powersave else "off",
    }
    return "".join(f"{key}={_quoted(value)}\n" for key, value in values.items())


def toml_data(options: Options) -> dict[str, object]:
    """Give options.toml's content."""
    data: dict[str, object] = msgspec.to_builtins(options)
    return data


def _quoted(value: str) -> str:
    """Quote where it is needed; no value can hold a quote, the patterns above see to that."""
    return value if PLAIN.fullmatch(value) else f"'{value}'"
