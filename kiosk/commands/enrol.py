"""`kiosk enrol`: this kiosk's first certificate for a one-time token, and the next ones by the one it has.

The token may come on stdin, so that it stands in no shell's history.
"""

import sys
import time
from pathlib import Path

import click

from kiosk.commands.options import config_option

CA_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
FROM_STDIN = "-"


@click.command()
@config_option
@click.option("--token", default=None, help="The centre's one-time token; - reads it from stdin.")
@click.option("--centre", default=None, metavar="HOST:PORT", help="The door; by default that of [https].")
@click.option("--ca", default=None, type=CA_FILE, help="The project's CA; by default the configuration's.")
@click.option("--imei", default="", help="The modem's IMEI; by default the running daemon is asked.")
@click.option("--renew", is_flag=True, help="Renew the certificate that this kiosk has; needs no token.")
def enrol(
    file: Path, *, token: str | None, centre: str | None, ca: Path | None, imei: str, renew: bool
) -> None:
    """Have this kiosk's key, which is made here and never leaves it, signed by the centre."""
    from kiosk.arming import read_config
    from kiosk.check.daemon import imei_of
    from kiosk.check.trial import trusted_utc_s
    from kiosk.messages import ConfigError
    from kiosk.net.enrol import Enrolment

    config, _ = read_config(file)
    files = config.identity()
    if files is None:
        raise ConfigError(f"{file}: mqtt.tls: missing; it says where the key and the certificate belong")
    state = Path(config.paths.state)
    good_s = trusted_utc_s(state)
    enrolment = Enrolment(config.kiosk.id, files, lambda: max(good_s, time.time()), state=state)
    doors = (centre,) if centre else config.https.centres if config.https else ()
    if not doors:
        raise click.UsageError("no door to ask: give --centre HOST:PORT, or [https] in the configuration")
    if renew:
        papers = enrolment.renew(doors)
        click.echo(f"renewed: {files.cert}")
        return
    if token is None:
        raise click.UsageError("give --token, which the centre made for this kiosk, or --renew")
    word = sys.stdin.readline().strip() if token == FROM_STDIN else token
    sms_key = Path(config.sms.key_file) if config.sms else None
    papers = enrolment.enrol(
        doors[0], word, ca=ca or Path(files.ca), imei=imei or imei_of(config), sms_key=sms_key
    )
    click.echo(f"enrolled: {papers.kiosk_id}, {files.cert}")
    if papers.number is not None and papers.number != config.kiosk.number:
        told = f"the centre says {papers.number}; write that, or its SMS are refused"
        raise ConfigError(f"{file}: kiosk.number: {told}")
