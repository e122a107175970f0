"""The board: every open alert, and the three clicks from there to "on scene".

Shows what the core tells; while the core is away, what the database holds, and says so.
"""

import logging
from typing import get_args

from markupsafe import Markup
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response
from starlette.routing import Route

from kiosk.control import DaemonAway
from kiosk.monitor import views
from kiosk.monitor.records import Case, Outcome
from kiosk.monitor.store import archive, people
from kiosk.monitor.web import cards
from kiosk.monitor.web.cards import Look
from kiosk.monitor.web.hub import ACTING, Hub
from kiosk.monitor.web.page import EVERYONE, Refused, Visit, page
from kiosk.monitor.web.site import View

LOG = logging.getLogger(__name__)
SHOWN_MAX = 40  # cards of one board; what is more is counted, and moves up as alerts are taken
NOTE_MAX = 280
OUTCOMES: tuple[str, ...] = tuple(outcome for outcome in get_args(Outcome) if outcome)
UNFILLED = 'name="csrf" value=""'
STEPS = ("accept", "en_route", "on_scene", "close")


@page(*EVERYONE)
def board(visit: Visit) -> Response:
    """Show the open alerts."""
    hub: Hub = visit.request.app.state.hub
    live = hub.live
    look = Look(language=visit.language, acts=_acts(visit))
    if live:
        found = hub.alerts()
        shown = [hub.card(look, view) for view in found[:SHOWN_MAX]]
    else:
        with visit.reading() as connection:
            names = people.names(connection)
            found = _kept(archive.open_ones(connection))
        shown = [cards.card(visit.site, look, view, names) for view in found[:SHOWN_MAX]]
    token = f'name="csrf" value="{visit.person.csrf}"' if visit.person else ""  # url-safe letters only
    return visit.render(
        "board.html",
        cards=[Markup(text.replace(UNFILLED, token)) for text in shown],  # noqa: S704 - made with autoescape
        more=len(found) - len(shown),
        live=live,
        acts=look.acts,
        shown_max=SHOWN_MAX,
    )


@page(*ACTING)
def act(visit: Visit) -> Response:
    """Take an alert one step on, for the person who is signed in."""
    alert_id, step = visit.path("alert_id"), visit.path("step")
    if step not in STEPS:
        raise Refused(404, "base.missing")
    question: View = {"ask": step, "alert": alert_id, "by": visit.who}
    if step in {"en_route", "on_scene"}:
        question = {**question, "ask": "advance", "stage": step}
    if step == "close":
        question |= _ending(visit)
    back = _back(visit, alert_id)
    try:
        answer = visit.ask(question)
    except DaemonAway:
        return visit.told(back, "board.not_done_away")
    if not answer.get("ok"):
        return _refused(visit, back, answer)
    _audit(visit, step, str(answer.get("alert_id") or alert_id))
    return visit.told(back)


def _audit(visit: Visit, step: str, alert_id: str) -> None:
    """Keep who did it; where that cannot be written the log does: the centre has done it all the same."""
    try:
        with visit.writing() as connection:
            visit.audit(connection, step, subject=alert_id)
    except SQLAlchemyError as error:
        LOG.error(  # noqa: TRY400 - a statement's parameters stay out of the log
            "audit=unwritten who=%s what=%s alert=%s database=%s",
            visit.who, step, alert_id, type(error).__name__,
        )  # fmt: skip


def _ending(visit: Visit) -> View:
    outcome = visit.form.get("outcome", "")
    if outcome not in OUTCOMES:
        raise Refused(400, "board.outcome_missing")
    return {
        "outcome": outcome,
        "note": visit.form.get("note", "").strip()[:NOTE_MAX],
        "referral": visit.form.get("referral", "")[:64],
    }


def _refused(visit: Visit, back: str, answer: View) -> Response:
    """Say who has it: another person may have been quicker by a second."""
    with visit.reading() as connection:
        case = archive.find(connection, visit.path("alert_id"))
        names = people.names(connection)
    taker = "" if case is None else views.alert(case)["by"]
    if taker and taker != visit.who:
        return visit.told(back, "board.has_it", who=names.get(taker, taker))
    why = str(answer.get("text") or answer.get("error"))
    return visit.told(back, "board.not_done", why=why)


def _back(visit: Visit, alert_id: str) -> str:
    return f"/alerts/{alert_id}" if visit.form.get("back") == "alert" else "/"


def _acts(visit: Visit) -> bool:
    return visit.person is not None and visit.person.role in ACTING


def _kept(cases: list[Case]) -> list[View]:
    return [views.alert(case) for case in views.order(tuple(cases))]


routes = [
    Route("/", board),
    Route("/alerts/{alert_id:str}/{step:str}", act, methods=["POST"]),
]
