"""One part's test with its deadline: whatever a device does, a row comes out in time.

Owns one daemon thread a part. A test that hangs is left behind; its driver has its own deadlines.
"""

import logging
import threading
from collections.abc import Callable

from kiosk.check.row import Row, fault
from kiosk.messages import KioskError

log = logging.getLogger(__name__)


def within(part: str, seconds: float, test: Callable[[], list[Row]]) -> list[Row]:
    """Give the rows of a test, or one fault row when it fails or takes longer than `seconds`."""
    rows: list[Row] = []

    def run() -> None:
        try:
            rows.extend(test())
        except (KioskError, OSError, ImportError) as error:
            rows.append(fault(part, "failed_test", reason=str(error)))
        except Exception as error:
            log.exception("check part=%s", part)
            rows.append(fault(part, "failed_test", reason=f"{type(error).__name__}: {error}"))

    thread = threading.Thread(target=run, name=f"check-{part}", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        return [fault(part, "no_answer", seconds=f"{seconds:g}")]
    return rows
