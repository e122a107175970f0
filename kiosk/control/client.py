"""The other end of the daemon's control socket, for commands.

Owns one connection a call and the words for what goes wrong with it. Never waits without a deadline, but for
the next event of a `watch` that was given no end.
"""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from kiosk.control.connection import Object, line_of
from kiosk.messages import DeviceError

MAX_ANSWER_BYTES = 1024 * 1024
AGAIN_S = 0.02


class DaemonAway(DeviceError):
    """The daemon is not running, does not answer, or hung up."""


class DaemonSilent(DaemonAway):
    """The daemon is there and gives no answer in time: it may be busy."""


class DaemonLost(DaemonAway):
    """The daemon hung up after it was asked: it may have done it."""


def ask(path: Path, request: Object, timeout_s: float = 5.0) -> Object:
    """Ask the daemon one thing and give its answer.

    Raises DaemonAway when there is no daemon, DaemonSilent when it did not answer in time, DaemonLost when it
    went away meanwhile, DeviceError when it refused.
    """
    deadline_s = time.monotonic() + timeout_s
    with _connect(path, timeout_s) as link:
        return _accepted(next(_answers(path, link, request, deadline_s)))


def watch(
    path: Path, timeout_s: float = 5.0, *, question: Object | None = None, end_s: float | None = None
) -> Iterator[Object]:
    """Yield the daemon's events as they happen; `timeout_s` is for its consent to be watched.

    A `question` is asked once the watch stands, so that no event of what it sets off is missed; its answer
    comes among the events (which all have a `what`). After `end_s` (monotonic seconds) it waits no more.
    Raises as `ask`, and DaemonLost when the daemon stops or drops a watcher that reads too slowly.
    """
    deadline_s = time.monotonic() + timeout_s
    with _connect(path, timeout_s) as link:
        answers = _answers(path, link, {"ask": "watch"}, deadline_s, end_s)
        _accepted(next(answers))
        if question is not None:
            with _sending(path):
                link.sendall(line_of(question))
        for answer in answers:
            yield _accepted(answer) if "what" not in answer else answer


def _connect(path: Path, timeout_s: float) -> socket.socket:
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    link.settimeout(timeout_s)
    try:
        _connect_in_turn(link, path, timeout_s)
    except FileNotFoundError as error:
        link.close()
        raise DaemonAway(f"the daemon is not running: no socket at {path}") from error
    except ConnectionRefusedError as error:
        link.close()
        raise DaemonAway(f"the daemon is not running: nobody answers at {path}") from error
    except PermissionError as error:
        link.close()
        raise DeviceError(f"no permission to use {path}: use sudo, or join the group of that file") from error
    except (TimeoutError, BlockingIOError) as error:
        link.close()
        raise DaemonSilent(f"the daemon cannot be reached at {path}: {error.strerror or error}") from error
    except OSError as error:
        link.close()
        raise DaemonAway(f"the daemon cannot be reached at {path}: {error.strerror or error}") from error
    return link


def _connect_in_turn(link: socket.socket, path: Path, timeout_s: float) -> None:
    """Connect, waiting while others stand before the door: connect(2) says EAGAIN at once then."""
    deadline_s = time.monotonic() + timeout_s
    while True:
        try:
            link.connect(str(path))
        except BlockingIOError:
            if time.monotonic() >= deadline_s:
                raise
            time.sleep(AGAIN_S)
        else:
            return


@contextmanager
def _sending(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DaemonLost(f"the daemon at {path} hung up: {error.strerror or error}") from error


def _answers(
    path: Path, link: socket.socket, request: Object, deadline_s: float, end_s: float | None = None
) -> Iterator[Object]:
    """Send a request, yield each line that comes: the first before `deadline_s`, others before `end_s`."""
    inbound = bytearray()
    waiting = True
    try:
        link.sendall(line_of(request))
        while True:
            until_s = deadline_s if waiting else end_s
            link.settimeout(None if until_s is None else max(0.01, until_s - time.monotonic()))
            data = link.recv(65536)
            if not data:
                raise DaemonLost(f"the daemon at {path} hung up: it stopped, or this command read too slowly")
            *lines, inbound = (inbound + data).split(b"\n")
            _demand_end(path, inbound)
            for line in lines:
                waiting = False
                yield _object(path, bytes(line))
    except TimeoutError as error:
        raise DaemonSilent(f"the daemon at {path} does not answer") from error
    except DeviceError:
        raise
    except OSError as error:
        raise DaemonLost(f"the daemon at {path} hung up: {error.strerror or error}") from error


def _demand_end(path: Path, unfinished: bytearray) -> None:
    if len(unfinished) > MAX_ANSWER_BYTES:
        raise DeviceError(f"the daemon at {path} answers without an end")


def _object(path: Path, line: bytes) -> Object:
    try:
        return msgspec.json.decode(line, type=Object)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DeviceError(f"the daemon at {path} answers in a way this version cannot read") from error


def _accepted(answer: Object) -> Object:
    if isinstance(answer.get("error"), str):
        raise DeviceError(f"the daemon refused: {answer['error']}")
    return answer
