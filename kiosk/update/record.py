"""What an update must still know after a power cut, in a file of root's own; and its outcome."""

import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct
from ulid import ULID

from kiosk import update_folder
from kiosk.bodies import Digest, Id, Version
from kiosk.messages import DeviceError
from kiosk.update.judging import Refusal, Standing
from kiosk.update.places import Places
from kiosk.update_folder import OUTCOME, REQUEST
from kiosk.updates import Ending, UpdateOutcome, UpdateRequest

RECORD = "update.json"


class Kept(Struct, frozen=True, kw_only=True):
    """How the kiosk stood before the switch: judging.Standing as a file holds it."""

    version: str
    state: str
    up: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


class Record(Struct, frozen=True, kw_only=True):
    """One update under way."""

    update_id: Id
    version: Version
    before_version: str
    slot: str
    release: Digest
    command_id: Id | None = None
    before: Kept | None = None
    switched: bool = False

    @property
    def standing(self) -> Standing | None:
        """Give how the kiosk stood before; None when that is not known."""
        kept = self.before
        if kept is None:
            return None
        return Standing(version=kept.version, state=kept.state, up=kept.up, faults=kept.faults)


def keep(standing: Standing | None) -> Kept | None:
    """Turn a standing into what a file holds."""
    if standing is None:
        return None
    return Kept(version=standing.version, state=standing.state, up=standing.up, faults=standing.faults)


class Papers:
    """The record at `places.base`, order and outcome in the daemon's `state`/update."""

    def __init__(self, places: Places, state: Path) -> None:
        self._base = places.base
        self._state = state
        self._folder = state / "update"

    def record(self) -> Record | None:
        """Give the update that a cut interrupted."""
        return update_folder.read(self._base, RECORD, Record)

    def write(self, record: Record) -> None:
        """Keep what a resumed update must know. Raises DeviceError."""
        update_folder.write(self._base, RECORD, record)

    def order(self) -> UpdateRequest | None:
        """Give the centre's order."""
        return update_folder.read(self._folder, REQUEST, UpdateRequest)

    def order_age_s(self, order: UpdateRequest) -> float:
        """Tell how long the order has been lying there.

        By the time since the boot while that boot lasts: a clock without a battery is set only later, and an
        order that came before would seem days old. After another boot by the clock of the disk.
        """
        boot_id, now_s = update_folder.boot()
        if boot_id and order.boot_id == boot_id:
            return max(0.0, now_s - order.boot_s)
        with suppress(OSError):
            return max(0.0, datetime.now(UTC).timestamp() - (self._folder / REQUEST).stat().st_mtime)
        return 0.0

    def drop_order(self) -> None:
        """Take an order away that cannot be read, or that has been carried out. Raises DeviceError."""
        if (self._folder / REQUEST).exists():
            update_folder.remove(self._folder, REQUEST)

    def finish(self, outcome: UpdateOutcome) -> None:
        """Leave the outcome; order and record go once it is on the disk. Raises DeviceError."""
        with suppress(OSError):
            if not self._folder.exists():
                owner = self._state.stat()
                self._folder.mkdir(mode=0o750)
                self._folder.chmod(0o750)
                if os.geteuid() == 0:
                    os.chown(self._folder, owner.st_uid, owner.st_gid, follow_symlinks=False)
        try:
            update_folder.write(self._folder, OUTCOME, outcome)
            order = self.order()
            if order is not None and order.command_id == outcome.command_id:
                self.drop_order()
        finally:
            with suppress(DeviceError):
                update_folder.remove(self._base, RECORD)


def outcome(record: Record, ending: Ending, why: Refusal) -> UpdateOutcome:
    """Compose how an update ended, for the centre."""
    return UpdateOutcome(
        update_id=record.update_id,
        command_id=record.command_id,
        ending=ending,
        version=record.version,
        before=record.before_version or None,
        code=why.code[:40],
        detail="".join(letter if letter.isprintable() else " " for letter in why.detail)[:200],
        at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


def fresh_id() -> str:
    """Name an update that somebody at the site begins."""
    return f"site-{ULID()}"
