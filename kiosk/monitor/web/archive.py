"""The list of all alerts, with filters; by key, so the last page costs what the first does."""

from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import Route

from kiosk.monitor import views
from kiosk.monitor.store import archive as store
from kiosk.monitor.store import people
from kiosk.monitor.web import cards, paging, times
from kiosk.monitor.web.board import OUTCOMES
from kiosk.monitor.web.page import EVERYONE, Visit, page

KINDS = ("press", "drill", "tamper")
FIELDS = ("kind", "outcome", "region", "kiosk", "since", "until")


@page(*EVERYONE)
def archive(visit: Visit) -> Response:
    """Show one page of the list."""
    asked = {name: visit.query(name) for name in FIELDS}
    until_ms = times.day_begins(asked["until"])
    wanted = store.Wanted(
        kind=asked["kind"],
        outcome=asked["outcome"],
        region=asked["region"] if asked["region"].isdigit() else "",
        kiosk_id=asked["kiosk"].strip(),
        since_ms=times.day_begins(asked["since"]),
        until_ms=None if until_ms is None else until_ms + times.DAY_MS,
        before=paging.read(visit.query("after"), tuple[int, str]),
    )
    with visit.reading() as connection:
        found = store.page(connection, wanted)
        names = people.names(connection)
    shown = found[: store.PAGE]
    key = (shown[-1].received_ms, shown[-1].alert.alert_id) if len(found) > store.PAGE else None
    kept = {name: value for name, value in asked.items() if value}
    return visit.render(
        "archive.html",
        rows=[cards.context(visit.site, views.alert(case), names, visit.language) for case in shown],
        asked=asked,
        kinds=KINDS,
        outcomes=OUTCOMES,
        next="" if key is None else urlencode({**kept, "after": paging.write(*key)}),
    )


routes = [Route("/alerts", archive)]
