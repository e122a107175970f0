"""The journal on real files: torn, full, read-only and killed in the middle."""

import hashlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.bodies import AlertId, Stage
from kiosk.journal import SqliteJournal, StageReached, read_history, store
from kiosk.journal.quarantine import set_aside
from kiosk.journal.record import (
    MAX_SNAPSHOT_BYTES,
    Damaged,
    Packed,
    new_stages,
    pack,
    unpack,
)
from kiosk.messages import (
    DeviceError,
    IncidentRecord,
    JournalBroke,
    JournalLoaded,
    JournalSaved,
    KioskEvent,
    Snapshot,
)

pytestmark = pytest.mark.real


def incident(stage: Stage = "pressed", alert_id: str = "01A", by: str = "") -> IncidentRecord:
    return IncidentRecord(
        alert_id=AlertId(alert_id),
        kind="press",
        button="counter",
        pressed_utc_ms=1_800_000_000_000,
        clock="synced",
        seq=1,
        code="4711",
        stage=stage,
        by=by,
    )


def snapshot(seq: int = 1, *incidents: IncidentRecord) -> Snapshot:
    return Snapshot(boot=3, seq=seq, saved_utc_ms=1000 + seq, incidents=incidents)


class Bench:
    """Journals on one file, and all that they posted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.heard: list[KioskEvent] = []
        self.opened: list[SqliteJournal] = []

    def start(self, **more: Any) -> SqliteJournal:
        journal = SqliteJournal(self.path, self.heard.append, **more)
        self.opened.append(journal)
        return journal

    def load(self) -> JournalLoaded:
        """Restart: close what is open, load, give the one JournalLoaded."""
        self.close()
        self.heard.clear()
        self.start().load()
        found = [event for event in self.heard if isinstance(event, JournalLoaded)]
        assert len(found) == 1
        return found[0]

    def close(self) -> None:
        while self.opened:
            self.opened.pop().close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "state" / "journal.sqlite")
    yield made
    made.close()


@pytest.fixture
def filled(bench: Bench) -> Bench:
    """A cleanly closed store that holds one snapshot with an open incident."""
    bench.start().save(snapshot(1, incident("received")))
    bench.close()
    bench.heard.clear()
    return bench


# ---- damage


def truncate(path: Path) -> None:
    os.truncate(path, 5000)


def garble(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(20_000))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def become_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def run_sql(path: Path, *statements: str) -> None:
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def come_from_the_future(path: Path) -> None:
    run_sql(path, "PRAGMA user_version = 99")


def belong_to_another_program(path: Path) -> None:
    run_sql(path, "PRAGMA application_id = 7")


def lose_a_table(path: Path) -> None:
    run_sql(path, "DROP TABLE history")


def gain_a_column(path: Path) -> None:
    run_sql(path, "ALTER TABLE snapshot ADD COLUMN extra TEXT")


def have_a_future_snapshot(path: Path) -> None:
    run_sql(path, "UPDATE snapshot SET format = 2")


def have_a_changed_body(path: Path) -> None:
    run_sql(path, "UPDATE snapshot SET body = CAST('{}' AS BLOB)")


def have_a_body_of_another_type(path: Path) -> None:
    run_sql(path, "UPDATE snapshot SET body = 5")


def have_a_body_that_is_no_snapshot(path: Path) -> None:
    packed = pack(snapshot())
    body = packed.body.replace(b'"boot":3', b'"boot":"three"')
    with sqlite3.connect(path) as connection:
        connection.execute(
            "UPDATE snapshot SET body = ?, sha256 = ?", (body, hashlib.sha256(body).hexdigest())
        )
    connection.close()


@pytest.mark.parametrize(
    "damage",
    [
        truncate, garble, empty, become_folder, come_from_the_future, belong_to_another_program, lose_a_table,
        gain_a_column, have_a_future_snapshot, have_a_changed_body, have_a_body_of_another_type,
        have_a_body_that_is_no_snapshot,
    ],
)  # fmt: skip
def test_a_store_that_is_not_ours_any_more_is_set_aside(
    filled: Bench, damage: Callable[[Path], None]
) -> None:
    """Pitfall 34."""
    damage(filled.path)
    event = filled.load()
    assert event.snapshot == Snapshot()
    assert event.quarantined.startswith("journal.sqlite.damaged-2")
    assert filled.path.with_name(event.quarantined).exists()
    assert filled.heard == [event]
    filled.opened[-1].save(snapshot(2))
    assert filled.heard[-1] == JournalSaved()
    assert filled.load() == JournalLoaded(snapshot(2))


def test_a_torn_page_beside_the_snapshot_is_found_before_it_breaks_a_save(bench: Bench) -> None:
    """Pitfall 34: the snapshot may be whole while a page of the history is not."""
    journal = bench.start()
    for seq in range(200):
        journal.save(snapshot(seq, incident("received" if seq % 2 else "accepted")))
    bench.close()
    with sqlite3.connect(bench.path) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'history'").fetchone()
    connection.close()
    with bench.path.open("r+b") as file:
        file.seek((page - 1) * 4096 + 8)
        file.write(b"\xff" * 200)
    assert bench.load().quarantined


def test_a_store_that_may_not_be_opened_is_set_aside(filled: Bench, mocker: Any) -> None:
    real = sqlite3.connect
    denied = sqlite3.OperationalError("unable to open database file")
    denied.sqlite_errorcode, denied.sqlite_errorname = sqlite3.SQLITE_CANTOPEN, "SQLITE_CANTOPEN"
    mocker.patch.object(sqlite3, "connect", side_effect=[denied, denied, mocker.DEFAULT], wraps=real)
    event = filled.load()
    assert event.quarantined
    assert event.snapshot == Snapshot()
    assert filled.heard == [event]


def test_only_the_newest_damaged_stores_are_kept(bench: Bench) -> None:
    for round_ in range(6):
        bench.path.parent.mkdir(exist_ok=True)
        bench.path.write_text(f"garbage {round_}")
        bench.path.with_name("journal.sqlite-wal").write_text("log")
        assert bench.load().quarantined
    bench.close()
    kept = sorted(file for file in bench.path.parent.iterdir() if ".damaged-" in file.name)
    stores = [file for file in kept if not file.name.endswith(("-wal", "-shm"))]
    assert len(stores) == 3
    assert {file.read_text() for file in stores} == {"garbage 3", "garbage 4", "garbage 5"}
    assert len([file for file in kept if file.name.endswith("-wal")]) == 3


def test_a_folder_that_was_set_aside_is_never_deleted(bench: Bench) -> None:
    bench.path.mkdir(parents=True)
    (bench.path / "precious").touch()
    name = bench.load().quarantined
    for _ in range(5):
        bench.close()
        bench.path.write_text("garbage")
        bench.load()
    assert (bench.path.with_name(name) / "precious").exists()


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes, list[Snapshot]]:
    """The bytes of a store and its log as a crash leaves them, and every snapshot that was saved."""
    folder = tmp_path_factory.mktemp("crashed")
    journal = SqliteJournal(folder / "j", lambda _: None)
    saved = []
    for seq in range(1, 40):
        stage: Stage = "received" if seq % 2 else "accepted"
        saved.append(snapshot(seq, incident(stage, alert_id=f"01{seq // 2}")))
        journal.save(saved[-1])
    main, log = (folder / "j").read_bytes(), (folder / "j-wal").read_bytes()
    journal.close()
    return main, log, saved


PLACES = st.integers(0, 2**20)  # in the file, taken modulo its length


@settings(max_examples=120, deadline=None, database=None)  # its bytes are made anew in each run
@given(
    which=st.integers(0, 1),
    cut=st.none() | PLACES,
    flips=st.lists(st.tuples(PLACES, st.integers(1, 255)), min_size=1, max_size=4),
)
def test_whatever_bytes_a_power_cut_leaves_the_load_answers_once(
    crashed: tuple[bytes, bytes, list[Snapshot]], which: int, cut: int | None, flips: list[tuple[int, int]]
) -> None:
    """Pitfall 34: any cut and any flipped byte in store or log gives a snapshot that was saved, or none."""
    main, log, saved = crashed
    files = [bytearray(main), bytearray(log)]
    victim = files[which]
    if cut is not None:
        del victim[cut % len(victim) :]
    else:
        for at, bits in flips:
            victim[at % len(victim)] ^= bits
    folder = Path(tempfile.mkdtemp())
    try:
        (folder / "j").write_bytes(files[0])
        (folder / "j-wal").write_bytes(files[1])
        bench = Bench(folder / "j")
        event = bench.load()
        assert event.snapshot in [Snapshot(), *saved]
        bench.opened[-1].save(snapshot(99))
        assert bench.heard[-1] == JournalSaved()
        assert bench.load().snapshot == snapshot(99)
        bench.close()
    finally:
        shutil.rmtree(folder)


def test_a_crash_loses_nothing_that_was_saved(
    crashed: tuple[bytes, bytes, list[Snapshot]], bench: Bench
) -> None:
    main, log, saved = crashed
    bench.path.parent.mkdir()
    bench.path.write_bytes(main)
    bench.path.with_name("journal.sqlite-wal").write_bytes(log)
    assert bench.load() == JournalLoaded(saved[-1])


# ---- kill -9, full disk, read-only disk, in processes of their own

PROLOGUE = """
import sys
from pathlib import Path
from kiosk.journal import SqliteJournal
from kiosk.messages import JournalBroke, JournalLoaded, JournalSaved, Snapshot
def tell(event):
    if isinstance(event, JournalSaved): print("saved", seq, flush=True)
    if isinstance(event, JournalBroke): print("broke", seq, flush=True)
    if isinstance(event, JournalLoaded): print("loaded", event.snapshot.seq, event.quarantined, flush=True)
seq = -1
path = Path(sys.argv[1])
journal = SqliteJournal(path, tell)
"""


def script(body: str) -> list[str]:
    return [sys.executable, "-c", PROLOGUE + textwrap.dedent(body)]


def test_kill_9_in_a_loop_of_writes_loses_no_acknowledged_snapshot(bench: Bench) -> None:
    loop = "journal.load()\nwhile True:\n    seq += 1\n    journal.save(Snapshot(seq=seq))\n"
    for lines in (2, 17, 60, 130):
        with subprocess.Popen([*script(loop), str(bench.path)], stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            for _ in range(lines):
                child.stdout.readline()
            child.send_signal(signal.SIGKILL)
            told = [line for line in child.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
        last = int(told[-1].split()[1]) if told else lines - 2
        event = bench.load()
        assert event.quarantined == ""
        assert event.snapshot.seq in (last, last + 1)
        bench.close()


def in_namespace(command: list[str], mount: str) -> list[str]:
    """Run a command as root of a mount namespace of its own."""
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", "--mount", *user, "sh", "-c", f'{mount} && exec "$0" "$@"', *command]


def can_mount() -> bool:
    probe = in_namespace(["true"], "mount -t tmpfs none /mnt")
    if not shutil.which("unshare"):
        return False
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


needs_mount = pytest.mark.skipif(not can_mount(), reason="no mount namespaces here")


def run(command: list[str]) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


FILL = """
ballast = path.parent / "ballast"
def fill():
    with ballast.open("ab", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while True: file.write(b"x" * size)
            except OSError: pass
"""


@needs_mount
def test_a_full_disk_is_told_and_used_again_when_there_is_room(tmp_path: Path) -> None:
    """Pitfall 35, on a real file system of 1 MB."""
    body = FILL + textwrap.dedent("""
        journal.load()
        seq = 1; journal.save(Snapshot(seq=1))
        fill()
        while seq < 400:
            seq += 1; journal.save(Snapshot(seq=seq))
        ballast.unlink()
        seq = 1000; journal.save(Snapshot(seq=1000))
        journal.close()
        seq = -2; journal.load(); journal.close()
    """)
    told = run(in_namespace([*script(body), f"{tmp_path}/j"], f"mount -t tmpfs -o size=1m none {tmp_path}"))
    assert told[:2] == ["loaded 0 ", "saved 1"]
    assert "broke 400" in told
    assert told[-2:] == ["saved 1000", "loaded 1000 "]


@needs_mount
def test_an_open_incident_is_resumed_from_a_disk_that_is_full(tmp_path: Path) -> None:
    body = FILL + textwrap.dedent("""
        seq = 7; journal.save(Snapshot(seq=7))
        journal.close()
        fill()
        seq = -2; journal.load(); journal.close()
    """)
    told = run(in_namespace([*script(body), f"{tmp_path}/j"], f"mount -t tmpfs -o size=1m none {tmp_path}"))
    assert told[:2] == ["saved 7", "loaded 7 "]
    assert not [line for line in told if "damaged" in line]


@needs_mount
@pytest.mark.parametrize("crash", [False, True])
def test_an_open_incident_is_resumed_from_a_disk_that_became_read_only(
    tmp_path: Path, *, crash: bool
) -> None:
    """Pitfall 34: Linux remounts a failing card read-only; what was saved is still read."""
    first = script(
        f"seq = 7; journal.save(Snapshot(seq=7))\n{'import os; os._exit(0)' if crash else 'journal.close()'}"
    )
    second = script("journal.load()\nseq = 8; journal.save(Snapshot(seq=8))")
    mount = (
        f"mount -t tmpfs none {tmp_path} && {' '.join(map(quoted, first))} {tmp_path}/j"
        f" && mount -o remount,ro {tmp_path}"
    )
    told = run(in_namespace([*second, f"{tmp_path}/j"], mount))
    assert told == ["saved 7", "loaded 7 ", "broke -1", "broke 8"]


def quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def test_a_file_size_limit_is_a_full_disk_too(bench: Bench) -> None:
    body = """
        import resource
        journal.load()
        seq = 1; journal.save(Snapshot(seq=1))
        size = path.stat().st_size + path.with_name(path.name + "-wal").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
        seq = 2; journal.save(Snapshot(seq=2))
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        seq = 3; journal.save(Snapshot(seq=3))
        journal.close()
    """
    assert run([*script(body), str(bench.path)]) == ["loaded 0 ", "saved 1", "broke 2", "saved 3"]
    assert bench.load().snapshot.seq == 3


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_a_save_costs_few_syncs_and_a_repeated_one_none(bench: Bench, tmp_path: Path) -> None:
    """Pitfall 36: card wear. One sync a commit, and a heartbeat's unchanged snapshot costs none."""
    body = """
        journal.load()
        seq = 1; journal.save(Snapshot(seq=1)); journal.save(Snapshot(seq=1))
        print("mark", flush=True)
        for _ in range(20): journal.save(Snapshot(seq=1))
        print("mark", flush=True)
        for n in range(10): journal.save(Snapshot(seq=n + 2))
        print("mark", flush=True)
    """
    trace = tmp_path / "trace"
    run(
        [
            "strace",
            "-f",
            "-o",
            str(trace),
            "-e",
            "trace=fsync,fdatasync,write",
            *script(body),
            str(bench.path),
        ]
    )
    parts = trace.read_text().split('"mark')
    syncs = [len([line for line in part.splitlines() if "sync(" in line]) for part in parts]
    assert syncs[1] == 0
    assert 10 <= syncs[2] <= 15


# ---- in one process


def test_a_commit_is_durable_before_it_is_acknowledged(bench: Bench) -> None:
    """Pitfall 47: what must last is fsynced (synchronous 2 = FULL)."""
    journal = bench.start()
    journal.save(snapshot())
    assert journal._connection is not None
    assert journal._connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert journal._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert journal._connection.execute("PRAGMA max_page_count").fetchone() == (store.MAX_PAGES,)


def test_the_store_keeps_little_of_itself_in_memory(bench: Bench) -> None:
    """SQLite's own cache would grow with the history, by 1 MiB over weeks."""
    journal = bench.start()
    journal.save(snapshot())
    assert journal._connection is not None
    assert journal._connection.execute("PRAGMA cache_size").fetchone() == (-store.CACHE_KIB,)


def test_each_stage_is_written_into_the_history_once(bench: Bench) -> None:
    journal = bench.start()
    for seq, stage in enumerate(("pressed", "pressed", "received", "accepted")):
        journal.save(snapshot(seq, incident(stage, by="op-1" if stage == "accepted" else "")))  # type: ignore[arg-type]
    journal.save(snapshot(9))
    assert [(row.stage, row.at_utc_ms, row.by) for row in reversed(read_history(bench.path))] == [
        ("pressed", 1000, ""),
        ("received", 1002, ""),
        ("accepted", 1003, "op-1"),
        ("ended", 1009, ""),
    ]


def test_a_restart_does_not_write_a_stage_again(bench: Bench) -> None:
    bench.start().save(snapshot(1, incident("received")))
    bench.load()
    bench.opened[-1].save(snapshot(2, incident("received")))
    bench.opened[-1].save(snapshot(3, incident("closed")))
    bench.opened[-1].save(snapshot(4))
    assert [row.stage for row in read_history(bench.path)] == ["closed", "received"]


def test_stages_that_passed_while_the_disk_was_away_are_written_later(bench: Bench, mocker: Any) -> None:
    journal = bench.start()
    journal.save(snapshot(1, incident("pressed")))
    broken = mocker.patch.object(store, "write", side_effect=OSError(28, "No space left on device"))
    journal.save(snapshot(2, incident("received")))
    journal.save(snapshot(3, incident("accepted")))
    assert bench.heard[-1] == JournalBroke("No space left on device")
    mocker.stop(broken)
    journal.save(snapshot(4, incident("accepted")))
    assert [row.stage for row in read_history(bench.path)] == ["accepted", "received", "pressed"]


def test_stages_that_wait_for_a_disk_are_bounded(bench: Bench, mocker: Any) -> None:
    journal = bench.start()
    mocker.patch.object(store, "write", side_effect=OSError(28, "No space left on device"))
    for seq in range(1000):
        journal.save(snapshot(seq, incident("pressed", alert_id=f"01{seq}")))
    assert len(journal._unsaved) <= 256


def test_the_history_keeps_the_newest_rows_only(bench: Bench) -> None:
    journal = bench.start(keep_rows=5)
    for seq in range(12):
        journal.save(snapshot(seq, incident("pressed" if seq % 2 else "received")))
    rows = read_history(bench.path)
    assert [row.at_utc_ms for row in rows] == [1011, 1010, 1009, 1008, 1007]
    assert len(read_history(bench.path, limit=2)) == 2


def test_the_file_stays_small_however_much_is_saved(bench: Bench) -> None:
    journal = bench.start(keep_rows=50)
    for seq in range(600):
        journal.save(snapshot(seq, incident("pressed" if seq % 2 else "received", by="ы" * 60)))
    assert sum(file.stat().st_size for file in bench.path.parent.iterdir()) < 800_000


def test_a_snapshot_that_is_too_large_is_refused_and_the_older_one_kept(bench: Bench) -> None:
    journal = bench.start()
    journal.save(snapshot(1))
    journal.save(snapshot(2, incident(by="x" * MAX_SNAPSHOT_BYTES)))
    assert isinstance(bench.heard[-1], JournalBroke)
    assert bench.load() == JournalLoaded(snapshot(1))


def test_a_store_in_use_by_another_process_is_left_alone(filled: Bench, mocker: Any) -> None:
    mocker.patch.object(store, "BUSY_S", 0.0)
    other = sqlite3.connect(filled.path, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    event = filled.load()
    assert event == JournalLoaded(Snapshot())
    assert isinstance(filled.heard[1], JournalBroke)
    other.close()
    assert filled.load().snapshot == snapshot(1, incident("received"))


def test_a_store_that_was_removed_while_open_is_made_anew(bench: Bench) -> None:
    journal = bench.start()
    journal.save(snapshot(1))
    for file in bench.path.parent.iterdir():
        file.unlink()
    journal.save(snapshot(2))
    assert bench.heard[-1] == JournalSaved()
    assert bench.load() == JournalLoaded(snapshot(2))


def test_a_store_that_went_bad_while_open_is_set_aside_and_the_save_succeeds(
    bench: Bench, mocker: Any
) -> None:
    journal = bench.start()
    journal.save(snapshot(1))
    bad = sqlite3.DatabaseError("database disk image is malformed")
    bad.sqlite_errorcode, bad.sqlite_errorname = sqlite3.SQLITE_CORRUPT_VTAB, "SQLITE_CORRUPT_VTAB"
    mocker.patch.object(store, "write", side_effect=[bad, mocker.DEFAULT], wraps=store.write)
    journal.save(snapshot(2))
    assert bench.heard[-1] == JournalSaved()
    assert [file for file in bench.path.parent.iterdir() if ".damaged-" in file.name]
    assert bench.load() == JournalLoaded(snapshot(2))


def test_nothing_can_be_made_anew_and_the_kiosk_still_hears(filled: Bench, mocker: Any) -> None:
    garble(filled.path)
    mocker.patch.object(store, "_create", side_effect=OSError(28, "No space left on device"))
    event = filled.load()
    assert event.quarantined
    assert filled.heard[1] == JournalBroke("No space left on device")


def test_a_damaged_store_that_cannot_be_renamed_is_told(filled: Bench, mocker: Any) -> None:
    garble(filled.path)
    mocker.patch("kiosk.journal.sqlite.set_aside", side_effect=OSError(30, "Read-only file system"))
    event = filled.load()
    assert event == JournalLoaded(Snapshot())
    assert isinstance(filled.heard[1], JournalBroke)
    assert "not set aside: Read-only file system" in filled.heard[1].reason


def test_a_file_system_without_a_log_is_refused(bench: Bench, mocker: Any) -> None:
    connection = mocker.Mock()
    connection.execute.return_value.fetchone.return_value = ("delete",)
    with pytest.raises(OSError, match="no write-ahead log"):
        store._harden(connection)


def test_a_commit_that_fails_leaves_no_open_transaction(bench: Bench) -> None:
    journal = bench.start()
    journal.save(snapshot(1))
    connection = journal._connection
    assert connection is not None
    bad = StageReached(at_utc_ms=1, alert_id=None, kind="press", stage="pressed", by="")  # type: ignore[arg-type]
    with pytest.raises(sqlite3.IntegrityError):
        store.write(connection, pack(snapshot(2)), [bad], 10)
    assert not connection.in_transaction
    connection.execute("BEGIN")
    with pytest.raises(sqlite3.OperationalError, match="within a transaction"):
        store.write(connection, pack(snapshot(2)), [], 10)
    connection.execute("ROLLBACK")


def test_closing_gives_up_on_a_disk_that_hangs(bench: Bench, mocker: Any) -> None:
    journal = bench.start()
    lock = mocker.Mock()
    lock.acquire.return_value = False
    mocker.patch.object(journal, "_lock", lock)
    journal.close()
    lock.acquire.assert_called_once_with(timeout=1.0)
    lock.release.assert_not_called()


def test_history_of_a_missing_journal_is_an_error_with_a_reason(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="unable to open"):
        read_history(tmp_path / "none")


def test_reading_history_never_disturbs_the_running_daemon(bench: Bench) -> None:
    journal = bench.start()
    journal.save(snapshot(1, incident("pressed")))
    assert len(read_history(bench.path)) == 1
    journal.save(snapshot(2, incident("received")))
    assert bench.heard[-1] == JournalSaved()
    assert len(read_history(bench.path)) == 2


def test_a_reason_never_holds_a_path() -> None:
    assert store.reason_of(OSError(13, "Permission denied", "/secret/path")) == "Permission denied"
    assert store.reason_of(OSError()) == "OSError"
    assert store.reason_of(sqlite3.ProgrammingError("x")) == "SQLITE: x"
    assert store.reason_of(Damaged("torn")) == "torn"


def test_unpacking_what_was_packed_gives_it_back() -> None:
    packed = pack(snapshot(1, incident()))
    assert unpack(packed.format, packed.body, packed.sha256) == snapshot(1, incident())
    with pytest.raises(Damaged, match="format 2"):
        unpack(2, packed.body, packed.sha256)
    with pytest.raises(Damaged, match="checksum"):
        unpack(packed.format, packed.body[:-1], packed.sha256)
    with pytest.raises(Damaged, match="checksum"):
        unpack(packed.format, None, None)
    assert Packed(1, b"", "") == Packed(1, b"", "")


def test_a_stage_is_new_only_when_it_changed() -> None:
    open_one = snapshot(1, incident("received"))
    assert new_stages(open_one, open_one) == []
    assert [row.stage for row in new_stages(open_one, replace(open_one, incidents=()))] == ["ended"]
    closed = snapshot(2, incident("closed"))
    assert [row.stage for row in new_stages(open_one, closed)] == ["closed"]
    assert new_stages(closed, snapshot(3)) == []


def test_names_of_damaged_stores_never_collide(tmp_path: Path) -> None:
    path = tmp_path / "j"
    names = set()
    for _ in range(4):
        path.write_text("x")
        names.add(set_aside(path, keep=9))
    assert len(names) == 4


def test_looking_for_the_last_good_time_of_a_new_kiosk_leaves_no_empty_journal(tmp_path: Path) -> None:
    with pytest.raises(store.FAILURES):
        store.read_only(tmp_path / "journal.sqlite")
    assert not list(tmp_path.iterdir())
