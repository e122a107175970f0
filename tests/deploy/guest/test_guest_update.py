"""Updates of a whole board: ordered by the centre, through power cuts, held up by an incident, taken back.

dpkg, pip and venv run inside kiosk-update.service as it is shipped.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from deploy.board import desk, newer, stick
from deploy.board.host import Host
from deploy.board.kiosk_board import SOON_S, KioskBoard
from deploy.board.machine import until

pytestmark = [pytest.mark.real, pytest.mark.guest, pytest.mark.timeout(7200)]
Figure = Callable[[str, str], None]
BASE = "/opt/pana-kiosk"
GOOD, BAD = "0.2.0", "0.3.0"
INSTALL_S, JUDGE_S = 2400.0, 1200.0
HELD_S = 30.0
PACKAGE = f"""
{stick.MOUNT}
cd /run
tar -xf /media/stick/pana-release-{newer.FIRST}.tar deb
dpkg --force-depends --install deb/*.deb
systemctl start kiosk-update.path
"""
HALF_INSTALLED = (
    f"pgrep -f install-slot && test $(ls {BASE}/slots/b/lib/python3*/site-packages | wc -l) -gt 5"
)
ON_TRIAL = f"test -e {BASE}/trial && test $(readlink {BASE}/current) = slots/b"
JUDGED = "pgrep -f 'kiosk update --'"  # by the order's service or the one that resumes
NO_TRIAL = f"test ! -e {BASE}/trial"


@pytest.fixture(scope="module")
def host(folder: Path) -> Iterator[Host]:
    """Give a centre of this module's own, which knows the owner's key."""
    with Host(folder / "centre") as host:
        more = f'[updates]\nowner_key = "{desk.release() / "owner.pub"}"\n'
        (host.folder / "releases.toml").write_text(host.config.read_text() + more)
        yield host


@pytest.fixture(scope="module")
def the_stick(host: Host, folder: Path) -> Path:
    """Give a memory stick that holds a release that is no good, too."""
    bad = newer.release(BAD, newer.DIES)
    (folder / "later").mkdir()
    return stick.make(folder / "later", {**desk.bundle(host, folder / "later-desk"), bad.name: bad})


def centre(host: Host, *words: str) -> str:
    """Run `kiosk monitor …` where the releases lie."""
    group, *rest = words
    command = [
        sys.executable,
        "-m",
        "kiosk",
        "monitor",
        group,
        "--config",
        str(host.folder / "releases.toml"),
    ]
    done = subprocess.run([*command, *rest], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rollout(host: Host) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(centre(host, "rollout", "status", "--json"))["rollout"]
    return found


def told(host: Host) -> list[str]:
    """Name what the centre was told of updates."""
    codes = [event["code"] for event in host.kiosk().get("events", [])]
    return [code for code in codes if code.startswith("update_")]


def cut(board: KioskBoard, *, runs: str) -> None:
    """Cut the power; armed again, from a slot that is complete."""
    board.cut_power()
    board.power_on()
    board.wait_armed()
    assert board.machine.must(f"readlink {BASE}/current; test -e {BASE}/current/complete") == f"slots/{runs}"


def test_an_ordered_version_is_kept_though_power_is_cut_in_each_part_of_it(
    host: Host, board: KioskBoard, figure: Figure
) -> None:
    machine = board.machine
    machine.must(PACKAGE, within_s=SOON_S)
    centre(host, "release", "add", str(newer.release(GOOD, {**newer.OTHER_WORDS, **newer.OTHER_RULE})))
    began_s = time.monotonic()
    centre(host, "rollout", "start", GOOD, "--steps", "100", "--soak-min", "0", "--stop-after", "1")
    machine.wait_for(HALF_INSTALLED, within_s=INSTALL_S, why="a half-installed slot")
    figure("order to the release on the board, by the doors", f"{time.monotonic() - began_s:.0f} s at most")

    cut(board, runs="a")
    machine.must(f"{NO_TRIAL}; test ! -e {BASE}/slots/b/complete")
    began_s = time.monotonic()
    machine.wait_for(f"test -e {BASE}/slots/b/complete", within_s=INSTALL_S, why="the order, taken up")
    figure("install-slot inside kiosk-update.service", f"{time.monotonic() - began_s:.0f} s at most")
    machine.wait_for(ON_TRIAL, within_s=JUDGE_S, why="the switch")

    machine.wait_for("test -L /dev/pana-later", within_s=30, why="the new rules of udev, without a restart")
    cut(board, runs="b")
    machine.wait_for(JUDGED, within_s=SOON_S, why="somebody who judges")
    cut(board, runs="b")
    began_s = time.monotonic()
    machine.wait_for(NO_TRIAL, within_s=JUDGE_S, why="the verdict")
    figure("armed after the third cut to the version being kept", f"{time.monotonic() - began_s:.0f} s")
    assert board.wait_linked("mqtt", "sms")["heartbeat"]["version"] == GOOD
    assert machine.must("readlink /opt/pana-kiosk/current") == "slots/b"
    until(lambda: rollout(host)["state"] == "done", within_s=SOON_S, what="the end of the roll-out")
    assert told(host) == ["update_done"]


def test_the_installer_ran_dpkg_and_pip_inside_the_shipped_sandbox(board: KioskBoard) -> None:
    machine = board.machine
    for unit in ("kiosk-update.service", "kiosk-update-resume.service"):
        assert machine.must(f"systemctl show {unit} --property DropInPaths --value") == ""
    assert machine.must("dpkg-query -W -f '${db:Status-Abbrev} ${Version}' pana-kiosk") == f"ii  {GOOD}"
    assert machine.must("dpkg --audit") == ""


def test_its_clips_came_with_it_and_unchanged_ones_lie_on_the_disk_once(board: KioskBoard) -> None:
    machine = board.machine
    differing = machine.run(f"cd {BASE}/slots && diff -rq a/voice b/voice | sort").text.splitlines()
    assert [line.partition(":")[0] for line in differing] == [
        "Files a/voice/manifest.json and b/voice/manifest.json differ", "Only in a/voice", "Only in b/voice",
    ]  # fmt: skip
    alone = machine.must(f"find {BASE}/slots/b/voice -type f -links 1 -printf '%f\\n' | sort").splitlines()
    assert len(alone) == 2
    assert alone[0] == "manifest.json"
    assert alone[1].startswith("ru-on_scene-")


def test_an_incident_holds_up_the_switch_and_a_version_that_dies_is_taken_back(
    host: Host, board: KioskBoard, figure: Figure
) -> None:
    machine = board.machine
    file = f"/media/stick/pana-release-{BAD}.tar"
    command = f"kiosk update {file} --yes --json"
    machine.must(f"{stick.MOUNT}\nsystemd-run --quiet --unit by-hand sh -c '{command} >/run/told 2>&1'")
    alert = board.press_for_alert()
    there = f"test -e {BASE}/slots/a/complete && grep -qx {BAD} {BASE}/slots/a/VERSION"
    machine.wait_for(there, within_s=INSTALL_S, why="the second installation")
    time.sleep(HELD_S)
    machine.must(f"{NO_TRIAL}; systemctl is-active by-hand")
    assert board.status()["heartbeat"]["version"] == GOOD

    host.advance(alert["alert_id"], "closed")
    began_s = time.monotonic()
    machine.wait_for(f"grep -q '^{BAD} ' {BASE}/refused && {NO_TRIAL}", within_s=JUDGE_S, why="the way back")
    figure("incident closed to the bad version taken back", f"{time.monotonic() - began_s:.0f} s")
    state = board.wait_linked("mqtt", "sms")
    assert (state["heartbeat"]["version"], machine.must(f"readlink {BASE}/current")) == (GOOD, "slots/b")
    until(lambda: "update_rolled_back" in told(host), within_s=SOON_S, what="word of the bad version")

    machine.wait_for("! systemctl is-active by-hand", within_s=SOON_S, why="the end of the update")
    again = machine.run(command, within_s=SOON_S)
    assert again.status == 1
    assert json.loads(again.text.splitlines()[-1])["code"] == "update_refused"
    board.close(board.press_for_alert()["alert_id"])
