"""`kiosk fleet …`: the desk. Every command lives in its own file and loads when it is used."""

import click

from kiosk.commands.exits import epilog
from kiosk.commands.lazy import Lazy, LazyGroup

HERE = "kiosk.commands.fleet"
EXTRA = "desk"
COMMANDS = {
    "key": Lazy(f"{HERE}.key:key", "The owner's signing key.", EXTRA),
    "release": Lazy(f"{HERE}.release:release", "Build the software for all kiosks, signed.", EXTRA),
    "make": Lazy(f"{HERE}.make:make", "Make kiosks' bundles from a sheet or the registry.", EXTRA),
    "verify": Lazy(f"{HERE}.verify:verify", "Check a bundle as a kiosk would.", EXTRA),
    "boot-files": Lazy(f"{HERE}.boot_files:boot_files", "Prepare a card's boot partition.", EXTRA),
    "broker": Lazy(f"{HERE}.broker:broker", "Write the brokers' files.", EXTRA),
}


@click.group(name="fleet", cls=LazyGroup, commands_at=COMMANDS, epilog=epilog())
def fleet() -> None:
    """The desk: from a sheet to signed bundles and memory cards."""
