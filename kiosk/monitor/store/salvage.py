"""One commit in which the database refused a row: what matters is kept, the row that is to blame is not.

Only telemetry is ever given up, and never without a word in the log: alerts, their stages and SMS are written
first, and where one of those is refused the whole commit fails as before.
"""

import logging
from collections.abc import Callable, Sequence

from sqlalchemy import Connection
from sqlalchemy.exc import DataError, IntegrityError

from kiosk.monitor.records import Change, StoreEvent, StoreKiosk, StoreSpan

LOG = logging.getLogger(__name__)
REFUSALS = (DataError, IntegrityError, OverflowError, ValueError)  # of a value, whatever else is well
Write = Callable[[Sequence[Change]], object]


def write_telemetry(connection: Connection, changes: Sequence[Change], write: Write) -> None:
    """Write all that can be written in the transaction that is open; raises what is about no value."""
    if not changes:
        return
    try:
        with connection.begin_nested():
            write(changes)
    except REFUSALS as error:
        if len(changes) == 1:
            LOG.warning("store dropped=%s reason=%r", _name(changes[0]), type(error).__name__)
            return
        middle = len(changes) // 2
        write_telemetry(connection, changes[:middle], write)
        write_telemetry(connection, changes[middle:], write)


def is_telemetry(change: Change) -> bool:
    """Tell whether a change may be given up for the sake of an alert."""
    return isinstance(change, StoreEvent | StoreKiosk | StoreSpan)


def _name(change: Change) -> str:
    match change:
        case StoreEvent(event):
            return f"event kiosk={event.kiosk_id} event={event.event_id}"
        case StoreKiosk(kiosk):
            return f"kiosk kiosk={kiosk.kiosk_id}"
        case StoreSpan(span):
            return f"span kiosk={span.kiosk_id} begins_s={span.begins_s}"
        case _:
            return type(change).__name__
