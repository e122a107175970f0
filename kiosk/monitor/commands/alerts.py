"""`kiosk monitor alerts|accept|advance|close`: see the alerts and act on them."""

from pathlib import Path
from typing import Any

import click

from kiosk.monitor.commands.acts import act, by_option
from kiosk.monitor.commands.terminal import ask, json_option, put_json, put_table, terminal_of

_ALERT = click.argument("alert", metavar="ALERT")


@click.command()
@json_option
@click.option("--all", "closed", is_flag=True, help="Closed ones too.")
@click.pass_context
def alerts(context: click.Context, *, as_json: bool, closed: bool) -> None:
    """List the alerts, those that nobody has taken first."""
    terminal = terminal_of(context)
    found: list[dict[str, Any]] = []
    more = True
    while more:
        page = ask(context, {"ask": "alerts", "start": len(found), "closed": closed})
        found += page["alerts"]
        more = page["more"]
    if as_json:
        put_json(found)
    elif found:
        from kiosk.monitor import tables

        put_table(tables.alerts(found, terminal.word, terminal.language))
    else:
        click.echo(terminal.word("no_alerts"))


@click.command()
@_ALERT
@by_option
@click.pass_context
def accept(context: click.Context, alert: str, by: str, file: Path) -> None:
    """Take ALERT (its id, or enough of its beginning or end)."""
    act(context, {"ask": "accept", "alert": alert, "by": by}, file, what="accept", subject=alert)


@click.command()
@_ALERT
@click.argument("stage", type=click.Choice(["en_route", "on_scene"]))
@by_option
@click.pass_context
def advance(context: click.Context, alert: str, stage: str, by: str, file: Path) -> None:
    """Say that help is on its way to ALERT, or there."""
    act(
        context, {"ask": "advance", "alert": alert, "stage": stage, "by": by}, file, what=stage, subject=alert
    )


@click.command()
@_ALERT
@click.option("--note", default="", help="How it ended; stays at the centre. Nothing about a person.")
@click.option(
    "--outcome",
    type=click.Choice(["helped", "referred", "nobody_there", "false_press", "test", "other"]),
    default=None,
    help="How it ended, for the statistics.",
)
@by_option
@click.pass_context
def close(context: click.Context, alert: str, note: str, outcome: str | None, *, by: str, file: Path) -> None:
    """End ALERT."""
    request = {"ask": "close", "alert": alert, "note": note, "outcome": outcome or "", "by": by}
    act(context, request, file, what="close", subject=alert)
