"""Several monitors on one database: the lease and the news, and what is done beside the core's turn."""

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from fakes.mqtt_kiosk import wait_for
from fakes.registry_rows import a_draft
from fakes.virtual_centre import UTC_MS, an_alert
from sqlalchemy import Connection, Engine, delete, insert
from sqlalchemy.exc import OperationalError

from kiosk.bodies import AlertId, KioskId
from kiosk.monitor.background import Plans, Round, sweep_round
from kiosk.monitor.config import read
from kiosk.monitor.messages import LeaseChanged, NewsRead, PlanLoaded
from kiosk.monitor.neighbours import FAR_S, Neighbours, apart
from kiosk.monitor.records import (
    Case,
    Change,
    Kiosk,
    StageEntry,
    StoreAlert,
    StoreKiosk,
    StoreRenamed,
    StoreStage,
    StoreText,
    Text,
)
from kiosk.monitor.store import Store, lease, reading, registry
from kiosk.monitor.store.engine import make_engine, sqlite_url
from kiosk.monitor.store.lease import LIFE_S
from kiosk.monitor.store.schema import people
from kiosk.monitor.store.schema import registry as kiosks_known

RECEIVED = StageEntry(stage="received", at_ms=UTC_MS)
PAGE = Text(alert_id="A", step="r1t1", to="x", kind="page", at_ms=5)


class Clock:
    """Seconds that a test lets pass."""

    def __init__(self) -> None:
        self.s = 1000.0

    def __call__(self) -> float:
        return self.s


class Monitor:
    """The part of a monitor that shares a database."""

    def __init__(self, url: str, name: str, clock: Clock) -> None:
        self.store = Store(url, writer=name)
        self.store.open()
        self.neighbours = Neighbours(self.store, name, clock)
        self.neighbours.begin(1)

    def look(self, *, link_up: bool = True) -> list[LeaseChanged | NewsRead]:
        return self.neighbours.look(loaded=True, link_up=link_up)

    def news(self, *, link_up: bool = True) -> NewsRead:
        (found,) = [notice for notice in self.look(link_up=link_up) if isinstance(notice, NewsRead)]
        return found

    def put(self, *changes: Change) -> None:
        self.store.commit(changes)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def two(postgres_url: str, clock: Clock) -> Iterator[tuple[Monitor, Monitor]]:
    made = Monitor(postgres_url, "monitor-1", clock), Monitor(postgres_url, "monitor-2", clock)
    yield made
    for monitor in made:
        monitor.store.close()


def an_open_alert(alert_id: str = "A") -> list[Change]:
    case = Case(alert=an_alert(alert_id=alert_id), received_ms=UTC_MS, door="mqtt", age_s=0, late=False)
    return [StoreAlert(case), StoreStage(AlertId(alert_id), RECEIVED)]


def test_a_monitor_alone_with_its_file_always_escalates_and_reads_no_news(
    tmp_path: Path, clock: Clock
) -> None:
    alone = Monitor(sqlite_url(tmp_path / "c.sqlite"), "monitor-1", clock)
    alone.put(*an_open_alert(), StoreText(PAGE))
    unread = [alone.neighbours.look(loaded=False, link_up=True) for _ in range(2)]
    assert unread == [[LeaseChanged(True)], []]  # a file that cannot be read keeps nobody from being called
    assert alone.look() == [LeaseChanged(True, (PAGE,))]
    clock.s += 1_000_000
    assert alone.look() == []
    assert alone.neighbours.holds
    alone.neighbours.close()
    alone.store.close()


@pytest.mark.real
def test_one_holds_the_lease_and_the_other_goes_on_with_what_was_planned(
    two: tuple[Monitor, Monitor], clock: Clock
) -> None:
    one, other = two
    assert one.look() == [LeaseChanged(True)]
    assert other.look() == []
    clock.s += 3.5
    assert (one.look(), other.look()) == ([], [])
    one.put(*an_open_alert(), StoreText(PAGE))
    one.neighbours.close()
    assert not one.neighbours.holds
    clock.s += 1.5
    changed = [notice for notice in other.look() if isinstance(notice, LeaseChanged)]
    assert changed == [LeaseChanged(True, (PAGE,))]
    assert not [notice for notice in one.look() if isinstance(notice, LeaseChanged)]
    other.neighbours.begin(2)
    clock.s += 3.5
    assert LeaseChanged(False) in other.look(), "its own former life still holds it"


@pytest.mark.real
def test_who_cannot_ask_for_the_lease_calls_on_and_lets_go_where_another_has_it(
    two: tuple[Monitor, Monitor], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = two
    assert one.look() == [LeaseChanged(True)]
    url = one.store._url
    monkeypatch.setattr(one.store, "_url", "postgresql://nobody@/nothing?host=/nowhere")
    one.store.close()
    for _ in range(10):
        clock.s += LIFE_S
        assert [*one.look(), *one.neighbours.confirm()] == []
    assert not one.neighbours.holds, "others may clean up by now"
    monkeypatch.setattr(one.store, "_url", url)
    other.put(*an_open_alert(), StoreText(PAGE))
    changed: list[LeaseChanged] = []
    while not changed:  # the database is asked beside the core's turn, and a turn waits but a moment for it
        clock.s += 5
        changed = [notice for notice in one.look() if isinstance(notice, LeaseChanged)]
    assert changed == [LeaseChanged(True, (PAGE,), kept=True)]
    assert one.neighbours.holds
    other.store.run(lambda at: lease.give_up(at, lease.ESCALATION, "monitor-1/1"), writes=True)
    assert other.store.run(lambda at: lease.take(at, lease.ESCALATION, "monitor-2/1"), writes=True)
    clock.s += LIFE_S
    assert one.neighbours.confirm() == [LeaseChanged(False)]
    assert one.neighbours.confirm() == []
    one.neighbours.close()


@pytest.mark.real
def test_news_is_what_others_wrote_and_comes_once(two: tuple[Monitor, Monitor], clock: Clock) -> None:
    one, other = two
    for monitor in two:
        monitor.look()
    one.put(*an_open_alert())
    clock.s += 1
    assert [notice for notice in one.look() if isinstance(notice, NewsRead)] == [], "its own word is no news"
    news = other.news()
    assert [(case.alert.alert_id, case.stages) for case in news.cases] == [("A", (RECEIVED,))]
    clock.s += 1
    assert other.look() == []
    accepted = StageEntry(stage="accepted", at_ms=UTC_MS + 5, by="x")
    other.put(StoreStage(AlertId("A"), accepted), StoreText(PAGE))
    clock.s += 1
    news = one.news()
    assert [case.stages for case in news.cases] == [(RECEIVED, accepted)]
    assert news.texts == (PAGE,)
    clock.s += FAR_S
    assert [notice for notice in one.look() if isinstance(notice, NewsRead)] == []


@pytest.mark.real
def test_an_alert_that_is_renamed_while_it_is_read_comes_with_its_stages(
    two: tuple[Monitor, Monitor], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = two
    for monitor in two:
        monitor.look()
    one.put(*an_open_alert("sms-17-1-1790000000"))
    renamed = [StoreRenamed(AlertId("sms-17-1-1790000000"), AlertId("OWN"))]
    real = reading.read_stages

    def between(connection: Connection, ids: Iterable[str]) -> dict[str, list[StageEntry]]:
        names = list(ids)
        while renamed:
            one.put(renamed.pop())
        return real(connection, names)

    monkeypatch.setattr(reading, "read_stages", between)
    clock.s += 1
    seen = [case for notice in other.look() if isinstance(notice, NewsRead) for case in notice.cases]
    assert renamed == []
    assert [case.stages for case in seen] == [(RECEIVED,)] * len(seen), "the core would end on one without"
    clock.s += 1
    assert [(case.alert.alert_id, case.stages) for case in other.news().cases] == [("OWN", (RECEIVED,))]


@pytest.mark.real
def test_an_alert_without_a_stage_is_no_news_until_it_has_one(
    two: tuple[Monitor, Monitor], clock: Clock
) -> None:
    one, other = two
    alert, received = an_open_alert()
    one.put(alert)
    assert [notice for notice in other.look() if isinstance(notice, NewsRead)] == []
    one.put(received)
    clock.s += 1
    assert [case.stages for case in other.news().cases] == [(RECEIVED,)]


def test_news_are_taken_apart_where_one_of_them_trips() -> None:
    cases = tuple(Case(alert=an_alert(alert_id=name), received_ms=1, door="mqtt", age_s=0, late=False)
                  for name in "AB")  # fmt: skip
    kiosk = Kiosk(kiosk_id=KioskId("kz-1"))
    whole = NewsRead(cases=cases, kiosks=(kiosk,), texts=(PAGE,))
    parts = apart(whole)
    assert parts == [NewsRead(cases=cases[:1]), NewsRead(cases=cases[1:]), NewsRead(kiosks=(kiosk,)),
                     NewsRead(texts=(PAGE,))]  # fmt: skip
    assert [apart(part) for part in parts] == [[]] * 4
    assert apart(LeaseChanged(True)) == []


@pytest.mark.real
def test_a_deaf_monitor_follows_the_kiosks_by_what_others_write(
    two: tuple[Monitor, Monitor], clock: Clock
) -> None:
    one, other = two
    for monitor in two:
        monitor.look()
    kiosk = Kiosk(kiosk_id=KioskId("kz-1"), life="silent")
    one.put(StoreKiosk(kiosk))
    clock.s += 1
    assert [notice for notice in other.look() if isinstance(notice, NewsRead)] == []
    clock.s += 1
    assert other.news(link_up=False).kiosks == (kiosk,)


# ---- beside the core's turn


def a_config(tmp_path: Path) -> str:
    return f"""
        [monitor]
        id = "monitor-1"
        [mqtt]
        brokers = ["127.0.0.1:1"]
        [paths]
        state = "{tmp_path}"
        run = "{tmp_path}"
    """


def test_work_beside_the_core_goes_on_whatever_fails(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ran = threading.Semaphore(0)
    faults: list[Exception] = [OperationalError("SELECT 1", {}, OSError("away")), RuntimeError("a bug")]

    def work(_: Engine) -> None:
        ran.release()
        if faults:
            raise faults.pop(0)

    round_ = Round("plan", read(a_config(tmp_path), "x"), work, every_s=3600, first_s=0)
    round_.open()
    for _ in range(3):
        assert ran.acquire(timeout=10)
        round_.hurry()
    wait_for(lambda: "away" in caplog.text and "a bug" in caplog.text, "both in the log")
    round_.close()
    round_.close()
    assert not round_.going


def test_the_plan_is_posted_when_it_has_changed(tmp_path: Path) -> None:
    store = Store(sqlite_url(tmp_path / "c.sqlite"))
    store.open()
    engine = make_engine(sqlite_url(tmp_path / "c.sqlite"))
    posted: list[PlanLoaded] = []
    plans = Plans(posted.append)
    plans.read(engine)
    plans.read(engine)
    assert len(posted) == 1
    with engine.begin() as connection:
        connection.execute(
            insert(people).values(
                person_id="x", name="x", role="officer", language="kk", phone="+77010000000", active=True,
                created_ms=1, changed_ms=1,
            )
        )  # fmt: skip
    plans.read(engine)
    assert [person.person_id for tier in posted[1].plan.tiers for person in tier] == ["x"]
    engine.dispose()
    store.close()


def test_a_plan_whose_people_and_registry_vanish_at_once_is_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A store begun anew is empty: nobody would be called and every signed SMS refused."""
    store = Store(sqlite_url(tmp_path / "c.sqlite"))
    store.open()
    engine = make_engine(sqlite_url(tmp_path / "c.sqlite"))
    posted: list[PlanLoaded] = []
    plans = Plans(posted.append)

    def people_and_kiosks(db: Connection) -> None:
        officer = {"name": "x", "role": "officer", "language": "kk", "created_ms": 1, "changed_ms": 1}
        db.execute(insert(people).values(person_id="x", phone="+77010000000", active=True, **officer))
        registry.create(db, a_draft(), who="x", now_ms=1)

    store.run(people_and_kiosks, writes=True)
    plans.read(engine)
    store.run(lambda db: db.execute(delete(people)), writes=True)
    store.run(lambda db: db.execute(delete(kiosks_known)), writes=True)
    plans.read(engine)
    plans.read(engine)
    assert len(posted) == 1
    assert caplog.text.count("plan=kept") == 1
    store.run(people_and_kiosks, writes=True)
    plans.read(engine)
    assert len(posted) == 1, "the same as before"
    store.run(lambda db: db.execute(delete(people)), writes=True)
    plans.read(engine)
    assert posted[1].plan.people == (), "who was taken off by people is not called"
    engine.dispose()
    store.close()


def test_only_the_holder_of_the_lease_cleans_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Store(sqlite_url(tmp_path / "centre.sqlite"))
    store.open()
    held: list[bool] = []
    round_ = sweep_round(read(a_config(tmp_path), "x"), lambda: bool(held))
    caplog.set_level("INFO")
    round_.open()
    round_.hurry()
    wait_for(lambda: not round_._due.is_set(), "the first round")
    held.append(True)
    round_.hurry()
    wait_for(lambda: "retention rows=0" in caplog.text, "the second round")
    round_.close()
    store.close()
