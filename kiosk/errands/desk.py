"""Where an errand finds what it needs: the site, its folder, the doors, the time that can be trusted.

Owns the marks of what was done, each a small file in the state folder, written whole or not at all.
"""

import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kiosk.config import Config, Tls
from kiosk.messages import ConfigError, DeviceError
from kiosk.net import identity

MARK_MODE = 0o640
DOOR = re.compile(r"[A-Za-z0-9._-]{1,253}:[0-9]{1,5}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """One kiosk's errands; `folder` holds site.toml and what its set-up left beside it, `log` is its log."""

    config: Config
    folder: Path
    log: Path
    trusted_utc_s: Callable[[], float] = time.time

    @property
    def state(self) -> Path:
        """Name the folder of the daemon's state."""
        return Path(self.config.paths.state)

    @property
    def token(self) -> Path:
        """Name the file of the one-time token."""
        return self.folder / "token"

    def files(self) -> Tls | None:
        """Give where the identity belongs, after a change that a power cut interrupted is carried out."""
        files = self.config.identity()
        if files is not None:
            identity.finish(files)
        return files

    def doors(self) -> tuple[str, ...]:
        """Give the doors to ask, the set-up's own first, then the configuration's. Raises ConfigError."""
        path = self.folder / "door"
        own: tuple[str, ...] = ()
        with suppress(FileNotFoundError):
            told = path.read_text(encoding="utf-8").strip()
            if told and DOOR.fullmatch(told) is None:
                raise ConfigError(f"{path}: one line of HOST:PORT is expected")
            own = (told,) if told else ()
        known = self.config.https.centres if self.config.https else ()
        return (*own, *(door for door in known if door not in own))

    def mark(self, name: str) -> str:
        """Read a mark; empty where there is none."""
        with suppress(OSError, ValueError):
            return (self.state / name).read_text(encoding="utf-8").strip()
        return ""

    def set_mark(self, name: str, value: str) -> None:
        """Write a mark; one that cannot be written only means that the errand is done once more."""
        with suppress(DeviceError):
            identity.write(self.state / name, f"{value}\n".encode(), MARK_MODE)
