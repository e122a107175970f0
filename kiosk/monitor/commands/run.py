"""`kiosk monitor run`: the centre in the foreground, its log on stderr."""

from pathlib import Path

import click

from kiosk.monitor.commands.terminal import asking, config_option, load


@click.command()
@config_option
def run(file: Path) -> None:
    """Run the centre until SIGTERM."""
    import logging

    config = load(file)
    from kiosk.monitor import app

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    with asking():
        app.run(config, file)
