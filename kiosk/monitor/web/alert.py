"""One alert with all that became of it, and the form that ends it."""

from dataclasses import dataclass

from starlette.responses import Response
from starlette.routing import Route

from kiosk.monitor import views
from kiosk.monitor.store import archive, contacts, people
from kiosk.monitor.web import cards
from kiosk.monitor.web.board import OUTCOMES
from kiosk.monitor.web.hub import ACTING, Hub
from kiosk.monitor.web.page import EVERYONE, Refused, Visit, page
from kiosk.monitor.web.site import View

STEPS = {
    "received": ("accept", "en_route", "on_scene"),
    "accepted": ("en_route", "on_scene"),
    "en_route": ("on_scene",),
}
NEAREST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Helper:
    """An institution as the officer sees it."""

    contact_id: str
    name: str
    phone: str
    address: str
    hours: str
    distance: str


@page(*EVERYONE)
def alert(visit: Visit) -> Response:
    """Show one alert: as the core has it while it is open, else as the database does."""
    alert_id = visit.path("alert_id")
    hub: Hub = visit.request.app.state.hub
    known = next((view for view in hub.alerts() if hub.live and view["alert_id"] == alert_id), None)
    with visit.reading() as connection:
        names = people.names(connection)
        case = archive.find(connection, alert_id)
        view: View | None = known or (None if case is None else views.alert(case))
        if view is None:
            raise Refused(404, "alert.unknown")
        sent = archive.texts_of(connection, view["alert_id"])
        place = view["place"]
        near = contacts.nearest(connection, place["lat"], place["lon"], place["kato"], NEAREST)
        referral = contacts.find(connection, view["referral"]) if view["referral"] else None
    helpers = [_helper(visit, one) for one in near]
    referred = view["referral"] if referral is None else _helper(visit, contacts.Near(referral, None)).name
    return visit.render(
        "alert.html",
        acts=visit.person is not None and visit.person.role in ACTING,
        steps=STEPS.get(view["stage"], ()),
        sent=sent,
        names=names,
        outcomes=OUTCOMES,
        nearest=helpers,
        referred=referred,
        **cards.context(visit.site, view, names, visit.language),
    )


def _helper(visit: Visit, near: contacts.Near) -> Helper:
    one, kazakh = near.contact, visit.language == "kk"
    return Helper(
        contact_id=one.contact_id,
        name=one.name_kk if kazakh else one.name_ru,
        phone=one.phone,
        address=one.address_kk if kazakh else one.address_ru,
        hours=one.hours,
        distance="" if near.km is None else f"{near.km:.1f}",
    )


routes = [Route("/alerts/{alert_id:str}", alert)]
