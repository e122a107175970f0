"""`kiosk history`: the stages that the journal kept, read beside a running daemon, never written."""

from pathlib import Path
from typing import Any

import click

from kiosk.commands.clock import local_moment, utc_moment
from kiosk.commands.options import config_option, glance, json_option, lang_option
from kiosk.commands.output import put_json, put_table


@click.command()
@config_option
@json_option
@lang_option
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="Newest lines.")
def history(file: Path, *, as_json: bool, lang: Any, limit: int) -> None:
    """List the newest stages of every alarm and drill, newest first."""
    from kiosk.journal import read_history

    seen = glance(file)
    stages = read_history(seen.state / "journal.sqlite", limit)
    if as_json:
        for stage in stages:
            put_json({
                "at": utc_moment(stage.at_utc_ms / 1000), "alert_id": stage.alert_id, "kind": stage.kind,
                "stage": stage.stage, "by": stage.by,
            })  # fmt: skip
        return
    from kiosk.words import load_catalogue

    words, language = load_catalogue(), lang or seen.language

    def word(key: str) -> str:
        return words.word(language, "cli", key)

    head = [word(f"head_{name}") for name in ("time", "kind", "stage", "by", "alert")]
    rows = (
        (
            local_moment(stage.at_utc_ms / 1000),
            word(f"kind_{stage.kind}"),
            word(f"stage_{stage.stage}"),
            stage.by,
            stage.alert_id,
        )
        for stage in stages
    )
    put_table(head, rows)
