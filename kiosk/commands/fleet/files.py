"""Options that the desk's commands share. The desk's folder holds keys, templates and what was made."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
KEY = "owner.key"
PUB = "owner.pub"
FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)


def key_option(command: F) -> F:
    """Add --key FILE, given as `key`."""
    words = "The owner's signing key."
    return click.option("--key", type=FILE, default=KEY, show_default=True, help=words)(command)


def pub_option(command: F) -> F:
    """Add --pub FILE, given as `pub`."""
    words = "The owner's public key."
    return click.option("--pub", type=FILE, default=PUB, show_default=True, help=words)(command)
