"""The pages with 10 000 kiosks and 10^6 past alerts: time on the server and size, by the real application."""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
from fakes.centre_pages import START_MS, Visitor, alert_view, opened
from sqlalchemy import Engine, Table, text

from bench.rows import Row, at_most, percentile
from kiosk.bodies import Alert
from kiosk.monitor.store.schema import alerts, kiosks

PAST, KIOSKS, OPEN = 1_000_000, 10_000, 40
TIMES = 25
LIMIT_MS, LIMIT_KB = 100, 150
FAR_BACK = "/alerts?until=2020-06-10"
PAGES = (
    ("the board, 40 open alerts", "/"),
    ("the list of alerts, first page", "/alerts"),
    ("the list of alerts, one kiosk", "/alerts?kiosk=kiosk-17"),
    ("the list of alerts, drills only", "/alerts?kind=drill"),
    ("the list of alerts, a rare outcome in one region", "/alerts?region=62&outcome=other"),
    ("one alert", f"/alerts/past-{PAST // 2}"),
    ("the fleet", "/fleet"),
)
COUNT = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :count) "
AT = ":from_ms + i * :step_ms"
ALERT = {
    "alert_id": "'past-' || i",
    "kiosk_id": "'kiosk-' || (i % :kiosks)",
    "kind": "CASE WHEN i % 50 THEN 'press' ELSE 'drill' END",
    "kato": "substr('106275', 1 + 2 * (i % 3), 2) || '0000000'",
    "pressed_ms": AT, "received_ms": AT, "written_ms": AT,
    "accepted_ms": f"{AT} + 9000", "closed_ms": f"{AT} + 900000",
    "door": "'mqtt'", "age_s": "1", "late": "0", "presses": "1", "body": ":body",
    "outcome": "CASE WHEN i % 5000 THEN 'helped' ELSE 'other' END",
}  # fmt: skip
STAGES = """INSERT INTO stages (alert_id, stage, at_ms, who, note, via, outcome, referral)
    SELECT alert_id, 'closed', closed_ms, 'aigul', '', 'centre', outcome, '' FROM alerts"""
KIOSK = {
    "kiosk_id": "'kiosk-' || i", "life": "CASE WHEN i % 100 THEN 'online' ELSE 'silent' END", "since_ms": "1",
    "heard_ms": ":now_ms", "state": "'armed'", "twin": "0", "body": ":empty", "written_ms": "1",
}  # fmt: skip


def run() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder)) as pages:
        fill(pages.engine)
        pages.show(*(alert_view(number) for number in range(OPEN)))
        visitor = pages.sign_in("admin")
        rows = [row for what, path in PAGES for row in measured(visitor, what, path)]
        link = visitor.get(FAR_BACK).text.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
        return [*rows, *measured(visitor, "the list of alerts, far back", link)]


def measured(visitor: Visitor, what: str, path: str) -> list[Row]:
    took_ms, size = [], 0
    for _ in range(TIMES):
        began_s = time.perf_counter()
        answer = visitor.get(path)
        took_ms.append((time.perf_counter() - began_s) * 1000)
        size = len(answer.content)
        if answer.status_code != 200:
            raise RuntimeError(f"{path}: {answer.status_code}")
    usual = statistics.median(took_ms)
    return [
        at_most(f"{what}: p95", percentile(took_ms, 95), "ms", LIMIT_MS, peer="median", peer_value=usual),
        at_most(f"{what}: size", size / 1000, "kB", LIMIT_KB),
    ]


def fill(engine: Engine) -> None:
    """Keep a million closed alerts of the last six years, and ten thousand kiosks."""
    view = alert_view()
    names = ("alert_id", "kiosk_id", "kind", "button", "pressed_at", "presses", "seq", "attempt", "place")
    more = {"v": 1, "clock": "synced", "sent_at": view["pressed_at"], "route": "mqtt", "versions": {}}
    body = msgspec.json.encode(msgspec.convert({name: view[name] for name in names} | more, Alert))
    step_ms = 190_000
    values = {"body": body, "kiosks": KIOSKS, "step_ms": step_ms, "from_ms": START_MS - PAST * step_ms}
    with engine.connect().execution_options(writes=True) as db, db.begin():
        db.execute(*many(alerts, PAST, ALERT, values))
        db.execute(text(STAGES))
        db.execute(*many(kiosks, KIOSKS, KIOSK, {"now_ms": START_MS, "empty": b"{}"}))


Values = dict[str, Any]


def many(table: Table, count: int, columns: dict[str, str], values: Values) -> tuple[Any, Values]:
    """Give the statement that makes `count` rows; what is not named stays empty."""
    unnamed = [column for column in table.columns if not column.nullable]
    columns = {one.name: "''" if one.type.python_type is str else "0" for one in unnamed} | columns
    names, parts = ", ".join(columns), ", ".join(columns.values())
    made = f"INSERT INTO {table.name} ({names}) {COUNT} SELECT {parts} FROM n"  # noqa: S608 - our own names
    return text(made), {**values, "count": count}
