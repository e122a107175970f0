"""`kiosk run`: the daemon in the foreground, its log on stderr.

Owns the log's form and the exit code of a crash. Everything else is the daemon's.
"""

import io
import logging
import os
import select
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from kiosk.commands.exits import Exit
from kiosk.commands.options import config_option

if TYPE_CHECKING:
    from kiosk.app import Daemon
    from kiosk.arming import Armed

log = logging.getLogger("kiosk")
# sd-daemon(3): a line that begins with <N> has the syslog priority N.
PRIORITY = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}
PIECE_BYTES = select.PIPE_BUF  # pipe(7): where poll() says "writable", a write of so much does not block


class Lines(logging.Formatter):
    """One event a line, key=value; under journald with its priority, elsewhere with the time."""

    def __init__(self, *, journald: bool) -> None:
        super().__init__()
        self._journald = journald

    def format(self, record: logging.LogRecord) -> str:
        """Write a record; each line of a traceback gets the record's priority too."""
        text = super().format(record)
        if self._journald:
            mark = f"<{PRIORITY.get(record.levelname, 6)}>"
            return "\n".join(f"{mark}{line}" for line in f"logger={record.name} {text}".split("\n"))
        moment = datetime.fromtimestamp(record.created, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        return f"t={moment}Z level={record.levelname.lower()} logger={record.name} {text}"


class Unwaiting(logging.Handler):
    """Writes what the log's reader takes and drops the rest: a journald that hangs must stop no alert."""

    def __init__(self, fd: int) -> None:
        super().__init__()
        self._fd = fd
        self._dropped = 0
        self._poller = select.poll()
        self._poller.register(fd, select.POLLOUT)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record now, or never."""
        try:
            text = self.format(record)
        except Exception as error:  # noqa: BLE001 - a wrong log call must not end what it tells of
            text = f"log_call=wrong file={record.filename}:{record.lineno} reason={error!r}"
        gap = f"\nlog_lines_dropped={self._dropped}\n" if self._dropped else ""
        data = f"{gap}{text}\n".encode("utf-8", "backslashreplace")
        with suppress(OSError):
            while data and self._poller.poll(0):
                data = data[os.write(self._fd, data[:PIECE_BYTES]) :]
        self._dropped = self._dropped + 1 if data else 0


def handler_of(stream: TextIO) -> logging.Handler:
    """Give the handler for a stream; one without a descriptor, as tests have, cannot hang."""
    try:
        return Unwaiting(stream.fileno())
    except io.UnsupportedOperation:
        return logging.StreamHandler(stream)


def is_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Tell whether a stream leads to journald: JOURNAL_STREAM names its device and inode (systemd.exec(5)).

    The variable alone is not enough: a child whose output goes elsewhere inherits it.
    """
    try:
        stat = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environ.get("JOURNAL_STREAM") == f"{stat.st_dev}:{stat.st_ino}"


def set_up_log(stream: TextIO, environ: Mapping[str, str]) -> None:
    """Let everything be logged to `stream`."""
    handler = handler_of(stream)
    handler.setFormatter(Lines(journald=is_journal(stream, environ)))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


@click.command()
@config_option
@click.option("--allow-mock-pins", is_flag=True, help="Let gpio.factory be 'mock' (demo and tests only).")
def run(file: Path, *, allow_mock_pins: bool) -> None:
    """Run the kiosk until it is told to stop.

    Ends with 0 when it was told to stop, 75 when the centre ordered a restart, 78 when the configuration
    is wrong (and there is no copy of one that it ran with before) and 70 after an error of the program
    itself: systemd starts it again and the journal resumes.
    """
    set_up_log(sys.stderr, os.environ)
    try:
        code = _start(file, allow_mock=allow_mock_pins).run()
    except ValueError as error:
        from kiosk.messages import ConfigError

        if isinstance(error, ConfigError):
            for line in str(error).split("\n"):
                log.error("config=wrong reason=%s", line)  # noqa: TRY400 - the sentence is all there is to say
            sys.exit(Exit.CONFIG)
        log.exception("stopped=crash")
        sys.exit(Exit.CRASHED)
    except Exception:
        log.exception("stopped=crash")
        sys.exit(Exit.CRASHED)
    sys.exit(code)


def _start(file: Path, *, allow_mock: bool) -> "Daemon":
    """Arm, then load the rest. With a wrong file that is what the kiosk last ran with; raises ConfigError."""
    from kiosk.arming import arm, arm_by_copy
    from kiosk.messages import ConfigError

    try:
        armed = arm(file, allow_mock=allow_mock)
    except ConfigError as error:
        armed = arm_by_copy(file, error, allow_mock=allow_mock)
    _tell(armed)
    from kiosk.app import Daemon  # only now: it is half a second of a Pi's time

    try:
        return Daemon(armed)
    except ConfigError as error:
        if armed.wrong:
            raise
        armed.inputs.close()
        armed.pins.close()  # lgpio frees a line with its chip only
        armed = arm_by_copy(file, error, allow_mock=allow_mock, queue=armed.queue)
        _tell(armed)
        return Daemon(armed)


def _tell(armed: "Armed") -> None:
    for line in armed.wrong.splitlines():
        log.error("config=wrong using=%s reason=%s", armed.file, line)
    log.info("armed inputs=%d of=%d", len(armed.inputs.opened), len(armed.config.inputs()))
