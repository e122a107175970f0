"""What a technician prints of one kiosk: the card for the staff and the sheet of its installation.

HTML only, which every browser prints on A5 and A4: a PDF would cost the pages' process seconds. What the
centre does not know of a shop (how its button is pressed, its lamp) is asked for in the address.
"""

import re
from typing import Any, get_args

from starlette.responses import Response
from starlette.routing import Route

from kiosk.messages import Language
from kiosk.monitor.store import commissionings, fleetlist, registry
from kiosk.monitor.web.bars import POLICY
from kiosk.monitor.web.page import Refused, Visit, page
from kiosk.paper import card as card_paper
from kiosk.paper import sheet as sheet_paper
from kiosk.paper.point import Guard, Lamp, Mode, Point, Press
from kiosk.paper.record import PaperError, tell
from kiosk.words import load_catalogue

SERVING = ("technician", "admin")  # who may command a kiosk, see its registry data and print its papers
PHONE = re.compile(r"\+[0-9]{8,15}(?!\n)$")
CHOICES: dict[str, tuple[str, ...]] = {
    "mode": get_args(Mode),
    "lamp": get_args(Lamp),
    "guard": get_args(Guard),
}
BOTH: tuple[Language, ...] = ("kk", "ru")


@page(*SERVING)
def card(visit: Visit) -> Response:
    """Print the card; `mode`, `lamp`, `guard` and `phone` say what the centre does not know."""
    chosen: dict[str, Any] = {name: visit.query(name) for name in CHOICES}
    phone = visit.query("phone").replace(" ", "")
    if any(chosen[name] not in allowed for name, allowed in CHOICES.items()):
        raise Refused(400, "base.wrong_request")
    if phone and not PHONE.match(phone):
        raise Refused(400, "kiosk.card_wrong_phone")
    kiosk_id = visit.path("kiosk_id")
    with visit.reading() as connection:
        entry = registry.get(connection, kiosk_id)
    if entry is None:
        raise Refused(404, "kiosk.missing")
    point = Point(
        number=entry.number,
        names={"kk": entry.place.name.kk, "ru": entry.place.name.ru},
        mode=chosen["mode"],
        lamp=chosen["lamp"],
        presses=(Press(name="", guard=chosen["guard"]),),
        service_phone=phone or None,
    )
    try:
        made = card_paper.to_html(point, BOTH, load_catalogue())
    except PaperError as error:
        return visit.redirect(f"/kiosks/{kiosk_id}", "kiosk.card_failed", good=False, why=str(error))
    return _answer(made)


@page(*SERVING)
def sheet(visit: Visit) -> Response:
    """Print the newest record of an installer's check."""
    kiosk_id = visit.path("kiosk_id")
    with visit.reading() as connection:
        held = commissionings.of_kiosk(connection, kiosk_id, limit=1)
        entry = registry.get(connection, kiosk_id)
        line = fleetlist.one(connection, kiosk_id)
    if not held:
        raise Refused(404, "kiosk.sheet_none")
    places: dict[Language, str] = {"ru": (line.name_ru if line else "") or kiosk_id}
    if entry is not None:
        name, address = entry.place.name, entry.place.address
        places = {"kk": f"{name.kk}, {address.kk}", "ru": f"{name.ru}, {address.ru}"}
    number = entry.number if entry is not None else 0
    told = tell(held[0].record, number=number, places=places, words=load_catalogue())
    return _answer(sheet_paper.to_html(told))


def _answer(made: str) -> Response:
    return Response(made, media_type="text/html", headers={"content-security-policy": POLICY})


routes = [
    Route("/kiosks/{kiosk_id}/card", card),
    Route("/kiosks/{kiosk_id}/sheet", sheet),
]
