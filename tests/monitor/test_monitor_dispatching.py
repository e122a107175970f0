"""A roll-out on a real database: written before it is ordered, by one monitor, and followed to its end."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from fakes.centre_engines import engine  # noqa: F401 - a fixture
from fakes.registry_rows import a_draft
from fakes.virtual_centre import an_alert
from sqlalchemy import Engine, insert, select

from kiosk import wire
from kiosk.bodies import Event
from kiosk.monitor import rollout as roll
from kiosk.monitor.dispatching import Dispatching
from kiosk.monitor.rollout import AGAIN_MS, ANSWER_MS, Rollout
from kiosk.monitor.store import audit, registry, releases, rollouts
from kiosk.monitor.store.releases import Release, ReleaseInUse
from kiosk.monitor.store.schema import alerts, events, kiosks

RELEASE_ID = "ab" * 32
RELEASE = Release(
    release_id=RELEASE_ID, version="2.0", size=5, made_at="2026-11-27T01:00:00Z",
    targets="bookworm-arm64", added_ms=1000, added_by="aida",
)  # fmt: skip
PLAN = Rollout(rollout_id="r1", release=RELEASE_ID, version="2.0", at_once=2, stop_after=2, soak_s=0)
NAMES = ("kz-1", "kz-2", "kz-3", "kz-4")


@dataclass
class World:
    """A database with a fleet, a core that only notes its orders, and a clock."""

    engine: Engine
    held: bool = True
    now_ms: int = 1_000_000
    asked: list[dict[str, Any]] = field(default_factory=list)
    number: int = 0

    def __post_init__(self) -> None:
        with self.write() as db:
            for number, name in enumerate(NAMES, 1):
                registry.create(db, a_draft(kiosk_id=name, number=number), who="aida", now_ms=1)
                self.kiosk(db, name, "1.0")
            releases.add(db, RELEASE)

    def write(self) -> Any:
        return self.engine.execution_options(writes=True).begin()

    def kiosk(self, db: Any, name: str, version: str, **changes: Any) -> None:
        row = {
            "kiosk_id": name, "life": "online", "why": "", "since_ms": 1, "heard_ms": 1, "state": "armed",
            "faults": "", "twin": False, "missing": 0, "version": version, "body": b"{}", "written_ms": 1,
        }  # fmt: skip
        db.execute(insert(kiosks).values(**row | changes))

    def change(self, name: str, **values: Any) -> None:
        with self.write() as db:
            db.execute(kiosks.update().where(kiosks.c.kiosk_id == name).values(**values))

    def finish(self, name: str) -> None:
        """Let a kiosk report the version, and that it is kept."""
        self.change(name, version="2.0")
        self.says(name, "update_done", "1.0 -> 2.0")

    def says(self, name: str, code: str, detail: str) -> None:
        """Let an event of a kiosk come in, or a result of a command as the core notes it."""
        self.number += 1
        body = Event(
            event_id=f"e{self.number}", kiosk_id=name, at="2026-11-27T01:00:00Z", code=code, detail=detail
        )
        row = {"kiosk_id": name, "event_id": body.event_id, "at_ms": 1, "code": code, "state": "info"}
        with self.write() as db:
            db.execute(insert(events).values(body=wire.encode(body), **row))

    def start(self, plan: Rollout = PLAN) -> None:
        with self.write() as db:
            rollouts.start(db, plan, who="aida", now_ms=self.now_ms)

    def look(self, seconds: float = 5.0) -> list[str]:
        """Let one round pass; give whom it ordered."""
        self.now_ms += int(seconds * 1000)
        before = len(self.asked)
        Dispatching(
            lambda question, _reply: self.asked.append(question),
            held=lambda: self.held,
            now_ms=lambda: self.now_ms,
        ).look(self.engine)
        return [question["kiosk"] for question in self.asked[before:]]

    def order_of(self, name: str) -> str:
        return next(str(one["command_id"]) for one in reversed(self.asked) if one["kiosk"] == name)

    def entry(self) -> rollouts.Entry:
        with self.engine.connect() as db:
            found = rollouts.get(db, "r1")
        assert found is not None
        return found

    def phases(self) -> dict[str, int]:
        with self.engine.connect() as db:
            return rollouts.phases(db, "r1")


@pytest.fixture
def world(engine: Engine) -> World:  # noqa: F811 - the fixture
    return World(engine)


def in_order() -> list[str]:
    return sorted(NAMES, key=lambda name: (roll.share(name, RELEASE_ID), name))


def test_nobody_is_ordered_without_a_roll_out(world: World) -> None:
    assert world.look() == []


def test_a_few_are_ordered_and_the_next_follow_them(world: World) -> None:
    world.start()
    first = world.look()
    assert first == in_order()[:2]
    question = world.asked[0]
    assert question["command_id"] == roll.command_id(PLAN, first[0], 1)
    assert (question["name"], question["release"], question["version"]) == ("update", RELEASE_ID, "2.0")
    assert world.look() == []
    world.says(first[0], "command", f"{world.order_of(first[0])} in_progress")
    assert world.look() == []
    assert world.phases() == {"ordered": 1, "working": 1}
    world.change(first[0], version="2.0")
    assert world.look() == [], "it is on trial still"
    assert world.phases() == {"ordered": 1, "trial": 1}
    world.says(first[0], "command", f"{world.order_of(first[0])} succeeded: 1.0 -> 2.0")
    assert world.look() == in_order()[2:3]
    assert world.phases() == {"ordered": 2, "done": 1}


def test_a_roll_out_ends_when_the_whole_fleet_reports_the_version(world: World) -> None:
    world.start()
    for _ in range(4):
        for name in world.look():
            world.finish(name)
    assert world.entry().rollout.state == "done"
    assert world.phases() == {"done": 4}
    assert world.look() == []


@pytest.mark.parametrize(
    "ill", [{"life": "silent"}, {"state": "faulty"}, {"state": "alerting"}, {"twin": True}]
)
def test_a_kiosk_that_is_not_well_is_left_alone(world: World, ill: dict[str, Any]) -> None:
    world.start()
    world.change(in_order()[0], **ill)
    assert world.look() == in_order()[1:3]


def test_a_kiosk_with_an_open_alert_is_left_alone(world: World) -> None:
    name = in_order()[0]
    alert = an_alert(alert_id="01A", kiosk_id=name)
    with world.write() as db:
        db.execute(
            insert(alerts).values(
                alert_id="01A", kiosk_id=name, kind="press", kato="751000000", pressed_ms=1, received_ms=1,
                door="mqtt", age_s=0, late=False, clock_note="", presses=1, body=wire.encode(alert),
                written_ms=1,
            )
        )  # fmt: skip
    world.start()
    assert world.look() == in_order()[1:3]


def test_a_kiosk_that_rejects_is_asked_again_under_another_name(world: World) -> None:
    world.start()
    first = world.look()[0]
    was = world.order_of(first)
    world.says(first, "command", f"{was} rejected: an incident is open")
    assert first not in world.look()
    with world.engine.connect() as db:
        assert [mark.reason for mark in rollouts.troubled(db, "r1")] == ["an incident is open"]
    for name in in_order()[1:]:
        world.finish(name)
    assert world.look(AGAIN_MS / 1000) == [first]
    assert world.order_of(first) != was


def test_an_order_that_nobody_heard_is_given_again(world: World) -> None:
    world.start()
    first = world.look()
    assert world.look(ANSWER_MS / 1000) == in_order()[2:]
    assert world.phases() == {"waiting": 2, "ordered": 2}
    for name in in_order()[2:]:
        world.finish(name)
    assert world.look(AGAIN_MS / 1000) == first


def test_failures_stop_it_and_are_told_in_their_words(world: World) -> None:
    world.start()
    first, second = world.look()
    world.says(first, "update_rolled_back", "1.0 -> 2.0: update_link: mqtt")
    world.says(second, "update_failed", "1.0 -> 2.0: update_space: 5 MB < 60 MB")
    world.says(second, "update_failed", "0.9 -> 1.0: update_space")
    world.says(second, "command", f"{world.order_of(second)} failed: 1.0 -> 2.0: update_space: 5 MB < 60 MB")
    assert world.look() == []
    assert (world.entry().rollout.state, world.entry().rollout.reason) == ("failed", "failures=2")
    with world.engine.connect() as db:
        told = {mark.kiosk_id: mark.reason for mark in rollouts.troubled(db, "r1")}
    assert told == {first: "update_link: mqtt", second: "update_space: 5 MB < 60 MB"}


def test_what_was_said_before_the_order_does_not_count(world: World) -> None:
    name = in_order()[0]
    world.says(name, "update_failed", "1.0 -> 2.0: update_space")
    world.start()
    assert name in world.look()
    assert world.look() == []
    assert world.phases() == {"ordered": 2}


def test_only_the_holder_of_the_lease_orders(world: World) -> None:
    world.start()
    world.held = False
    assert world.look() == []
    world.held = True
    assert len(world.look()) == 2
    assert world.look() == [], "another monitor that takes over finds what was ordered"


def test_a_lease_lost_while_reading_writes_nothing(world: World) -> None:
    world.start()
    answers = iter([True, False])
    Dispatching(
        lambda question, _reply: world.asked.append(question),
        held=lambda: next(answers),
        now_ms=lambda: world.now_ms,
    ).look(world.engine)
    assert (world.asked, world.phases()) == ([], {})


def test_a_pause_in_the_very_moment_of_a_step_wins(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.start(replace(PLAN, steps=(50, 100)))
    keep = rollouts.keep

    def late(db: Any, old: Rollout, new: Rollout, *, now_ms: int) -> bool:
        monkeypatch.setattr(rollouts, "keep", keep)
        rollouts.move(db, "r1", "paused", who="aida", now_ms=now_ms)
        return keep(db, old, new, now_ms=now_ms)

    monkeypatch.setattr(
        "kiosk.monitor.dispatching.roll.decide",
        lambda rollout, *_: roll.Decision(rollout=replace(rollout, step=1), orders=("kz-1",)),
    )
    monkeypatch.setattr("kiosk.monitor.dispatching.rollouts.keep", late)
    assert world.look() == []
    assert (world.entry().rollout.state, world.entry().rollout.step) == ("paused", 0)


def test_people_pause_resume_and_stop_it_and_it_is_recorded(world: World) -> None:
    world.start()

    def move(state: Any) -> bool:
        with world.write() as db:
            return rollouts.move(db, "r1", state, who="aida", now_ms=5)

    assert not move("running")
    assert move("paused")
    assert world.look() == []
    assert move("running")
    assert len(world.look()) == 2
    assert move("stopped")
    assert not move("running")
    with world.engine.connect() as db:
        assert not rollouts.move(db, "none", "paused", who="aida", now_ms=5)
        told = [entry.what for entry in audit.read(db) if entry.what.startswith("rollout")]
    assert told == ["rollout_stopped", "rollout_running", "rollout_paused", "rollout_start"]


def test_one_that_failures_ended_may_go_on_until_the_next(world: World) -> None:
    world.start(replace(PLAN, stop_after=1))
    world.says(world.look()[0], "update_failed", "1.0 -> 2.0: x")
    assert world.look() == []
    with world.write() as db:
        assert rollouts.move(db, "r1", "running", who="aida", now_ms=5)
    assert len(world.look()) == 1


def test_one_at_a_time(world: World) -> None:
    world.start()
    with pytest.raises(rollouts.RolloutBusy, match="r1"):
        world.start(replace(PLAN, rollout_id="r2"))
    with world.engine.connect() as db:
        assert [entry.rollout.rollout_id for entry in rollouts.listed(db)] == ["r1"]
        assert rollouts.get(db, "r2") is None


def test_versions_are_counted_and_revoked_kiosks_are_not(world: World) -> None:
    world.change("kz-1", version="2.0")
    with world.write() as db:
        registry.create(db, a_draft(kiosk_id="kz-9", number=9), who="aida", now_ms=1)
        registry.revoke(db, "kz-2", "lost", who="aida", now_ms=1)
    with world.engine.connect() as db:
        assert rollouts.versions(db) == [("1.0", 2), ("", 1), ("2.0", 1)]
    world.start()
    assert "kz-2" not in world.look()


def test_a_release_is_offered_once_found_by_its_name_and_kept_while_it_is_needed(world: World) -> None:
    with world.write() as db:
        assert not releases.add(db, RELEASE)
        assert [one.version for one in releases.listed(db)] == ["2.0"]
        assert releases.find(db, "2.0") == releases.find(db, RELEASE_ID[:8]) == [RELEASE]
        assert releases.find(db, "ab") == releases.find(db, "3.0") == []
    world.start()
    with world.write() as db, pytest.raises(ReleaseInUse):
        releases.remove(db, RELEASE_ID, who="aida", now_ms=9)
    with world.write() as db:
        rollouts.move(db, "r1", "stopped", who="aida", now_ms=9)
        assert releases.remove(db, RELEASE_ID, who="aida", now_ms=9)
        assert not releases.remove(db, RELEASE_ID, who="aida", now_ms=9)
        assert releases.get(db, RELEASE_ID) is None
        told = [entry.what for entry in audit.read(db) if entry.what.startswith("release")]
    assert told == ["release_removed", "release_added"]
    assert releases.file_of("/var/lib/pana-monitor", "x") == Path("/var/lib/pana-monitor/releases/x.tar")


def test_a_large_fleet_is_read_in_pages(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollouts, "PAGE", 3)
    with world.engine.connect() as db:
        pages = list(rollouts.fleet(db))
        assert [len(page) for page in pages] == [3, 1]
        assert db.execute(select(kiosks.c.kiosk_id)).all()
