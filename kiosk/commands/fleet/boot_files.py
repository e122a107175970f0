"""`kiosk fleet boot-files`: one card's boot partition, ready to make its kiosk at first start."""

from pathlib import Path
from typing import Any

import click

from kiosk.commands.fleet.files import FILE, FOLDER, PUB
from kiosk.commands.output import quiet_log


@click.command("boot-files")
@click.argument("bundle", type=FILE)
@click.option("--to", "boot", type=FOLDER, required=True, help="Where the card's boot partition is mounted.")
@click.option("--source", type=FOLDER, default=".", help="The sources of the kiosk.  [.]")
@click.option("--pub", type=FILE, default=None, help="The owner's public key.  [owner.pub beside BUNDLE]")
@click.option("--suite", type=click.Choice(["trixie", "bookworm"]), default=None, help="[as the card says]")
@click.option("--wifi", default="", help="Name of a Wi-Fi; its password is asked for.")
@click.option("--wifi-password-file", type=FILE, default=None)
@click.option("--again", is_flag=True, help="The card was prepared before: replace that.")
def boot_files(bundle: Path, pub: Path | None, **given: Any) -> None:
    """Put BUNDLE, its release, owner.pub and the scripts on a card that holds Raspberry Pi OS.

    Checked before and read back afterwards. At its first start the board makes itself a kiosk, and leaves
    what became of it in pana/result.txt of the same partition.
    """
    quiet_log()
    from kiosk.fleet import cards

    wifi = _wifi(given.pop("wifi"), given.pop("wifi_password_file"))
    card = cards.Card(wifi=wifi, **given)
    suite = cards.prepare(card, bundle, pub or bundle.parent / PUB)
    click.echo(f"{card.boot}: ready for {bundle.name.split('.')[0]}, {suite.capitalize()}; unmount it first")


def _wifi(name: str, password_file: Path | None) -> Any:
    if not name:
        return None
    from kiosk.commands.fleet.make import text_of
    from kiosk.fleet.cards import Wifi

    if password_file is not None:
        return Wifi(name=name, password=text_of(password_file).strip())
    return Wifi(name=name, password=click.prompt("Password", hide_input=True))
