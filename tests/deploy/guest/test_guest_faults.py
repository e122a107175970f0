"""A modem pulled out, a daemon that stands still, a dead kernel: each mends itself, nothing is lost."""

import time
from collections.abc import Callable

import pytest
from deploy.board.aftermath import carried_on
from deploy.board.host import Host
from deploy.board.kiosk_board import ARMED_S, SOON_S, KioskBoard
from deploy.board.machine import until

pytestmark = [pytest.mark.real, pytest.mark.guest, pytest.mark.timeout(3600)]
Figure = Callable[[str, str], None]
PID = "systemctl show kiosk.service --property MainPID --value"
BOOT = "cat /proc/sys/kernel/random/boot_id"
# It never restarts by itself: only the hardware's watchdog ends this.
CRASH = "sysctl -q kernel.panic=0; setsid sh -c 'sleep 1; echo c >/proc/sysrq-trigger' >/dev/null 2>&1 &"


def told(host: Host, code: str, state: str) -> bool:
    """Tell whether the centre has this event of the kiosk as its newest word on that fault."""
    events = [event for event in host.kiosk().get("events", []) if event["code"] == code]
    newest = max(events, key=lambda event: (event["at"], event["event_id"]), default={})
    return bool(newest) and newest["state"] == state


def test_a_modem_pulled_out_is_told_and_one_plugged_in_again_carries_an_alert(
    host: Host, board: KioskBoard, figure: Figure
) -> None:
    device = board.machine.must("readlink -f /dev/pana-modem")
    began_s = time.monotonic()
    board.unplug_modem()
    until(lambda: told(host, "modem_down", "raised"), within_s=SOON_S, what="modem_down at the centre")
    figure("modem pulled out to modem_down at the centre", f"{time.monotonic() - began_s:.1f} s")
    assert board.machine.run("ls /dev/pana-modem").status != 0
    assert board.status()["sms"] == "down"

    began_s = time.monotonic()
    board.plug_modem()
    board.wait_linked("sms")
    figure("modem plugged in to its link up", f"{time.monotonic() - began_s:.1f} s")
    until(lambda: told(host, "modem_down", "cleared"), within_s=SOON_S, what="the end of modem_down")
    figure(
        "the modem's name before and after", f"{device}, {board.machine.must('readlink -f /dev/pana-modem')}"
    )

    texts, known = len(host.officer.inbox()), host.alert_ids()
    board.machine.set_cable(plugged=False)
    board.press()
    assert len(host.officer.wait(texts + 1, timeout_s=SOON_S)) > texts, board.log()
    alert = board.alert_beyond(known)
    assert (alert["path"], alert["stage"]) == ("sms", "received")
    board.machine.set_cable(plugged=True)
    board.wait_linked("mqtt")
    until(lambda: "mqtt" in host.alert(alert["seq"])["also_by"], within_s=SOON_S, what="the alert by MQTT")
    board.close(host.alert(alert["seq"])["alert_id"])


def test_a_daemon_that_stands_still_is_killed_and_takes_its_incident_up(
    host: Host, board: KioskBoard, figure: Figure
) -> None:
    known, mark = host.alert_ids(), board.mark()
    alert = board.press_for_alert()
    pid = board.machine.must(PID)
    board.machine.must(f"kill -STOP {pid}")
    began_s = time.monotonic()
    board.wait_for_line("Watchdog timeout", since=mark)
    figure("daemon stopped to systemd's verdict", f"{time.monotonic() - began_s:.1f} s")
    board.machine.wait_for(
        f"new=$({PID}); [ $new != 0 ] && [ $new != {pid} ] && journalctl _PID=$new | grep 'armed inputs=1'",
        within_s=ARMED_S,
        why="an armed successor",
    )
    figure("daemon stopped to its successor armed", f"{time.monotonic() - began_s:.1f} s")
    carried_on(board, alert["alert_id"], known=known, since=mark)

    again = board.press_for_alert()
    assert again["path"] == "mqtt"
    board.close(again["alert_id"])


def test_a_dead_kernel_is_reset_by_the_hardware_and_the_incident_goes_on(
    host: Host, board: KioskBoard, figure: Figure
) -> None:
    machine = board.machine
    assert "i6300ESB" in machine.must("cat /sys/class/watchdog/watchdog0/identity")
    assert machine.must("systemctl show --property RuntimeWatchdogUSec --value") == "14s"
    assert "/dev/watchdog" in machine.must("ls -l /proc/1/fd")
    known, boot = host.alert_ids(), machine.must(BOOT)
    alert = board.press_for_alert()
    machine.must(CRASH)
    began_s = time.monotonic()
    until(lambda: machine.qmp.seen("WATCHDOG"), within_s=SOON_S, what="the watchdog's bite")
    figure("kernel dead to the watchdog's reset", f"{time.monotonic() - began_s:.1f} s")
    assert "Kernel panic - not syncing: sysrq triggered crash" in machine.console()
    machine.wait_until_up()
    assert machine.must(BOOT) != boot
    board.wait_armed()
    figure("kernel dead to armed again", f"{time.monotonic() - began_s:.1f} s")
    carried_on(board, alert["alert_id"], known=known)
