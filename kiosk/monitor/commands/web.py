"""`kiosk monitor web`: the pages in the foreground; the centre starts it itself where [web] is configured."""

from pathlib import Path

import click

from kiosk.monitor.commands.terminal import asking, config_option, load


@click.command()
@config_option
def web(file: Path) -> None:
    """Serve the pages until SIGTERM."""
    import logging

    config = load(file)
    from kiosk.monitor.web import serve

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    with asking():
        serve.serve(config)
