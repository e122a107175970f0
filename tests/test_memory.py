"""What is written to the journal, and when."""

from dataclasses import replace
from pathlib import Path

import pytest
from fakes.virtual_kiosk import UTC_MS, VirtualKiosk

from kiosk.effects import OpenMqtt, Save
from kiosk.journal import SqliteJournal
from kiosk.memory import JOURNAL_WAIT_S, RETRY_S, SAVE_EVERY_S, Memory
from kiosk.messages import (
    JournalBroke,
    JournalLoaded,
    JournalSaved,
    KioskEvent,
    Now,
    Snapshot,
    WorkerFailed,
)


def now(s: float, utc_ms: int = UTC_MS) -> Now:
    return Now(s=s, utc_ms=utc_ms, chance=0.5, fresh_id="01F")


def test_the_link_opens_with_a_number_above_the_last_start() -> None:
    for kept, boot in ((5, UTC_MS // 1000), (UTC_MS, UTC_MS + 1)):
        virtual = VirtualKiosk().begin()
        assert virtual.of(OpenMqtt) == []
        virtual.feed(JournalLoaded(Snapshot(boot=kept)))
        assert virtual.of(OpenMqtt) == [OpenMqtt(boot)]


def test_a_clock_ten_years_back_still_gives_a_higher_number() -> None:
    virtual = VirtualKiosk().start().restart(off_s=-10 * 365 * 86_400.0)
    assert virtual.of(OpenMqtt) == [OpenMqtt(UTC_MS // 1000 + 1)]


def test_the_link_waits_2_s_for_the_journal_and_no_longer() -> None:
    virtual = VirtualKiosk().begin().run(JOURNAL_WAIT_S + 0.1)
    assert len(virtual.of(OpenMqtt)) == 1
    virtual.feed(JournalLoaded(Snapshot(boot=2**40)))
    assert len(virtual.of(OpenMqtt)) == 1
    assert virtual.of(Save)[-1].snapshot.boot == 2**40


@pytest.mark.parametrize("read_s", [1.0, 3.0, 600.0])
def test_nothing_is_written_before_the_journal_is_read(read_s: float) -> None:
    """Else the first write would wait behind the reading, and wipe what it brings."""
    virtual = VirtualKiosk().begin().press().run(read_s)
    assert virtual.of(Save) == []
    virtual.feed(JournalLoaded(Snapshot()))
    assert len(virtual.of(Save)[-1].snapshot.incidents) == 1


def test_a_disk_that_hangs_for_days_lets_the_core_sleep_and_alert() -> None:
    virtual = VirtualKiosk().begin().run(JOURNAL_WAIT_S + 0.1).online()
    assert virtual.press().alerts
    virtual.reply("closed")
    virtual.sleep(2 * SAVE_EVERY_S)
    assert virtual.run(60.0).of(Save) == []
    assert virtual.parts.memory.wake_s() is None


def test_a_hung_worker_may_still_come_back_and_is_not_written_behind() -> None:
    virtual = VirtualKiosk().begin().press()
    virtual.feed(WorkerFailed("journal", "busy for more than 150 s"))
    assert virtual.run(60.0).of(Save) == []
    virtual.feed(JournalBroke("the journal cannot be built"))
    assert len(virtual.run(RETRY_S + 1.0).of(Save)[-1].snapshot.incidents) == 1


def test_a_journal_that_is_read_slowly_keeps_its_incident(tmp_path: Path) -> None:
    """What the core would write meanwhile is done right behind the reading, before the core knows of it."""
    file, posted = tmp_path / "journal.sqlite", list[KioskEvent]()
    virtual = VirtualKiosk().start().offline().press()
    journal = SqliteJournal(file, posted.append)
    journal.load()
    journal.save(virtual.of(Save)[-1].snapshot)
    journal.close()
    slow = VirtualKiosk().begin().run(JOURNAL_WAIT_S + 1.0)
    journal = SqliteJournal(file, posted.append)
    journal.load()
    for save in slow.of(Save):
        journal.save(save.snapshot)
    journal.close()  # the power fails again
    journal.load()
    journal.close()
    (loaded,) = [event for event in posted[-1:] if isinstance(event, JournalLoaded)]
    assert [kept.button for kept in loaded.snapshot.incidents] == [virtual.config.buttons[0].name]


def test_a_press_is_written_in_its_own_turn_and_each_stage_in_its_own() -> None:
    virtual = VirtualKiosk().start().online().quiet().press()
    assert [save.snapshot.incidents[0].stage for save in virtual.of(Save)] == ["sending"]
    virtual.reply("received")
    virtual.reply("received")
    assert [save.snapshot.incidents[0].stage for save in virtual.of(Save)] == ["sending", "received"]
    virtual.reply("closed")
    assert virtual.of(Save)[-1].snapshot.incidents == ()


def test_nothing_is_written_per_heartbeat_nor_while_idle() -> None:
    """Pitfall 36."""
    virtual = VirtualKiosk().start().board().modem().online().quiet().run(1800.0)
    assert len(virtual.beats) >= 60
    assert virtual.of(Save) == []


def test_retries_and_reassurance_are_not_written() -> None:
    virtual = VirtualKiosk().start().online().press().quiet().run(8.0)
    assert virtual.alerts
    assert virtual.of(Save) == []


def test_the_last_good_time_is_written_once_a_day() -> None:
    """Pitfall 32."""
    memory = Memory()
    memory.start(now(0.0))
    memory.loaded(Snapshot(), now(1.0))
    assert len(memory.save(Snapshot(seq=1), now(1.0))) == 1
    assert memory.save(Snapshot(seq=1), now(SAVE_EVERY_S, UTC_MS + 5)) == []
    (saved,) = memory.save(Snapshot(seq=1), now(SAVE_EVERY_S + 1.0, UTC_MS + 9))
    assert isinstance(saved, Save)
    assert saved.snapshot.saved_utc_ms == UTC_MS + 9
    assert memory.wake_s() == 2 * SAVE_EVERY_S + 1.0


def test_a_journal_that_broke_is_tried_again_each_minute_until_it_holds() -> None:
    """Failure policy: disk full. What it missed must not stay unwritten for a day."""
    virtual = VirtualKiosk().start().online().modem().press().quiet()
    virtual.feed(JournalBroke("disk full"))
    assert virtual.faults == ("journal_failed",)
    assert len(virtual.run(RETRY_S + 1.0).of(Save)) == 1
    virtual.feed(JournalBroke("disk full"))
    virtual.run(RETRY_S + 1.0)
    virtual.feed(JournalSaved())
    assert virtual.faults == ()
    assert len(virtual.of(Save)) == 2
    assert virtual.quiet().run(600.0).of(Save) == []


def test_an_alert_goes_out_while_the_journal_hangs_or_is_broken() -> None:
    virtual = VirtualKiosk().begin()
    virtual.feed(JournalBroke("read-only"))
    virtual.run(2.0).online().press()
    assert virtual.alerts


def test_a_damaged_journal_is_told_and_the_kiosk_arms() -> None:
    virtual = VirtualKiosk().begin()
    virtual.feed(JournalLoaded(Snapshot(), "journal.sqlite.damaged-1"))
    virtual.online()
    assert ("journal_quarantined", "info") in virtual.events
    assert virtual.press().alerts


def test_before_its_start_it_writes_nothing() -> None:
    assert Memory().save(Snapshot(seq=1), now(1.0)) == []
    assert Memory().run(now(1.0)) == []
    assert Memory().wake_s() is None


def test_a_snapshot_is_the_same_after_a_restart() -> None:
    virtual = VirtualKiosk().start().online().press()
    virtual.reply("accepted", by="op-1")
    kept = virtual.of(Save)[-1].snapshot
    again = virtual.restart()
    assert replace(again.core.snapshot(again.now()), boot=0, saved_utc_ms=0) == replace(
        kept, boot=0, saved_utc_ms=0
    )
