"""One round of all errands: each by itself, none in the way of another, and none in the way of an alert.

What is sent shares the uplink with the daemon, so it waits while an incident is open, and the process ends at
once when one opens: every errand may be cut off anywhere, and is simply done again.
"""

import fcntl
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kiosk import control
from kiosk.check.lookout import lookout
from kiosk.errands import enrolling, sending
from kiosk.errands.desk import Desk
from kiosk.errands.outcome import Outcome
from kiosk.messages import DeviceError, KioskError

LOG = logging.getLogger(__name__)
ANSWER_S = 2.0
SENDS = ((sending.RECORD, sending.send_record), (sending.LOG, sending.send_log))


def run_all(desk: Desk, leave: Callable[[], None]) -> list[Outcome]:
    """Run every errand; `leave` ends this process, and is called when an incident opens meanwhile."""
    with _alone(desk.state) as alone:
        if not alone:
            return [Outcome(errand="all", ended="later", detail="another round is under way")]
        done = [_run(enrolling.NAME, enrolling.run, desk)]
        if incident_open(desk):
            return [
                *done,
                *(Outcome(errand=name, ended="later", detail="an incident is open") for name, _ in SENDS),
            ]
        with lookout("errands", lambda: incident_open(desk), leave):
            done += [_run(name, errand, desk) for name, errand in SENDS]
    return done


def _run(name: str, errand: Callable[[Desk], Outcome], desk: Desk) -> Outcome:
    try:
        return errand(desk)
    except (KioskError, OSError, ValueError) as error:
        return Outcome(errand=name, ended="failed", detail=str(error))
    except Exception as error:
        LOG.exception("errand=%s", name)
        return Outcome(errand=name, ended="failed", detail=f"unexpected {type(error).__name__}")


def incident_open(desk: Desk) -> bool:
    """Tell whether the daemon has an incident open, or is too busy to say; without a daemon there is none."""
    try:
        state: Any = control.ask(Path(desk.config.paths.run) / "kiosk.sock", {"ask": "status"}, ANSWER_S)
    except control.DaemonSilent:
        return True
    except DeviceError:
        return False
    return bool(state.get("incidents"))


@contextmanager
def _alone(state: Path) -> Iterator[bool]:
    """Hold the folder's lock, whoever runs this; False where another process has it. Raises DeviceError."""
    try:
        folder = os.open(state, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise DeviceError(f"{state}: cannot be read: {error.strerror}") from error
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            alone = True
        except BlockingIOError:
            alone = False
        yield alone
    finally:
        os.close(folder)
