"""`kiosk monitor export …`: alerts, figures and kiosks as CSV; no person, no note, no phone."""

import sys
from pathlib import Path
from typing import IO

import click

from kiosk.monitor.commands.shelf import Shelf
from kiosk.monitor.commands.terminal import config_option

DAY_MS = 86_400_000
EVER = "2000-01-01"


@click.command()
@click.argument("kind", type=click.Choice(["alerts", "statistics", "kiosks"]))
@config_option
@click.option("--from", "since", default=EVER, show_default=True, help="First day, of Asia/Almaty.")
@click.option("--to", "until", default=None, help="Last day, included.  [default: today]")
@click.option("--format", type=click.Choice(["csv"]), default="csv", show_default=True)
@click.option("--bom", is_flag=True, help="Begin with a byte order mark: Excel then reads UTF-8.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), default=None, help="Else stdout.")
@click.pass_context
def export(
    context: click.Context,
    /,
    kind: str,
    file: Path,
    since: str,
    until: str | None,
    *,
    output: Path | None,
    bom: bool,
    **_format: str,
) -> None:
    """Write KIND as a table; cells that a spreadsheet would execute are defused."""
    import time

    from kiosk.monitor.web import times

    now_ms = time.time_ns() // 1_000_000
    since_ms, last_ms = times.day_begins(since), times.day_begins(until or times.day(now_ms))
    if since_ms is None or last_ms is None or last_ms < since_ms:
        raise click.BadParameter("--from and --to are days like 2026-01-31, the first not after the last")
    shelf = Shelf(file, context.find_object(object))
    if output is None:
        _write(shelf, kind, (since_ms, last_ms + DAY_MS), sys.stdout, bom=bom)
        return
    with output.open("w", encoding="utf-8", newline="") as out:
        _write(shelf, kind, (since_ms, last_ms + DAY_MS), out, bom=bom)


def _write(shelf: Shelf, kind: str, between: tuple[int, int], out: IO[str], *, bom: bool) -> None:
    from kiosk.monitor import exports, sheets

    with shelf.read() as db:
        header: tuple[str, ...]
        match kind:
            case "alerts":
                header, rows = exports.ALERTS, exports.alert_rows(db, *between)
            case "statistics":
                wanted = exports.months_between(*exports.trimmed(db, *between))
                header, rows = exports.STATISTICS, exports.statistics_rows(db, wanted)
            case _:
                header, rows = exports.KIOSKS, exports.kiosk_rows(db)
        out.writelines(sheets.write(header, rows, bom=bom))
