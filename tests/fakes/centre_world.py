"""A country in small: kiosks in all 20 regions, a year of alerts, heartbeats; the same for the same seed."""

import random
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, insert
from ulid import ULID

from kiosk.bodies import (
    Alert,
    Board,
    ButtonHealth,
    Event,
    Heartbeat,
    KioskId,
    Links,
    MqttHealth,
    Place,
    SmsHealth,
    VoiceHealth,
    Words,
)
from kiosk.monitor.records import Kiosk
from kiosk.monitor.rota import Shift
from kiosk.monitor.store import contacts, duty, schema
from kiosk.monitor.store.schema import alerts, events, kiosks, registry, spans, stages
from kiosk.monitor.web import contactsheet
from kiosk.wire import utc_text

DAY_MS = 86_400_000
CITIES = {  # region: a town kk, ru, and where it is
    "10": ("Семей", "Семей", 50.411, 80.227),
    "11": ("Көкшетау", "Кокшетау", 53.284, 69.378),
    "15": ("Ақтөбе", "Актобе", 50.283, 57.167),
    "19": ("Қонаев", "Конаев", 43.867, 77.063),
    "23": ("Атырау", "Атырау", 47.106, 51.923),
    "27": ("Орал", "Уральск", 51.233, 51.367),
    "31": ("Тараз", "Тараз", 42.9, 71.367),
    "33": ("Талдықорған", "Талдыкорган", 45.017, 78.373),
    "35": ("Қарағанды", "Караганда", 49.806, 73.085),
    "39": ("Қостанай", "Костанай", 53.214, 63.624),
    "43": ("Қызылорда", "Кызылорда", 44.848, 65.482),
    "47": ("Ақтау", "Актау", 43.635, 51.169),
    "55": ("Павлодар", "Павлодар", 52.287, 76.967),
    "59": ("Петропавл", "Петропавловск", 54.875, 69.163),
    "61": ("Түркістан", "Туркестан", 43.297, 68.251),
    "62": ("Жезқазған", "Жезказган", 47.783, 67.767),
    "63": ("Өскемен", "Усть-Каменогорск", 49.948, 82.628),
    "71": ("Астана", "Астана", 51.128, 71.43),
    "75": ("Алматы", "Алматы", 43.238, 76.945),
    "79": ("Шымкент", "Шымкент", 42.315, 69.587),
}
STREETS = (
    ("Абай к-сі", "ул. Абая"),
    ("Достық д-лы", "пр. Достык"),
    ("Сәтбаев к-сі", "ул. Сатпаева"),
    ("Бөгенбай батыр к-сі", "ул. Богенбай батыра"),
    ("Әуезов к-сі", "ул. Ауэзова"),
    ("Жібек жолы д-лы", "пр. Жибек жолы"),
    ("Қабанбай батыр к-сі", "ул. Кабанбай батыра"),
)
PLACES = (
    ("Дәріхана", "Аптека"),
    ("Азық-түлік дүкені", "Продуктовый магазин"),
    ("Емхана", "Поликлиника"),
    ("ХҚКО", "ЦОН"),
    ("Кітапхана", "Библиотека"),
    ("Автобекет", "Автовокзал"),
)
SERIOUS = ("modem_down", "button_lost:counter", "voice_unavailable", "disk_low", "sim_missing", "mqtt_down")
MILD = ("balance_low", "clock_unsynced", "cert_expiring", "mains_lost")
OUTCOMES = ("helped", "helped", "helped", "referred", "nobody_there", "false_press", "false_press", "other")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What was made: ids of kiosks in order, and the time that is now in it."""

    now_ms: int
    kiosk_ids: tuple[str, ...]


def place(chance: random.Random, region: str) -> Place:
    town_kk, town_ru, lat, lon = CITIES[region]
    (street_kk, street_ru), (kind_kk, kind_ru) = chance.choice(STREETS), chance.choice(PLACES)
    house = chance.randint(1, 180)
    return Place(
        name=Words(kk=f"{kind_kk}, {town_kk}", ru=f"{kind_ru}, {town_ru}"),
        address=Words(kk=f"{street_kk} {house}", ru=f"{street_ru}, {house}"),
        entrance=Words(kk="оң жақтағы есік", ru="дверь справа"),
        lat=round(lat + chance.uniform(-0.05, 0.05), 5),
        lon=round(lon + chance.uniform(-0.07, 0.07), 5),
        accuracy_m=15,
        kato=f"{region}{chance.randint(1, 9)}{chance.randint(0, 999999):06d}",
        phone=f"+7700{chance.randint(0, 9999999):07d}",
    )


def heartbeat(chance: random.Random, now_ms: int, faults: tuple[str, ...]) -> Heartbeat:
    state = "faulty" if any(code in SERIOUS for code in faults) else "armed"
    return Heartbeat(
        seq=chance.randint(1, 90000),
        boot=now_ms // 1000 - 800_000,
        at=now_ms // 1000,
        uptime_s=800_000,
        state=state,
        faults=faults,
        button=ButtonHealth(last_test_at=now_ms // 1000 - 86_400 * 3),
        links=Links(
            mqtt=MqttHealth(rtt_ms=chance.randint(20, 140)),
            sms=SmsHealth(
                operator="Kcell", signal_dbm=-chance.randint(55, 101), balance_kzt=chance.randint(80, 3000)
            ),
        ),
        voice=VoiceHealth(mode=chance.choice(("spoken", "cover", "off"))),
        board=Board(temp_c=chance.randint(34, 61), disk_free_mb=24_000, mem_free_mb=310),
        cert_days_left=chance.randint(5, 360),
        config_hash="a1b2c3",
        version="0.1.0",
    )


def kiosk(chance: random.Random, kiosk_id: str, now_ms: int) -> Kiosk:
    luck = chance.random()
    faults: tuple[str, ...] = ()
    if luck > 0.95:
        faults = (chance.choice(SERIOUS),)
    elif luck > 0.85:
        faults = (chance.choice(MILD),)
    beat = heartbeat(chance, now_ms, faults)
    base = Kiosk(
        kiosk_id=KioskId(kiosk_id),
        life="online",
        since_ms=now_ms - 5 * DAY_MS,
        heard_ms=now_ms - 12_000,
        heartbeat=beat,
        version="0.1.0",
        boot=beat.boot,
        heartbeats_lost=chance.randint(0, 40),
        alert_seq=9,
    )
    ill = chance.random()
    quiet_ms = chance.randint(120_000, 3 * DAY_MS)
    gone = {"since_ms": now_ms - quiet_ms, "heard_ms": now_ms - quiet_ms - 60_000}
    if ill > 0.985:
        return replace(base, life="silent", why="will", **gone)
    if ill > 0.965:
        return replace(base, life="silent", why="heartbeats", **gone)
    if ill > 0.955:
        return replace(base, life="stopped", **gone)
    if ill > 0.95:
        return replace(base, missing=(7, 8))
    if ill > 0.945:
        return replace(base, twin=True, doubts_ms=(now_ms - 5000,) * 3)
    return base


def kiosk_row(known: Kiosk, now_ms: int) -> dict[str, object]:
    beat = known.heartbeat
    return {
        "kiosk_id": known.kiosk_id,
        "life": known.life,
        "why": known.why,
        "since_ms": known.since_ms,
        "heard_ms": known.heard_ms,
        "state": beat.state if beat else "",
        "faults": ",".join(beat.faults) if beat else "",
        "twin": known.twin,
        "missing": len(known.missing),
        "version": known.version,
        "body": msgspec.json.encode(known),
        "written_ms": now_ms,
    }


def registry_row(kiosk_id: str, number: int, where: Place, created_ms: int) -> dict[str, object]:
    return {
        "kiosk_id": kiosk_id,
        "number": number,
        "name_kk": where.name.kk,
        "name_ru": where.name.ru,
        "address_kk": where.address.kk,
        "address_ru": where.address.ru,
        "entrance_kk": where.entrance.kk,
        "entrance_ru": where.entrance.ru,
        "lat": where.lat,
        "lon": where.lon,
        "accuracy_m": where.accuracy_m,
        "kato": where.kato,
        "phone": where.phone or "",
        "imei": f"{350000000000000 + number}",
        "note": "",
        "created_ms": created_ms,
        "changed_ms": created_ms,
    }


def alert_row(
    chance: random.Random,
    kiosk_id: str,
    where: Place,
    received_ms: int,
    *,
    kind: str = "press",
    open_: bool = False,
) -> dict[str, object]:
    delay_ms = chance.choice((180, 240, 310, 420, 650, 900, 5400, 21_000))
    accepted_ms = None if open_ and chance.random() < 0.5 else received_ms + chance.randint(4_000, 140_000)
    on_scene_ms = (
        None if open_ or chance.random() < 0.2 else (accepted_ms or 0) + chance.randint(200_000, 1_400_000)
    )
    closed_ms = None if open_ else received_ms + chance.randint(1_500_000, 4_000_000)
    alert_id = str(ULID.from_timestamp(received_ms / 1000))
    body = Alert(
        alert_id=alert_id,
        kiosk_id=kiosk_id,
        kind=kind,
        button="counter",
        pressed_at=utc_text(received_ms - delay_ms),
        clock="synced",
        presses=chance.choice((1, 1, 1, 2, 3)),
        seq=9,
        attempt=1,
        sent_at=utc_text(received_ms - 100),
        route="mqtt",
        place=where,
        versions={"kiosk": "0.1.0"},
    )
    return {
        "alert_id": alert_id,
        "sms_id": "",
        "kiosk_id": kiosk_id,
        "kind": kind,
        "kato": where.kato,
        "pressed_ms": received_ms - delay_ms,
        "received_ms": received_ms,
        "door": "sms" if delay_ms > 10_000 else "mqtt",
        "also_by": "",
        "age_s": delay_ms // 1000,
        "late": delay_ms > 4999,
        "clock_note": "",
        "presses": body.presses,
        "accepted_ms": accepted_ms,
        "en_route_ms": on_scene_ms and (accepted_ms or 0) + 30_000,
        "on_scene_ms": on_scene_ms,
        "closed_ms": closed_ms,
        "outcome": "" if open_ else "test" if kind == "drill" else chance.choice(OUTCOMES),
        "body": msgspec.json.encode(body),
        "written_ms": received_ms,
    }


def an_alert_body() -> bytes:
    """Give one alert as it travels."""
    chance = random.Random(1)
    row = alert_row(chance, "kiosk-0001", place(chance, "75"), 1_790_000_000_000)
    body = row["body"]
    assert isinstance(body, bytes)
    return body


def stage_rows(alert: dict[str, object]) -> list[dict[str, object]]:
    row = {
        "alert_id": alert["alert_id"],
        "who": "aigerim",
        "note": "",
        "via": "centre",
        "outcome": "",
        "referral": "",
    }
    found = [row | {"stage": "received", "at_ms": alert["received_ms"], "who": ""}]
    for stage in ("accepted", "en_route", "on_scene", "closed"):
        if alert[f"{stage}_ms"] is not None:
            outcome = alert["outcome"] if stage == "closed" else ""
            found.append(row | {"stage": stage, "at_ms": alert[f"{stage}_ms"], "outcome": outcome})
    return found


def span_rows(
    chance: random.Random, kiosk_id: str, span_s: int, count: int, now_ms: int
) -> list[dict[str, object]]:
    """A month or a day of heartbeats with a warm noon, a fading balance and a hole or two."""
    last = now_ms // 1000 // span_s
    hole = chance.randint(count // 8, count * 3 // 4)
    rows: list[dict[str, object]] = []
    for at in range(last - count + 1, last + 1):
        age = last - at
        if 0 <= age - hole < max(2, count // 60):
            continue
        hour = (at * span_s // 3600 + 5) % 24
        fault = "modem_down" if 0 <= age - hole - count // 60 < count // 30 else ""
        rows.append(
            {
                "kiosk_id": kiosk_id,
                "span_s": span_s,
                "begins_s": at * span_s,
                "beats": span_s // 30,
                "lost": 0,
                "temp_c": 44 + (7 - abs(hour - 14)) + chance.randint(-1, 2),
                "signal_dbm": -78 + chance.randint(-6, 5),
                "balance_kzt": 400.0 + age * span_s / 3600,
                "rtt_ms": chance.randint(30, 120),
                "faults": fault,
            }
        )
    return rows


def fill(
    connection: Connection,
    now_ms: int,
    *,
    count: int = 320,
    alerts_count: int = 1500,
    seed: int = 7,
    spans_of: int = 0,
) -> World:
    """Fill an empty database; `spans_of` kiosks get heartbeats of 24 h and 30 d."""
    chance = random.Random(seed)
    codes = sorted(CITIES)
    places = {f"kiosk-{number:04d}": place(chance, codes[number % 20]) for number in range(1, count + 1)}
    ids = tuple(places)
    heard = [kiosk(chance, kiosk_id, now_ms) for kiosk_id in ids[: max(1, count - 3)]]
    connection.execute(insert(kiosks), [kiosk_row(known, now_ms) for known in heard])
    rows = [
        registry_row(name, number, places[name], now_ms - 300 * DAY_MS) for number, name in enumerate(ids, 1)
    ]
    connection.execute(insert(registry), rows)
    told = []
    for number, name in enumerate(ids):
        passed = chance.random() > 0.1
        at_ms = now_ms - chance.randint(1, 60) * DAY_MS
        event = Event(
            event_id=f"drill-{number}",
            kiosk_id=name,
            at=utc_text(at_ms),
            detail="" if passed else "sms",
            code="drill_passed" if passed else "drill_failed",
        )
        told.append(event_row(event, at_ms))
    connection.execute(insert(events), told)
    made = []
    for number in range(alerts_count):
        name = chance.choice(ids)
        kind = "drill" if chance.random() < 0.3 else "press"
        open_ = number >= alerts_count - 5
        received_ms = now_ms - (
            chance.randint(20_000, 600_000) if open_ else chance.randint(DAY_MS, 365 * DAY_MS)
        )
        made.append(
            alert_row(chance, name, places[name], received_ms, kind="press" if open_ else kind, open_=open_)
        )
    if made:
        connection.execute(insert(alerts), made)
        connection.execute(insert(stages), [row for alert in made for row in stage_rows(alert)])
    for name in ids[:spans_of]:
        connection.execute(insert(spans), span_rows(chance, name, 300, 288, now_ms))
        connection.execute(insert(spans), span_rows(chance, name, 3600, 720, now_ms))
    return World(now_ms=now_ms, kiosk_ids=ids)


def event_row(event: Event, at_ms: int) -> dict[str, object]:
    return {
        "kiosk_id": event.kiosk_id,
        "event_id": event.event_id,
        "at_ms": at_ms,
        "code": event.code,
        "state": event.state,
        "body": msgspec.json.encode(event),
    }


def staff(connection: Connection, now_ms: int) -> None:
    """Add officers of two tiers with a rota that has holes, and the sample contacts."""
    people = (
        ("aigerim", "Айгерім Сәрсенова", "officer", "kk", "+77010000001"),
        ("ruslan", "Руслан Ким", "officer", "ru", "+77010000002"),
        ("dana", "Дана Ахметова", "officer", "kk", "+77010000003"),
        ("timur", "Тимур Оспанов", "technician", "ru", "+77010000004"),
    )
    for person_id, name, role, language, phone in people:
        connection.execute(
            insert(schema.people).values(
                person_id=person_id,
                name=name,
                role=role,
                language=language,
                phone=phone,
                password_hash="",
                active=True,
                created_ms=now_ms,
                changed_ms=now_ms,
            )
        )
    for day in range(7):
        duty.add_shift(
            connection,
            Shift(person_id="aigerim", tier=1, weekday=day, begins_minute=480, ends_minute=1200),
        )
        duty.add_shift(
            connection,
            Shift(person_id="ruslan", tier=1, weekday=day, begins_minute=1200, ends_minute=1920),
        )
        if day < 6:
            duty.add_shift(
                connection, Shift(person_id="dana", tier=2, weekday=day, begins_minute=480, ends_minute=1920)
            )
    away = Shift(
        person_id="ruslan",
        begins_ms=now_ms + 2 * DAY_MS,
        ends_ms=now_ms + 2 * DAY_MS + 9 * 3_600_000,
        away=True,
    )
    duty.add_shift(connection, away)
    sample = Path(__file__).parents[2] / "provisioning" / "contacts.sample.csv"
    contacts.replace_all(connection, contactsheet.read(sample.read_bytes()).contacts, now_ms)
