"""Whether the site's file can be used, and the copy of the one that this kiosk last ran with.

A kiosk whose file is damaged, or became wrong, arms by the copy and says so (docs/adr/0033).
"""

import os
from contextlib import suppress
from pathlib import Path

from kiosk.arming import COPY, Armed, read_config
from kiosk.config import Config
from kiosk.config_check import check
from kiosk.messages import ConfigError
from kiosk.prompts import Catalogue


def demand_sound(config: Config, file: Path, words: Catalogue) -> None:
    """Check the rules between keys. Raises ConfigError that lists every broken one."""
    errors = [problem for problem in check(config, words) if problem.level == "error"]
    if errors:
        raise ConfigError("\n".join(f"{file}: {problem.key}: {problem.what}" for problem in errors))


def look(armed: Armed, words: Catalogue) -> str:
    """Say why the site's file is of no use to a start; else keep what the kiosk runs with as its copy."""
    try:
        config, text = read_config(armed.site_file)
        demand_sound(config, armed.site_file, words)
    except ConfigError as error:
        return str(error)
    if armed.wrong:
        return f"{armed.site_file}: it can be used again; restart the kiosk to run with it"
    if text == armed.text:  # a file that was put in place meanwhile may be another kiosk's
        with suppress(OSError):  # a full or broken disk is told by others
            keep_copy(Path(armed.config.paths.state), armed.text)
    return ""


def keep_copy(folder: Path, text: str) -> None:
    """Keep the text of a configuration that this kiosk runs with, in one piece. Raises OSError."""
    copy, beside = folder / COPY, folder / f".{COPY}.new"
    with suppress(OSError, UnicodeDecodeError):
        if copy.read_text(encoding="utf-8") == text:
            return
    beside.unlink(missing_ok=True)
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as new:
        new.write(text)
        new.flush()
        os.fsync(handle)
    beside.replace(copy)
