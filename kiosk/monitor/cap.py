"""An alert as Common Alerting Protocol 1.2 (OASIS, 1 July 2010), for other systems. Pure.

One message a stage; the same stage gives the same message, so that whoever gets it twice can tell. It says
where help is needed and never who: no telephone, no officer, no note.
"""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Literal
from xml.etree import ElementTree

from kiosk.bodies import ReplyStage
from kiosk.messages import Language
from kiosk.monitor import cases
from kiosk.monitor.records import Case, StageEntry

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
MEDIA_TYPE = "application/cap+xml"
LOCAL = timezone(timedelta(hours=5))  # 3.3.2: a time has an offset and never a Z
LATEST_MS = 253_402_214_400_000  # what a date can hold, less a day for the offset
RADIUS_KM_MIN = 0.01
MESSAGE_TYPE: dict[ReplyStage, str] = {
    "received": "Alert", "accepted": "Update", "en_route": "Update", "on_scene": "Update", "closed": "Cancel",
}  # fmt: skip
SEVERITY = {"press": "Severe", "tamper": "Moderate", "drill": "Minor"}
LANGUAGES: tuple[tuple[Language, str], ...] = (("kk", "kk-KZ"), ("ru", "ru-KZ"))

Word = Callable[..., str]  # language and key; below a language, the key alone


def identifier(case: Case, stage: ReplyStage) -> str:
    """Name the message of one stage; 3.2.1 allows no blank, comma, < or &."""
    return f"{case.alert.alert_id}.{stage}"


def message(case: Case, stage: ReplyStage, sender: str, word: Word) -> bytes:
    """Write the message of one stage of a case as UTF-8 XML; raises KeyError for a stage it has not."""
    entry = {each.stage: each for each in case.stages}[stage]
    root = ElementTree.Element("alert", {"xmlns": NAMESPACE})
    _add(root, "identifier", identifier(case, stage))
    _add(root, "sender", sender)
    _add(root, "sent", _time(entry.at_ms))
    _add(root, "status", "Exercise" if cases.is_drill(case) else "Actual")
    _add(root, "msgType", MESSAGE_TYPE[stage])
    _add(root, "source", case.alert.kiosk_id)
    _add(root, "scope", "Restricted")
    _add(root, "restriction", word("ru", "restriction"))
    if stage != "received":
        _add(root, "references", f"{sender},{identifier(case, 'received')},{_time(case.received_ms)}")
    # One name for copies by SMS and by the Internet, whose alert ids differ until they are joined.
    _add(root, "incidents", f"{case.alert.kiosk_id}-{case.alert.seq}")
    for language, tag in LANGUAGES:
        info = ElementTree.SubElement(root, "info")
        _add(info, "language", tag)
        _describe(info, case, entry, partial(word, language))
        _locate(info, case, "kk" if language == "kk" else "ru")
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _describe(info: ElementTree.Element, case: Case, entry: StageEntry, word: Word) -> None:
    """Say what happens; the order of the elements is the schema's."""
    alert = case.alert
    _add(info, "category", "Safety")
    _add(info, "category", "Security")
    _add(info, "event", word(f"event_{alert.kind}"))
    _add(info, "urgency", "Past" if entry.stage == "closed" else "Immediate")
    _add(info, "severity", SEVERITY[alert.kind])
    _add(info, "certainty", "Likely" if alert.kind == "tamper" else "Observed")
    if not case.clock_note:
        _add(info, "onset", _time(case.received_ms - case.age_s * 1000))
    _add(info, "headline", word(f"headline_{alert.kind}"))
    _add(info, "description", word(f"stage_{entry.stage}"))
    facts = ("kiosk", alert.kiosk_id), ("stage", entry.stage), ("presses", alert.presses), ("path", case.door)
    for name, value in facts:
        _pair(info, "parameter", name, value)


def _locate(info: ElementTree.Element, case: Case, language: Literal["kk", "ru"]) -> None:
    place = case.alert.place
    name, address, entrance = (
        getattr(part, language) for part in (place.name, place.address, place.entrance)
    )
    area = ElementTree.SubElement(info, "area")
    _add(area, "areaDesc", f"{name}, {address} ({entrance})")
    radius_km = max(place.accuracy_m / 1000, RADIUS_KM_MIN)
    _add(area, "circle", f"{place.lat:.6f},{place.lon:.6f} {radius_km:.3f}")
    _pair(area, "geocode", "KATO", place.kato)


def _pair(parent: ElementTree.Element, kind: str, name: str, value: object) -> None:
    pair = ElementTree.SubElement(parent, kind)
    _add(pair, "valueName", name)
    _add(pair, "value", value)


def _add(parent: ElementTree.Element, name: str, value: object) -> None:
    ElementTree.SubElement(parent, name).text = "".join(
        letter if _is_xml(ord(letter)) else "?" for letter in str(value)
    )


def _is_xml(code: int) -> bool:
    """Tell whether XML 1.0 (2.2) can hold a character; outside text may have any."""
    return code in (0x9, 0xA, 0xD) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000


def _time(utc_ms: int) -> str:
    moment = datetime.fromtimestamp(min(max(utc_ms, 0), LATEST_MS) // 1000, tz=LOCAL)
    return moment.strftime("%Y-%m-%dT%H:%M:%S+05:00")
