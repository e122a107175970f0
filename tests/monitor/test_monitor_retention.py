"""Retention: what is too old goes in short commits, what is open or kept for good stays."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.virtual_centre import an_alert
from sqlalchemy import Engine, func, insert, select
from sqlalchemy.exc import DBAPIError

from kiosk.bodies import AlertId
from kiosk.monitor.records import Case, StageEntry, StoreAlert, StoreStage, StoreText, Text
from kiosk.monitor.sections import Retention
from kiosk.monitor.store import Store, retention
from kiosk.monitor.store.engine import clock_ms, make_engine, sqlite_url
from kiosk.monitor.store.schema import alerts, audit, events, facts, failures, inbox, spans, stages, texts
from kiosk.monitor.store.trust import Trust

DAY_MS = retention.DAY_MS


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    shared = request.param == "postgresql"
    return request.getfixturevalue("postgres_url") if shared else sqlite_url(tmp_path / "c.sqlite")


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    store = Store(url)
    store.open()
    store.close()
    made = make_engine(url)
    yield made
    made.dispose()


def now_ms(engine: Engine) -> int:
    with engine.connect() as connection:
        return clock_ms(connection)


def put(engine: Engine, table: Any, *rows: dict[str, Any]) -> None:
    with engine.begin() as connection:
        connection.execute(insert(table), list(rows))


def left(engine: Engine, column: Any) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(select(column).order_by(column)).scalars())


def sweep(engine: Engine, **days: int) -> int:
    return retention.sweep(engine, Retention(**days), Trust(), lambda: True, lambda: None)


class Running:
    """A centre that sweeps each hour by a clock that a test sets, until it is started again."""

    def __init__(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        self.engine = engine
        self.at_ms = now_ms(engine)
        self.up_s = 0.0
        self.start()
        monkeypatch.setattr(retention, "clock_ms", lambda _: self.at_ms)

    def start(self) -> None:
        self.trust = Trust(lambda: self.up_s)

    def jump(self, days: float) -> None:
        self.at_ms += round(days * DAY_MS)

    def hours(self, count: int) -> int:
        """Let that many rounds go by; give how many rows went."""
        gone = 0
        for _ in range(count):
            gone += retention.sweep(
                self.engine, Retention(audit_days=365), self.trust, lambda: True, lambda: None
            )
            self.up_s += 3600.0
            self.at_ms += 3_600_000
        return gone

    def put_event(self, name: str, days_ago: float) -> None:
        event = {"kiosk_id": "k", "event_id": name, "code": "c", "state": "info", "body": b"{}"}
        put(self.engine, events, {**event, "at_ms": self.at_ms - round(days_ago * DAY_MS)})


@pytest.fixture
def running(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Running:
    return Running(engine, monkeypatch)


def test_old_closed_alerts_go_with_their_stages_and_texts_and_open_ones_stay(
    url: str, engine: Engine
) -> None:
    old_ms = now_ms(engine) - 400 * DAY_MS
    store = Store(url)
    store.open()
    for name, at_ms, ended in (("OLD", old_ms, True), ("OPEN", old_ms, False), ("NEW", old_ms * 2, True)):
        case = Case(alert=an_alert(alert_id=name), received_ms=at_ms, door="mqtt", age_s=0, late=False)
        entries = [StageEntry(stage="received", at_ms=at_ms)]
        entries += [StageEntry(stage="closed", at_ms=at_ms)] if ended else []
        store.commit(
            [
                StoreAlert(case),
                *(StoreStage(AlertId(name), entry) for entry in entries),
                StoreText(Text(alert_id=name, step="r1t1", to="x", kind="page")),
            ]
        )
    store.close()
    assert sweep(engine, alerts_days=365) == 1
    assert left(engine, alerts.c.alert_id) == ["NEW", "OPEN"]
    assert left(engine, texts.c.alert_id) == ["NEW", "OPEN"]
    assert left(engine, stages.c.alert_id) == ["NEW", "NEW", "OPEN"]
    assert sweep(engine, alerts_days=0) == 0


def test_each_table_has_its_own_age_and_none_is_cleared_in_one_long_commit(engine: Engine) -> None:
    now = now_ms(engine)
    many = 2 * retention.ROWS + 7
    put(
        engine,
        events,
        *(
            {"kiosk_id": "k", "event_id": f"e{number}", "at_ms": now - (500 if number else 1) * DAY_MS,
             "code": "c", "state": "info", "body": b"{}"}
            for number in range(many + 1)
        ),
    )  # fmt: skip
    beats = {"beats": 1, "lost": 0, "faults": ""}
    for span_s, days in ((300, 1), (300, 5), (3600, 5), (3600, 50)):
        begins_s = now // 1000 - days * 86_400
        put(engine, spans, {"kiosk_id": "k", "span_s": span_s, "begins_s": begins_s, **beats})
    came = {"door": "modem", "sender": "", "verdict": "ignored", "reason": "", "kiosk_id": "", "alert_id": ""}
    put(engine, inbox, {"message_id": "old", "at_ms": now - 400 * DAY_MS, **came})
    put(engine, failures, {"subject": "x", "at_ms": now - 8 * DAY_MS}, {"subject": "x", "at_ms": now})
    rests: list[int] = []
    gone = retention.sweep(engine, Retention(), Trust(), lambda: True, lambda: rests.append(1))
    assert gone == many + 2 + 1 + 1
    assert len(rests) == 2
    assert left(engine, events.c.event_id) == ["e0"]
    assert left(engine, spans.c.span_s) == [300, 3600]
    assert left(engine, inbox.c.message_id) == []
    assert len(left(engine, failures.c.at_ms)) == 1


def test_it_ends_between_two_commits_when_it_shall(engine: Engine) -> None:
    old_ms = now_ms(engine) - 8 * DAY_MS
    put(engine, failures, *({"subject": "x", "at_ms": old_ms} for _ in range(3 * retention.ROWS)))
    turns = iter([True, True, False])
    retention.sweep(engine, Retention(alerts_days=0, events_days=0, fine_days=0, coarse_days=0, inbox_days=0),
                    Trust(), lambda: next(turns, False), lambda: None)  # fmt: skip
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(failures)).scalar_one() == retention.ROWS


def fact(engine: Engine, name: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(select(facts.c.value).where(facts.c.name == name)).scalar_one())


def test_a_clock_six_years_ahead_deletes_nothing_and_a_right_one_goes_on(
    running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    running.put_event("old", 366)
    running.put_event("young", 1)
    assert running.hours(2) == 1, "a store without a sweep trusts what was noted last"
    floor_ms = fact(running.engine, "audit_floor_ms")
    running.jump(6 * 365)
    running.start()
    assert running.hours(20) == 0
    assert fact(running.engine, "audit_floor_ms") == floor_ms
    assert "ahead_days=2190" in caplog.text
    running.jump(-6 * 365)
    running.put_event("old", 366)
    assert running.hours(1) == 1
    assert left(running.engine, events.c.event_id) == ["young"]
    running.jump(6 * 365)
    assert running.hours(20) == 0, "the day begins anew"


def test_the_first_sweep_of_an_older_store_believes_no_wrong_clock(running: Running) -> None:
    running.put_event("young", 1)
    running.jump(10 * 365)
    assert running.hours(20) == 0
    running.jump(-10 * 365)
    running.put_event("old", 366)
    assert running.hours(1) == 1
    assert left(running.engine, events.c.event_id) == ["young"]


def test_after_a_month_without_power_it_sweeps_once_it_has_run_for_a_day(running: Running) -> None:
    assert running.hours(1) == 0
    running.jump(30)
    running.put_event("old", 366)
    running.start()
    assert running.hours(10) == 0
    running.jump(0.5)
    running.start()
    assert running.hours(15) == 0, "the night without power is no running time"
    assert running.hours(1) == 1
    running.put_event("old", 366)
    assert running.hours(1) == 1


def test_a_clock_that_jumps_while_it_is_doubted_waits_for_a_day_more(running: Running) -> None:
    assert running.hours(1) == 0
    running.jump(30)
    running.put_event("young", 1)
    assert running.hours(23) == 0
    running.jump(6 * 365)
    assert running.hours(24) == 0
    running.jump(-5 * 365)
    assert running.hours(24) == 0


def test_a_wrong_clock_at_the_first_sweep_does_not_let_every_later_one_pass(running: Running) -> None:
    running.jump(6 * 365)
    assert running.hours(1) == 0
    running.jump(-6 * 365)
    running.put_event("young", 1)
    assert running.hours(1) == 0
    running.jump(5 * 365)
    assert running.hours(3) == 0


def test_a_monitor_that_got_the_lease_back_counts_no_time_in_which_it_did_not_look(running: Running) -> None:
    assert running.hours(1) == 0
    running.jump(30)
    running.put_event("old", 366)
    assert running.hours(1) == 0
    running.up_s += 86_400.0
    assert running.hours(20) == 0


def test_the_audit_log_is_cut_by_retention_only_and_never_within_30_days(engine: Engine) -> None:
    now = now_ms(engine)
    said = {"who": "op", "what": "sign-in", "subject": "", "detail": ""}
    put(engine, audit, *({"at_ms": now - days * DAY_MS, **said} for days in (900, 40, 20, 1)))
    with pytest.raises(DBAPIError), engine.begin() as connection:
        connection.execute(audit.delete())
    assert sweep(engine) == 0, "the audit log is kept for good where nothing else is said"
    assert sweep(engine, audit_days=100) == 1
    assert sweep(engine, audit_days=1) == 1
    assert len(left(engine, audit.c.at_ms)) == 2
    assert sweep(engine, audit_days=200) == 0
    floor_ms = fact(engine, "audit_floor_ms")
    assert now - 31 * DAY_MS < floor_ms <= now - 29 * DAY_MS, "the floor never goes back"
