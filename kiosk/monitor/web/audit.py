"""The audit log: to be read by admins, and by nobody to be written or altered through a page."""

from starlette.responses import Response
from starlette.routing import Route

from kiosk.monitor.store import audit as log
from kiosk.monitor.store import people
from kiosk.monitor.web import paging
from kiosk.monitor.web.page import Visit, page


@page("admin")
def audit(visit: Visit) -> Response:
    """List what people did, newest first."""
    key = paging.read(visit.query("after"), tuple[int])
    who, what = visit.query("who"), visit.query("what")
    with visit.reading() as connection:
        found = log.read(connection, before=key[0] if key else None, who=who, what=what)
        names = people.names(connection)
    shown = found[: log.PAGE]
    after = paging.write(shown[-1].number) if len(found) > log.PAGE else ""
    return visit.render("audit.html", entries=shown, names=names, after=after, who=who, what=what)


routes = [Route("/audit", audit)]
