"""`kiosk errands`: what could not be done without Internet, tried once more. A timer calls it."""

import logging
import os
import sys
import time
from pathlib import Path

import click

from kiosk.commands.exits import Exit
from kiosk.commands.options import config_option, json_option
from kiosk.commands.output import put_json

LOG_FILE = Path("/var/log/pana-provision.log")
log = logging.getLogger("kiosk.errands")


@click.command()
@config_option
@json_option
@click.option(
    "--log", "log_file", type=click.Path(path_type=Path, dir_okay=False), default=LOG_FILE, show_default=True,
    help="The log of the kiosk's set-up.",
)  # fmt: skip
@click.pass_context
def errands(ctx: click.Context, file: Path, log_file: Path, *, as_json: bool) -> None:
    """Enrol with the token that the set-up left; send the installer's record and the set-up's log.

    Each is tried once, with a deadline, and independent of the others. Exit codes: 0 all done, nothing due or
    a better moment is waited for; 1 something failed, and is tried again the next time.
    """
    from kiosk.arming import read_config
    from kiosk.check.trial import trusted_utc_s
    from kiosk.commands.run import set_up_log
    from kiosk.errands.desk import Desk
    from kiosk.errands.rounds import run_all

    set_up_log(sys.stderr, os.environ)
    config, _ = read_config(file)
    good_s = trusted_utc_s(Path(config.paths.state))
    desk = Desk(
        config=config, folder=file.parent, log=log_file, trusted_utc_s=lambda: max(good_s, time.time())
    )
    done = run_all(desk, leave=lambda: os._exit(Exit.OK))
    for one in done:
        level = logging.WARNING if one.ended == "failed" else logging.INFO
        log.log(level, "errand=%s ended=%s detail=%r", one.errand, one.ended, one.detail)
        if as_json:
            put_json(one)
    ctx.exit(Exit.FAILED if any(one.ended == "failed" for one in done) else Exit.OK)
