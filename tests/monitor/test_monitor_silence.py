"""A database server that keeps its connections and says nothing: it holds nobody up for good."""

from collections.abc import Generator, Iterator
from typing import Any

import pytest
from fakes.postgres import PostgresServer
from fakes.virtual_centre import UTC_MS, an_alert
from psycopg.waiting import Ready, Wait
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from kiosk.bodies import AlertId
from kiosk.messages import Now
from kiosk.monitor.effects import Save
from kiosk.monitor.memory import Memory
from kiosk.monitor.messages import Notice, Restored, Saved, SaveFailed
from kiosk.monitor.neighbours import Neighbours
from kiosk.monitor.records import Case, Change, StageEntry, StoreAlert, StoreStage
from kiosk.monitor.store import Store, StoreBroken
from kiosk.monitor.store.attempt import prove
from kiosk.monitor.store.engine import make_engine
from kiosk.monitor.store.silence import listened

SHORT_S = 1.0
NOW = Now(s=0.0, utc_ms=UTC_MS, chance=0.0, fresh_id="")
CASE = Case(alert=an_alert(alert_id="A"), received_ms=UTC_MS, door="mqtt", age_s=0, late=False)
RECEIVED = StageEntry(stage="received", at_ms=UTC_MS)
CHANGES: list[Change] = [StoreAlert(CASE), StoreStage(AlertId("A"), RECEIVED)]


@pytest.fixture
def store(postgres_url: str) -> Iterator[Store]:
    made = Store(postgres_url, writer="monitor-1", silent_max_s=SHORT_S)
    yield made
    made.close()


def until_written(store: Store) -> None:
    """Commit as the core does each second while its store is broken."""
    for _ in range(1000):
        try:
            store.commit(CHANGES)
        except StoreBroken:
            continue
        return
    raise AssertionError("it never came back")


@pytest.mark.real
def test_a_frozen_backend_breaks_the_store_within_the_bound_and_another_one_serves(
    postgres_server: PostgresServer, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    store.open()
    backend = store.run(lambda connection: connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
    with postgres_server.frozen(backend):
        with pytest.raises(StoreBroken):
            store.commit(CHANGES)
        until_written(store)
        assert store.find("A") is not None
    assert "silent_s=1" in caplog.text


@pytest.mark.real
def test_a_commit_that_never_ends_holds_one_turn_up_and_the_next_ones_only_for_a_moment(
    postgres_server: PostgresServer, store: Store
) -> None:
    """What only reads still works then: a new connection is taken when a write got through on it."""
    store.open()
    with postgres_server.stalled():
        for reason in ("closed", "does not answer"):
            with pytest.raises(StoreBroken, match=reason):
                store.commit(CHANGES)
    until_written(store)


@pytest.mark.real
def test_a_start_goes_on_without_a_server_that_takes_connections_and_writes_nothing(
    postgres_server: PostgresServer, store: Store
) -> None:
    told: list[Notice] = []
    memory = Memory(store, told.append, lambda: NOW, Neighbours(store, "monitor-1", lambda: 0.0))
    with postgres_server.stalled():
        assert memory.restore() == UTC_MS // 1000
    assert [type(notice) for notice in told] == [SaveFailed]
    for serial in range(1, 1000):
        memory.keep(Save(serial, tuple(CHANGES)))
        memory.commit()
        if memory.loaded:
            break
    assert [type(notice) for notice in told[-2:]] == [Restored, Saved]


@pytest.mark.real
def test_a_trial_without_an_answer_proves_nothing(postgres_server: PostgresServer, postgres_url: str) -> None:
    engine = make_engine(postgres_url, silent_max_s=SHORT_S)
    with engine.connect() as connection, postgres_server.stalled(), pytest.raises(OperationalError):
        prove(connection)
    engine.dispose()


@pytest.mark.real
def test_bringing_tables_up_to_date_may_be_silent_for_longer(
    postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(connection: Any) -> None:
        connection.execute(text("SELECT pg_sleep(2.5 * :s)"), {"s": SHORT_S})
        upgrade(connection)

    from kiosk.monitor.store.migrate import upgrade  # noqa: PLC0415 - the one that is replaced below

    monkeypatch.setattr("kiosk.monitor.store.migrate.upgrade", slowly)
    url = postgres_server.fresh(empty=True)
    store = Store(url, silent_max_s=SHORT_S)
    with pytest.raises(StoreBroken, match="does not answer"):
        store.open()
    until_written(store)
    store.close()
    postgres_server.drop(url)


@pytest.mark.real
def test_a_server_that_refuses_the_trial_is_not_silent(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.monitor.store.attempt.TRIAL", text("SELECT no_such_function()"))
    store.open()
    store.commit(CHANGES)


# ---- the wait itself


def server(*wants: Wait) -> Generator[Wait, Ready | int, str]:
    """Be what a driver does while it waits: say what is wanted, and take what came."""
    for want in wants:
        while not (yield want):
            pass
    return "done"


def play(came: list[tuple[float, int]], *wants: Wait) -> tuple[str, list[float]]:
    """Let `came` happen; give the result and when the connection was ended."""
    now_s = [0.0]
    ended: list[float] = []
    waiting = listened(server(*wants), 20.0, lambda: ended.append(now_s[0]), seconds=lambda: now_s[0])
    next(waiting)
    for at_s, ready in came:
        now_s[0] = at_s
        try:
            waiting.send(ready)
        except StopIteration as end:
            return str(end.value), ended
    return "", ended


def test_a_wait_without_a_word_is_ended_and_one_with_words_is_not() -> None:
    word, nothing = int(Ready.R), int(Ready.NONE)
    assert play([(19.0, nothing), (19.5, word)], Wait.R) == ("done", [])
    assert play([(19.0, word), (38.0, nothing), (39.5, word)], Wait.R, Wait.R) == ("done", [])
    assert play([(19.0, nothing), (21.0, nothing), (22.0, nothing)], Wait.R) == ("", [21.0])


def test_what_can_be_written_is_no_word() -> None:
    writable = int(Ready.W)
    assert play([(10.0, writable), (21.0, writable), (22.0, int(Ready.R))], Wait.W, Wait.W, Wait.R) == (
        "done",
        [21.0],
    )


def test_a_wait_that_needs_none_gives_its_result() -> None:
    with pytest.raises(StopIteration) as end:
        next(listened(server(), 20.0, lambda: None))
    assert end.value.value == "done"
