"""Options that several commands share, and what can be read of a site's file without judging it.

`status` and `drill` must work while the file is half edited, so `glance` never raises on its content.
"""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

SITE = Path("/etc/pana-kiosk/site.toml")
SOCKET = "kiosk.sock"
LANGUAGES = ("kk", "ru", "en")

F = TypeVar("F", bound=Callable[..., Any])


def config_option(command: F) -> F:
    """Add --config FILE, given as `file`."""
    kind = click.Path(path_type=Path, dir_okay=False)
    return click.option(
        "--config", "file", type=kind, default=SITE, show_default=True, help="The site's configuration."
    )(command)


def json_option(command: F) -> F:
    """Add --json, given as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for a machine.")(command)


def lang_option(command: F) -> F:
    """Add --lang, given as `lang`."""
    words = "Language of the words; by default the first one of the configuration."
    return click.option("--lang", type=click.Choice(LANGUAGES), default=None, help=words)(command)


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """What commands need of a site's file."""

    run: Path = Path("/run/pana-kiosk")
    state: Path = Path("/var/lib/pana-kiosk")
    language: Any = "en"  # one of kiosk.messages.Language, which loads more than this file does
    drill_s: float = 90.0

    @property
    def socket(self) -> Path:
        """Name the daemon's local socket."""
        return self.run / SOCKET


def glance(file: Path) -> Glance:
    """Read paths, first language and drill time; whatever is missing or wrong has its default."""
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return Glance()
    paths, timing, kiosk = (_table(data, name) for name in ("paths", "timing", "kiosk"))
    default = Glance()
    languages = kiosk.get("languages")
    first = languages[0] if isinstance(languages, list) and languages else ""
    drill_s = timing.get("drill_s")
    return Glance(
        run=_path(paths.get("run"), default.run),
        state=_path(paths.get("state"), default.state),
        language=first if first in LANGUAGES else default.language,
        drill_s=float(drill_s) if isinstance(drill_s, int | float) else default.drill_s,
    )


def _table(data: dict[str, Any], name: str) -> dict[str, Any]:
    table = data.get(name)
    return table if isinstance(table, dict) else {}


def _path(value: object, default: Path) -> Path:
    return Path(value) if isinstance(value, str) and value.startswith("/") else default
