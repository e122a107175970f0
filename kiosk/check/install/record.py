"""The record of an installer's check on disk: whole or not at all, and read back by whoever sends it."""

import logging
from pathlib import Path

import msgspec

from kiosk import wire
from kiosk.commissioning import RECORD_MAX_BYTES, Commissioning
from kiosk.net import identity

LOG = logging.getLogger(__name__)
FILE = "commissioning.json"
MODE = 0o640  # it names the installer


def write_record(state: Path, record: Commissioning) -> Path:
    """Keep a record in the place of the last one; give its file. Raises DeviceError."""
    path = state / FILE
    identity.write(path, msgspec.json.encode(record), MODE)
    return path


def read_record(state: Path) -> Commissioning | None:
    """Give the newest record; None where there is none, or none that can be read. Raises OSError."""
    try:
        data = (state / FILE).read_bytes()
    except FileNotFoundError:
        return None
    record = wire.parse(Commissioning, data, RECORD_MAX_BYTES)
    if isinstance(record, wire.Rejected):
        LOG.warning("record=unreadable file=%s reason=%s", state / FILE, record.reason)
        return None
    return record
