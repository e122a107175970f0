"""A story: which shops and monitors there are, and what is done to them when. A value. Pure."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Mode = Literal["spoken", "cover", "off"]
Guard = Literal["single", "hold", "double"]
Count = Annotated[int, Meta(ge=0, le=64)]


class Shop(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One kiosk's site, as far as it matters; `tiers` counts the people of each tier."""

    mode: Mode = "off"
    guard: Guard = "single"
    https: bool = True
    sms: bool = True
    tiers: tuple[Count, ...] = (1, 1)
    gateways: Count = 1
    five: bool = False  # MQTT 5
    power: bool = False  # the modem's power can be switched
    balance: bool = False
    tamper: bool = False
    max_s: float = 21_600.0


class Deed(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that is done: `what` to `who` in which way, for how long."""

    at_s: float
    what: str
    who: str = ""
    how: str = ""
    for_s: float = 0.0
    n: int = 0


class Story(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All deeds end by `heal_s`; after that everything is well and must become quiet."""

    seed: str
    shops: tuple[Shop, ...]
    deeds: tuple[Deed, ...] = ()
    monitors: Count = 2
    heal_s: float = 60.0
    calm: bool = False
