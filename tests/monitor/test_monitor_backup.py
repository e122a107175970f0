"""Backups of both databases while they are written to, and what is said when none can be made."""

import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from fakes.postgres import PostgresServer
from fakes.virtual_centre import UTC_MS, an_alert
from sqlalchemy import make_url

from kiosk.bodies import AlertId
from kiosk.monitor.commands.backup import backup
from kiosk.monitor.records import Case, Change, StageEntry, StoreAlert, StoreStage
from kiosk.monitor.store import Store
from kiosk.monitor.store.backup import BackupFailed, back_up
from kiosk.monitor.store.engine import sqlite_url


def changes(alert_id: str) -> list[Change]:
    case = Case(alert=an_alert(alert_id=alert_id), received_ms=UTC_MS, door="mqtt", age_s=0, late=False)
    return [StoreAlert(case), StoreStage(AlertId(alert_id), StageEntry(stage="received", at_ms=UTC_MS))]


def test_a_copy_is_complete_private_and_can_be_started_from(tmp_path: Path) -> None:
    store = Store(sqlite_url(tmp_path / "c.sqlite"))
    store.open()
    store.commit(changes("A"))
    to = tmp_path / "copy.sqlite"
    size = back_up(sqlite_url(tmp_path / "c.sqlite"), None, to)
    store.commit(changes("AFTER"))
    store.close()
    assert (size, stat.S_IMODE(to.stat().st_mode)) == (to.stat().st_size, 0o600)
    restored = Store(sqlite_url(to))
    restored.open()
    assert [case.alert.alert_id for case in restored.load(0)[0]] == ["A"]
    assert restored.quarantined == ""
    restored.close()


def test_a_name_that_is_taken_a_missing_store_and_a_damaged_one_are_refused(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "c.sqlite")
    to = tmp_path / "copy.sqlite"
    with pytest.raises(BackupFailed, match="no such file"):
        back_up(url, None, to)
    (tmp_path / "c.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(BackupFailed, match="not a database"):
        back_up(url, None, to)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.sqlite"]
    to.write_text("an older copy")
    with pytest.raises(BackupFailed, match="exists already"):
        back_up(url, None, to)
    assert to.read_text() == "an older copy"


def test_the_command_copies_what_the_configuration_names(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    store = Store(sqlite_url(tmp_path / "state" / "centre.sqlite"))
    store.open()
    file = tmp_path / "monitor.toml"
    file.write_text(
        f'[monitor]\nid = "monitor-1"\n[mqtt]\nbrokers = ["127.0.0.1:1"]\n'
        f'[paths]\nstate = "{tmp_path}/state"\nrun = "{tmp_path}/run"\n'
    )
    done = CliRunner().invoke(backup, ["--config", str(file), "--to", str(tmp_path / "copy")])
    assert (done.exit_code, "MB" in done.output) == (0, True), done.output
    store.close()


@pytest.mark.real
def test_postgresql_is_dumped_and_restored_by_its_own_tools(
    postgres_server: PostgresServer, postgres_url: str, tmp_path: Path
) -> None:
    store = Store(postgres_url)
    store.open()
    store.commit(changes("A"))
    store.close()
    (tmp_path / "password").write_text("not needed here")
    to = tmp_path / "centre.dump"
    back_up(postgres_url, str(tmp_path / "password"), to)
    assert stat.S_IMODE(to.stat().st_mode) == 0o600
    again = postgres_server.fresh(empty=True)
    subprocess.run(
        ["pg_restore", "--no-owner", f"--dbname={make_url(again).render_as_string()}", str(to)], check=True
    )
    restored = Store(again)
    restored.open()
    assert restored.find("A") is not None
    restored.close()
    postgres_server.drop(again)


@pytest.mark.real
def test_a_dump_that_fails_leaves_nothing_and_says_why(
    postgres_server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = tmp_path / "centre.dump"
    with pytest.raises(BackupFailed, match="pg_dump"):
        back_up(postgres_server.url("nobody_made_this"), None, to)
    monkeypatch.setattr(shutil, "which", lambda *_: None)
    with pytest.raises(BackupFailed, match="not installed"):
        back_up(postgres_server.url("postgres"), None, to)
    assert list(tmp_path.iterdir()) == []
