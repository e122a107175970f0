"""`kiosk monitor registry …`: kiosks, their one-time tokens and certificates. Each change is recorded."""

from pathlib import Path
from typing import Any

import click

from kiosk.monitor.commands.authority import acl, ca, client_cert, crl, server_cert
from kiosk.monitor.commands.shelf import Shelf, config_option, entry_view, passed, words_options
from kiosk.monitor.commands.terminal import json_option, put_json, put_table

REASONS = ("lost", "stolen", "replaced", "retired", "other")


@click.group()
@config_option
@click.pass_context
def registry(context: click.Context, file: Path) -> None:
    """Kiosks, places, one-time tokens and certificates."""
    context.obj = Shelf(file, context.find_object(object))


for _command in (ca, server_cert, client_cert, crl, acl):
    registry.add_command(_command)


@registry.command()
@click.argument("kiosk")
@click.option("--number", type=int, default=None, help="Its number in signed SMS.  [default: the next free]")
@words_options
@click.option("--lat", type=float, required=True, help="Degrees, WGS 84.")
@click.option("--lon", type=float, required=True, help="Degrees, WGS 84.")
@click.option("--accuracy", "accuracy_m", type=int, default=20, show_default=True, help="Metres.")
@click.option("--kato", required=True, help="The 9 digits of the place's KATO code.")
@click.option("--phone", default=None, help="Of the place, international.")
@click.option("--imei", default="", help="Of the kiosk's modem.")
@click.option("--note", default="")
@passed
def add(shelf: Shelf, /, kiosk: str, **fields: Any) -> None:
    """Register KIOSK: its id, 3 to 32 of a-z 0-9 -."""
    from kiosk.monitor.store import registry as kiosks
    from kiosk.monitor.store.drafts import draft

    number = fields.pop("number")
    place = {what: {lang: fields.pop(f"{what}_{lang}") for lang in ("kk", "ru")}
             for what in ("name", "address", "entrance")}  # fmt: skip
    place |= {name: fields.pop(name) for name in ("lat", "lon", "accuracy_m", "kato", "phone")}
    with shelf.change() as (db, act):
        number = kiosks.next_number(db) if number is None else number
        new = draft({"kiosk_id": kiosk, "number": number, "place": place} | fields)
        made = kiosks.create(db, new, own=shelf.config().own_names, **act)
    click.echo(f"{made.kiosk_id} is registered as number {made.number}")


@registry.command("list")
@click.option("--text", default="", help="A part of the id, name, address or IMEI.")
@click.option("--region", default="", help="The beginning of a KATO code, like 75.")
@json_option
@passed
def list_command(shelf: Shelf, text: str, region: str, *, as_json: bool) -> None:
    """List the kiosks of the registry."""
    from rich.table import Table

    from kiosk.monitor.store import registry as kiosks

    found: list[dict[str, Any]] = []
    with shelf.read() as db:
        while page := kiosks.find(db, text=text, region=region, after=found[-1]["kiosk_id"] if found else ""):
            found += [entry_view(entry) for entry in page]
    if as_json:
        put_json(found)
        return
    table = Table("kiosk", "number", "name", "address", "KATO", "state")
    for view in found:
        state = "revoked" if view["revoked_at"] else ""
        name, address = view["place"]["name"]["ru"], view["place"]["address"]["ru"]
        table.add_row(view["kiosk_id"], str(view["number"]), name, address, view["place"]["kato"], state)
    put_table(table)


@registry.command()
@click.argument("kiosk")
@json_option
@passed
def show(shelf: Shelf, kiosk: str, *, as_json: bool) -> None:
    """Show KIOSK with its tokens, certificates and installers' checks; a token's text is known to nobody."""
    import tomli_w

    from kiosk.monitor.commands.shelf import certificate_view, record_view, token_view
    from kiosk.monitor.store import certificates, commissionings, tokens
    from kiosk.monitor.store import registry as kiosks
    from kiosk.monitor.store.drafts import RegistryError

    with shelf.read() as db:
        entry = kiosks.get(db, kiosk)
        if entry is None:
            raise RegistryError(f"no kiosk {kiosk} in the registry")
        view = entry_view(entry) | {
            "tokens": [token_view(token) for token in tokens.of_kiosk(db, kiosk)],
            "certificates": [certificate_view(held) for held in certificates.of_kiosk(db, kiosk)],
            "commissionings": [record_view(held) for held in commissionings.of_kiosk(db, kiosk)],
        }
    if as_json:
        put_json([view])
    else:
        click.echo(tomli_w.dumps(view), nl=False)


@registry.command()
@click.argument("kiosk")
@click.option("--life-h", type=click.IntRange(1, 720), default=72, show_default=True, help="Hours.")
@passed
def token(shelf: Shelf, kiosk: str, life_h: int) -> None:
    """Make a one-time token for KIOSK and print it; it is shown once, and older unused ones die."""
    import secrets

    from kiosk.monitor.store import tokens

    with shelf.change() as (db, act):
        text = tokens.make(db, kiosk, secrets.token_bytes(tokens.TOKEN_BYTES), life_h=life_h, **act)
    click.echo(text)
    click.echo(f"for {kiosk}, once, within {life_h} h; nobody can show it again", err=True)


@registry.command()
@click.argument("kiosk")
@click.option("--reason", type=click.Choice(REASONS), required=True)
@click.option("--serial", default="", help="This certificate of it only.")
@passed
def revoke(shelf: Shelf, kiosk: str, reason: Any, serial: str) -> None:
    """Shut KIOSK out with all its certificates and tokens, or one certificate of it.

    The doors know at once. The broker: write the new list and the deny lines (`crl`, `acl`) and reload it.
    """
    from kiosk.monitor.store import certificates
    from kiosk.monitor.store import registry as kiosks
    from kiosk.monitor.store.drafts import RegistryError

    with shelf.change() as (db, act):
        if serial:
            held = certificates.by_serial(db, serial.lower())
            if held is None or held.kiosk_id != kiosk:
                raise RegistryError(f"{kiosk} has no certificate {serial}")
            certificates.revoke(db, held.serial, reason, **act)
            count = 1
        else:
            count = kiosks.revoke(db, kiosk, reason, **act)
    click.echo(f"{kiosk}: {count} certificates revoked; now reload the broker (`crl`, `acl`)")


@registry.command()
@click.argument("kiosk")
@passed
def reinstate(shelf: Shelf, kiosk: str) -> None:
    """Let a revoked KIOSK enrol again, with a new token; its old certificates stay revoked."""
    from kiosk.monitor.store import registry as kiosks

    with shelf.change() as (db, act):
        kiosks.reinstate(db, kiosk, **act)
    click.echo(f"{kiosk} may enrol again; take its deny line out of the broker's acl")


@registry.command("import")
@click.argument("csv", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--dry-run", is_flag=True, help="Judge the file, write nothing.")
@passed
def import_command(shelf: Shelf, csv: Path, *, dry_run: bool) -> None:
    """Register or change every kiosk of a CSV file, all of them or none."""
    from kiosk.monitor.store import imports
    from kiosk.monitor.store.drafts import RegistryError

    try:
        text = csv.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise RegistryError(f"{csv}: not UTF-8; save the sheet as CSV UTF-8") from error
    with shelf.read() as db:
        judged = imports.judge(db, text, shelf.config().own_names)
    if not dry_run:
        with shelf.change() as (db, act):
            imports.write(db, judged, **act)
    done = f"{len(judged.created)} created, {len(judged.changed)} changed"
    click.echo(f"{done}{' (not written)' if dry_run else ''}")
