"""How commands print: JSON lines for machines, tables for people, plain where nobody looks at a terminal."""

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click


def put_json(value: object) -> None:
    """Print one value as one line of JSON, at once."""
    import msgspec

    click.echo(msgspec.json.encode(value).decode())
    sys.stdout.flush()


def quiet_log() -> None:
    """Leave only errors on stderr: what a driver warns of stands in the command's own answer."""
    import logging

    logging.basicConfig(level=logging.ERROR, format="%(levelname)s %(name)s %(message)s")


def console(*, stderr: bool = False) -> Any:
    """Make rich's console; where nobody watches, lines are long and plain."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else 160, highlight=False, soft_wrap=False)


def put_table(head: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str = "") -> None:
    """Print a table for people."""
    from rich import box
    from rich.table import Table

    table = Table(*head, title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    console().print(table)
