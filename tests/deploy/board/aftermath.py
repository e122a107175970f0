"""What has to hold when a board comes back in the middle of an incident.

It took the incident up, the centre has it once, people can carry it to its end, and the disk is whole.
"""

import subprocess

from deploy.board.kiosk_board import SOON_S, KioskBoard
from deploy.board.machine import until

CORRECTED = 1  # e2fsck(8): errors were corrected, nothing is left
BY_PEOPLE = ("accepted", "en_route", "closed")
# The daemon's own store, and how many of its kind had to be set aside.
STORE = """
cd /var/lib/pana-kiosk
python3 -c '
import sqlite3
print(*sqlite3.connect("file:journal.sqlite?mode=ro", uri=True).execute("pragma integrity_check").fetchone())'
ls | grep -c damaged || true
"""


def carried_on(board: KioskBoard, alert_id: str, *, known: set[str], since: str = "") -> None:
    """Demand that the daemon took the incident up, and let a person end it; `known` is what was before it."""
    board.wait_for_line(f"resumed alert_id={alert_id}", since=since)
    board.wait_linked("mqtt")
    until(lambda: alert_id in board.host.alert_ids(), within_s=SOON_S, what="the alert at the centre")
    assert [one["alert_id"] for one in board.status()["incidents"]] == [alert_id]
    stage = next(alert["stage"] for alert in board.host.alerts() if alert["alert_id"] == alert_id)
    for following in BY_PEOPLE[BY_PEOPLE.index(stage) + 1 if stage in BY_PEOPLE else 0 :]:
        advance(board, alert_id, following, since=since)
    assert board.host.alert_ids() - known == {alert_id}
    assert board.machine.must(STORE).split() == ["ok", "0"]


def advance(board: KioskBoard, alert_id: str, stage: str, *, since: str = "") -> None:
    """Let a person at the centre take the next step, and wait until the shop was told of it."""
    if stage == "closed":
        board.close(alert_id)
    else:
        board.host.advance(alert_id, stage)
    board.wait_for_line(f"said key={stage} lang=ru", since=since)


def check_disk(board: KioskBoard) -> str:
    """Demand that the disk of a board whose power is off needs no more than its own journal."""
    copy = board.machine.folder / "after-the-cut.img"
    command = ["qemu-img", "convert", "-O", "raw", str(board.machine.disk), str(copy)]
    subprocess.run(command, check=True, timeout=300)
    command = ["env", "PATH=/usr/sbin:/sbin:/usr/bin:/bin", "e2fsck", "-p", "-f", str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    copy.unlink()
    assert done.returncode <= CORRECTED, done.stdout + done.stderr
    return done.stdout
