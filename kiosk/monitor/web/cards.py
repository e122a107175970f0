"""What the board shows of one alert: the order of the list, and the card's text in one language.

Owns no data: a card is made from the centre's own view of an alert and the people's names.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kiosk.monitor.web import times
from kiosk.monitor.web.site import Site, View, word_of
from kiosk.monitor.web.words import Language

LOG = logging.getLogger(__name__)
FULL, BARE = "_card.html", "_card_bare.html"
TEMPLATES = (FULL, BARE, "_card_steps.html")
MAP_WEST, MAP_NORTH = 46, 56  # degrees; of static/kazakhstan.svg, drawn true to scale at 48 degrees north
MAP_WIDE, MAP_HIGH, MAP_SIZE = 6.7, 10, (281, 160)
NEXT = {"received": "accept", "accepted": "en_route", "en_route": "on_scene", "on_scene": "close"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """For whom a card is rendered: everybody of one language and one right gets the same."""

    language: Language
    acts: bool  # may accept and close


def order(view: View) -> str:
    """Give a text that sorts as people should read: real before drill, not taken first, then the oldest."""
    waiting = view["stage"] == "received"
    return f"{int(view['drill'])}{int(not waiting)} {view['received_at']} {view['alert_id']}"


def is_open(view: View) -> bool:
    """Tell whether nobody has closed it."""
    return bool(view["stage"] != "closed")


def card(site: Site, look: Look, view: View, names: Mapping[str, str]) -> str:
    """Render one card without anybody's token: each page fills in its own.

    One that cannot be rendered is shown with what is sure of it: no alert stays hidden.
    """
    shared: dict[str, Any] = {
        "word": word_of(site, look.language),
        "acts": look.acts,
        "csrf": "",
        "alert": view,
        "order": order(view),
        "mark": mark(view),
        "step": NEXT.get(view["stage"], ""),
    }
    try:
        more = context(site, view, names, look.language)
        return site.templates.get_template(FULL).render(shared | more)
    except Exception:
        LOG.exception("card=bare alert=%s", view["alert_id"])
        return site.templates.get_template(BARE).render(shared)


def mark(view: View) -> str:
    """Give a short text that differs whenever the card does."""
    facts = (
        view["stage"],
        view["presses"],
        view["kind"],
        len(view["stages"]),
        len(view["also_by"]),
        view["by"],
    )
    return "-".join(map(str, facts))


def name(view: View, language: Language) -> str:
    """Give the place's name; places are named in the country's two languages."""
    return str(view["place"]["name"][place_language(language)])


def place_language(language: Language) -> Language:
    """Give the language in which a place is shown to a reader of `language`."""
    return "kk" if language == "kk" else "ru"


def context(site: Site, view: View, names: Mapping[str, str], language: Language) -> dict[str, Any]:
    """Give the names that `_card.html` and the alert's page use."""
    place = view["place"]
    said = place_language(language)
    received_ms = times.of_wire(view["received_at"]) or 0
    paths = (view["path"], *view["also_by"])
    return {
        "alert": view,
        "place": {"phone": None, **place},
        "order": order(view),
        "mark": mark(view),
        "step": NEXT.get(view["stage"], ""),
        "name": name(view, language),
        "address": place["address"][said],
        "entrance": place["entrance"][said],
        "place_language": said,
        "position": f"{place['lat']:.5f}, {place['lon']:.5f}",
        "map_x": round(min(max((place["lon"] - MAP_WEST) * MAP_WIDE, 0), MAP_SIZE[0])),
        "map_y": round(min(max((MAP_NORTH - place["lat"]) * MAP_HIGH, 0), MAP_SIZE[1])),
        "paths": ", ".join(site.words.word(language, f"board.by_{path}") for path in dict.fromkeys(paths)),
        "pressed_ms": times.of_wire(view["pressed_at"]),
        "received_ms": received_ms,
        "since_ms": received_ms - view["age_s"] * 1000,
        "age": span(view["age_s"]),
        "stages": [
            {**entry, "at_ms": times.of_wire(entry["at"]), "who": names.get(entry["by"], entry["by"])}
            for entry in view["stages"]
        ],
        "who": names.get(view["by"], view["by"]),
    }


def span(seconds: int) -> str:
    """Write a time span as `4:05` or `1:02:03`."""
    hours, rest = divmod(max(seconds, 0), 3600)
    minutes = f"{rest // 60:02d}" if hours else str(rest // 60)
    return f"{hours}:{minutes}:{rest % 60:02d}" if hours else f"{minutes}:{rest % 60:02d}"
