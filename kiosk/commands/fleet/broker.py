"""`kiosk fleet broker`: the files of the brokers, from the fleet's template and the centre's registry."""

from pathlib import Path
from typing import Any

import click

from kiosk.commands.fleet.files import FILE, FOLDER
from kiosk.commands.output import quiet_log

STEPS = """\
Mosquitto, on the broker's machine (Debian):
  install -D -m 644 pana.conf /etc/mosquitto/conf.d/pana.conf
  install -D -m 640 -g mosquitto acl /etc/mosquitto/pana/acl
  ca.crt, server.crt, server.key to /etc/mosquitto/pana (kiosk monitor registry server-cert)
"""
CRL_STEPS = """\
  install -m 644 crl.pem /etc/mosquitto/pana/crl.pem
  install -D -m 640 crl.env /etc/pana-monitor/crl.env
  apt-get install ./pana-monitor_*_all.deb && systemctl enable --now pana-crl.timer
  systemctl start pana-crl.service   # must end well before the broker is restarted
"""
NATS_STEPS = """\
NATS, on each node (docs/broker-nats.md):
  nats.conf to /etc/nats-server/pana.conf, users.conf and this node's node.conf beside it
  nats-server --signal reload after each new users.conf
"""


@click.command()
@click.option("--to", type=FOLDER, required=True, help="Where the files go.")
@click.option("--source", type=FOLDER, default=".", help="The sources of the kiosk.  [.]")
@click.option("--fleet", "fleet_file", type=FILE, default="fleet.toml", help="For the CA.  [fleet.toml]")
@click.option("--monitor", "monitors", multiple=True, help="A centre's id.  [monitor-1]")
@click.option("--ears", is_flag=True, help="The centres hear heartbeats on connections of their own.")
@click.option("--centre", type=FILE, default=None, help="Its configuration: kiosks, the list.")
@click.option("--crl", type=FILE, default=None, help="The revocation list.  [that of --centre]")
@click.option("--crl-from", default="", help="Where it is fetched from daily: a path or https://…/v1/crl.pem")
@click.option("--node", "nodes", multiple=True, metavar="NAME=ADDRESS", help="A node of a NATS cluster.")
def broker(to: Path, fleet_file: Path, **given: Any) -> None:
    """Write Mosquitto's configuration, its rules and the renewal of its revocation list; NATS with --node.

    A list that has expired or ends within 20 days is refused: it would lock the whole fleet out.
    """
    quiet_log()
    from kiosk.commands.fleet.make import text_of
    from kiosk.fleet import brokers, making, template

    shared = template.read(text_of(fleet_file), str(fleet_file)).shared
    revoked, kiosks, listed = _registry(given["centre"])
    crl_file = given["crl"] or listed
    ca = making.read_ca(fleet_file.parent / shared.ca)
    plan = brokers.Plan(
        source=given["source"] / "provisioning" / "broker",
        monitors=given["monitors"] or ("monitor-1",),
        ears=given["ears"],
        revoked=revoked,
        kiosks=kiosks,
        nodes=_nodes(given["nodes"]),
        crl=brokers.fresh_crl(crl_file, ca) if crl_file else None,
        crl_from=given["crl_from"],
    )
    files = {f"mosquitto/{name}": text for name, text in brokers.mosquitto(plan).items()}
    steps = STEPS + (CRL_STEPS if crl_file else "")
    if plan.nodes:
        files |= {f"nats/{name}": text for name, text in brokers.nats(plan).items()}
        steps += NATS_STEPS
    brokers.write(files | {"STEPS.txt": steps}, to)
    click.echo(f"{to}: {len(files)} files; what to do with them stands in STEPS.txt")
    if not crl_file:
        click.echo("without --crl or --centre: no revocation list, so `acl` alone shuts kiosks out", err=True)


def _nodes(given: tuple[str, ...]) -> dict[str, str]:
    pairs = [one.partition("=") for one in given]
    if not all(equals for _, equals, _ in pairs):
        raise click.BadParameter("NAME=ADDRESS is expected", param_hint="--node")
    return {name: address for name, _, address in pairs}


def _registry(file: Path | None) -> tuple[list[str], list[str], Path | None]:
    """Read who is shut out, who there is, and where the list lies."""
    if file is None:
        return [], [], None
    from kiosk.monitor.commands.shelf import Shelf
    from kiosk.monitor.store import registry

    shelf = Shelf(file, None)
    section = shelf.config().ca
    with shelf.read() as db:
        kiosks = [str(entry.kiosk_id) for entry in registry.plan(db)]
        revoked = list(registry.revoked_names(db))
    return revoked, kiosks, Path(section.crl) if section is not None and section.crl else None
