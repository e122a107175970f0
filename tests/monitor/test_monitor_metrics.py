"""What Prometheus hears of the centre: names by its conventions, bounded labels, nothing of a person."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fakes.centre_pages import START_MS, Pages
from fakes.virtual_centre import an_alert
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import insert

from kiosk.bodies import Heartbeat, KioskId, Reply
from kiosk.monitor import figures, messages
from kiosk.monitor.effects import SendReply
from kiosk.monitor.figures import BOUNDS_S, PENDING_MAX, Figures
from kiosk.monitor.metrics import CONTENT_TYPE, Centre, expose
from kiosk.monitor.outbox import UNNEEDED
from kiosk.monitor.regions import CODES
from kiosk.monitor.store.gauges import gauges
from kiosk.monitor.store.schema import alerts, certificates, texts

ROOT = Path(__file__).parents[2]
DASHBOARD = ROOT / "provisioning" / "grafana" / "pana-centre.json"
TOKEN = "a-long-enough-token"
BOUNDED = {"region", "life", "kind", "stage", "door", "state", "le", "version"}
UNITS = ("milliseconds", "ms", "minutes", "hours", "days", "kilobytes", "percent", "celsius_degrees")


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Pages]:
    with Pages(tmp_path) as pages:
        pages.feed.answers["status"] = a_status()
        yield pages


def a_status(**changes: Any) -> dict[str, Any]:
    whole = {"link": True, "on_duty": True, "store_fault": "", "figures": {**Figures().view(), "queue": 3}}
    return {**whole, **changes}


def scraped(pages: Pages) -> dict[str, Metric]:
    with pages.engine.connect() as connection:
        found = gauges(connection, START_MS)
    return families(expose(Centre("0.1", found, a_status())))


def families(text: bytes) -> dict[str, Metric]:
    return {family.name: family for family in text_string_to_metric_families(text.decode())}


def value(family: Metric, **labels: str) -> float:
    (sample,) = [one for one in family.samples if one.labels == labels]
    return float(sample.value)


def get(pages: Pages, *, peer: str = "127.0.0.1", headers: dict[str, str] | None = None) -> httpx.Response:
    async def fetch() -> httpx.Response:
        transport = httpx.ASGITransport(pages.app, client=(peer, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://centre.test") as client:
            return await client.get("/metrics", headers=headers or {})

    answer: httpx.Response = pages.run(fetch)
    return answer


def test_names_and_labels_follow_the_conventions(pages: Pages) -> None:
    """As `promtool check metrics` judges, and as https://prometheus.io/docs/practices/naming/ asks."""
    for name, family in scraped(pages).items():
        assert re.fullmatch(r"pana(_[a-z0-9]+)+", name), name
        assert family.documentation.endswith("."), name
        assert not re.search(r"_(total|count|sum|bucket)$", name), name  # the parser takes `_total` off
        assert not any(name.endswith(f"_{unit}") for unit in UNITS), name
        assert family.type not in name.split("_"), name
        for sample in family.samples:
            assert set(sample.labels) <= BOUNDED, sample
            assert sample.name.endswith("_total") == (family.type == "counter"), sample
            assert family.type == "histogram" or "le" not in sample.labels, sample
    assert families(expose(Centre("0.1", None, None))).keys() == {
        "pana_centre_build_info", "pana_store_up", "pana_core_up",
    }  # fmt: skip


def test_every_region_is_there_before_it_has_a_kiosk(pages: Pages) -> None:
    kiosks = scraped(pages)["pana_kiosks"]
    assert {sample.labels["region"] for sample in kiosks.samples} == {*CODES, "none"}
    assert {sample.value for sample in kiosks.samples} == {0.0}


def test_open_alerts_are_counted_by_stage_and_drills_age_nothing(pages: Pages) -> None:
    with pages.engine.connect().execution_options(writes=True) as connection:
        for number, (kind, accepted, age_s) in enumerate(
            (("press", None, 60), ("press", 1, 600), ("drill", None, 9000), ("press", 1, 10**6))
        ):
            connection.execute(insert(alerts), a_row(f"A{number}", kind, accepted, age_s, closed=number == 3))
        row = {"alert_id": "A0", "step": "1", "recipient": "p", "kind": "page", "tier": 0}
        connection.execute(insert(texts), {**row, "state": "failed", "at_ms": 1, "tries": 1, "reason": ""})
        ends = {"issued_ms": 1, "not_before_ms": 1, "not_after_ms": START_MS + 86_400_000, "pem": b""}
        connection.execute(insert(certificates), {"serial": "1", "kiosk_id": "k", **ends})
        connection.commit()
    found = scraped(pages)
    assert value(found["pana_alerts_open"], kind="press", stage="received") == 1
    assert value(found["pana_alerts_open"], kind="press", stage="accepted") == 1
    assert value(found["pana_alerts_open"], kind="drill", stage="received") == 1
    assert value(found["pana_alert_open_age_seconds"]) == 600
    assert value(found["pana_alert_unaccepted_age_seconds"]) == 60
    assert value(found["pana_sms"], state="failed") == 1
    assert value(found["pana_certificates_expiring"]) == 1


def test_a_certificate_counts_by_the_newest_of_its_name_and_after_its_end_too(pages: Pages) -> None:
    day_ms = 86_400_000
    given = {
        "renewed": [(5, None), (200, None)],
        "ending": [(-300, None), (5, None)],
        "ended": [(-400, None), (-5, None)],
        "ended long ago": [(-500, None)],
        "revoked": [(-5, 1), (5, 1)],
        "fresh": [(300, None)],
        "just outside": [(30, None)],
    }
    rows = [
        {
            "serial": f"{name} {left}", "kiosk_id": name, "issued_ms": 1, "not_before_ms": 1, "pem": b"",
            "not_after_ms": START_MS + left * day_ms, "revoked_ms": revoked,
        }
        for name, certs in given.items()
        for left, revoked in certs
    ]  # fmt: skip
    with pages.engine.connect().execution_options(writes=True) as connection, connection.begin():
        connection.execute(insert(certificates), rows)
    assert value(scraped(pages)["pana_certificates_expiring"]) == 3  # ending, ended, ended long ago


def test_a_text_that_is_no_longer_needed_has_not_failed(pages: Pages) -> None:
    row = {"alert_id": "A", "recipient": "p", "kind": "page", "tier": 0, "at_ms": 1, "tries": 0}
    told = [("failed", UNNEEDED), ("failed", UNNEEDED), ("failed", "modem gone"), ("sent", "")]
    with pages.engine.connect().execution_options(writes=True) as connection, connection.begin():
        for step, (state, reason) in enumerate(told):
            connection.execute(insert(texts), {**row, "step": str(step), "state": state, "reason": reason})
    found = scraped(pages)["pana_sms"]
    assert [value(found, state=state) for state in ("planned", "sent", "failed")] == [0, 1, 1]


def a_row(alert_id: str, kind: str, accepted: int | None, age_s: int, *, closed: bool) -> dict[str, Any]:
    return {
        "alert_id": alert_id, "kiosk_id": "kz-1", "kind": kind, "kato": "751110000", "pressed_ms": 1,
        "received_ms": START_MS - age_s * 1000, "door": "mqtt", "age_s": 0, "late": False, "clock_note": "",
        "presses": 1, "accepted_ms": accepted, "closed_ms": 1 if closed else None, "body": b"{}",
        "written_ms": 1,
    }  # fmt: skip


def test_the_core_is_told_apart_from_the_pages(pages: Pages) -> None:
    told = families(get(pages).content)
    assert (value(told["pana_core_up"]), value(told["pana_queue_length"])) == (1, 3)
    pages.feed.away = True
    away = families(get(pages).content)
    assert value(away["pana_core_up"]) == 0
    assert "pana_queue_length" not in away
    assert value(away["pana_store_up"]) == 1
    pages.feed.away = False
    pages.feed.answers["status"] = {"error": "busy"}
    assert value(families(get(pages).content)["pana_core_up"]) == 0


def test_a_database_that_is_gone_is_a_metric_and_no_error(pages: Pages) -> None:
    with pages.engine.connect() as connection:
        connection.exec_driver_sql("DROP TABLE alerts")
        connection.commit()
    answer = get(pages)
    assert answer.status_code == 200
    assert value(families(answer.content)["pana_store_up"]) == 0


def test_loopback_only_without_a_token(pages: Pages) -> None:
    assert get(pages).headers["content-type"] == CONTENT_TYPE
    for peer, headers in (
        ("192.0.2.1", {}),
        ("127.0.0.1", {"x-forwarded-for": "192.0.2.1"}),
        ("no address", {}),
    ):
        refused = get(pages, peer=peer, headers=headers)
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")


def test_with_a_token_only_whoever_shows_it(tmp_path: Path) -> None:
    file = tmp_path / "token"
    with Pages(tmp_path, f'metrics_token_file = "{file}"\n') as pages:
        bearer = {"authorization": f"Bearer {TOKEN}"}
        assert get(pages, headers=bearer).status_code == 401  # the file is not there
        file.write_text("short\n")
        assert get(pages, headers={"authorization": "Bearer short"}).status_code == 401
        file.write_text(f"{TOKEN}\n")
        assert get(pages, peer="192.0.2.1", headers=bearer).status_code == 200
        for told in (
            {},
            {"authorization": TOKEN},
            {"authorization": b"Bearer \xe9"},
            {"authorization": "Bearer "},
        ):
            assert get(pages, headers=told).status_code == 401


def test_the_dashboard_asks_for_nothing_that_does_not_exist(pages: Pages) -> None:
    known = set()
    for name, family in scraped(pages).items():
        known |= {name, *(sample.name for sample in family.samples)}
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    asked = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    names = {name for expr in asked for name in re.findall(r"\bpana_[a-z_]+", expr)}
    assert len(asked) >= 8
    assert names <= known, names - known
    labels = {
        label
        for expr in asked
        for label in re.findall(r"\bby \(([^)]*)\)", expr)
        for label in label.split(", ")
    }
    assert labels <= BOUNDED


# ---- what the core counts


def arrived(alert_id: str = "A1") -> messages.AlertArrived:
    return messages.AlertArrived(alert=an_alert(alert_id=alert_id), door="mqtt")


def reply_to(alert_id: str, stage: Any = "received") -> SendReply:
    return SendReply(KioskId("kz-1"), Reply(alert_id=alert_id, stage=stage, at="2026-01-02T03:04:05Z"))


def test_what_comes_and_what_becomes_of_it_is_counted() -> None:
    counted = Figures()
    beat = messages.HeartbeatArrived(
        KioskId("kz-1"), Heartbeat(seq=1, boot=1, at=1, uptime_s=1, state="armed"), 2
    )
    counted.took(beat, [], 0.0)
    counted.took(messages.HeartbeatsArrived((beat, beat)), [], 0.0)
    counted.took(messages.BodyRefused(kiosk_id=KioskId(""), leaf="hb", reason=""), [], 0.0)
    counted.took(messages.Saved(1), [], 0.0)
    counted.took(messages.SaveFailed("full"), [], 0.0)
    counted.took(messages.Ticked(), [], 0.0)
    view = counted.view()
    assert (view["heartbeats"], view["refused"], view["commits"], view["commits_failed"]) == (9, 1, 1, 1)


def test_a_receipt_is_timed_from_the_first_copy_of_its_alert() -> None:
    counted = Figures()
    counted.took(arrived(), [], 1.0)
    counted.took(arrived(), [], 2.0)
    counted.took(messages.Saved(1), [reply_to("A2"), reply_to("A1", "accepted")], 3.0)
    assert counted.view()["receipts"][-1] == 0
    counted.took(messages.Saved(2), [messages.Ticked(), reply_to("A1")], 1.3)  # type: ignore[list-item]
    counted.took(messages.Saved(3), [reply_to("A1")], 9.0)
    view = counted.view()
    assert view["receipts"] == [0] * BOUNDS_S.index(0.5) + [1] * (len(BOUNDS_S) + 1 - BOUNDS_S.index(0.5))
    assert view["receipts_sum_s"] == pytest.approx(0.3)
    assert view["alerts"] == {"mqtt": 2, "https": 0, "sms": 0}
    counted.took(arrived("A3"), [], 0.0)
    counted.took(messages.Saved(4), [reply_to("A3")], 60.0)
    assert counted.view()["receipts"][-2:] == [1, 2]


def test_alerts_that_are_never_receipted_fill_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "PENDING_MAX", 3)
    assert PENDING_MAX > 1000
    counted = Figures()
    for number in range(10):
        counted.took(arrived(f"A{number}"), [], 0.0)
    assert list(counted._pending) == ["A7", "A8", "A9"]
