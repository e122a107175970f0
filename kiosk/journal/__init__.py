"""What must outlive a power cut: the newest snapshot and the history of stages."""

from pathlib import Path

from kiosk.journal import store
from kiosk.journal.record import StageReached
from kiosk.journal.sqlite import SqliteJournal
from kiosk.messages import DeviceError

__all__ = ["SqliteJournal", "StageReached", "read_history"]


def read_history(path: Path, limit: int = 100) -> list[StageReached]:
    """Read the newest `limit` stages from a journal file, newest first; raises DeviceError."""
    try:
        return store.history(path, limit)
    except store.FAILURES as error:
        raise DeviceError(f"journal {path}: {store.reason_of(error)}") from error
