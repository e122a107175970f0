"""What an update asks of the running daemon: how it stands, and a drill without a word."""

import socket
from pathlib import Path

from kiosk.check.daemon import STATUS, Refused, drill_events, question
from kiosk.control import DaemonAway
from kiosk.drill import INTERRUPTED
from kiosk.update.judging import Standing, standing

ASK_S = 5.0
VERDICTS = ("drill_passed", "drill_failed")


class Daemon:
    """The daemon behind one local socket."""

    def __init__(self, socket: Path, drill_s: float) -> None:
        self._socket = socket
        self._drill_s = drill_s

    def standing(self) -> Standing | None:
        """Ask how it stands; None when it does not answer."""
        try:
            return standing(question(self._socket, STATUS, ASK_S))
        except (DaemonAway, Refused):
            return None

    def is_absent(self) -> bool:
        """Tell whether there is none: nobody at its socket. One that is silent may have an incident open."""
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(ASK_S)
            try:
                link.connect(str(self._socket))
            except (
                FileNotFoundError,
                ConnectionRefusedError,
            ):  # one that was killed leaves its socket behind
                return True
            except OSError:
                return False
        return False

    def drill(self) -> str | None:
        """Run a silent drill; name the routes without an answer. None when it did not come to a verdict."""
        try:
            events = list(drill_events(self._socket, duty=False, drill_s=self._drill_s, silent=True))
        except (DaemonAway, Refused):
            return None
        last = events[-1] if events else {}
        missing = str(last.get("missing", ""))
        judged = last.get("what") in VERDICTS and missing not in ("lost", INTERRUPTED)
        return missing if judged else None
