"""`kiosk fleet release`: the software for all kiosks, gathered where there is Internet."""

from pathlib import Path
from typing import Any

import click

from kiosk.commands.fleet.files import FILE, FOLDER, key_option
from kiosk.commands.output import quiet_log

TARGETS = ("trixie-arm64", "bookworm-arm64", "trixie-armhf", "bookworm-armhf")


@click.group()
def release() -> None:
    """The software for all kiosks: one signed file."""


@release.command()
@click.option("--source", type=FOLDER, default=".", help="The sources of the kiosk.  [.]")
@click.option("--out", type=FOLDER, default="dist", show_default=True)
@click.option("--target", "targets", type=click.Choice(TARGETS), multiple=True, help="A board.  [all]")
@key_option
@click.option("--deb", type=FILE, default=None, help="The package pana-kiosk.  [built by dev/deb.sh]")
@click.option("--human", type=FOLDER, default=None, help="Recordings: <language>/<key>.wav.")
@click.option("--piper", type=(str, FILE), multiple=True, help="A language and its Piper voice.")
@click.option("--mirror", default="", help="Of Debian, with --security-mirror.  [this machine's]")
@click.option("--security-mirror", default="", help="Of Debian's security updates.  [this machine's]")
@click.option("--no-updates", is_flag=True, help="Packages of the last point release only.")
@click.option("--package", "packages", multiple=True, help="A further Debian package, like overlayroot.")
@click.option("--no-debs", is_flag=True, help="Leave Debian packages out: the boards need Internet then.")
def build(source: Path, out: Path, key: Path, **given: Any) -> None:
    """Fetch, build, render and sign everything that a kiosk needs to be installed without Internet."""
    quiet_log()
    from datetime import UTC, datetime

    from kiosk import __version__, bundle
    from kiosk.fleet.covers import cache_folder
    from kiosk.fleet.release import building, debs
    from kiosk.fleet.release import targets as boards
    from kiosk.words import load_catalogue

    signing = bundle.load_signing_key(key)
    named = debs.Mirrors(given["mirror"], given["security_mirror"]) if given["mirror"] else None
    mirrors = None if given["no_debs"] else named or debs.mirrors_of_desk()
    if mirrors is not None and given["no_updates"]:
        mirrors = debs.Mirrors(mirrors.main)
    recipe = building.Recipe(
        source=source,
        targets=[boards.TARGETS[name] for name in given["targets"] or TARGETS],
        version=__version__,
        made_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        sign=signing.sign,
        words=load_catalogue(),
        voice_cache=cache_folder().with_name("release-voice"),
        mirrors=mirrors,
        deb=given["deb"],
        packages=given["packages"],
        human=given["human"],
        piper=dict(given["piper"]),
        tell=lambda what: click.echo(what, err=True),
    )
    path = building.build(recipe, out)
    click.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
    click.echo(f"id: {bundle.file_id(path)}")
