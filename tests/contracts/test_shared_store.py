"""What several monitors that share one database must leave in it, whoever writes first."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fakes.mqtt_kiosk import wait_for
from fakes.virtual_centre import UTC_MS, a_beat, an_alert, an_event
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, select, text

from kiosk.bodies import AlertId, KioskId, ReplyStage
from kiosk.monitor.caseload import KEEP_CLOSED_MS
from kiosk.monitor.messages import Overruled
from kiosk.monitor.records import (
    Case,
    Change,
    Inbound,
    Kiosk,
    StageEntry,
    StoreAlert,
    StoreEvent,
    StoreInbound,
    StoreKiosk,
    StoreRenamed,
    StoreStage,
    StoreText,
    Text,
)
from kiosk.monitor.store import Store, StoreBroken, lease, reading, replies
from kiosk.monitor.store.engine import make_engine, sqlite_url
from kiosk.monitor.store.schema import alerts, inbox, leases, metadata, stages, texts
from kiosk.monitor.store.writing import Writer

LONG_AGO_MS = 1_000_000  # a time that no clock of a test machine is behind
RECEIVED = StageEntry(stage="received", at_ms=UTC_MS)
SMS = "sms-17-5-1790000000"


@dataclass
class Pair:
    """Two monitors' stores on one database."""

    url: str

    def __post_init__(self) -> None:
        self.one, self.other = (Store(self.url, writer=name) for name in ("monitor-1", "monitor-2"))
        for store in (self.one, self.other):
            store.open()

    def rows(self, query: Any) -> list[tuple[Any, ...]]:
        return self.one.run(lambda connection: [tuple(row) for row in connection.execute(query)])

    def empty(self) -> None:
        def clear(connection: Any) -> None:
            for table in metadata.sorted_tables:
                if table.name != "audit":
                    connection.execute(delete(table))

        self.one.run(clear, writes=True)

    def close(self) -> None:
        self.one.close()
        self.other.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    shared = request.param == "postgresql"
    url = request.getfixturevalue("postgres_url") if shared else sqlite_url(tmp_path / "c.sqlite")
    made = Pair(url)
    yield made
    made.close()


def a_case(alert_id: str = "A", **changes: Any) -> Case:
    mine = {
        name: changes.pop(name) for name in ("door", "also_by", "sms_from", "received_ms") if name in changes
    }
    fields: dict[str, Any] = {"received_ms": UTC_MS, "door": "mqtt", "age_s": 0, "late": False} | mine
    return Case(alert=an_alert(alert_id=alert_id, **changes), **fields)


def a_stage(stage: ReplyStage, by: str = "", at_ms: int = UTC_MS, **more: Any) -> StageEntry:
    return StageEntry(stage=stage, at_ms=at_ms, by=by, **more)


def put(store: Store, alert_id: str, *entries: StageEntry, **changes: Any) -> tuple[Overruled, ...]:
    said = [StoreStage(AlertId(alert_id), entry) for entry in entries]
    return store.commit([StoreAlert(a_case(alert_id, **changes)), *said])


# ---- stages


def test_the_second_to_accept_hears_who_was_first(pair: Pair) -> None:
    mine, theirs = a_stage("accepted", "aigerim", UTC_MS + 1), a_stage("accepted", "bolat", UTC_MS + 2)
    assert put(pair.one, "A", RECEIVED, mine) == ()
    assert put(pair.other, "A", RECEIVED, theirs) == (Overruled(AlertId("A"), mine, "accepted"),)
    assert put(pair.one, "A", RECEIVED, mine) == (), "the same word again is no news"
    found = pair.other.find("A")
    assert found is not None
    assert found.stages == (RECEIVED, mine)


def test_stages_never_go_back_behind_what_another_one_decided(pair: Pair) -> None:
    closed = a_stage("closed", "aigerim", UTC_MS + 3, outcome="helped", referral="centre-1")
    put(pair.one, "A", RECEIVED, closed)
    late = a_stage("accepted", "bolat", UTC_MS + 4)
    assert put(pair.other, "A", RECEIVED, late) == (Overruled(AlertId("A"), closed, "accepted"),)
    found = pair.one.find("A")
    assert found is not None
    assert [entry.stage for entry in found.stages] == ["received", "closed"]
    assert found.stages[1].outcome == "helped"


def test_the_alerts_own_row_tells_how_far_it_is(pair: Pair) -> None:
    put(pair.one, "A", RECEIVED)
    later = (a_stage("accepted", "x", UTC_MS + 1), a_stage("en_route", "x", UTC_MS + 2))
    last = (a_stage("on_scene", "x", UTC_MS + 3), a_stage("closed", "x", UTC_MS + 4, outcome="referred"))
    put(pair.other, "A", *later, *last)
    row = alerts.c
    query = select(row.accepted_ms, row.en_route_ms, row.on_scene_ms, row.closed_ms, row.outcome)
    assert pair.rows(query) == [(UTC_MS + 1, UTC_MS + 2, UTC_MS + 3, UTC_MS + 4, "referred")]


def test_an_alert_id_of_another_kiosk_changes_nothing(pair: Pair) -> None:
    put(pair.one, "A", RECEIVED)
    put(pair.other, "A", kiosk_id="kz-9", presses=50)
    found = pair.one.find("A")
    assert found is not None
    assert (found.alert.kiosk_id, found.alert.presses) == ("kz-1", 1)


def test_a_press_after_the_end_is_counted_by_no_monitor(pair: Pair) -> None:
    """Who closed it knew of one: the kiosk opens the second anew, but only where that is what it hears."""
    put(pair.one, "A", RECEIVED)
    pair.one.commit([StoreStage(AlertId("A"), a_stage("closed", "x", UTC_MS + 9))])
    put(pair.other, "A", RECEIVED, presses=2, also=("door",), attempt=3)  # has not read of the end yet
    found = pair.other.find("A")
    assert found is not None
    assert (found.alert.presses, found.alert.also, found.alert.attempt) == (1, (), 3)
    assert pair.rows(select(alerts.c.presses)) == [(1,)]
    told = pair.other.run(lambda db: replies.of_alert(db, "A"))
    assert told is not None
    assert [(reply.stage, reply.presses) for reply in told.after("received")] == [("closed", 1)]


# ---- alerts that came by SMS


def test_an_alert_that_came_by_sms_moves_to_its_own_id_with_all_that_was_kept(pair: Pair) -> None:
    put(pair.one, SMS, RECEIVED, a_stage("accepted", "x"), door="sms", sms_from="+77010000000")
    pair.one.commit([StoreText(Text(alert_id=SMS, step="r1t1", to="x", kind="page", state="sent"))])
    renamed = StoreRenamed(AlertId(SMS), AlertId("OWN"))
    pair.one.commit([renamed, StoreAlert(a_case("OWN", door="sms", also_by=("mqtt",)))])
    pair.other.commit([renamed])
    assert pair.rows(select(alerts.c.alert_id, alerts.c.sms_id)) == [("OWN", SMS)]
    assert {name for (name,) in pair.rows(select(stages.c.alert_id))} == {"OWN"}
    assert pair.rows(select(texts.c.alert_id)) == [("OWN",)]
    by_either = [pair.other.find(name) for name in ("OWN", SMS)]
    assert by_either[0] == by_either[1]
    assert by_either[0] is not None
    assert by_either[0].alert.alert_id == "OWN"
    assert (by_either[0].door, by_either[0].also_by) == ("sms", ("mqtt",))


def test_two_monitors_that_know_one_alert_by_two_names_end_with_one(pair: Pair) -> None:
    put(pair.one, SMS, RECEIVED, door="sms", received_ms=UTC_MS - 5, presses=3)
    put(pair.other, "OWN", a_stage("received", at_ms=UTC_MS + 2), a_stage("accepted", "x", UTC_MS + 9))
    pair.one.commit([StoreRenamed(AlertId(SMS), AlertId("OWN"))])
    (row,) = pair.rows(select(alerts.c.alert_id, alerts.c.received_ms, alerts.c.door, alerts.c.accepted_ms))
    assert row == ("OWN", UTC_MS - 5, "sms", UTC_MS + 9)
    found = pair.other.find("OWN")
    assert found is not None
    assert [entry.stage for entry in found.stages] == ["received", "accepted"]
    assert (found.alert.presses, found.also_by) == (3, ("mqtt",))
    put(pair.other, SMS, a_stage("received"), a_stage("en_route", "y", UTC_MS + 12))  # its SMS comes late
    assert len(pair.rows(select(alerts.c.alert_id))) == 1
    assert [entry.stage for entry in (pair.one.find("OWN") or a_case()).stages] == [
        "received", "accepted", "en_route",
    ]  # fmt: skip


@pytest.mark.parametrize("attempt", [1, 5])
@pytest.mark.parametrize("own_first", [True, False])
def test_a_text_that_was_closed_ends_its_alert_as_it_was_known_to_who_closed_it(
    pair: Pair, own_first: bool, attempt: int
) -> None:
    closed = a_stage("closed", "x", UTC_MS + 9, outcome="helped")

    def texted() -> None:
        put(pair.one, SMS, RECEIVED, closed, door="sms", attempt=attempt)

    if not own_first:
        texted()
    put(pair.other, "OWN", RECEIVED, presses=2, also=("door",))
    if own_first:
        texted()
    pair.one.commit([StoreRenamed(AlertId(SMS), AlertId("OWN"))])
    row = alerts.c
    assert pair.rows(select(row.alert_id, row.closed_ms, row.outcome, row.presses)) == [
        ("OWN", UTC_MS + 9, "helped", 1)
    ]
    found = pair.other.find("OWN")
    assert found is not None
    assert (found.alert.presses, found.alert.also) == (1, ())


def test_a_closed_alert_keeps_its_own_end_when_a_text_of_it_was_closed_too(pair: Pair) -> None:
    put(pair.one, SMS, RECEIVED, a_stage("closed", "x", UTC_MS + 5, outcome="other"), door="sms", presses=3)
    put(pair.other, "OWN", RECEIVED, a_stage("closed", "y", UTC_MS + 9, outcome="helped"))
    pair.one.commit([StoreRenamed(AlertId(SMS), AlertId("OWN"))])
    row = alerts.c
    assert pair.rows(select(row.closed_ms, row.outcome, row.presses)) == [(UTC_MS + 9, "helped", 1)]


@pytest.mark.real
def test_a_rename_that_meets_the_same_alert_by_its_own_name_joins_it(postgres_url: str) -> None:
    """Both monitors hear the kiosk's own copy at once, and one of them has not read of its text yet."""
    pair, failed = Pair(postgres_url), list[StoreBroken]()
    put(pair.one, SMS, RECEIVED, door="sms")
    own = [StoreRenamed(AlertId(SMS), AlertId("OWN")), StoreAlert(a_case("OWN"))]

    def rename() -> None:
        try:
            pair.one.run(lambda db: Writer("monitor-1").write(db, own), writes=True)
        except StoreBroken as error:
            failed.append(error)

    def insert(connection: Connection) -> None:
        Writer("monitor-2").write(
            connection, [StoreAlert(a_case("OWN")), StoreStage(AlertId("OWN"), RECEIVED)]
        )
        renaming.start()
        blocked = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        wait_for(lambda: connection.execute(blocked).scalar(), "the rename to wait for us")

    renaming = threading.Thread(target=rename)
    pair.other.run(insert, writes=True)
    renaming.join()
    assert failed == []
    assert pair.rows(select(alerts.c.alert_id, alerts.c.sms_id)) == [("OWN", SMS)]
    pair.close()


def test_renaming_what_is_not_there_or_to_the_same_name_changes_nothing(pair: Pair) -> None:
    put(pair.one, "A", RECEIVED)
    pair.one.commit([StoreRenamed(AlertId("A"), AlertId("A")), StoreRenamed(AlertId("N"), AlertId("M"))])
    assert pair.rows(select(alerts.c.alert_id, alerts.c.sms_id)) == [("A", "")]


# ---- SMS


def test_an_sms_that_went_out_stays_sent(pair: Pair) -> None:
    planned = Text(alert_id="A", step="r1t1", to="x", kind="page", tier=1, at_ms=1)
    tried = replace(planned, tries=1, reason="no network", at_ms=2)
    sent = replace(planned, tries=2, state="sent", at_ms=3)
    for store, said in ((pair.one, planned), (pair.other, tried), (pair.one, sent), (pair.other, tried)):
        store.commit([StoreText(said)])
    assert pair.one.run(lambda connection: reading.texts_written(connection, 0)) == [sent]
    put(pair.one, "A", RECEIVED)
    assert pair.other.run(reading.open_texts) == [sent]


def test_the_end_of_an_alert_leaves_the_number_that_it_must_be_told_to(pair: Pair) -> None:
    """Power may go between the closing and its signed text; whoever has sent that lets go of the number."""
    ended = a_stage("closed", "x", at_ms=UTC_MS + 5)

    def number() -> list[tuple[Any, ...]]:
        return pair.rows(select(alerts.c.sms_from))

    put(pair.one, SMS, RECEIVED, door="sms", sms_from="+77019999917")
    pair.one.commit([StoreStage(AlertId(SMS), ended)])
    put(pair.other, SMS, presses=2, also_by=("mqtt",))  # one that has not heard of the end yet
    assert number() == [("+77019999917",)]
    told = replace(a_case(SMS, door="sms"), stages=(RECEIVED, ended))
    pair.one.commit([StoreAlert(told)])
    assert number() == [("",)]
    pair.other.commit([StoreAlert(replace(told, also_by=("https",), sms_from="+77019999917"))])
    assert number() == [("",)]


def test_whoever_takes_over_reads_how_the_kiosks_of_alerts_closed_lately_were_answered(pair: Pair) -> None:
    now_ms = time.time_ns() // 1_000_000
    answer = Text(alert_id=AlertId("A"), step="closed", to="kz-1", kind="answer", at_ms=1)
    page = replace(answer, step="r1t1", to="x", kind="page")
    put(pair.one, "A", RECEIVED, a_stage("closed", "x", at_ms=now_ms))
    put(pair.one, "B", RECEIVED, a_stage("closed", "x", at_ms=now_ms - KEEP_CLOSED_MS - 60_000))
    pair.one.commit([StoreText(answer), StoreText(page), StoreText(replace(answer, alert_id=AlertId("B")))])
    assert pair.other.run(reading.open_texts) == [answer]


def test_an_sms_that_came_in_twice_is_kept_once(pair: Pair) -> None:
    came = Inbound(message_id="m-1", door="modem", at_ms=1, sender="+7…01", verdict="reply", reason="x" * 999)
    for store in (pair.one, pair.other):
        store.commit([StoreInbound(came), StoreInbound(replace(came, verdict="ignored"))])
    ((message, verdict, reason),) = pair.rows(select(inbox.c.message_id, inbox.c.verdict, inbox.c.reason))
    assert (message, verdict, len(reason)) == ("m-1", "reply", 200)


# ---- kiosks


def test_an_older_state_of_a_kiosk_never_replaces_a_newer_one(pair: Pair) -> None:
    old = Kiosk(kiosk_id=KioskId("kz-1"), life="online", heard_ms=LONG_AGO_MS, since_ms=LONG_AGO_MS)
    silent = msgspec.structs.replace(old, life="silent", since_ms=LONG_AGO_MS + 90)
    pair.one.commit([StoreKiosk(silent)])
    pair.other.commit([StoreKiosk(old)])
    assert pair.one.load(0)[1] == (silent,)
    again = msgspec.structs.replace(old, heard_ms=LONG_AGO_MS + 100, heartbeat=a_beat())
    pair.other.commit([StoreKiosk(again)])
    assert pair.one.load(0)[1] == (again,)


def test_a_monitor_whose_clock_ran_ahead_does_not_hold_the_truth_up(pair: Pair) -> None:
    wrong = Kiosk(kiosk_id=KioskId("kz-1"), life="online", heard_ms=2**52)
    right = msgspec.structs.replace(wrong, life="silent", heard_ms=LONG_AGO_MS)
    pair.one.commit([StoreKiosk(wrong)])
    pair.other.commit([StoreKiosk(right)])
    assert pair.one.load(0)[1] == (right,)


# ---- leases


def test_a_lease_has_one_holder_until_it_ends_or_is_given_up(pair: Pair) -> None:
    def take(store: Store, holder: str, life_s: float = 30.0) -> bool:
        return store.run(lambda c: lease.take(c, "escalation", holder, life_s), writes=True)

    assert take(pair.one, "a")
    assert not take(pair.other, "b")
    assert take(pair.one, "a")
    pair.one.run(lambda c: lease.give_up(c, "escalation", "b"), writes=True)
    assert not take(pair.other, "b")
    pair.one.run(lambda c: lease.give_up(c, "escalation", "a"), writes=True)
    assert take(pair.other, "b", -1.0)
    assert take(pair.one, "a"), "a lease that ended is free"
    assert pair.rows(select(leases.c.holder)) == [("a",)]


# ---- any order


def changes_of_one_site() -> list[list[Change]]:
    """Give what both monitors hear and people do, batch by batch, with differing words of each monitor."""
    batches: list[list[Change]] = []
    for number in range(2):
        name = AlertId(f"A{number}")
        batches.append([StoreAlert(a_case(name)), StoreStage(name, RECEIVED)])
        batches.append([StoreAlert(a_case(name, presses=3 + number)), StoreEvent(an_event(number))])
        batches.append([StoreStage(name, a_stage("accepted", "x", UTC_MS + 5))])
    batches.append([StoreKiosk(Kiosk(kiosk_id=KioskId("kz-1"), heard_ms=LONG_AGO_MS, life="online"))])
    batches.append([StoreKiosk(Kiosk(kiosk_id=KioskId("kz-1"), heard_ms=LONG_AGO_MS + 9, life="silent"))])
    batches.append([StoreText(Text(alert_id="A0", step="r1t1", to="x", kind="page", at_ms=1))])
    batches.append(
        [StoreText(Text(alert_id="A0", step="r1t1", to="x", kind="page", at_ms=2, tries=1, state="sent"))]
    )
    batches.append([StoreStage(AlertId("A1"), a_stage("closed", "x", UTC_MS + 9, outcome="helped"))])
    return batches


def what_is_there(pair: Pair) -> dict[str, Any]:
    cases, kiosks, _ = pair.one.load(0)
    events = pair.rows(text("SELECT kiosk_id, event_id FROM events ORDER BY 1, 2"))
    said = pair.one.run(lambda connection: reading.texts_written(connection, 0))
    by_id = sorted(cases, key=lambda case: case.alert.alert_id)
    return {"cases": by_id, "kiosks": kiosks, "events": events, "texts": said}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
@given(turns=st.lists(st.booleans(), max_size=24), again=st.lists(st.integers(0, 11), max_size=4))
def test_whatever_the_order_of_two_monitors_one_truth_is_left(
    pair: Pair, turns: list[bool], again: list[int]
) -> None:
    """Each monitor writes its batches in order, some of them twice, as after a commit without an answer."""
    pair.empty()
    batches = changes_of_one_site()
    for batch in batches:
        pair.one.commit(batch)
    expected = what_is_there(pair)
    pair.empty()
    left = {store: list(batches) for store in (pair.one, pair.other)}
    for first in turns:
        store = pair.one if first else pair.other
        if left[store]:
            store.commit(left[store].pop(0))
    for store, rest in left.items():
        for batch in rest:
            store.commit(batch)
    for number in again:
        pair.other.commit(batches[number % len(batches)])
    assert what_is_there(pair) == expected


def test_the_body_in_the_database_is_the_alert_as_json(pair: Pair) -> None:
    put(pair.one, "A", RECEIVED, presses=2)
    ((body,),) = pair.rows(select(alerts.c.body))
    assert msgspec.json.decode(body)["presses"] == 2


def test_open_alerts_are_found_by_an_index_among_a_million_old_ones(pair: Pair) -> None:
    """Only the open ones and the young ones are read at the start."""
    engine = make_engine(pair.url)
    dialect = engine.dialect
    with engine.begin() as connection:
        if dialect.name == "postgresql":  # few rows fit on one page, and a planner reads that as it stands
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        asked = {
            "open": reading.open_alerts(),
            "closed": reading.closed_alerts(UTC_MS),
            "sms": select(alerts).where(alerts.c.sms_id == "x"),
            "news": select(alerts.c.alert_id).where(alerts.c.written_ms >= 5),
        }
        for name, query in asked.items():
            words = str(query.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
            ask = "EXPLAIN" if dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
            plan = "\n".join(str(tuple(row)) for row in connection.exec_driver_sql(f"{ask} {words}"))
            index = {
                "open": "alerts_open",
                "closed": "alerts_",
                "sms": "alerts_sms_id",
                "news": "alerts_written",
            }
            assert index[name] in plan, plan
            assert "Seq Scan" not in plan, plan
            assert "SCAN alerts" not in plan.replace("USING INDEX", "") or "USING INDEX" in plan, plan
    engine.dispose()
