"""The last good time (pitfall 32): it outlives starts in the past, and a synced clock always wins."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from fakes.virtual_kiosk import UTC_MS, VirtualKiosk

import kiosk
from kiosk.bundle.manifest import Header, Manifest, text
from kiosk.effects import Save
from kiosk.hw import clock
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


# ---- the time of the build


def test_a_version_was_made_when_its_signed_release_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files have the date of their installation, by a clock that may have said 2099."""
    header = Header(kind="release", version="2.0", made_at="2026-11-27T01:00:00Z")
    (tmp_path / "MANIFEST").write_text(text(Manifest(header, {"app/made-at": "ab" * 32})))
    monkeypatch.setattr(clock.sys, "prefix", str(tmp_path))
    assert clock.built_utc_s() == datetime(2026, 11, 27, 1, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "manifest", [None, "", "made-at: soon\n", "kind: release\n\nmade-at: 2099-01-01T00:00:00Z\n"]
)
def test_a_version_without_a_release_was_made_when_its_file_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, manifest: str | None
) -> None:
    if manifest is not None:
        (tmp_path / "MANIFEST").write_text(manifest)
    monkeypatch.setattr(clock.sys, "prefix", str(tmp_path))
    assert clock.built_utc_s() == Path(kiosk.__file__).stat().st_mtime


def test_a_clock_that_a_time_server_set_is_believed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a wrong clock left on the disk: else no certificate would be valid for good."""
    monkeypatch.setattr(clock.time, "time", lambda: 1000.0)
    monkeypatch.setattr(clock, "built_utc_s", lambda: 3000.0)
    assert clock.trusted_utc_s(synced=True, last_good_s=4000.0) == 1000.0
    assert clock.trusted_utc_s(synced=False, last_good_s=4000.0) == 4000.0
    assert clock.trusted_utc_s(synced=False, last_good_s=2000.0) == 3000.0
