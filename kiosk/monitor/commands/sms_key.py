"""`kiosk monitor sms-key`: the key that one kiosk signs its SMS with, for the technician who installs it."""

from pathlib import Path

import click

from kiosk.monitor.commands.terminal import asking, config_option, load


@click.command(name="sms-key")
@click.argument("kiosk_id")
@config_option
def sms_key(kiosk_id: str, file: Path) -> None:
    """Print the key of KIOSK_ID as hex; it goes into the kiosk's sms.key_file, and nowhere else.

    Needs the master key, so it works on the centre's machine only.
    """
    config = load(file)
    from kiosk.messages import ConfigError
    from kiosk.monitor.notify.texter import read_rules

    with asking():
        if config.sms is None:
            raise ConfigError(f"{file}: sms: needed for a key; add [sms] with master_key_file")
        click.echo(read_rules(config).keys.of(kiosk_id).hex())
