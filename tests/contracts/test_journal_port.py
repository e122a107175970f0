"""The contract of ports.Journal, on the real store and on the fake."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest
from fakes.journal import FakeDisk, FakeJournal

from kiosk.bodies import AlertId
from kiosk.journal import SqliteJournal
from kiosk.messages import (
    IncidentRecord,
    JournalBroke,
    JournalLoaded,
    JournalSaved,
    KioskEvent,
    Snapshot,
)
from kiosk.ports import Journal, Post

INCIDENT = IncidentRecord(
    alert_id=AlertId("01HZX"),
    kind="press",
    button="counter",
    pressed_utc_ms=1_800_000_000_000,
    clock="synced",
    seq=7,
    code="4711",
    stage="received",
    presses=3,
    also=("fitting",),
    by="оператор-3",
    duty=False,
)
FULL = Snapshot(
    boot=9, seq=7, saved_utc_ms=5, last_press_utc_ms=4, last_test_utc_ms=3, incidents=(INCIDENT, INCIDENT)
)


class Bench(Protocol):
    """One disk, on which journals are opened one after the other."""

    def open(self, post: Post) -> Journal: ...
    def damage(self) -> None: ...
    def refuse(self) -> None: ...
    def mend(self) -> None: ...


class RealBench:
    def __init__(self, folder: Path) -> None:
        self._folder = folder / "state"
        self._away = folder / "away"

    def open(self, post: Post) -> Journal:
        return SqliteJournal(self._folder / "journal.sqlite", post)

    def damage(self) -> None:
        for file in self._folder.iterdir():
            file.write_bytes(b"\x00garbage" * 1000)

    def refuse(self) -> None:
        if self._folder.exists():
            self._folder.rename(self._away)
        self._folder.write_text("a file in place of the folder")

    def mend(self) -> None:
        self._folder.unlink()
        if self._away.exists():
            self._away.rename(self._folder)


class FakeBench:
    def __init__(self) -> None:
        self._disk = FakeDisk()

    def open(self, post: Post) -> Journal:
        return FakeJournal(self._disk, post)

    def damage(self) -> None:
        self._disk.damaged = True

    def refuse(self) -> None:
        self._disk.broken = "not a directory"

    def mend(self) -> None:
        self._disk.broken = ""


@pytest.fixture(params=["real", "fake"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    return RealBench(tmp_path) if request.param == "real" else FakeBench()


def loaded(bench: Bench) -> tuple[JournalLoaded, list[KioskEvent]]:
    """Load once more, as after a restart."""
    heard: list[KioskEvent] = []
    journal = bench.open(heard.append)
    journal.load()
    journal.close()
    assert isinstance(heard[0], JournalLoaded)
    return heard[0], heard[1:]


def with_journal(bench: Bench, act: Callable[[Journal], None]) -> list[KioskEvent]:
    heard: list[KioskEvent] = []
    journal = bench.open(heard.append)
    act(journal)
    journal.close()
    return heard


def test_a_new_disk_gives_an_empty_snapshot(bench: Bench) -> None:
    assert loaded(bench) == (JournalLoaded(Snapshot()), [])


def test_what_was_saved_is_loaded_after_a_restart(bench: Bench) -> None:
    """Pitfall 1: the session of the MQTT library dies with the process; the journal does not."""
    heard = with_journal(bench, lambda journal: (journal.load(), journal.save(FULL)))  # type: ignore[func-returns-value]
    assert heard == [JournalLoaded(Snapshot()), JournalSaved()]
    assert loaded(bench) == (JournalLoaded(FULL), [])


def test_the_newest_snapshot_replaces_the_older_one(bench: Bench) -> None:
    def act(journal: Journal) -> None:
        journal.load()
        for seq in range(5):
            journal.save(Snapshot(seq=seq))

    with_journal(bench, act)
    assert loaded(bench)[0].snapshot == Snapshot(seq=4)


def test_saving_without_loading_works(bench: Bench) -> None:
    assert with_journal(bench, lambda journal: journal.save(FULL)) == [JournalSaved()]
    assert loaded(bench)[0].snapshot == FULL


def test_a_repeated_save_is_answered_like_the_first(bench: Bench) -> None:
    heard = with_journal(bench, lambda journal: (journal.save(FULL), journal.save(FULL)))  # type: ignore[func-returns-value]
    assert heard == [JournalSaved(), JournalSaved()]


def test_a_damaged_store_is_set_aside_and_the_kiosk_starts_empty(bench: Bench) -> None:
    """Pitfall 34: power cuts corrupt stores; the kiosk arms anyway and says what it found."""
    with_journal(bench, lambda journal: journal.save(FULL))
    bench.damage()
    event, more = loaded(bench)
    assert event.snapshot == Snapshot()
    assert event.quarantined
    assert more == []
    with_journal(bench, lambda journal: journal.save(FULL))
    assert loaded(bench) == (JournalLoaded(FULL), [])


def test_a_disk_that_refuses_is_told_and_the_load_still_answers(bench: Bench) -> None:
    bench.refuse()
    event, more = loaded(bench)
    assert event == JournalLoaded(Snapshot())
    assert [type(one) for one in more] == [JournalBroke]
    assert not any(isinstance(one, JournalBroke) and not one.reason for one in more)


def test_a_disk_that_comes_back_is_used_again(bench: Bench) -> None:
    """Pitfall 35: a store that refuses for a while loses nothing that a later save holds."""

    def act(journal: Journal) -> None:
        journal.load()
        journal.save(Snapshot(seq=1))
        bench.refuse()
        journal.save(Snapshot(seq=2))
        journal.save(Snapshot(seq=3))
        bench.mend()
        journal.save(Snapshot(seq=4))

    heard = with_journal(bench, act)
    assert [type(event) for event in heard] == [
        JournalLoaded,
        JournalSaved,
        JournalBroke,
        JournalBroke,
        JournalSaved,
    ]
    assert loaded(bench)[0].snapshot == Snapshot(seq=4)


def test_closing_twice_and_without_loading_is_harmless(bench: Bench) -> None:
    assert with_journal(bench, lambda journal: journal.close()) == []
