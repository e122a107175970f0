"""`kiosk monitor …`: which commands there are. Every one lives in its own file and loads when it is used."""

from pathlib import Path

import click

from kiosk.commands.exits import epilog
from kiosk.commands.lazy import Lazy, LazyGroup
from kiosk.messages import Language
from kiosk.monitor.commands.terminal import SOCKET, Terminal, language_of_environment

HERE = "kiosk.monitor.commands"
EXTRA = "monitor"
COMMANDS = {
    "run": Lazy(f"{HERE}.run:run", "Run the centre until SIGTERM.", EXTRA),
    "web": Lazy(f"{HERE}.web:web", "Serve the pages (the centre starts this itself).", EXTRA),
    "doors": Lazy(f"{HERE}.doors:doors", "Serve the HTTPS doors (the centre starts this itself).", EXTRA),
    "ears": Lazy(f"{HERE}.ears:ears", "Hear heartbeats (the centre starts this itself).", EXTRA),
    "status": Lazy(f"{HERE}.centre:status", "Show how the centre itself is, as JSON."),
    "alerts": Lazy(f"{HERE}.alerts:alerts", "List the alerts, those that nobody has taken first."),
    "accept": Lazy(f"{HERE}.alerts:accept", "Take an alert."),
    "advance": Lazy(f"{HERE}.alerts:advance", "Say that help is on its way, or there."),
    "close": Lazy(f"{HERE}.alerts:close", "End an alert."),
    "kiosks": Lazy(f"{HERE}.kiosks:kiosks", "List the kiosks: alive or silent, faults, last heartbeat."),
    "command": Lazy(f"{HERE}.kiosks:command", "Order a kiosk to do something."),
    "duty": Lazy(f"{HERE}.centre:duty", "Say whether anybody is on duty."),
    "watch": Lazy(f"{HERE}.centre:watch", "Follow what happens, until interrupted."),
    "config": Lazy(f"{HERE}.config:config", "Show or check the centre's configuration."),
    "user": Lazy(f"{HERE}.user:user", "Add and change the people who may sign in.", EXTRA),
    "registry": Lazy(f"{HERE}.registry:registry", "Kiosks, places, tokens and certificates.", EXTRA),
    "sms-key": Lazy(f"{HERE}.sms_key:sms_key", "Print the key that one kiosk signs its SMS with.", EXTRA),
    "release": Lazy(f"{HERE}.release:release", "Offer releases to the kiosks.", EXTRA),
    "rollout": Lazy(f"{HERE}.rollout:rollout", "Bring a release to the fleet, step by step.", EXTRA),
    "backup": Lazy(f"{HERE}.backup:backup", "Copy the store, complete and checked.", EXTRA),
    "export": Lazy(f"{HERE}.export:export", "Numbers without persons, as CSV.", EXTRA),
}


@click.group(name="monitor", cls=LazyGroup, commands_at=COMMANDS, epilog=epilog())
@click.option(
    "--socket",
    type=click.Path(path_type=Path),
    envvar="PANA_MONITOR_SOCKET",
    default=SOCKET,
    show_default=True,
    help="The running centre's local socket.",
)
@click.option("--language", type=click.Choice(["kk", "ru", "en"]), default=None, help="Default: by LANG.")
@click.pass_context
def monitor(context: click.Context, socket: Path, language: Language | None) -> None:
    """The centre: receive alerts, answer them, watch over the kiosks."""
    context.obj = Terminal(socket, language or language_of_environment())
