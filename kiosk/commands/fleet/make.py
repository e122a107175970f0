"""`kiosk fleet make`: bundles for many kiosks at once; every bad row is told, every good one is made."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kiosk.commands.exits import Exit
from kiosk.commands.fleet.files import FILE, FOLDER, PUB, key_option
from kiosk.commands.options import json_option
from kiosk.commands.output import console, put_json, quiet_log

if TYPE_CHECKING:
    from kiosk.fleet.centre import Centre
    from kiosk.fleet.making import Batch, Made, Ready
    from kiosk.fleet.sheet import Fault, Sheet
    from kiosk.fleet.template import Template
    from kiosk.monitor.commands.shelf import Shelf


@click.command()
@click.argument("kiosks", nargs=-1)
@click.option("--csv", "sheet_file", type=FILE, default=None, help="The sheet of kiosks.")
@click.option("--fleet", "fleet_file", type=FILE, default="fleet.toml", help="What they share.")
@click.option("--release", "release_file", type=FILE, required=True, help="The release they get.")
@click.option("--out", type=FOLDER, required=True, help="Where the bundles go.")
@key_option
@click.option("--centre", type=FILE, default=None, help="The centre's configuration, for its registry.")
@click.option("--voice", default="", help="spoken, cover or off, for kiosks whose row says nothing.")
@click.option("--sms-master", type=FILE, default=None, help="The centre's master key, without --centre.")
@click.option(
    "--token-life-h", "life_h", type=click.IntRange(1, 720), default=336, show_default=True, help="Hours."
)
@click.option("--whole", is_flag=True, help="Put the release into each bundle.")
@click.option("--strict", is_flag=True, help="Make nothing when one row is bad.")
@click.option("--dry-run", is_flag=True, help="Judge every row, make nothing.")
@click.option("--jobs", type=click.IntRange(1, 64), default=4, show_default=True)
@json_option
@click.pass_context
def make(ctx: click.Context, /, kiosks: tuple[str, ...], *, as_json: bool, **given: Any) -> None:
    """Make a signed bundle for each kiosk of a sheet, or for KIOSKS only.

    With --centre the registry says where a kiosk stands, rows with a place are registered or changed there,
    and tokens are made: older unused ones of these kiosks die. 1: a row was bad, the good ones are made.
    """
    quiet_log()
    run = _Run(kiosks, **given)
    good, faults = run.ready()
    stop = run.given["dry_run"] or (run.given["strict"] and faults)
    made = [] if stop else run.write(good)
    if as_json:
        for one in made:
            put_json(one)
    for fault in faults:
        if as_json:
            put_json({"fault": fault})
        else:
            click.echo(fault.text(str(run.given["sheet_file"] or "registry")), err=True)
    if not as_json:
        _sum_up(run, good, made, faults)
    ctx.exit(Exit.FAILED if faults else Exit.OK)


class _Run:
    """One run with what was given on the command line."""

    def __init__(self, kiosks: tuple[str, ...], **given: Any) -> None:
        from kiosk import bundle
        from kiosk.fleet import making, template
        from kiosk.words import load_catalogue

        self.kiosks, self.given = kiosks, given
        self.words = load_catalogue()
        key = bundle.load_signing_key(given["key"])
        self.public = key.public_key()
        fleet_file: Path = given["fleet_file"]
        self.template: Template = template.read(text_of(fleet_file), str(fleet_file))
        ca = making.read_ca(fleet_file.parent / self.template.shared.ca)
        release = bundle.verify(given["release_file"], self.public, kind="release")
        self.batch: Batch = making.Batch(
            release=release,
            voice=making.voice_of(release),
            ca=ca,
            door=self.template.door,
            out=given["out"],
            made_at=_now(),
            sign=key.sign,
            words=self.words,
            whole=given["whole"],
        )

    def ready(self) -> "tuple[list[Ready], list[Fault]]":
        """Judge every row; tokens exist afterwards for the good ones, unless nothing is to be made."""
        from kiosk.fleet import making

        sheet = self._sheet()
        if self.given["centre"] is None:
            return making.ready(sheet, self.template, _alone(self.given["sms_master"]), self.words)
        shelf, source = _centre(self.given["centre"])
        good, faults = making.ready(sheet, self.template, source, self.words)
        strict: bool = self.given["strict"]
        if self.given["dry_run"] or (strict and faults):
            return good, faults
        with shelf.change() as (db, act):
            late = source.write(db, sheet, life_h=self.given["life_h"], strict=strict, **act)
        bad = {fault.kiosk for fault in late}
        good = [one for one in good if one.plan.kiosk not in bad]
        return good, sorted([*faults, *late], key=lambda fault: fault.line)

    def write(self, good: "list[Ready]") -> "list[Made]":
        """Write the bundles, and beside them the release and owner.pub."""
        from dataclasses import replace

        from kiosk import bundle
        from kiosk.fleet import covers, making

        out: Path = self.given["out"]
        making.lay_beside(self.batch, bundle.public_pem(self.public), out / PUB)
        prompts = [prompt for one in good for prompt in covers.phrases_of(one.plan.config, self.words)]
        batch = replace(self.batch, sounds=covers.sounds(prompts, covers.cache_folder()))
        with _bar(len(good)) as step:
            made = []
            for one in making.write_all(batch, good, self.given["jobs"]):
                made.append(one)
                step(one.kiosk)
        return sorted(made, key=lambda one: one.kiosk)

    def _sheet(self) -> "Sheet":
        from kiosk.fleet import sheet as sheets

        file: Path | None = self.given["sheet_file"]
        if file is None and not self.kiosks:
            raise click.UsageError("name kiosks, or give a sheet by --csv")
        if file is None and self.given["centre"] is None:
            raise click.UsageError("without --csv the registry is needed: give --centre")
        text = "kiosk_id\n" + "\n".join(self.kiosks) if file is None else text_of(file)
        return sheets.chosen(sheets.read(text), self.kiosks, voice=self.given["voice"])


def text_of(file: Path) -> str:
    """Read a file that a person wrote; raises ConfigError."""
    from kiosk.messages import ConfigError

    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: is not UTF-8; save the sheet as CSV UTF-8") from error


def _now() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _alone(master: Path | None) -> Any:
    from kiosk.fleet.sources import Alone
    from kiosk.messages import ConfigError
    from kiosk.monitor.sms_keys import SmsKeys, read_key
    from kiosk.wire import Rejected

    if master is None:
        return Alone()
    key = read_key(text_of(master))
    if isinstance(key, Rejected):
        raise ConfigError(f"{master}: {key.reason}")
    return Alone(SmsKeys(key))


def _centre(file: Path) -> "tuple[Shelf, Centre]":
    """Read the centre's registry; it is let go of before any row is judged."""
    from kiosk.fleet.centre import Centre
    from kiosk.monitor.commands.shelf import Shelf
    from kiosk.monitor.notify.texter import read_rules

    shelf = Shelf(file, None)
    config = shelf.config()
    keys = read_rules(config).keys if config.sms is not None else None
    with shelf.read() as db:
        return shelf, Centre(db, keys, config.own_names)


@contextmanager
def _bar(total: int) -> Iterator[Any]:
    """A bar on a terminal; silent elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _name: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console(stderr=True)) as bar:
        task = bar.add_task("", total=total)
        yield lambda name: bar.update(task, advance=1, description=name)


def _sum_up(run: _Run, good: "list[Ready]", made: "list[Made]", faults: "list[Fault]") -> None:
    for one in good:
        for warning in one.plan.warnings:
            click.echo(f"warning: {one.plan.kiosk}: {warning}", err=True)
    size = sum(one.size for one in made) / 1e6
    click.echo(f"{run.given['out']}: {len(made)} bundles, {size:.1f} MB; {len(good)} rows are good")
    if faults:
        click.echo(
            f"{len({fault.line for fault in faults})} rows are bad: {len(faults)} faults, listed above",
            err=True,
        )
    if made and run.given["centre"] is not None:
        click.echo(f"tokens live {run.given['life_h']} h, and older unused ones of these kiosks ended")
