"""The command line: which commands there are. Every one lives in its own file and loads when it is used."""

import click

from kiosk.commands.exits import epilog
from kiosk.commands.lazy import Lazy, LazyGroup

COMMANDS = {
    "run": Lazy("kiosk.commands.run:run", "Run the kiosk until it is told to stop."),
    "status": Lazy("kiosk.commands.status:status", "Tell how the running kiosk is."),
    "check": Lazy("kiosk.commands.check:check", "Test every part with the installer's eye."),
    "drill": Lazy("kiosk.commands.drill:drill", "Send a test alarm through the whole chain and judge it."),
    "history": Lazy("kiosk.commands.history:history", "List what happened, from the journal."),
    "config": Lazy("kiosk.commands.config:config", "Show or check the configuration."),
    "voice": Lazy("kiosk.commands.voice:voice", "Render, play and list what the kiosk says."),
    "enrol": Lazy("kiosk.commands.enrol:enrol", "Get or renew this kiosk's certificate.", "pi"),
    "card": Lazy("kiosk.commands.card:card", "Print the action card for the staff of a point."),
    "errands": Lazy("kiosk.commands.errands:errands", "Do what could not be done without Internet.", "pi"),
    "update": Lazy(
        "kiosk.commands.update:update", "Install a new version, tried and kept or taken back.", "pi"
    ),
    "schema": Lazy("kiosk.commands.schema:schema", "Print the JSON Schemas of configuration and messages."),
    "monitor": Lazy("kiosk.monitor.commands:monitor", "Run and use the centre.", "monitor"),
    "fleet": Lazy("kiosk.commands.fleet:fleet", "Make bundles, cards and brokers' files at the desk."),
    "simulate": Lazy("kiosk.commands.simulate:simulate", "Try the whole system in virtual time.", "monitor"),
    "demo": Lazy("kiosk.demo.command:demo", "Play the whole chain on this computer.", "demo"),
    "completion": Lazy("kiosk.commands.completion:completion", "Print the shell's completion script."),
}


@click.group(cls=LazyGroup, commands_at=COMMANDS, epilog=epilog())
@click.version_option(package_name="pana-kiosk")
def main() -> None:
    """Run and look after a safe-point kiosk."""
