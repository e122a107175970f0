"""Rules across the keys of one site's configuration.

Owns what no single key can tell: pins and names used twice, plain MQTT to the outside, a place outside the
country, an alert grown too long. Pure: it never looks at files, devices or the network.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from kiosk import link_check, sms_text
from kiosk.bodies import Alert, AlertId, KioskId
from kiosk.config import Button, Config
from kiosk.prompts import Catalogue
from kiosk.sms_signed import OTHER_BUTTON
from kiosk.wire import ALERT_MAX_BYTES, encode

# The first two digits of a KATO code (classifier of administrative units): 17 oblasts, 3 cities.
KATO_REGIONS = "10 11 15 19 23 27 31 33 35 39 43 47 55 59 61 62 63 71 75 79"
LAT_DEG = (40.0, 56.0)  # a box around Kazakhstan: catches swapped or mistyped coordinates, not a border
LON_DEG = (46.0, 88.0)
RESERVED = frozenset({"tamper", "mains_lost", "lamp"})  # names of other inputs, which a button must not take
SOCKET_PATH_BYTES = 107  # sun_path of a Unix socket, less its closing zero (unix(7))
SOCKET_NAME = "/.control.sock"  # it is bound under this name first
# Stems that would tell a bystander what the kiosk is for (rules of the prompts: discreet).
DISCREET_STEMS = (
    "кнопк", "полиц", "насили", "тревог", "тревож", "убежищ", "приют", "улиц", "кризисн",
    "түйме", "батырма", "зорлық", "дабыл", "баспана", "панахана", "көше", "дағдарыс",
    "sos", "button", "police", "violence", "shelter",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a configuration; an `error` must stop a start, a `warning` must be shown."""

    key: str
    what: str
    level: Literal["error", "warning"] = "error"


def check(config: Config, words: Catalogue) -> list[Problem]:
    """List every problem across the keys of a decoded configuration; empty when all is well.

    `words` are needed because every SMS text of this site must be one segment.
    """
    rules = (
        _names,
        _pins,
        _guards,
        _eighth,
        _place,
        _voice,
        _cover,
        _links,
        _sms,
        _people,
        _paths,
        _alert_size,
    )
    problems = [problem for rule in rules for problem in rule(config)]
    if config.sms is not None:
        for fault in sms_text.check(config, words):
            key, _, what = fault.partition(": ")
            problems.append(Problem(key, what))
    return problems


def longest_alert(config: Config) -> Alert:
    """Build the longest alert that this site can send (opaque operator id of 60 Cyrillic letters)."""
    names = sorted((button.name for button in config.buttons), key=len, reverse=True)
    moment = "2026-01-01T00:00:00.000Z"
    return Alert(
        alert_id=AlertId("0" * 26),
        kiosk_id=KioskId(config.kiosk.id),
        kind="tamper",
        button=names[0],
        pressed_at=moment,
        clock="unsynced",
        presses=10**6,
        seq=10**9,
        attempt=10**6,
        sent_at=moment,
        route="https",
        place=config.site.place(),
        versions={"kiosk": "0" * 16, "config": "0" * 16},
        also=tuple(names[1:]),
        stage="on_scene",
        by="ы" * 60,
    )


def _names(config: Config) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for index, button in enumerate(config.buttons):
        if button.name in seen:
            yield Problem(
                f"buttons[{index}].name", f'"{button.name}" is the name of buttons[{seen[button.name]}] too'
            )
        if button.name in RESERVED:
            yield Problem(f"buttons[{index}].name", f'"{button.name}" is reserved; take another name')
        seen.setdefault(button.name, index)
    languages = config.kiosk.languages
    if len(set(languages)) < len(languages):
        yield Problem("kiosk.languages", "a language stands twice")


def _pins(config: Config) -> Iterator[Problem]:
    used = [(f"buttons[{index}].pin", button.pin) for index, button in enumerate(config.buttons)]
    used += [
        (f"{key}.pin", part.pin)
        for key, part in (("tamper", config.tamper), ("mains_lost", config.mains_lost), ("lamp", config.lamp))
        if part is not None and part.pin is not None
    ]
    if config.sms is not None and config.sms.power_pin is not None:
        used.append(("sms.power_pin", config.sms.power_pin))
    first: dict[int, str] = {}
    for key, pin in used:
        if pin in first:
            yield Problem(key, f"pin {pin} is used by {first[pin]} already")
        first.setdefault(pin, key)


def _guards(config: Config) -> Iterator[Problem]:
    default = Button(name="default", pin=0)
    for index, button in enumerate(config.buttons):
        if button.guard == "hold" and button.hold_s >= button.stuck_s:
            yield Problem(f"buttons[{index}].hold_s", f"must be shorter than stuck_s ({button.stuck_s:g} s)")
        if button.guard == "double" and button.double_s >= button.stuck_s:
            yield Problem(
                f"buttons[{index}].double_s", f"must be shorter than stuck_s ({button.stuck_s:g} s)"
            )
        for guard, key in (("hold", "hold_s"), ("double", "double_s")):
            if button.guard != guard and getattr(button, key) != getattr(default, key):
                what = f'has no effect with guard = "{button.guard}"; it belongs to "{guard}"'
                yield Problem(f"buttons[{index}].{key}", what, "warning")


def _eighth(config: Config) -> Iterator[Problem]:
    if len(config.buttons) > OTHER_BUTTON and config.sms is not None:
        what = 'has no place in the three bits of a text; by SMS alone the centre calls it "other"'
        yield Problem(f"buttons[{OTHER_BUTTON}]", what, "warning")


def _place(config: Config) -> Iterator[Problem]:
    site = config.site
    if site.kato[:2] not in KATO_REGIONS.split():
        what = f"begins with {site.kato[:2]}; a region begins with one of {KATO_REGIONS}"
        yield Problem("site.kato", what)
    for key, value, (low, high) in (("lat", site.lat, LAT_DEG), ("lon", site.lon, LON_DEG)):
        if not low <= value <= high:
            what = f"{value:g} degrees is not in Kazakhstan ({low:g} to {high:g}); are lat and lon swapped?"
            yield Problem(f"site.{key}", what)


def _voice(config: Config) -> Iterator[Problem]:
    voice = config.voice
    if voice.clips == voice.human:
        yield Problem("voice.human", "is the folder of voice.clips too; rendering would overwrite recordings")
    for language in voice.piper:
        if language not in config.kiosk.languages:
            yield Problem(f"voice.piper.{language}", "is not one of kiosk.languages", "warning")
    if voice.mode != "cover":
        return
    if voice.cover is None:
        yield Problem("voice.cover", 'missing; mode = "cover" needs the neutral phrase of this site')
    if "en" in config.kiosk.languages:
        yield Problem("kiosk.languages", 'mode = "cover" has a phrase in kk and ru only; take "en" out')


def _cover(config: Config) -> Iterator[Problem]:
    cover = config.voice.cover
    if cover is None:
        return
    if cover.from_hour >= cover.to_hour:
        yield Problem("voice.cover.to_hour", f"must be later than from_hour ({cover.from_hour} o'clock)")
    address = config.site.address
    told = set(re.findall(r"[^\W\d_]{4,}", f"{address.kk} {address.ru}".casefold()))
    for language, phrase in (("kk", cover.kk), ("ru", cover.ru)):
        words = re.findall(r"\w+", phrase.casefold())
        hits = [word for word in words if word in told or word.startswith(DISCREET_STEMS)]
        if hits:
            yield Problem(f"voice.cover.{language}", f"tells what must stay discreet: {', '.join(hits)}")


def _links(config: Config) -> Iterator[Problem]:
    return (Problem(*found) for found in link_check.faults(config))


def _sms(config: Config) -> Iterator[Problem]:
    sms = config.sms
    if sms is None:
        if config.duty.tiers:
            yield Problem("duty.tiers", "nobody can be written to without a modem: [sms] is needed")
        return
    if not sms.gateways and not config.duty.tiers:
        yield Problem("sms.gateways", "there is a modem but nobody to write to: add a gateway or a duty tier")
    for key in ("sms_after_s", "tier_every_s"):
        if getattr(config.timing, key) >= config.timing.incident_max_s:
            end = f"incident_max_s ({config.timing.incident_max_s:g} s)"
            what = f"must be shorter than {end}, else a press may end before anybody is written to"
            yield Problem(f"timing.{key}", what)
    if sms.balance is not None:
        yield from _balance(sms.balance.pattern)


def _balance(pattern: str) -> Iterator[Problem]:
    try:
        groups = re.compile(pattern).groups
    except (re.error, OverflowError, RecursionError) as error:
        yield Problem("sms.balance.pattern", f"is not a regular expression: {error}")
        return
    if groups < 1:
        yield Problem("sms.balance.pattern", "has no group; put the sum in tenge between ( and )")


def _people(config: Config) -> Iterator[Problem]:
    """Find numbers that stand twice; the message never shows them."""
    numbers = [
        (f"sms.gateways[{i}]", number) for i, number in enumerate(config.sms.gateways if config.sms else ())
    ]
    numbers += [
        (f"duty.tiers[{i}].people[{j}].number", officer.number)
        for i, tier in enumerate(config.duty.tiers)
        for j, officer in enumerate(tier.people)
    ]
    first: dict[str, str] = {}
    for key, number in numbers:
        if number in first:
            yield Problem(key, f"is the number of {first[number]} already")
        first.setdefault(number, key)


def _paths(config: Config) -> Iterator[Problem]:
    size = len((config.paths.run + SOCKET_NAME).encode())
    if size > SOCKET_PATH_BYTES:
        yield Problem("paths.run", f"is {size - SOCKET_PATH_BYTES} bytes too long for a socket's name")


def _alert_size(config: Config) -> Iterator[Problem]:
    size = len(encode(longest_alert(config)))
    if size > ALERT_MAX_BYTES:
        over = size - ALERT_MAX_BYTES
        yield Problem(
            "site", f"an alert could have {size} bytes, {over} too many: shorten name, address or entrance"
        )
