"""`kiosk monitor …`: run the centre, and act on alerts from a terminal.

Exit codes: 0 done, 2 wrong usage or configuration, 3 the centre is not running, 4 it refused.
"""

import getpass
import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from kiosk.control import DaemonAway, ask, watch
from kiosk.messages import ConfigError, DeviceError, Language
from kiosk.monitor import tables
from kiosk.monitor.config import MonitorConfig, Paths, read
from kiosk.words import load_catalogue

USAGE, AWAY, REFUSED = 2, 3, 4
CONFIG = "/etc/pana-monitor/monitor.toml"
SOCKET = f"{Paths().run}/monitor.sock"
PIPE_WIDTH = 200  # nobody sees the edge of a pipe


@dataclass(frozen=True, slots=True)
class Terminal:
    """Where the centre is, and how to speak to whoever typed."""

    socket: Path
    language: Language
    word: Callable[[str], str]


def _terminal(context: click.Context) -> Terminal:
    terminal = context.find_object(Terminal)
    if terminal is None:
        raise click.UsageError("internal: no terminal")
    return terminal


def _language() -> Language:
    match (os.environ.get("LC_ALL") or os.environ.get("LANG") or "")[:2]:
        case "kk":
            return "kk"
        case "ru":
            return "ru"
        case _:
            return "en"


@contextmanager
def _exit_codes() -> Iterator[None]:
    """Turn what goes wrong into a sentence and a documented exit code."""
    try:
        yield
    except DaemonAway as error:
        click.echo(tables.clean(error), err=True)
        raise SystemExit(AWAY) from error
    except ConfigError as error:
        click.echo(str(error), err=True)
        raise SystemExit(USAGE) from error
    except DeviceError as error:
        click.echo(tables.clean(error), err=True)
        raise SystemExit(REFUSED) from error


def _load(file: Path) -> MonitorConfig:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read: {error}") from error
    return read(text, str(file))


@click.group(name="monitor")
@click.option(
    "--socket",
    type=click.Path(path_type=Path),
    envvar="PANA_MONITOR_SOCKET",
    default=SOCKET,
    show_default=True,
)
@click.option("--language", type=click.Choice(["kk", "ru", "en"]), default=None, help="Default: by LANG.")
@click.pass_context
def monitor(context: click.Context, socket: Path, language: Language | None) -> None:
    """The centre: receive alerts, answer them, watch over the kiosks.

    Exit codes: 0 done, 2 wrong usage or configuration, 3 not running, 4 refused.
    """
    spoken = language or _language()
    words = load_catalogue()
    context.obj = Terminal(socket, spoken, lambda key: words.word(spoken, "monitor", key))


@monitor.command("run")
@click.option("--config", "file", type=click.Path(path_type=Path), default=CONFIG, show_default=True)
def run_command(file: Path) -> None:
    """Run the centre until SIGTERM."""
    from kiosk.monitor.app import run  # noqa: PLC0415 - paho and SQLite are not needed to ask a question

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    with _exit_codes():
        run(_load(file))


@monitor.command("alerts")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--all", "closed", is_flag=True, help="Closed ones too.")
@click.pass_context
def alerts_command(context: click.Context, *, as_json: bool, closed: bool) -> None:
    """List the alerts, those that nobody has taken first."""
    terminal = _terminal(context)
    with _exit_codes():
        found: list[dict[str, Any]] = []
        more = True
        while more:
            page = ask(terminal.socket, {"ask": "alerts", "start": len(found), "closed": closed})
            found += page["alerts"]
            more = page["more"]
    if as_json:
        _print_json(found)
    elif found:
        _print(tables.alerts(found, terminal.word, terminal.language))
    else:
        click.echo(terminal.word("no_alerts"))


@monitor.command("kiosks")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
def kiosks_command(context: click.Context, *, as_json: bool) -> None:
    """List the kiosks: alive or silent, their faults, last heartbeat and events."""
    terminal = _terminal(context)
    with _exit_codes():
        found: list[dict[str, Any]] = []
        more = True
        while more:
            after = found[-1]["kiosk_id"] if found else ""
            page = ask(terminal.socket, {"ask": "kiosks", "after": after})
            found += page["kiosks"]
            more = page["more"]
    if as_json:
        _print_json(found)
    elif found:
        _print(tables.kiosks(found, terminal.word))
    else:
        click.echo(terminal.word("no_kiosks"))


_BY = click.option("--by", default=getpass.getuser, show_default="your login name", help="Your operator id.")
_ALERT = click.argument("alert", metavar="ALERT")


@monitor.command("accept")
@_ALERT
@_BY
@click.pass_context
def accept_command(context: click.Context, alert: str, by: str) -> None:
    """Take ALERT (its id, or enough of its beginning or end)."""
    _act(context, {"ask": "accept", "alert": alert, "by": by})


@monitor.command("advance")
@_ALERT
@click.argument("stage", type=click.Choice(["en_route", "on_scene"]))
@_BY
@click.pass_context
def advance_command(context: click.Context, alert: str, stage: str, by: str) -> None:
    """Say that help is on its way to ALERT, or there."""
    _act(context, {"ask": "advance", "alert": alert, "stage": stage, "by": by})


@monitor.command("close")
@_ALERT
@click.option("--note", default="", help="How it ended; stays at the centre. Nothing about a person.")
@_BY
@click.pass_context
def close_command(context: click.Context, alert: str, note: str, by: str) -> None:
    """End ALERT."""
    _act(context, {"ask": "close", "alert": alert, "note": note, "by": by})


@monitor.command("command")
@click.argument("kiosk")
@click.argument("name", type=click.Choice(["drill", "report", "restart", "refresh-voice"]))
@click.option("--duty", is_flag=True, help="Let the drill reach the duty officers' phones.")
@_BY
@click.pass_context
def command_command(context: click.Context, kiosk: str, name: str, by: str, *, duty: bool) -> None:
    """Order KIOSK to do something."""
    _act(context, {"ask": "command", "kiosk": kiosk, "name": name, "by": by, "duty": duty})


@monitor.command("duty")
@click.argument("state", type=click.Choice(["on", "off"]))
@click.pass_context
def duty_command(context: click.Context, state: str) -> None:
    """Say whether anybody is on duty; while nobody is, kiosks write SMS at once."""
    _act(context, {"ask": "duty", "on": state == "on"})


@monitor.command("status")
@click.pass_context
def status_command(context: click.Context) -> None:
    """Show how the centre itself is, as JSON."""
    with _exit_codes():
        _print_json([ask(_terminal(context).socket, {"ask": "status"})])


@monitor.command("watch")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
def watch_command(context: click.Context, *, as_json: bool) -> None:
    """Follow what happens, until interrupted."""
    with _exit_codes():
        for event in watch(_terminal(context).socket):
            click.echo(json.dumps(event, ensure_ascii=False) if as_json else tables.event(event))


def _act(context: click.Context, request: dict[str, Any]) -> None:
    with _exit_codes():
        answer = ask(_terminal(context).socket, request)
    text = tables.clean(f"{answer['text']} {answer['alert_id']}".strip())
    if not answer["ok"]:
        click.echo(text, err=True)
        raise SystemExit(REFUSED)
    click.echo(text)


def _print_json(found: list[dict[str, Any]]) -> None:
    for view in found:
        click.echo(json.dumps(view, ensure_ascii=False))


def _print(table: Any) -> None:
    console = Console()
    Console(width=None if console.is_terminal else PIPE_WIDTH, highlight=False).print(table)
