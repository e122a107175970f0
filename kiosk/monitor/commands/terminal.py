"""What the centre's commands share: where the centre is, its configuration, and how to speak to who typed.

Owns no command. Every error leaves here as one that `kiosk.commands.exits` has a code for.
"""

import json
import os
import pwd
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from kiosk.messages import Language
from kiosk.monitor.config import MonitorConfig, Paths

CONFIG = "/etc/pana-monitor/monitor.toml"
SOCKET = f"{Paths().run}/monitor.sock"
PIPE_WIDTH = 200  # nobody sees the edge of a pipe

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Terminal:
    """Where the centre is, and the language of whoever typed."""

    socket: Path
    language: Language

    def word(self, key: str) -> str:
        """Give a word of the centre's terminal in the language of whoever typed."""
        from kiosk.words import load_catalogue

        return load_catalogue().word(self.language, "monitor", key)


def terminal_of(context: click.Context) -> Terminal:
    """Find what `kiosk monitor` was told before the command's name."""
    terminal = context.find_object(Terminal)
    if terminal is None:
        raise click.UsageError("internal: no terminal")
    return terminal


def language_of_environment() -> Language:
    """Choose the language by LC_ALL or LANG; English where neither is ours."""
    match (os.environ.get("LC_ALL") or os.environ.get("LANG") or "")[:2]:
        case "kk":
            return "kk"
        case "ru":
            return "ru"
        case _:
            return "en"


def config_option(command: F) -> F:
    """Add --config FILE, given as `file`."""
    kind = click.Path(path_type=Path, dir_okay=False)
    words = "The centre's configuration."
    return click.option("--config", "file", type=kind, default=CONFIG, show_default=True, help=words)(command)


def json_option(command: F) -> F:
    """Add --json, given as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")(command)


def login_name() -> str:
    """Name the account that types, whatever its environment says; `uid-1001` where it has no name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid-{os.getuid()}"


def load(file: Path) -> MonitorConfig:
    """Read and check the centre's configuration; raises ConfigError that names every fault."""
    from kiosk.messages import ConfigError
    from kiosk.monitor.config import read

    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read: {error}") from error
    return read(text, str(file))


@contextmanager
def asking() -> Iterator[None]:
    """Tell a forbidden socket from a centre that is not there; raises Refused or DaemonAway."""
    from kiosk.check.daemon import Refused
    from kiosk.control import DaemonAway
    from kiosk.messages import DeviceError
    from kiosk.monitor.tables import clean

    try:
        yield
    except DaemonAway as error:
        raise type(error)(clean(error)) from error
    except DeviceError as error:
        raise Refused(clean(error)) from error


def ask(context: click.Context, request: dict[str, Any]) -> dict[str, Any]:
    """Ask the running centre one thing; raises DaemonAway or Refused."""
    from kiosk import control

    with asking():
        return control.ask(terminal_of(context).socket, request)


def put_json(found: list[dict[str, Any]]) -> None:
    """Print one JSON object a line."""
    for view in found:
        click.echo(json.dumps(view, ensure_ascii=False))


def put_table(table: Any) -> None:
    """Print a table; where nobody watches, its lines are long and plain."""
    from rich.console import Console

    console = Console()
    Console(width=None if console.is_terminal else PIPE_WIDTH, highlight=False).print(table)
