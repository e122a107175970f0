"""Asking the running daemon, with its refusals told apart from its absence."""

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from kiosk.config import Config
from kiosk.control import DaemonAway, ask, watch
from kiosk.messages import DeviceError, KioskError

Object = dict[str, Any]
MARGIN_S = 10.0  # beyond a drill's own deadline: the daemon judges, we only wait
STATUS: Object = {"ask": "status"}


class Refused(KioskError):
    """The daemon refused, or this user may not use its socket."""


def question(socket: Path, request: Object, timeout_s: float = 5.0) -> Object:
    """Ask one thing; raises DaemonAway or Refused."""
    try:
        answer = ask(socket, request, timeout_s)
    except DaemonAway:
        raise
    except DeviceError as error:
        raise Refused(str(error)) from error
    return _granted(answer)


def follow(socket: Path, *, request: Object | None = None, end_s: float | None = None) -> Iterator[Object]:
    """Yield events (they have a `what`) and the answer to `request`; raises as `question`.

    Each event gains `at_s`, wall time in s since 1970: the daemon tells monotonic time, the same for all.
    """
    try:
        for event in watch(socket, question=request, end_s=end_s):
            if "what" in event:
                yield {**event, "at_s": time.time() - (time.monotonic() - float(event.get("t_s", 0.0)))}
            else:
                yield _granted(event)
    except DaemonAway:
        raise
    except DeviceError as error:
        raise Refused(str(error)) from error


def drill_events(
    socket: Path, *, duty: bool, drill_s: float, silent: bool = False, whole: bool = False
) -> Iterator[Object]:
    """Start a drill and yield what happens to it, its verdict last; raises DaemonAway or Refused."""
    end_s = time.monotonic() + drill_s + MARGIN_S
    before: list[Object] = []  # the drill's first events come before the answer that names it
    alert_id = ""
    request = {"ask": "drill", "duty": duty, "silent": silent, "whole": whole}
    for event in follow(socket, request=request, end_s=end_s):
        if "what" not in event:
            alert_id = event["alert_id"]
            happened = [early for early in before if early.get("alert_id") == alert_id]
        elif not alert_id:
            before.append(event)
            continue
        else:
            happened = [event] if event.get("alert_id") == alert_id else []
        for one in happened:
            yield one
            if one["what"] in ("drill_passed", "drill_failed"):
                return


def imei_of(config: Config) -> str:
    """Ask the running daemon for its modem's IMEI; empty when there is no answer."""
    with suppress(DeviceError):
        modem = ask(Path(config.paths.run) / "kiosk.sock", STATUS).get("modem")
        said = modem.get("imei", "") if isinstance(modem, dict) else ""
        return said if isinstance(said, str) and said.isdigit() and len(said) in range(14, 17) else ""
    return ""


def _granted(answer: Object) -> Object:
    if answer.get("ok") is False:
        raise Refused(f"the daemon refused: {answer.get('reason', 'no reason given')}")
    return answer
