"""What an installer has got done so far: kept after each step, so that a power cut costs one step at most.

Counts only for the same site file and software, and for half a day.
"""

import time
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from kiosk.check.install.record import MODE
from kiosk.commissioning import Finding
from kiosk.messages import DeviceError
from kiosk.net import identity

FILE = "commissioning.progress.json"
LASTS_S = 12 * 3600


class Kept(Struct, frozen=True, kw_only=True):
    """The steps that were passed, by part; `begun_at` is the wire's UTC text, `begun_s` wall time."""

    config_hash: str
    version: str
    by: str
    begun_at: str
    begun_s: float
    rows: dict[str, Finding]


class Progress:
    """The steps of one check; only what passed is kept, so that the rest is tried again."""

    def __init__(self, state: Path, fresh: Kept) -> None:
        self._path = state / FILE
        self._kept = self._old(fresh) or fresh

    def _old(self, fresh: Kept) -> Kept | None:
        try:
            old = msgspec.json.decode(self._path.read_bytes(), type=Kept)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None
        same = (old.config_hash, old.version, old.by) == (fresh.config_hash, fresh.version, fresh.by)
        return old if same and 0 <= fresh.begun_s - old.begun_s < LASTS_S else None

    @property
    def begun_at(self) -> str:
        """Say when this check began."""
        return self._kept.begun_at

    @property
    def count(self) -> int:
        """Count the steps that are done."""
        return len(self._kept.rows)

    def done(self, part: str) -> Finding | None:
        """Give what was found of a part that passed."""
        return self._kept.rows.get(part)

    def keep(self, row: Finding) -> None:
        """Note a step that passed; where that cannot be written the check goes on."""
        self._kept.rows[row.part] = row
        with suppress(DeviceError):
            identity.write(self._path, msgspec.json.encode(self._kept), MODE)

    def end(self) -> None:
        """Forget the steps: the record holds them now."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


def now_s() -> float:
    """Give wall time: a power cut lies between two steps."""
    return time.time()
