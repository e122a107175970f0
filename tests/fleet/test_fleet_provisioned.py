"""From the sheet to a board's tree: what the desk makes is what provision.sh takes, from a card as well."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from fakes import board_tree
from fleet_desk import ROOT, Desk
from test_fleet_make import own

from kiosk.commands.exits import Exit

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="builds Debian packages"),
]


@pytest.fixture
def made(desk: Desk, tmp_path: Path) -> Desk:
    """Make one kiosk with a release that a board can install."""
    other = board_tree.Desk(tmp_path / "board-desk", key=desk.owner.key)
    other.make_release()
    desk.release = other.release_file
    assert desk.make(own(1)).exit_code == Exit.OK
    return desk


def test_what_the_desk_makes_is_what_a_board_takes(made: Desk, tmp_path: Path) -> None:
    board = board_tree.planted(tmp_path / "board")
    done = board.provision(made.out / "kz-ala-0001.pana.tar", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert board.read("etc/pana-kiosk/site.toml") == made.file("kz-ala-0001", "site.toml")
    assert board.read("etc/pana-kiosk/sms.key") == made.file("kz-ala-0001", "sms.key")
    assert board.read("etc/pana-kiosk/owner.pub") == (made.out / "owner.pub").read_text()
    assert board.read("etc/hostname").strip() == "kz-ala-0001"
    again = board.provision(made.out / "kz-ala-0001.pana.tar", "--yes")
    assert again.stdout.splitlines()[-1].startswith("0 "), again.stdout


def test_a_card_makes_its_kiosk_and_gives_the_bundle_up(made: Desk, tmp_path: Path) -> None:
    boot = tmp_path / "bootfs"
    boot.mkdir()
    (boot / "cmdline.txt").write_text("console=tty1 rootwait\n")
    card = ("--to", str(boot), "--source", str(ROOT))
    prepared = made.run("boot-files", str(made.out / "kz-ala-0001.pana.tar"), *card)
    assert prepared.exit_code == Exit.OK, prepared.output
    board = board_tree.planted(tmp_path / "board")
    paths = f"{board.stand_ins}:{os.environ['PATH']}:/usr/sbin:/sbin"
    environ = os.environ | {"PATH": paths, "TMPDIR": str(board.stand_ins), "PANA_LANG": "en"}
    script = boot / "pana/provisioning/boot/provision-here"
    command = ["sh", str(script), str(boot / "pana"), "--root", str(board.root)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    left = {path.name for path in (boot / "pana").iterdir()}
    assert left == {"owner.pub", "provisioning", "result.txt"}
    assert "changed" in (boot / "pana/result.txt").read_text()
    assert board.read("etc/pana-kiosk/token").strip() == own(1)[0]["token"]
