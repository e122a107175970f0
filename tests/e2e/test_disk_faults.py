"""Faults of the real daemon's disk: full, read-only, torn. The alert goes out, and the fault is told."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from faulty_site import SOON_S, Watch, watch
from kiosk_site import KioskSite, wait_for

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]
Record = Callable[[str, object], None]
needs_mounts = pytest.mark.skipif(os.geteuid() != 0, reason="a mount of its own needs root")


@pytest.fixture(scope="module")
def site() -> Iterator[KioskSite]:
    with KioskSite(beat_s=5) as site:
        site.start_centre()
        yield site


def in_own_mounts(script: str) -> tuple[str, ...]:
    """Give how to run a daemon in mounts that only it sees."""
    return ("unshare", "-m", "sh", "-ec", script + '\nexec "$@"', "sh")


def seen_by(watched: Watch, path: Path) -> Path:
    """Name a path as the daemon sees it."""
    return Path(f"/proc/{watched.daemon.pid}/root{path}")


def fill(folder: Path) -> Path:
    """Take the last byte of a small disk."""
    filler = folder / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(512))
    return filler


def press(watched: Watch, record: Record) -> None:
    watched.press()
    took_s = watched.alert_at_centre()
    record("alert_s", round(took_s, 2))
    assert took_s < SOON_S


@needs_mounts
def test_a_disk_that_fills_up(site: KioskSite, record_property: Record) -> None:
    state = site.folder / "kiosk"
    prefix = in_own_mounts(f"mount -t tmpfs -o size=256k none {state}")
    with watch(site, "mqtt", prefix=prefix) as watched:
        filler = fill(seen_by(watched, state))
        press(watched, record_property)
        assert watched.reason("journal_failed")
        watched.told_to_centre("journal_failed")
        assert "disk_low" in site.state()["faults"]
        filler.unlink()
        watched.click("accept")  # something new to write: that it can be written is told as well
        watched.told_to_centre("journal_failed", "cleared")


@needs_mounts
def test_a_disk_that_is_full_from_the_start(site: KioskSite, record_property: Record) -> None:
    state = site.folder / "kiosk"
    script = f"mount -t tmpfs -o size=16k none {state}; head -c 1M /dev/zero > {state}/filler || true"
    with watch(site, "mqtt", prefix=in_own_mounts(script)) as watched:
        press(watched, record_property)
        assert watched.reason("journal_failed")
        watched.told_to_centre("journal_failed")


@needs_mounts
@pytest.mark.parametrize("left_out", ["", "-shm"])
@pytest.mark.parametrize("disk", ["read-only", "full"])
def test_a_disk_that_cannot_be_written_still_gives_its_open_incident(
    site: KioskSite, disk: str, left_out: str
) -> None:
    """As a power cut leaves it: the newest snapshot still lies in the log, its index may be gone."""
    with watch(site, "mqtt") as before:
        before.press()
        before.alert_at_centre()
        wait_for(lambda: site.stage() == "received")
        before.click("accept")
        wait_for(lambda: b'"stage":"accepted"' in (site.folder / "kiosk" / "journal.sqlite-wal").read_bytes())
        before.kill()
    state, kept = site.folder / "kiosk", site.folder / "kept"
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(state, kept)
    if left_out:
        (kept / f"journal.sqlite{left_out}").unlink()
    script = f"mount -t tmpfs -o size=256k none {state}; cp {kept}/* {state}\n"
    if disk == "full":
        script += f"head -c 1M /dev/zero > {state}/filler || true"
    else:
        script += f"mount -o remount,ro {state}"
    with watch(site, "mqtt", prefix=in_own_mounts(script)) as watched:
        assert site.stage() == "accepted"
        watched.press()  # the same incident: it is counted, and told to the centre
        wait_for(lambda: before.alerts()[0]["presses"] == 2)
        assert watched.reason("journal_failed")
        watched.told_to_centre("journal_failed")


@needs_mounts
def test_a_disk_that_is_read_only_and_empty(site: KioskSite, record_property: Record) -> None:
    prefix = in_own_mounts(f"mount -t tmpfs -o size=256k,ro none {site.folder / 'kiosk'}")
    with watch(site, "mqtt", prefix=prefix) as watched:
        press(watched, record_property)
        assert watched.reason("journal_failed")
        watched.told_to_centre("journal_failed")


@pytest.mark.parametrize("garbage", [b"", b"\x00" * 4096, b"SQLite format 3\x00" + os.urandom(8192)])
def test_a_journal_of_garbage(site: KioskSite, garbage: bytes, record_property: Record) -> None:
    with watch(site, "mqtt", state={"journal.sqlite": garbage}) as watched:
        press(watched, record_property)
        event = watched.told_to_centre("journal_quarantined", "info")
        assert (site.folder / "kiosk" / event["detail"]).read_bytes() == garbage
        assert site.state()["faults"] == [fault for fault in site.state()["faults"] if "journal" not in fault]


def test_a_state_folder_that_is_taken_away(site: KioskSite, record_property: Record) -> None:
    with watch(site, "mqtt") as watched:
        away = (site.folder / "kiosk").rename(site.folder / "kiosk-away")  # at once: somebody writes there
        shutil.rmtree(away)
        (site.folder / "kiosk").write_text("a file where the folder was")
        try:
            press(watched, record_property)
            assert watched.reason("journal_failed")
            watched.told_to_centre("journal_failed")
        finally:
            (site.folder / "kiosk").unlink()
