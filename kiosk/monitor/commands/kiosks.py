"""`kiosk monitor kiosks|command`: see the kiosks and order them to do something."""

from pathlib import Path
from typing import Any

import click

from kiosk.monitor.commands.acts import act, by_option
from kiosk.monitor.commands.terminal import ask, json_option, put_json, put_table, terminal_of


@click.command()
@json_option
@click.pass_context
def kiosks(context: click.Context, *, as_json: bool) -> None:
    """List the kiosks: alive or silent, their faults, last heartbeat and events."""
    terminal = terminal_of(context)
    found: list[dict[str, Any]] = []
    more = True
    while more:
        after = found[-1]["kiosk_id"] if found else ""
        page = ask(context, {"ask": "kiosks", "after": after})
        found += page["kiosks"]
        more = page["more"]
    if as_json:
        put_json(found)
    elif found:
        from kiosk.monitor import tables

        put_table(tables.kiosks(found, terminal.word))
    else:
        click.echo(terminal.word("no_kiosks"))


@click.command()
@click.argument("kiosk")
@click.argument("name", type=click.Choice(["drill", "report", "restart", "refresh-voice"]))
@click.option("--duty", is_flag=True, help="Let the drill reach the duty officers' phones.")
@by_option
@click.pass_context
def command(context: click.Context, kiosk: str, name: str, by: str, file: Path, *, duty: bool) -> None:
    """Order KIOSK to do something."""
    request = {"ask": "command", "kiosk": kiosk, "name": name, "by": by, "duty": duty}
    act(context, request, file, what="command", subject=kiosk, more=f"{name} duty" if duty else name)
