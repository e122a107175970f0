"""`kiosk monitor ears`: hears heartbeats for the centre, which starts it where [mqtt.heartbeats] stands."""

from pathlib import Path

import click

from kiosk.messages import ConfigError
from kiosk.monitor.commands.terminal import asking, config_option, load


@click.command()
@config_option
def ears(file: Path) -> None:
    """Hear heartbeats until SIGTERM and write them to stdout for the centre."""
    import logging

    config = load(file)
    from kiosk.monitor.ears import serve

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    with asking():
        if config.mqtt.heartbeats is None:
            raise ConfigError(f"{file}: mqtt.heartbeats: missing; only the centre needs this command")
        serve(config.mqtt, config.mqtt.heartbeats)
