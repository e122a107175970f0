"""Figures for the network's owner, by region and month, as tables, a plot and CSV. Nothing about a person."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from kiosk.monitor import exports, months, sheets
from kiosk.monitor.regions import CODES
from kiosk.monitor.store import statistics as store
from kiosk.monitor.store.history import COARSE_S, FINE_S
from kiosk.monitor.store.statistics import SHOWN_FROM, Availability, Figures, Month
from kiosk.monitor.web import bars
from kiosk.monitor.web.page import Refused, Visit, page

OWNERS = ("admin",)
USUAL_MONTHS = 12
KEPT_MS = 600_000  # figures of a year take seconds to count: they are counted anew each 10 min
KEPT_MAX = 16
DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """The months that were asked for, both included."""

    first: tuple[int, int]
    last: tuple[int, int]

    @property
    def months(self) -> tuple[Month, ...]:
        """Give them one by one."""
        return exports.months_of(self.first, self.last)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """All figures of a period."""

    at_ms: int
    total: Figures
    regions: tuple[Figures, ...]
    months: tuple[Figures, ...]
    day: tuple[Availability, ...]
    month: tuple[Availability, ...]


def period_of(visit: Visit) -> Period:
    """Read the months of the address; the last twelve where it names none, or nonsense."""
    now = months.parse(months.name_of(visit.site.now_ms())) or (months.FIRST_YEAR, 1)
    year_ago = (now[0], now[1] - USUAL_MONTHS + 1)
    usual = year_ago if year_ago[1] > 0 else (year_ago[0] - 1, year_ago[1] + 12)
    first, last = months.parse(visit.query("from")), months.parse(visit.query("to"))
    period = Period(first=first or usual, last=last or now)
    if period.last < period.first:
        period = Period(first=period.last, last=period.first)
    length = (period.last[0] - period.first[0]) * 12 + period.last[1] - period.first[1] + 1
    if length > exports.MONTHS_MAX:
        raise Refused(400, "statistics.too_long", n=exports.MONTHS_MAX)
    return period


def counted(visit: Visit, period: Period) -> Counted:
    """Count, or give what was counted a little while ago."""
    now_ms = visit.site.now_ms()
    kept = _kept(visit.request)
    found = kept.get(period)
    if found is not None and 0 <= now_ms - found.at_ms < KEPT_MS:
        return found
    with visit.reading() as connection:
        wanted = period.months
        total = store.figures(connection, wanted, by_region=False, by_month=False)
        until_s = now_ms // 1000
        fresh = Counted(
            at_ms=now_ms,
            total=total[0] if total else Figures(),
            regions=store.figures(connection, wanted, by_region=True, by_month=False),
            months=store.figures(connection, wanted, by_region=False, by_month=True),
            day=store.availability(connection, span_s=FINE_S, since_s=until_s - DAY_S, until_s=until_s),
            month=store.availability(
                connection, span_s=COARSE_S, since_s=until_s - 30 * DAY_S, until_s=until_s
            ),
        )
    while len(kept) >= KEPT_MAX:
        kept.pop(next(iter(kept)))
    kept[period] = fresh
    return fresh


def _kept(request: Request) -> dict[Period, Counted]:
    """Give the figures that this process holds; handlers run on threads, and one dict call is atomic."""
    state = request.app.state
    if not hasattr(state, "counted"):
        state.counted = {}
    kept: dict[Period, Counted] = state.counted
    return kept


@page(*OWNERS)
def statistics(visit: Visit) -> Response:
    """Show the figures."""
    period = period_of(visit)
    found = counted(visit, period)
    first, last = (f"{year:04d}-{month:02d}" for year, month in (period.first, period.last))
    day, month = _shares(found.day), _shares(found.month)
    regions = {one.region if one.region in CODES else "": one for one in found.regions}
    shown = [code for code in CODES if code in regions or code in month]
    shown += [code for code in ("",) if code in regions]
    return visit.render(
        "statistics.html",
        first=first,
        last=last,
        kept=urlencode({"from": first, "to": last}),
        total=found.total,
        regions=[
            {
                "name": visit.word(f"regions.name_{code or 'none'}"),
                "figures": regions.get(code, Figures(region=code)),
                "day": day.get(code),
                "month": month.get(code),
            }
            for code in shown
        ],
        months=found.months,
        day=_share(found.day),
        month=_share(found.month),
        shown_from=SHOWN_FROM,
        bars=_said(visit, found.months),
    )


def _shares(found: Iterable[Availability]) -> dict[str, float | None]:
    return {one.region: one.share for one in found}


def _share(found: tuple[Availability, ...]) -> float | None:
    """Join the regions' availability."""
    if not found:
        return None
    heard, spans = sum(one.heard for one in found), sum(one.spans for one in found)
    return replace(found[0], heard=heard, spans=spans).share


def _said(visit: Visit, found: tuple[Figures, ...]) -> str:
    most = max(found, key=lambda one: one.real, default=None)
    if most is None or not most.real:
        return visit.word("statistics.said_none")
    return visit.word("statistics.said_most", month=most.month, n=most.real)


@page(*OWNERS)
def plot(visit: Visit) -> Response:
    """Draw alerts and drills by month."""
    period = period_of(visit)
    found = {one.month: one for one in counted(visit, period).months}
    rows = [(month.name, found.get(month.name, Figures())) for month in period.months]
    drawn = bars.draw(
        [name for name, _ in rows],
        {
            visit.word("statistics.real"): [one.real for _, one in rows],
            visit.word("statistics.drills"): [one.drills for _, one in rows],
        },
        title=visit.word("statistics.by_month"),
        text=_said(visit, tuple(found.values())),
    )
    return bars.answer(drawn)


@page(*OWNERS)
def table(visit: Visit) -> Response:
    """Hand the figures by region and month out as CSV, and note who took them."""
    period = period_of(visit)
    with visit.writing() as connection:
        visit.audit(connection, "export", "statistics", f"{period.first} {period.last}")
    with visit.reading() as connection:
        rows = list(exports.statistics_rows(connection, period.months))
    return csv_answer("statistics", exports.STATISTICS, rows, bom=visit.query("bom") == "yes")


def csv_answer(name: str, header: tuple[str, ...], rows: Iterable[Any], *, bom: bool) -> Response:
    """Answer with a table that the browser saves."""
    headers = {"content-disposition": f'attachment; filename="{name}.csv"'}
    lines = (line.encode() for line in sheets.write(header, rows, bom=bom))
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)


routes = [
    Route("/statistics", statistics),
    Route("/statistics.csv", table),
    Route("/statistics.svg", plot),
]
