"""`kiosk monitor status|duty|watch`: the centre itself, and what happens there."""

import json
from pathlib import Path

import click

from kiosk.monitor.commands.acts import act
from kiosk.monitor.commands.terminal import ask, asking, config_option, json_option, put_json, terminal_of


@click.command()
@click.pass_context
def status(context: click.Context) -> None:
    """Show how the centre itself is, as JSON."""
    put_json([ask(context, {"ask": "status"})])


@click.command()
@click.argument("state", type=click.Choice(["on", "off"]))
@config_option
@click.pass_context
def duty(context: click.Context, state: str, file: Path) -> None:
    """Say whether anybody is on duty; while nobody is, kiosks write SMS at once."""
    act(context, {"ask": "duty", "on": state == "on"}, file, what="duty", more=state)


@click.command()
@json_option
@click.pass_context
def watch(context: click.Context, *, as_json: bool) -> None:
    """Follow what happens, until interrupted."""
    from kiosk import control
    from kiosk.monitor import tables

    with asking():
        for event in control.watch(terminal_of(context).socket):
            click.echo(json.dumps(event, ensure_ascii=False) if as_json else tables.event(event))
