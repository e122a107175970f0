"""The simulation's store keeps the rules of the real one: the same changes end in the same rows."""

from typing import Any

import pytest
from fakes.virtual_centre import PLACE, UTC_MS, an_alert
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, select

from kiosk.bodies import AlertId
from kiosk.monitor.records import (
    Case,
    Change,
    StageEntry,
    StoreAlert,
    StoreRenamed,
    StoreStage,
    StoreText,
    Text,
)
from kiosk.monitor.store import reading, schema
from kiosk.monitor.store.writing import Writer
from kiosk.simulate.hosts.store import SharedStore

IDS = ("A", "B", "sms-1-1-1", "sms-1-2-2")
STAGES = ("received", "accepted", "en_route", "on_scene", "closed")
WRITERS = ("mon-a", "mon-b")


def a_case(alert_id: str, at_ms: int, door: Any, **alert: Any) -> Case:
    sms_from, ends = alert.pop("sms_from"), alert.pop("ends", ())
    body = an_alert(alert_id=alert_id, attempt=alert["presses"], place=PLACE, **alert)
    return Case(
        alert=body, received_ms=UTC_MS + at_ms, door=door, age_s=0, late=False, sms_from=sms_from,
        stages=(StageEntry(stage="received", at_ms=UTC_MS + at_ms), *ends),
    )  # fmt: skip


def changes() -> st.SearchStrategy[Change]:
    ids = st.sampled_from(IDS)
    end = StageEntry(stage="closed", at_ms=UTC_MS + 2)
    case = st.builds(
        a_case, ids, st.integers(0, 3), st.sampled_from(["mqtt", "https", "sms"]), presses=st.integers(1, 3),
        kind=st.sampled_from(["press", "drill"]), sms_from=st.sampled_from(["", "+77010000001"]),
        ends=st.sampled_from([(), (end,)]),
    )  # fmt: skip
    entry = st.builds(
        StageEntry, stage=st.sampled_from(STAGES), at_ms=st.integers(UTC_MS, UTC_MS + 3),
        by=st.sampled_from(["", "x", "y"]),
    )  # fmt: skip
    text = st.builds(
        Text, alert_id=ids.map(AlertId), step=st.sampled_from(["r1t1", "received"]), to=st.just("x"),
        kind=st.just("page"), state=st.sampled_from(["planned", "sent", "failed"]), tries=st.integers(0, 2),
    )  # fmt: skip
    names = st.sampled_from([("sms-1-1-1", "A"), ("sms-1-2-2", "B")])
    return st.one_of(
        st.builds(StoreAlert, case),
        st.builds(StoreStage, ids.map(AlertId), entry),
        names.map(lambda pair: StoreRenamed(AlertId(pair[0]), AlertId(pair[1]))),
        st.builds(StoreText, text),
    )


def known(commit: list[Change], seen: set[str]) -> list[Change]:
    """Leave out what no monitor writes: stages and texts of alerts that no commit has brought, one twice."""
    kept: list[Change] = []
    fresh: set[str] = set()
    for change in commit:
        match change:
            case StoreAlert(case) if case.alert.alert_id not in fresh:
                fresh.add(case.alert.alert_id)
                seen.add(case.alert.alert_id)
                kept.append(change)
            case StoreRenamed(old_id, new_id):
                seen |= {new_id} if old_id in seen else set()
                kept.append(change)
            case StoreStage(alert_id, _) if alert_id in seen:
                kept.append(change)
            case StoreText(text) if text.alert_id in seen:
                kept.append(change)
    return kept


@pytest.fixture(scope="module")
def engine() -> Any:
    made = create_engine("sqlite://")
    schema.metadata.create_all(made)
    return made


def rows(connection: Connection) -> dict[str, Case]:
    return {case.alert.alert_id: case for case in reading.cases_of(connection, select(schema.alerts))}


def texts(connection: Connection) -> dict[tuple[str, str, str], tuple[str, int]]:
    query = select(schema.texts)
    return {
        (row.alert_id, row.step, row.recipient): (row.state, row.tries) for row in connection.execute(query)
    }


NUMBERED = a_case("sms-1-2-2", 0, "sms", presses=1, kind="press", sms_from="+77010000001")
PLAIN = a_case("B", 0, "mqtt", presses=1, kind="press", sms_from="")
TWO_NAMES_IN_ONE_COMMIT: list[tuple[str, list[Change]]] = [
    ("mon-a", [StoreAlert(PLAIN)]),
    ("mon-a", [StoreRenamed(AlertId("sms-1-2-2"), AlertId("B"))]),
    ("mon-a", [StoreAlert(NUMBERED), StoreAlert(PLAIN)]),
]


@example(made=TWO_NAMES_IN_ONE_COMMIT)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    made=st.lists(
        st.tuples(st.sampled_from(WRITERS), st.lists(changes(), min_size=1, max_size=3)),
        min_size=1,
        max_size=8,
    )
)
def test_the_same_commits_end_in_the_same_rows(engine: Any, made: list[tuple[str, list[Change]]]) -> None:
    mine = SharedStore()
    writers = {name: Writer(name) for name in WRITERS}
    with engine.connect() as connection, connection.begin() as turn:
        seen: set[str] = set()
        for writer, tried in made:
            commit = known(tried, seen)
            objections = writers[writer].write(connection, commit)
            assert mine.commit(commit, writer) == objections
        whole = {name: row.whole() for name, row in mine.rows.items() if row.stages}
        assert whole == rows(connection)
        ours = {key: (text.state, text.tries) for key, text in mine.texts.items()}
        assert ours == texts(connection)
        turn.rollback()
