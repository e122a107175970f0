"""`kiosk check --install`: the installer's check with somebody at the kiosk, its sheet, and its record."""

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kiosk.commands.exits import Exit
from kiosk.commands.output import put_json

if TYPE_CHECKING:
    from kiosk.check.install.people import Person
    from kiosk.commissioning import Commissioning
    from kiosk.errands.outcome import Outcome

LOG_FILE = Path("/var/log/pana-provision.log")


def install(
    *, file: Path, language: Any, by: str, yes: bool, answers: Path | None, again: bool,
    as_json: bool, sheet: Path | None, allow_mock: bool,
) -> Exit:  # fmt: skip
    """Go through the installer's check; give the exit code.

    Raises as `Visit.run`, and click.UsageError when nobody is there to answer.
    """
    from kiosk.check.install.steps import AlarmOpen
    from kiosk.check.install.visit import Visit
    from kiosk.words import load_catalogue

    words = load_catalogue()
    by = by or _name(words, language)
    person = _person(words, language, yes=yes, answers=answers, quiet=as_json)
    visit = Visit(
        file=file, by=by, words=words, language=language, person=person, again=again, allow_mock=allow_mock
    )
    _errands(file)
    try:
        record = visit.run()
    except AlarmOpen as error:
        click.echo(str(error), err=True)
        return Exit.REFUSED
    unsent = _unsent(_errands(file))
    if as_json:
        put_json(record)
    else:
        _put_sheet(record, words)
        click.echo(words.word(language, "install", "unsent" if unsent else "sent", reason=unsent))
    if sheet is not None:
        _write_sheet(sheet, record, file, words)
    return Exit.FAILED if record.verdict == "failed" else Exit.OK


def _at_terminal() -> bool:
    return sys.stdin.isatty()


def _name(words: Any, language: Any) -> str:
    """Ask who checks, where somebody is there to be asked."""
    if not _at_terminal():
        raise click.UsageError(words.word(language, "install", "no_name"))
    return str(click.prompt(words.word(language, "install", "ask_name"))).strip()


def _person(words: Any, language: Any, *, yes: bool, answers: Path | None, quiet: bool) -> "Person":
    from kiosk.check.install.people import DEFAULT, AtTerminal, FromFile, read_answers

    def tell(text: str) -> None:
        click.echo(text, err=quiet)
        (sys.stderr if quiet else sys.stdout).flush()

    if answers is not None:
        return FromFile(read_answers(answers), tell)
    if yes:
        return FromFile({DEFAULT: "yes"}, tell)
    if not _at_terminal():
        raise click.UsageError(words.word(language, "install", "no_person"))
    return AtTerminal(words, language, sys.stdin.readline)


def _put_sheet(record: "Commissioning", words: Any) -> None:
    from kiosk.check.install.sheet import SHEET_LANGUAGES, lines

    for language in SHEET_LANGUAGES:
        click.echo("\n" + "\n".join(lines(record, words, language)) + "\n")


def _errands(file: Path) -> "list[Outcome]":
    """Do what the errands would do in some minutes: enrol before the check, send the record after it."""
    from kiosk.arming import read_config
    from kiosk.check.trial import trusted_utc_s
    from kiosk.errands.desk import Desk
    from kiosk.errands.rounds import run_all

    config, _ = read_config(file)
    good_s = trusted_utc_s(Path(config.paths.state))
    desk = Desk(
        config=config, folder=file.parent, log=LOG_FILE, trusted_utc_s=lambda: max(good_s, time.time())
    )
    return run_all(desk, leave=lambda: os._exit(Exit.REFUSED))


def _unsent(done: "list[Outcome]") -> str:
    """Say why the centre does not have the record yet; empty once it has."""
    left = [one.detail for one in done if one.errand in ("commissioning", "all") and one.ended != "done"]
    return left[0] if left else ""


def _write_sheet(path: Path, record: "Commissioning", file: Path, words: Any) -> None:
    """Write the sheet to be signed, as PDF or HTML by its name."""
    from kiosk.arming import read_config
    from kiosk.paper import sheet
    from kiosk.paper.record import tell

    config, _ = read_config(file)
    site = config.site
    places: Any = {"kk": f"{site.name.kk}, {site.address.kk}", "ru": f"{site.name.ru}, {site.address.ru}"}
    told = tell(record, number=config.kiosk.number, places=places, words=words)
    if path.suffix == ".html":
        path.write_text(sheet.to_html(told), encoding="utf-8")
    else:
        path.write_bytes(sheet.to_pdf(told))
