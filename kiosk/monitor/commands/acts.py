"""What somebody has the running centre do from a terminal: asked, answered, and kept in the log of actions.

The account that typed stands there as who did it, and what `--by` claims beside it. Owns no command.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from kiosk.monitor.commands.terminal import ask, config_option, login_name

F = TypeVar("F", bound=Callable[..., Any])


def by_option(command: F) -> F:
    """Add --by, given as `by`, and --config FILE, given as `file`."""
    kind = click.option("--by", default=login_name, show_default="your login name", help="Your operator id.")
    return kind(config_option(command))


def act(
    context: click.Context,
    request: dict[str, Any],
    file: Path,
    *,
    what: str,
    subject: str = "",
    more: str = "",
) -> None:
    """Have the centre do something, print its answer and keep who did it; raises DaemonAway or Refused.

    `subject` is what the act is about where the answer names no alert, and `more` what to keep beside it.
    """
    from kiosk.check.daemon import Refused
    from kiosk.control import DaemonLost, DaemonSilent
    from kiosk.monitor.tables import clean

    detail = clean(" ".join(part for part in (more, "at=terminal", _claimed(request)) if part))
    try:
        answer = ask(context, request)
    except (DaemonLost, DaemonSilent):  # it may be done all the same
        _keep(file, what, clean(subject), f"unsure, the centre did not answer: {detail}")
        raise
    text = clean(f"{answer['text']} {answer['alert_id']}".strip())
    if not answer["ok"]:
        raise Refused(text)
    click.echo(text)
    _keep(file, what, clean(answer["alert_id"] or subject), detail)


def _claimed(request: dict[str, Any]) -> str:
    said = {"by": request.get("by", ""), "sudo": os.environ.get("SUDO_USER", "")}
    return " ".join(f"{name}={value[:64]}" for name, value in said.items() if value)


def _keep(file: Path, what: str, subject: str, detail: str) -> None:
    """Write the log of actions; where that fails stderr says so: the centre has done it all the same."""
    from kiosk.messages import KioskError
    from kiosk.monitor.tables import clean

    try:
        from kiosk.monitor.commands.shelf import Shelf
        from kiosk.monitor.store import audit

        with Shelf(file, None).note() as (db, doer):
            audit.write(db, at_ms=doer["now_ms"], who=doer["who"], what=what, subject=subject, detail=detail)
    except (KioskError, ImportError) as error:
        click.echo(f"this is not in the log of actions: {clean(error)}", err=True)
