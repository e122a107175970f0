"""`kiosk monitor doors`: the HTTPS doors in the foreground; the centre starts it where [doors] stands."""

from pathlib import Path

import click

from kiosk.monitor.commands.terminal import asking, config_option, load


@click.command()
@config_option
def doors(file: Path) -> None:
    """Serve the HTTPS doors until SIGTERM."""
    import logging

    config = load(file)
    from kiosk.messages import DeviceError
    from kiosk.monitor.doors import server

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    with asking():
        try:
            server.run(config)
        except OSError as error:
            raise DeviceError(f"doors.listen: {error}") from error
