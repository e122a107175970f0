"""The fleet: a map of tiles by region, and the list of kiosks with the reason of each one's health."""

from typing import Any
from urllib.parse import urlencode

from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from kiosk.monitor.regions import CODES, TILES
from kiosk.monitor.store import fleetcounts, fleetlist
from kiosk.monitor.store.fleetcounts import Region
from kiosk.monitor.store.fleetlist import SHOWS, UNREGISTERED, Line, Search, Show
from kiosk.monitor.web import health, paging
from kiosk.monitor.web.changes import changes
from kiosk.monitor.web.health import SIGNS, Tone
from kiosk.monitor.web.page import EVERYONE, Visit, page

COUNTED_MS = 2_000
NEWS = frozenset({"kiosk", "case"})  # of the feed: what changes this page


def search_of(visit: Visit) -> Search:
    """Read what the address asks for; anything odd in it is as if it were not there."""
    text, region = visit.query("q"), visit.query("region")
    region = region if region in {*CODES, UNREGISTERED} else ""
    usual: Show = "all" if text or region else "attention"
    show = next((known for known in SHOWS if known == visit.query("show")), usual)
    key = paging.read(visit.query("after"), tuple[str])
    return Search(text=text, region=region, show=show, after=key[0] if key else "")


@page(*EVERYONE)
def fleet(visit: Visit) -> Response:
    """Show the map and one page of the list; `part` gives what a script puts into an open page."""
    search = search_of(visit)
    counts = _counts(visit)
    with visit.reading() as connection:
        lines, more = fleetlist.listed(connection, search)
    kept = {"q": search.text, "region": search.region, "show": search.show}
    values: dict[str, Any] = {
        "search": search,
        "tiles": [
            _tile(visit, counts.get(tile.code, Region(code=tile.code))) | {"at": tile} for tile in TILES
        ],
        "placeless": _tile(visit, counts[UNREGISTERED]) if UNREGISTERED in counts else None,
        "total": _sum(counts),
        "lines": [_line(visit, line) for line in lines],
        "next": urlencode({**kept, "after": paging.write(lines[-1].kiosk_id)}) if more else "",
        "kept": urlencode(kept),
        "shows": SHOWS,
        "codes": CODES,
    }
    if visit.query("part"):
        return HTMLResponse(visit.fragment("_fleet.html", **values))
    return visit.render("fleet.html", **values)


def _counts(visit: Visit) -> dict[str, Region]:
    """Count the regions, or give what was counted just now: many open pages fetch at the same change."""
    state, now_ms = visit.request.app.state, visit.site.now_ms()
    kept: tuple[int, dict[str, Region]] | None = getattr(state, "regions", None)
    if kept is not None and 0 <= now_ms - kept[0] < COUNTED_MS:
        return kept[1]
    with visit.reading() as connection:
        fresh = fleetcounts.regions(connection)
    state.regions = (now_ms, fresh)
    return fresh


def _line(visit: Visit, line: Line) -> dict[str, Any]:
    said = "kk" if visit.language == "kk" else "ru"
    now_ms = visit.site.now_ms()
    return {
        "kiosk_id": line.kiosk_id,
        "name": line.name_kk if said == "kk" else line.name_ru,
        "address": line.address_kk if said == "kk" else line.address_ru,
        "place_language": said,
        "reasons": health.reasons(line, visit.word, visit.site.words.has, now_ms),
        "heard_ms": line.heard_ms or None,
        "drill_ms": line.drill_ms or None,
        "drill_passed": line.drill_passed,
    }


def _tile(visit: Visit, region: Region) -> dict[str, Any]:
    """Say the worst of a region first; a tile has room for two sentences."""
    troubles: list[tuple[Tone, str, int]] = [
        ("bad", "alert", region.open_alerts),
        ("bad", "silent", region.silent),
        ("warn", "faulty", region.faulty),
        ("warn", "stopped", region.stopped),
        ("note", "new", region.new),
    ]
    told = [
        (tone, SIGNS[tone], visit.word(f"fleet.tile_{name}", n=count), str(count))
        for tone, name, count in troubles
        if count
    ]
    if not told:
        tone: Tone = "good" if region.kiosks else "note"
        words = visit.word("fleet.tile_good") if region.kiosks else visit.word("fleet.empty")
        told = [(tone, SIGNS[tone], words, "")]
    name = "none" if region.code == UNREGISTERED else region.code
    return {
        "code": region.code,
        "name": visit.word(f"regions.name_{name}"),
        "short": visit.word(f"regions.short_{name}"),
        "kiosks": region.kiosks,
        "worst": "alert" if region.open_alerts else told[0][0] if region.kiosks else "empty",
        "told": told[:2],
    }


def _sum(counts: dict[str, Region]) -> dict[str, int]:
    return {
        name: sum(getattr(region, name) for region in counts.values())
        for name in ("kiosks", "online", "silent", "faulty")
    }


routes = [
    Route("/fleet", fleet),
    Route("/fleet/live", changes(lambda event, _request: event.get("what") in NEWS)),
]
