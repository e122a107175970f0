"""The small programs beside the centre: the nightly copy and the alarm of a timer that failed."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.real
LIBEXEC = Path(__file__).parents[2] / "systemd" / "libexec"
COPIES = """#!/bin/sh
[ "$1 $2" = "monitor backup" ] && [ ! -e "$FULL" ] || exit 1
echo copy >"$6"
"""


def run(program: str, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    given = {"PATH": os.environ["PATH"], **environ}
    return subprocess.run(
        [LIBEXEC / program, *words], env=given, capture_output=True, text=True, timeout=30, check=False
    )


@pytest.fixture
def centre(tmp_path: Path) -> dict[str, str]:
    """Give the environment of a centre whose `kiosk monitor backup` writes one word."""
    kiosk = tmp_path / "kiosk"
    kiosk.write_text(COPIES, encoding="ascii")
    kiosk.chmod(0o755)
    (tmp_path / "copies").mkdir()
    return {
        "PANA_KIOSK": str(kiosk),
        "PANA_BACKUP_TO": str(tmp_path / "copies"),
        "PANA_BACKUP_KEEP": "3",
        "FULL": str(tmp_path / "full"),
    }


def test_the_oldest_copies_beyond_the_number_go_and_nothing_else_does(centre: dict[str, str]) -> None:
    folder = Path(centre["PANA_BACKUP_TO"])
    for day in range(1, 6):
        (folder / f"store-2026010{day}T023000Z").touch()
    (folder / "store-by-hand").touch()
    assert run("backup", **centre).returncode == 0
    kept = sorted(path.name for path in folder.iterdir())
    assert len(kept) == 4
    assert kept[:2] == ["store-20260104T023000Z", "store-20260105T023000Z"]
    assert kept[-1] == "store-by-hand"


def test_a_copy_that_failed_takes_no_old_one_with_it(centre: dict[str, str]) -> None:
    folder = Path(centre["PANA_BACKUP_TO"])
    for day in range(1, 6):
        (folder / f"store-2026010{day}T023000Z").touch()
    Path(centre["FULL"]).touch()
    assert run("backup", **centre).returncode == 1
    assert len(list(folder.iterdir())) == 5


@pytest.mark.parametrize("keep", ["0", "", "-1", "all"])
def test_at_least_one_copy_is_kept(centre: dict[str, str], keep: str) -> None:
    done = run("backup", **centre | {"PANA_BACKUP_KEEP": keep})
    if keep:
        assert done.returncode == 2
        assert "at least one copy" in done.stderr
    else:  # not set
        assert done.returncode == 0


def test_a_missing_folder_is_named(centre: dict[str, str]) -> None:
    shutil.rmtree(centre["PANA_BACKUP_TO"])
    done = run("backup", **centre)
    assert done.returncode == 1
    assert "is missing" in done.stderr


def test_an_alarm_is_loud_in_the_log_and_calls_the_owners_program(tmp_path: Path) -> None:
    hook = tmp_path / "alarm"
    hook.write_text('#!/bin/sh\necho "to the owner: $1"\n', encoding="ascii")
    quiet = run("alarm", "pana-crl.service", PANA_ALARM=str(hook))
    assert (quiet.returncode, quiet.stdout) == (0, "")
    hook.chmod(0o755)
    loud = run("alarm", "pana-crl.service", PANA_ALARM=str(hook))
    assert loud.stderr.startswith("<2>pana-crl.service failed")
    assert loud.stdout == "to the owner: pana-crl.service\n"
    assert "nobody was told" not in loud.stderr


def test_an_owners_program_that_fails_is_seen(tmp_path: Path) -> None:
    hook = tmp_path / "alarm"
    hook.write_text("#!/bin/sh\nexit 3\n", encoding="ascii")
    hook.chmod(0o755)
    done = run("alarm", "pana-crl.service", PANA_ALARM=str(hook))
    assert done.returncode == 3
    assert f"<2>{hook} failed (3): nobody was told of pana-crl.service" in done.stderr.splitlines()
