"""Two who decide at once on PostgreSQL: the second waits for the first, and decides by what it left."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fakes.centre_pages import Pages
from fakes.registry_rows import a_certificate, a_draft
from sqlalchemy import Connection, Engine, event, text

from kiosk.monitor.commands import monitor
from kiosk.monitor.rollout import Rollout
from kiosk.monitor.store import certificates, locks, names, people, registry, releases, rollouts
from kiosk.monitor.store.engine import make_engine
from kiosk.monitor.store.people import Member
from kiosk.monitor.store.releases import Release

pytestmark = pytest.mark.real
WAITING = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)
PATIENCE_S = 10.0
RELEASE = Release(
    release_id="ab" * 32, version="0.2.0", size=5, made_at="2026-11-27T01:00:00Z", targets="bookworm-arm64",
    added_ms=1000, added_by="aida",
)  # fmt: skip


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    made = make_engine(postgres_url)
    yield made
    made.dispose()


class Second:
    """What somebody does on a thread while another transaction is open; `result` is what came of it."""

    def __init__(self, engine: Engine, work: Callable[[], Any]) -> None:
        self._engine = engine
        self._work = work
        self._result: list[Any] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._result.append(self._work())
        except Exception as error:  # noqa: BLE001 - told to the test
            self._result.append(error)

    def waits(self) -> bool:
        """Tell, as soon as one of both is so, whether the database lets it wait or it is done."""
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
            while self._thread.is_alive():
                if db.execute(WAITING).scalar_one():
                    return True
        return False

    def result(self) -> Any:
        self._thread.join(PATIENCE_S)
        return self._result[0]


def in_turn(engine: Engine, first: Callable[[Connection], Any], second: Callable[[Connection], Any]) -> Any:
    """Let the second begin while the first has written and not committed; give what came of the second."""

    def later() -> Any:
        with engine.begin() as db:
            return second(db)

    with engine.begin() as db:
        first(db)
        other = Second(engine, later)
        assert other.waits()
    return other.result()


def a_rollout(rollout_id: str, **more: Any) -> Rollout:
    return Rollout(
        rollout_id=rollout_id, release="ab" * 32, version="0.2.0", steps=(5, 100), at_once=4, stop_after=2,
        soak_s=0, **more,
    )  # fmt: skip


def start(rollout_id: str) -> Callable[[Connection], None]:
    return lambda db: rollouts.start(db, a_rollout(rollout_id), who="aida", now_ms=1000)


def test_of_two_who_start_a_roll_out_at_once_the_second_is_refused(engine: Engine) -> None:
    with engine.begin() as db:
        releases.add(db, RELEASE)
    refused = in_turn(engine, start("first"), start("second"))
    assert isinstance(refused, rollouts.RolloutBusy)
    assert str(refused) == "first"
    with engine.connect() as db:
        assert [entry.rollout.rollout_id for entry in rollouts.listed(db)] == ["first"]


def test_an_ended_roll_out_is_not_resumed_beside_one_that_begins(engine: Engine) -> None:
    with engine.begin() as db:
        releases.add(db, RELEASE)
        start("old")(db)
        rollouts.keep(db, a_rollout("old"), a_rollout("old", state="failed"), now_ms=1)

    def resume(db: Connection) -> bool:
        return rollouts.move(db, "old", "running", who="botagoz", now_ms=2)

    assert in_turn(engine, start("new"), resume) is False
    with engine.begin() as db:
        rollouts.move(db, "new", "stopped", who="aida", now_ms=3)
        assert resume(db)


def test_who_stops_a_roll_out_while_it_takes_a_step_has_stopped_it(engine: Engine) -> None:
    with engine.begin() as db:
        releases.add(db, RELEASE)
        start("one")(db)

    def step(db: Connection) -> None:
        assert rollouts.keep(db, a_rollout("one"), a_rollout("one", step=1), now_ms=1)

    def stop(db: Connection) -> bool:
        return rollouts.move(db, "one", "stopped", who="aida", now_ms=2)

    assert in_turn(engine, step, stop) is True
    with engine.connect() as db:
        (entry,) = rollouts.listed(db)
        assert (entry.rollout.state, entry.rollout.step) == ("stopped", 1)


def add_admins(engine: Engine, *names: str) -> None:
    with engine.begin() as db:
        for name in names:
            member = Member(person_id=name, name=name, role="admin", language="en", password_hash="x")
            people.add(db, member, 1)


def dismiss(person: str) -> Callable[[Connection], None]:
    def work(db: Connection) -> None:
        people.change(db, person, 2, active=False)

    return work


def test_two_admins_who_demote_each_other_on_the_page_leave_one(
    engine: Engine, postgres_url: str, tmp_path: Path
) -> None:
    with Pages(tmp_path, f'[store]\nurl = "{postgres_url}"\n') as pages:
        event.remove(pages.engine, "begin", pages._begin)  # which speaks to SQLite
        botagoz = pages.sign_in("admin", person_id="botagoz")
        pages.add("aida", "admin")
        botagoz.get("/staff")
        form = {"name": "Aida", "role": "officer", "language": "en", "phone": "", "active": "yes"}
        with engine.begin() as db:
            people.change(db, "botagoz", 2, role="officer")
            other = Second(engine, lambda: botagoz.post("/staff/aida", form))
            assert other.waits()
        assert other.result().status_code == 409
        with engine.connect() as db:
            assert people.admins(db) == 1


def test_two_admins_who_demote_each_other_by_command_leave_one(
    engine: Engine, postgres_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "monitor.toml"
    file.write_text(f"""
        [monitor]
        id = "monitor-1"
        [mqtt]
        brokers = ["127.0.0.1:1883"]
        [paths]
        state = "{tmp_path}"
        run = "{tmp_path}"
        [store]
        url = "{postgres_url}"
    """)
    add_admins(engine, "aida", "botagoz")
    command = ["--socket", f"{tmp_path}/none.sock", "user", "--config", str(file), "disable", "aida"]
    with engine.begin() as db:
        dismiss("botagoz")(db)
        other = Second(engine, lambda: CliRunner().invoke(monitor, command))
        assert other.waits()
    assert "aida is the last administrator" in other.result().stderr
    with engine.connect() as db:
        assert people.admins(db) == 1


def test_who_changes_no_role_waits_for_nobody(engine: Engine) -> None:
    add_admins(engine, "aida", "botagoz")
    with engine.begin() as db, engine.begin() as other:
        dismiss("botagoz")(db)
        assert people.change(other, "aida", 2, language="kk", password_hash="y")


def test_a_name_becomes_a_kiosk_or_the_centres_never_both(engine: Engine) -> None:
    def made_by_hand(db: Connection) -> None:
        locks.take(db, locks.Lock.NAMES)
        certificates.keep(db, a_certificate("1a", kiosk_id="monitor-2"))

    def register(db: Connection) -> None:
        registry.create(db, a_draft(kiosk_id="monitor-2"), who="aida", now_ms=1)

    assert isinstance(in_turn(engine, made_by_hand, register), names.NameTaken)


def test_a_lock_is_let_go_with_its_transaction_whatever_became_of_it(engine: Engine) -> None:
    for _ in range(2):
        with engine.connect() as db:
            locks.take(db, locks.Lock.ADMINS)
            db.rollback()
