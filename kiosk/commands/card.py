"""`kiosk card`: the action card for a point's staff, as PDF or HTML."""

import re
from pathlib import Path
from typing import Any

import click

from kiosk.bodies import END
from kiosk.commands.fleet.files import FILE, PUB
from kiosk.commands.options import LANGUAGES, config_option

SUFFIXES = (".pdf", ".html")
PHONE = re.compile(r"\+[0-9]{8,15}" + END)


def _output(_context: click.Context, _option: click.Parameter, file: Path) -> Path:
    if file.suffix not in SUFFIXES:
        raise click.BadParameter(f"{file.name!r} must end with {' or '.join(SUFFIXES)}")
    return file


def _languages(_context: click.Context, _option: click.Parameter, text: str) -> tuple[str, ...]:
    languages = tuple(text.split(","))
    if not set(languages) <= set(LANGUAGES) or len(languages) != len(set(languages)) or len(languages) > 2:
        raise click.BadParameter(f"{text!r}: one or two of {', '.join(LANGUAGES)} with a comma between them")
    return languages


def _phone(_context: click.Context, _option: click.Parameter, phone: str | None) -> str | None:
    if phone is not None and not PHONE.match(phone):
        raise click.BadParameter("an international number: + and 8 to 15 digits, no spaces")
    return phone


@click.command()
@config_option
@click.option("--lang", "languages", default="kk,ru", show_default=True, callback=_languages,
              help="Languages of the card, a page each: one or two of kk, ru, en.")  # fmt: skip
@click.option("--service-phone", "phone", default=None, metavar="+7…", callback=_phone,
              help="Whom to phone when the lamp blinks; by default site.service_phone.")  # fmt: skip
@click.option("--bundle", type=FILE, default=None,
              help="A kiosk's bundle, at the desk, instead of --config.")  # fmt: skip
@click.option("--pub", type=FILE, default=PUB, show_default=True, help="The owner's key, for --bundle.")
@click.option("--output", required=True, type=click.Path(path_type=Path, dir_okay=False), callback=_output,
              help="The file to write: card.pdf or card.html.")  # fmt: skip
def card(
    file: Path, *, languages: Any, phone: str | None, bundle: Path | None, pub: Path, output: Path
) -> None:
    """Print the card for the staff: what the pin means, what to do, what the kiosk says, whom to phone.

    A5, one page a language. Without a service phone a line is left to write it on. Needs no daemon, so it
    runs at a desk, also from a kiosk's bundle; PDF needs the extra `paper`.
    """
    from kiosk.paper import card as paper
    from kiosk.paper import words
    from kiosk.paper.point import point_of
    from kiosk.words import load_catalogue

    prompts = load_catalogue()
    point = point_of(_site(file, bundle, pub, prompts), phone)
    if output.suffix == ".pdf":
        made = paper.to_pdf(point, languages, prompts)
    else:
        made = paper.to_html(point, languages, prompts).encode("utf-8")
    try:
        output.write_bytes(made)
    except OSError as error:
        raise click.FileError(str(output), error.strerror or str(error)) from error
    click.echo(f"{output}: № {point.number}, {', '.join(languages)}, A5")
    if point.service_phone is None:
        click.echo("warning: no service phone; write it on by hand or give --service-phone", err=True)
    for language in languages:
        if language not in words.load("card").approved:
            click.echo(f"warning: no native speaker has approved the words in {language} yet", err=True)


def _site(file: Path, bundle_file: Path | None, pub: Path, prompts: Any) -> Any:
    """Read a site's configuration, out of a bundle that the owner signed where one is given."""
    from kiosk import site_files

    if bundle_file is None:
        return site_files.load_config(file)[0]
    try:
        from kiosk import bundle
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"--bundle needs {error.name}, which is missing: pip install 'pana-kiosk[desk]'"
        ) from error
    from kiosk import site_check
    from kiosk.config import Config
    from kiosk.config_text import decode

    verified = bundle.verify(bundle_file, bundle.load_public_key(pub), kind="kiosk")
    where = bundle_file / "site.toml"
    site = decode(Config, bundle.content(verified, "site.toml").decode("utf-8", "replace"), str(where))
    site_check.demand_sound(site, where, prompts)
    return site
