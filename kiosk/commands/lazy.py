"""A group of commands that loads a command's file only when that command is used.

Owns the list for `--help`, and the one place where an error becomes a sentence and an exit code.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import click

from kiosk.commands.exits import exit_of


class Lazy(NamedTuple):
    """Where a command lives (`package.module:attribute`), its line in `--help`, the extra it needs."""

    where: str
    help: str
    extra: str = ""


class LazyGroup(click.Group):
    """A click group over `commands_at`; listing them loads none of them."""

    def __init__(self, *args: Any, commands_at: Mapping[str, Lazy], **more: Any) -> None:
        super().__init__(*args, **more)
        self._commands_at = commands_at

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Name the commands in the order in which people meet them."""
        return list(self._commands_at)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command; a missing library is a sentence, not a traceback."""
        lazy = self._commands_at.get(cmd_name)
        if lazy is None:
            return None
        module, _, attribute = lazy.where.partition(":")
        try:
            command: click.Command = getattr(import_module(module), attribute)
        except ModuleNotFoundError as error:
            if ctx.resilient_parsing:  # completion: what cannot be loaded is not offered
                return None
            hint = f": pip install 'pana-kiosk[{lazy.extra}]'" if lazy.extra else ""
            raise click.ClickException(f"`{cmd_name}` needs {error.name}, which is missing{hint}") from error
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """List the commands by their own lines."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.help) for name, lazy in self._commands_at.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; our own errors end in a sentence on stderr and their exit code."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            code = exit_of(error)
            if code is None:
                raise
            click.echo(str(error), err=True)
            ctx.exit(code)
