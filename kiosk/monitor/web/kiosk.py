"""One kiosk: how it is in words, its last day and month, events, alerts, and commands to it."""

from contextlib import suppress
from typing import Any, get_args

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from kiosk.bodies import CommandName
from kiosk.control import DaemonSilent
from kiosk.monitor.regions import region_of
from kiosk.monitor.store import certificates, commissionings, fleetlist, history, people, registry
from kiosk.monitor.web import bars, facts, health, paging, plots, sheet
from kiosk.monitor.web.changes import changes
from kiosk.monitor.web.page import EVERYONE, Refused, Visit, page
from kiosk.monitor.web.plots import SPANS, WHATS
from kiosk.monitor.web.prints import CHOICES, SERVING
from kiosk.monitor.web.site import View

COMMANDS: tuple[str, ...] = tuple(name for name in get_args(CommandName) if name != "update")  # by roll-out
EVENTS, ALERTS = 30, 15


@page(*EVERYONE)
def kiosk(visit: Visit) -> Response:
    """Show one kiosk; `part` gives what a script puts into an open page."""
    kiosk_id = visit.path("kiosk_id")
    serves = visit.person is not None and visit.person.role in SERVING
    key = paging.read(visit.query("before"), tuple[int])
    with visit.reading() as connection:
        line = fleetlist.one(connection, kiosk_id)
        if line is None:
            raise Refused(404, "kiosk.missing")
        known = history.find_kiosk(connection, kiosk_id)
        events = history.last_events(connection, kiosk_id, limit=EVENTS + 1, before=key[0] if key else None)
        alerts = history.last_alerts(connection, kiosk_id, limit=ALERTS)
        entry = registry.get(connection, kiosk_id)
        given = certificates.of_kiosk(connection, kiosk_id) if serves else ()
        checked = commissionings.of_kiosk(connection, kiosk_id) if serves else ()
        log = commissionings.last_log(connection, kiosk_id) if serves else None
        names = people.names(connection)
    values: dict[str, Any] = {
        "line": line,
        "name": _name(visit, line),
        "heard_ago": health.lasting(visit.site.now_ms() - line.heard_ms, visit.word),
        "region": visit.word(f"regions.name_{region_of(line.kato) or 'none'}"),
        "serves": serves,
        "reasons": health.reasons(line, visit.word, visit.site.words.has, visit.site.now_ms()),
        "facts": facts.of_kiosk(known, visit.word) if known else (),
        "events": [_event(visit, event) for _, event in events[:EVENTS]],
        "before": key is not None,
        "older": paging.write(events[EVENTS - 1][0]) if len(events) > EVENTS else "",
        "alerts": alerts,
        "names": names,
    }
    if visit.query("part"):
        return HTMLResponse(visit.fragment("_kiosk.html", **values))
    span = visit.query("span") if visit.query("span") in SPANS else "24h"
    values |= {
        "entry": entry,
        "certificates": given,
        "sheet": sheet.of_kiosk(checked, visit.language),
        "log": log,
        "commands": COMMANDS,
        "choices": CHOICES,
        "mode": known.heartbeat.voice.mode if known and known.heartbeat else "",
        "span": span,
        "spans": tuple(SPANS),
    }
    return visit.render("kiosk.html", **values, **_timeline(visit, kiosk_id, span))


def _name(visit: Visit, line: fleetlist.Line) -> str:
    return (line.name_kk if visit.language == "kk" else line.name_ru) or line.kiosk_id


def _event(visit: Visit, event: Any) -> dict[str, Any]:
    return {
        "at": event.at,
        "text": health.named(event.code, visit.word, visit.site.words.has),
        "state": event.state,
        "detail": event.detail,
    }


def _line(visit: Visit, kiosk_id: str, span: str) -> tuple[plots.Slot, ...]:
    step_s, count = SPANS[span]
    until_s = visit.site.now_ms() // 1000 + 1
    with visit.reading() as connection:
        beats = history.beats(
            connection, kiosk_id, span_s=step_s, since_s=until_s - (count + 1) * step_s, until_s=until_s
        )
    return plots.slots(beats, span, visit.site.now_ms())


def _timeline(visit: Visit, kiosk_id: str, span: str) -> dict[str, Any]:
    line = _line(visit, kiosk_id, span)
    return {
        "plots": [{"what": what, "text": _said(visit, line, what)} for what in WHATS],
        "rows": [
            {
                "row": row,
                "faults": [health.named(code, visit.word, visit.site.words.has) for code in row.faults],
            }
            for row in plots.table(line, span)
        ],
    }


def _said(visit: Visit, line: tuple[plots.Slot, ...], what: plots.What) -> str:
    """Say in a sentence what a plot shows."""
    word, gist = visit.word, plots.gist(line, what)
    if what == "beats":
        gap = health.lasting(gist.gap_s * 1000, word)
        return word("kiosk.said_beats", percent=gist.heard_percent, gap=gap)
    if what == "faults":
        found = [health.named(code, word, visit.site.words.has) for code in plots.codes(line)]
        return word("kiosk.said_faults", faults="; ".join(found)) if found else word("kiosk.said_no_faults")
    if gist.newest is None or gist.least is None or gist.most is None:
        return word("kiosk.said_nothing")
    figures = {name: f"{value:.0f}" for name, value in
               (("least", gist.least), ("most", gist.most), ("newest", gist.newest))}  # fmt: skip
    return word(f"kiosk.said_{what}", **figures)


@page(*EVERYONE)
def plot(visit: Visit) -> Response:
    """Draw one plot."""
    kiosk_id, span = visit.path("kiosk_id"), visit.path("span")
    what = next((known for known in WHATS if known == visit.path("what")), None)
    if what is None or span not in SPANS:
        raise Refused(404, "base.missing")
    line = _line(visit, kiosk_id, span)
    title = f"{visit.word('kiosk.plot_' + what)}, {visit.word('kiosk.span_' + span)}"
    drawn = plots.draw(
        line,
        what,
        span,
        title=title,
        text=_said(visit, line, what),
        name=lambda code: health.named(code, visit.word, visit.site.words.has),
    )
    return bars.answer(drawn)


@page(*SERVING)
def command(visit: Visit) -> Response:
    """Order a kiosk to do something; its results come as events."""
    kiosk_id, name = visit.path("kiosk_id"), visit.form.get("name", "")
    if name not in COMMANDS:
        raise Refused(400, "base.wrong_request")
    duty = name == "drill" and visit.form.get("duty") == "yes"
    answer: View | None = None
    with suppress(DaemonSilent):  # it may be sent yet
        answer = visit.ask({"ask": "command", "kiosk": kiosk_id, "name": name, "by": visit.who, "duty": duty})
    done = answer is not None and bool(answer.get("ok"))
    with visit.writing() as connection:
        result = "unsure" if answer is None else "sent" if done else "refused"
        visit.audit(connection, "command", kiosk_id, f"{name} {result}" + (" duty" if duty else ""))
    if done:
        return visit.redirect(f"/kiosks/{kiosk_id}", "kiosk.sent", name=visit.word(f"kiosk.command_{name}"))
    if answer is None:
        return visit.redirect(f"/kiosks/{kiosk_id}", "kiosk.unsure", good=False)
    why = str(answer.get("text") or answer.get("error") or "")
    return visit.redirect(f"/kiosks/{kiosk_id}", "kiosk.not_sent", good=False, why=why)


def concerns(event: View, request: Request) -> bool:
    """Tell whether an event of the feed is about the kiosk of this page."""
    wanted = request.path_params["kiosk_id"]
    inner = event.get("kiosk")
    if event.get("what") == "case":
        return bool(event["alert"]["kiosk_id"] == wanted)
    return bool(inner == wanted or (isinstance(inner, dict) and inner.get("kiosk_id") == wanted))


routes = [
    Route("/kiosks/{kiosk_id}", kiosk),
    Route("/kiosks/{kiosk_id}/live", changes(concerns)),
    Route("/kiosks/{kiosk_id}/command", command, methods=["POST"]),
    Route("/kiosks/{kiosk_id}/{what}-{span}.svg", plot),
]
