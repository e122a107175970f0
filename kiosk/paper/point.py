"""What the card must know of a point, as plain values: from a site's configuration or from the centre."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from kiosk.config import Config
from kiosk.messages import Language

Mode = Literal["spoken", "cover", "off"]
Lamp = Literal["wink", "dark", "none"]
Guard = Literal["single", "hold", "double"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """How one button is pressed; `hold_s` in seconds counts for `hold` only."""

    name: str
    guard: Guard
    hold_s: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One safe point. `lamp` tells how it looks when all is well: it winks, stays dark, or there is none.

    `cover` has the neutral phrases in the order in which they sound; empty where they are not known.
    """

    number: int
    names: Mapping[Language, str]
    mode: Mode
    lamp: Lamp = "wink"
    presses: tuple[Press, ...] = (Press(name="", guard="single"),)
    cover: tuple[str, ...] = ()
    service_phone: str | None = None

    def name(self, language: Language) -> str:
        """Give the place's name in the language, or in Russian where it has none in it."""
        return self.names.get(language) or self.names["ru"]


def point_of(config: Config, service_phone: str | None = None) -> Point:
    """Take out of a site's configuration what stands on its card; a phone that is given wins."""
    cover, name = config.voice.cover, config.site.name
    phrases = {"kk": cover.kk, "ru": cover.ru} if cover is not None else {}
    lamp: Lamp = "none" if config.lamp.pin is None else "wink" if config.lamp.armed else "dark"
    return Point(
        number=config.kiosk.number,
        names={"kk": name.kk, "ru": name.ru},
        mode=config.voice.mode,
        lamp=lamp,
        presses=tuple(
            Press(name=button.name, guard=button.guard, hold_s=button.hold_s) for button in config.buttons
        ),
        cover=tuple(phrases[spoken] for spoken in config.kiosk.languages if spoken in phrases),
        service_phone=service_phone or config.site.service_phone,
    )
