"""`kiosk drill`: a test alarm through the whole chain by the running daemon, followed to its verdict."""

from pathlib import Path
from typing import Any

import click

from kiosk.commands.exits import Exit
from kiosk.commands.options import config_option, glance, json_option, lang_option
from kiosk.commands.output import put_json

Object = dict[str, Any]


@click.command()
@config_option
@json_option
@lang_option
@click.option("--duty", is_flag=True, help="Send it to the duty officers' telephones too, marked as a test.")
@click.pass_context
def drill(ctx: click.Context, file: Path, *, as_json: bool, lang: Any, duty: bool) -> None:
    """Send a test alarm through every step that an alarm travels, and judge it.

    It passes when the centre itself has answered by MQTT and the network took every SMS. Nobody is called
    without --duty. Exit codes: 0 passed, 1 failed, 3 no daemon, 4 refused (an alarm is open).
    """
    from kiosk.check.daemon import drill_events
    from kiosk.commands.status import event_line
    from kiosk.words import load_catalogue

    seen = glance(file)
    verdict: Object = {}
    for event in drill_events(seen.socket, duty=duty, drill_s=seen.drill_s):
        verdict = event
        if as_json:
            put_json(event)
        else:
            click.echo(event_line(event))
    passed = verdict["what"] == "drill_passed"
    if not as_json:
        words, language = load_catalogue(), lang or seen.language
        key = "drill_passed" if passed else "drill_failed"
        click.echo(words.word(language, "cli", key, missing=verdict.get("missing", "")))
    ctx.exit(Exit.OK if passed else Exit.FAILED)
