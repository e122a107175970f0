"""The board: every open alert, and the three clicks from there to "on scene".

Shows what the core tells; while the core is away, what the database holds, and says so.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import get_args

from markupsafe import Markup
from msgspec import DecodeError
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response
from starlette.routing import Route

from kiosk.control import DaemonAway, DaemonSilent
from kiosk.monitor import views
from kiosk.monitor.records import Case, Outcome, StageEntry
from kiosk.monitor.store import archive, contacts, people
from kiosk.monitor.store.contacts import Contact
from kiosk.monitor.store.rows import clean
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
UNWRITTEN = "not on disk yet"  # so the core's answer begins while its store is broken; it keeps on trying


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What a person does about an alert; `ending` is what closes it: outcome, note and referral."""

    step: str
    alert_id: str
    ending: View

    @property
    def stage(self) -> str:
        """Name the stage that it leads to."""
        return {"accept": "accepted", "close": "closed"}.get(self.step, self.step)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the database holds of an alert that somebody acted on, and the contact whom they chose."""

    case: Case | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    chosen: Contact | None = None

    def entry(self, stage: str) -> StageEntry | None:
        """Give a stage that the alert has reached."""
        stages = () if self.case is None else self.case.stages
        return next((entry for entry in stages if entry.stage == stage), None)


@page(*EVERYONE)
def board(visit: Visit) -> Response:
    """Show the open alerts."""
    hub: Hub = visit.request.app.state.hub
    live = hub.live
    look = Look(language=visit.language, acts=_acts(visit))
    if live:
        found = hub.alerts()
        count = len(found)
        shown = [hub.card(look, view) for view in found[:SHOWN_MAX]]
    else:
        with visit.reading() as connection:
            names = people.names(connection)
            found = _kept(archive.open_ones(connection))
            count = archive.open_count(connection)
        shown = [cards.card(visit.site, look, view, names) for view in found[:SHOWN_MAX]]
    token = f'name="csrf" value="{visit.person.csrf}"' if visit.person else ""  # url-safe letters only
    return visit.render(
        "board.html",
        cards=[Markup(text.replace(UNFILLED, token)) for text in shown],  # noqa: S704 - made with autoescape
        more=count - len(shown),
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
    deed = Deed(step=step, alert_id=alert_id, ending=_ending(visit) if step == "close" else {})
    question: View = {"ask": step, "alert": alert_id, "by": visit.who, **deed.ending}
    if step in {"en_route", "on_scene"}:
        question |= {"ask": "advance", "stage": step}
    try:
        answer = visit.ask(question)
    except DaemonSilent:
        return _unsure(visit, deed)
    except DaemonAway:
        return visit.told(_back(visit), "board.not_done_away")
    return _answered(visit, replace(deed, alert_id=str(answer.get("alert_id") or alert_id)), answer)


def _answered(visit: Visit, deed: Deed, answer: View) -> Response:
    """Say what became of it. The core says ok to whoever repeats another's step, but for an accept."""
    if str(answer.get("text")).startswith(UNWRITTEN):
        return _unsure(visit, deed)
    if not answer.get("ok"):
        return _refused(visit, deed, answer)
    if deed.step != "accept":
        found = _look(visit, deed)
        if found is None:
            return _unsure(visit, deed)
        entry = found.entry(deed.stage)
        if entry is not None and not _is_own(visit, deed, entry):
            return _late(visit, deed, entry, found)
    _audit(visit, deed.step, deed.alert_id)
    return visit.told(_back(visit))


def _unsure(visit: Visit, deed: Deed) -> Response:
    """Say that it may be done yet: a core that stood still does later what it was asked."""
    _audit(visit, deed.step, deed.alert_id, "unsure")
    return visit.told(_back(visit), "board.unsure")


def _audit(visit: Visit, step: str, alert_id: str, detail: str = "") -> None:
    """Keep who did it; where that cannot be written the log does: the centre has done it all the same."""
    try:
        with visit.writing() as connection:
            visit.audit(connection, step, subject=alert_id, detail=detail)
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


def _look(visit: Visit, deed: Deed) -> Found | None:
    """Read what stands in the database, where all is that the core says ok to; None where that fails."""
    try:
        with visit.reading() as connection:
            case = archive.find(connection, deed.alert_id)
            chosen = contacts.find(connection, deed.ending["referral"]) if deed.ending else None
            return Found(case=case, names=people.names(connection), chosen=chosen)
    except (SQLAlchemyError, DecodeError) as error:
        LOG.warning("alert=%s stages=unreadable reason=%s", deed.alert_id, type(error).__name__)
        return None


def _is_own(visit: Visit, deed: Deed, entry: StageEntry) -> bool:
    """Tell whether a stage is this person's, and in a close also its words: the core keeps the first."""
    typed = {name: clean(text, NOTE_MAX) for name, text in deed.ending.items()}
    return entry.by == visit.who and all(getattr(entry, name) == text for name, text in typed.items())


def _refused(visit: Visit, deed: Deed, answer: View) -> Response:
    """Say who has it: another person may have been quicker by a second."""
    found = _look(visit, deed) or Found()
    entry = found.entry("closed")
    if entry is not None and not _is_own(visit, deed, entry):
        return _late(visit, deed, entry, found)
    taker = "" if found.case is None else views.alert(found.case)["by"]
    if taker and taker != visit.who:
        return visit.told(_back(visit), "board.has_it", who=found.names.get(taker, taker))
    why = str(answer.get("text") or answer.get("error"))
    return visit.told(_back(visit), "board.not_done", why=why)


def _late(visit: Visit, deed: Deed, entry: StageEntry, found: Found) -> Response:
    """Say whose step or words stand; what was typed in vain stays on the page, for whoever still needs it."""
    _audit(visit, f"{deed.step}_late", deed.alert_id, f"already {entry.stage} by {entry.by}")
    who = found.names.get(entry.by, entry.by) or visit.word(f"alert.via_{entry.via}")
    if deed.step != "close":
        how = f"{visit.word(f'board.stage_{entry.stage}')}, {who}"
        return visit.told(_back(visit), "board.already", how=how)
    how = f"{who}, {visit.word(f'alert.outcome_{entry.outcome}')}" if entry.outcome else who
    if visit.by_script:
        return visit.told(_back(visit), "board.closed_sooner", how=how)
    typed = deed.ending
    if found.chosen is not None:
        name = found.chosen.name_kk if visit.language == "kk" else found.chosen.name_ru
        typed = {**typed, "referral": name}
    return visit.render("unkept.html", 409, alert_id=deed.alert_id, how=how, typed=typed)


def _back(visit: Visit) -> str:
    return f"/alerts/{visit.path('alert_id')}" if visit.form.get("back") == "alert" else "/"


def _acts(visit: Visit) -> bool:
    return visit.person is not None and visit.person.role in ACTING


def _kept(cases: list[Case]) -> list[View]:
    return [views.alert(case) for case in views.order(tuple(cases))]


routes = [
    Route("/", board),
    Route("/alerts/{alert_id:str}/{step:str}", act, methods=["POST"]),
]
