"""The last good time (pitfall 32): it outlives starts in the past, and a synced clock always wins."""

from fakes.virtual_kiosk import UTC_MS, VirtualKiosk

from kiosk.effects import Save
from kiosk.memory import SAVE_EVERY_S
from kiosk.messages import BoardRead, Snapshot, Woken

YEAR_MS = 365 * 86_400_000
WRONG_MS = UTC_MS - 10 * YEAR_MS


def board(*, synced: bool) -> BoardRead:
    return BoardRead(
        temp_c=40,
        under_voltage=False,
        throttled=False,
        disk_free_mb=900,
        mem_free_mb=300,
        clock_synced=synced,
    )


def saved(virtual: VirtualKiosk) -> int:
    return virtual.of(Save)[-1].snapshot.saved_utc_ms


def test_a_start_in_the_past_does_not_forget_a_later_good_time() -> None:
    virtual = VirtualKiosk(utc_ms=WRONG_MS).start(Snapshot(boot=7, saved_utc_ms=UTC_MS))
    assert saved(virtual) == UTC_MS


def test_an_unsynced_clock_that_is_later_moves_it_on() -> None:
    virtual = VirtualKiosk(utc_ms=UTC_MS + 5000).start(Snapshot(boot=7, saved_utc_ms=UTC_MS))
    assert saved(virtual) >= UTC_MS + 5000


def test_a_synced_clock_corrects_a_good_time_that_was_none() -> None:
    """A clock chip with an empty battery may have said 2099."""
    virtual = VirtualKiosk().start(Snapshot(boot=7, saved_utc_ms=UTC_MS + 60 * YEAR_MS))
    assert saved(virtual) == UTC_MS + 60 * YEAR_MS
    virtual.feed(board(synced=True))
    virtual.now_s += SAVE_EVERY_S
    virtual.feed(Woken())
    assert UTC_MS < saved(virtual) < UTC_MS + YEAR_MS


def test_it_costs_no_write_of_its_own() -> None:
    """Pitfall 36: an idle kiosk writes once a day."""
    virtual = VirtualKiosk(utc_ms=WRONG_MS).start(Snapshot(boot=7, saved_utc_ms=UTC_MS))
    before = len(virtual.of(Save))
    virtual.feed(board(synced=False))
    virtual.run(3600.0)
    assert len(virtual.of(Save)) == before
