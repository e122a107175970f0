"""`kiosk check`: every part tested, one row a part, for people in three languages or as JSON."""

import sys
from pathlib import Path
from typing import Any, Self

import click

from kiosk.commands.exits import Exit
from kiosk.commands.options import config_option, glance, json_option, lang_option
from kiosk.commands.output import console, put_json, put_table, quiet_log

ANSWERS_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
SHEET_FILE = click.Path(path_type=Path, dir_okay=False)
STYLE = {"ok": "green", "warning": "yellow", "fault": "bold red", "untested": "magenta", "unused": "dim"}


@click.command()
@config_option
@json_option
@lang_option
@click.option("--allow-mock-pins", is_flag=True, help="Let gpio.factory be 'mock' (demo and tests only).")
@click.option("--install", "installing", is_flag=True, help="The installer's check: press, hear, every path.")
@click.option("--by", default="", help="With --install: the name of who checks.")
@click.option("--yes", is_flag=True, help="With --install: answer every question with yes.")
@click.option("--answers", type=ANSWERS_FILE, default=None, help="With --install: a file of answers.")
@click.option("--again", is_flag=True, help="With --install: repeat what passed before, too.")
@click.option(
    "--sheet", type=SHEET_FILE, default=None, help="With --install: write the sheet as .pdf or .html."
)
@click.pass_context
def check(
    ctx: click.Context, /, file: Path, *, as_json: bool, lang: str | None, allow_mock_pins: bool, by: str,
    installing: bool, **more: Any,
) -> None:  # fmt: skip
    """Test every part with the installer's eye: what was found, and what to do.

    Sends one drill (a test alarm) to the centre. Beside a running daemon the daemon tests what it owns;
    without one every device is opened in turn. Each part has a deadline.

    With --install somebody stands at the kiosk and presses every button and hears every prompt; the drill
    goes by every path and the centre answers by each; the sheet is printed, kept and sent to the centre.

    Exit codes: 0 every part works (warnings allowed), 1 a fault or an untested part, 4 this user may not
    ask the daemon, 78 the configuration is wrong.
    """
    from kiosk.check.plan import Check
    from kiosk.check.row import count, tell
    from kiosk.words import load_catalogue

    quiet_log()
    words = load_catalogue()
    language: Any = lang or glance(file).language
    if installing:
        from kiosk.commands.install import install

        names = {"file": file, "language": language, "by": by.strip(), "allow_mock": allow_mock_pins}
        ctx.exit(install(as_json=as_json, **names, **more))
    with _Waiting(words, language, quiet=as_json) as waiting:
        done = Check(file=file, words=words, allow_mock=allow_mock_pins, progress=waiting.now)
        rows = done.run()
    told = [tell(row, words, language) for row in rows]
    figures = {level: count(rows, level) for level in ("fault", "untested", "warning")}
    passed = not figures["fault"] and not figures["untested"]
    if as_json:
        put_json({"ok": passed, **figures, "parts": told})
    else:
        _put_rows(told, words, language)
        click.echo(words.word(language, "check", "passed" if passed else "failed", **figures))
    ctx.exit(Exit.CONFIG if done.config_is_wrong else Exit.OK if passed else Exit.FAILED)


def _put_rows(told: list[Any], words: Any, language: Any) -> None:
    from rich.text import Text

    def level(row: Any) -> str:
        return str(words.word(language, "check", f"level_{row.level}"))

    head = [words.word(language, "check", f"head_{name}") for name in ("part", "level", "found", "do")]
    put_table(
        head,
        (
            (Text(row.title), Text(level(row), style=STYLE[row.level]), Text(row.found), Text(row.do))
            for row in told
        ),
    )


class _Waiting:
    """Names the part under test while somebody watches the terminal."""

    def __init__(self, words: Any, language: Any, *, quiet: bool) -> None:
        self._words = words
        self._language = language
        self._status = None if quiet or not sys.stderr.isatty() else console(stderr=True).status("")

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def now(self, part: str) -> None:
        """Show which part is under test."""
        if self._status is not None:
            title = self._words.word(self._language, "check", f"part_{part}")
            self._status.update(self._words.word(self._language, "check", "testing", part=title))
