"""The registry: which kiosks exist and where, their tokens and certificates. Every change is recorded."""

import secrets
from contextlib import suppress
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import Route

from kiosk.control import DaemonAway
from kiosk.monitor.regions import CODES
from kiosk.monitor.store import certificates, registry, tokens
from kiosk.monitor.store.certificates import Reason
from kiosk.monitor.store.drafts import Draft, RegistryError
from kiosk.monitor.store.names import NameTaken
from kiosk.monitor.store.registry import REASONS, Stale
from kiosk.monitor.web import paging, placeform
from kiosk.monitor.web.page import Refused, Visit, page

KEEPERS = ("technician", "admin")
ADMINS = ("admin",)
PAGE = 50


def tell_centre(visit: Visit) -> None:
    """Let the centre read the database again now; away, it does so by itself when it is back."""
    with suppress(DaemonAway):
        visit.ask({"ask": "reload"}, 2.0)


@page(*KEEPERS)
def listing(visit: Visit) -> Response:
    """List the kiosks of the registry."""
    text = visit.query("q").strip()[:60].replace("\0", "")
    region = visit.query("region") if visit.query("region") in CODES else ""
    key = paging.read(visit.query("after"), tuple[str])
    with visit.reading() as connection:
        found = registry.find(
            connection, text=text, region=region, after=key[0] if key else "", limit=PAGE + 1
        )
        count = registry.count(connection, text=text, region=region)
        ends = certificates.ends(connection, [entry.kiosk_id for entry in found])
    shown = found[:PAGE]
    kept = {"q": text, "region": region}
    return visit.render(
        "registry.html",
        entries=shown,
        count=count,
        ends=ends,
        text=text,
        region=region,
        codes=CODES,
        next=urlencode({**kept, "after": paging.write(shown[-1].kiosk_id)}) if len(found) > PAGE else "",
    )


@page(*KEEPERS)
def new(visit: Visit) -> Response:
    """Show the form of a new kiosk, or take it."""
    if not visit.posted:
        with visit.reading() as connection:
            number = registry.next_number(connection)
        fields = placeform.typed({"kiosk_id": visit.query("kiosk_id"), "number": str(number)})
        fields["accuracy_m"] = str(placeform.ACCURACY_USUAL_M)
        return _form(visit, fields, {}, "")
    fields = placeform.typed(visit.form)
    draft, wrong = placeform.check(fields)
    if draft is None:
        return _form(visit, fields, wrong, "")
    try:
        with visit.writing() as connection:
            own, now_ms = visit.site.config.own_names, visit.site.now_ms()
            registry.create(connection, draft, who=visit.who, now_ms=now_ms, own=own)
    except NameTaken:
        return _form(visit, fields, {"kiosk_id": "own_name"}, "")
    except RegistryError as error:
        return _form(visit, fields, {}, str(error))
    tell_centre(visit)
    return visit.redirect(f"/registry/{draft.kiosk_id}", "registry.added")


def _form(visit: Visit, fields: dict[str, str], wrong: dict[str, str], refused: str) -> Response:
    status = 422 if wrong or refused else 200
    return visit.render("registry_new.html", status, fields=fields, wrong=wrong, refused=refused)


@page(*KEEPERS)
def entry(visit: Visit) -> Response:
    """Show one kiosk, or take what was changed."""
    kiosk_id = visit.path("kiosk_id")
    if not visit.posted:
        return _entry(visit, kiosk_id)
    fields = placeform.typed({**visit.form, "kiosk_id": kiosk_id})
    draft, wrong = placeform.check(fields)
    if draft is None:
        return _entry(visit, kiosk_id, fields=fields, wrong=wrong)
    seen = visit.form.get("version", "")
    seen_ms = int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 16 else -1
    try:
        with visit.writing() as connection:
            registry.change(connection, draft, who=visit.who, now_ms=visit.site.now_ms(), seen_ms=seen_ms)
    except Stale:
        return _entry(visit, kiosk_id, fields=fields, stale=draft)
    except RegistryError as error:
        return _entry(visit, kiosk_id, fields=fields, refused=str(error))
    tell_centre(visit)
    return visit.redirect(f"/registry/{kiosk_id}", "registry.changed")


def _entry(
    visit: Visit,
    kiosk_id: str,
    *,
    fields: dict[str, str] | None = None,
    wrong: dict[str, str] | None = None,
    refused: str = "",
    stale: Draft | None = None,
    token: str = "",
) -> Response:
    """Show one kiosk with its papers; `token` is a fresh one, to be seen this once.

    `fields` are what was typed, and `stale` that as it was read where the kiosk had been changed meanwhile.
    """
    with visit.reading() as connection:
        known = registry.get(connection, kiosk_id)
        if known is None:
            raise Refused(404, "kiosk.missing")
        given = certificates.of_kiosk(connection, kiosk_id)
        made = tokens.of_kiosk(connection, kiosk_id)
    now = placeform.of_draft(known.draft)
    return visit.render(
        "registry_entry.html",
        409 if stale else 422 if wrong or refused else 200,
        entry=known,
        version=visit.form.get("version", "")[:20] if fields and not stale else known.changed_ms,
        newest=_differing(now, placeform.of_draft(stale)) if stale else None,
        fields=fields or now,
        wrong=wrong or {},
        refused=refused,
        certificates=given,
        tokens=made[:10],
        token=token,
        reasons=REASONS,
        life_h=tokens.LIFE_H,
        is_admin=visit.person is not None and visit.person.role in ADMINS,
    )


def _differing(now: dict[str, str], typed: dict[str, str]) -> dict[str, str]:
    return {name: text for name, text in now.items() if typed[name] != text}


@page(*KEEPERS)
def token(visit: Visit) -> Response:
    """Make a one-time token and show it, this once."""
    kiosk_id = visit.path("kiosk_id")
    chance = secrets.token_bytes(tokens.TOKEN_BYTES)
    try:
        with visit.writing() as connection:
            made = tokens.make(connection, kiosk_id, chance, who=visit.who, now_ms=visit.site.now_ms())
    except RegistryError as error:
        return _entry(visit, kiosk_id, refused=str(error))
    return _entry(visit, kiosk_id, token=made)


def _reason(visit: Visit) -> Reason:
    found = next((reason for reason in REASONS if reason == visit.form.get("reason")), None)
    if found is None:
        raise Refused(422, "registry.reason_needed")
    return found


@page(*ADMINS)
def revoke(visit: Visit) -> Response:
    """Shut a kiosk out, with everything that it holds."""
    kiosk_id, reason = visit.path("kiosk_id"), _reason(visit)
    try:
        with visit.writing() as connection:
            count = registry.revoke(connection, kiosk_id, reason, who=visit.who, now_ms=visit.site.now_ms())
    except RegistryError as error:
        raise Refused(404, "kiosk.missing") from error
    tell_centre(visit)
    return visit.redirect(f"/registry/{kiosk_id}", "registry.revoked_now", n=count)


@page(*ADMINS)
def reinstate(visit: Visit) -> Response:
    """Let a revoked kiosk enrol again."""
    kiosk_id = visit.path("kiosk_id")
    try:
        with visit.writing() as connection:
            registry.reinstate(connection, kiosk_id, who=visit.who, now_ms=visit.site.now_ms())
    except RegistryError as error:
        raise Refused(404, "kiosk.missing") from error
    tell_centre(visit)
    return visit.redirect(f"/registry/{kiosk_id}", "registry.reinstated")


@page(*ADMINS)
def revoke_certificate(visit: Visit) -> Response:
    """Revoke one certificate."""
    kiosk_id, serial, reason = visit.path("kiosk_id"), visit.path("serial"), _reason(visit)
    with visit.writing() as connection:
        held = certificates.by_serial(connection, serial)
        if held is None or held.kiosk_id != kiosk_id:
            raise Refused(404, "base.missing")
        certificates.revoke(connection, serial, reason, who=visit.who, now_ms=visit.site.now_ms())
    tell_centre(visit)
    return visit.redirect(f"/registry/{kiosk_id}", "registry.certificate_revoked_now")


routes = [
    Route("/registry", listing),
    Route("/registry/new", new, methods=["GET", "POST"]),
    Route("/registry/{kiosk_id}", entry, methods=["GET", "POST"]),
    Route("/registry/{kiosk_id}/token", token, methods=["POST"]),
    Route("/registry/{kiosk_id}/revoke", revoke, methods=["POST"]),
    Route("/registry/{kiosk_id}/reinstate", reinstate, methods=["POST"]),
    Route("/registry/{kiosk_id}/certificates/{serial}/revoke", revoke_certificate, methods=["POST"]),
]
