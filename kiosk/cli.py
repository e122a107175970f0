"""The command line. Owns words, tables and exit codes; every real thing is done by what it calls."""

import logging
import sys
from pathlib import Path

import click

from kiosk.messages import ConfigError

SITE = Path("/etc/pana-kiosk/site.toml")
EXIT_CONFIG = 78  # EX_CONFIG of sysexits.h: systemd need not try again


@click.group()
@click.version_option(package_name="pana-kiosk")
def main() -> None:
    """Run and look after a safe-point kiosk."""


@main.command()
@click.option("--config", "file", type=click.Path(path_type=Path), default=SITE, show_default=True)
@click.option("--allow-mock-pins", is_flag=True, help="Let gpio.factory be 'mock' (demo and tests only).")
def run(file: Path, *, allow_mock_pins: bool) -> None:
    """Run the kiosk until it is told to stop."""
    from kiosk.app import Daemon, Options, load_site  # noqa: PLC0415 - other commands do not need the daemon

    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    try:
        site = load_site(file)
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_CONFIG)
    sys.exit(Daemon(site, Options(file=file, allow_mock=allow_mock_pins)).run())
