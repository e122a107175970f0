"""From an empty Debian to an alarm: provision.sh in the guest, a press at the pin, centre, voice, SMS.

All of it inside kiosk.service as it is shipped: its sandbox lets pins, sound, modem and network work.
"""

import time
from collections.abc import Callable

import pytest
from deploy.board import hearing
from deploy.board.host import OFFICER, Host
from deploy.board.kiosk_board import SOON_S, KioskBoard
from deploy.board.machine import until

pytestmark = [pytest.mark.real, pytest.mark.guest, pytest.mark.timeout(3600)]
Figure = Callable[[str, str], None]
STAGES = ("received", "accepted", "en_route", "on_scene")
SPOKEN_S = 10.0  # `said` is written when a prompt begins; the next stage leaves out what was not said by then
HEARD = 0.6  # of a sentence's loud quarter-seconds: the emulated card stumbles on a busy machine
STRANGE_S = 2.0  # of sound that no sentence explains


def incident(
    host: Host, board: KioskBoard, clips: dict[str, hearing.Samples], figure: Figure
) -> hearing.Verdict:
    """Press, let a person take every stage to the end, and judge what was said meanwhile."""
    before = len(hearing.recording(board.machine.sound))
    mark = board.mark()
    began_s = time.monotonic()
    alert = board.press_for_alert()
    figure("pin moved to the alert at the centre, by MQTT", f"{time.monotonic() - began_s:.2f} s")
    assert (alert["path"], alert["stage"]) == ("mqtt", "received")
    for stage in STAGES:
        if stage != "received":
            host.advance(alert["alert_id"], stage)
        board.wait_for_line(f"said key={stage} lang=ru", since=mark)
        time.sleep(SPOKEN_S)
    board.close(alert["alert_id"])
    board.wait_for_line("said key=closed lang=ru", since=mark)
    time.sleep(SPOKEN_S)
    said = [name for key in (*STAGES, "closed") for name in hearing.sentences(clips, key)]
    return hearing.judge(hearing.recording(board.machine.sound)[before:], ["kk-pressed-1", *said], clips)


def weak(verdict: hearing.Verdict) -> set[str]:
    """Name the sentences that were not found; the first one may be cut short by the centre's receipt."""
    return {one.name for one in verdict.clips[1:] if one.share < HEARD}


def test_a_press_of_the_pin_reaches_the_centre_and_every_stage_is_spoken(
    host: Host, board: KioskBoard, clips: dict[str, hearing.Samples], figure: Figure
) -> None:
    verdict = incident(host, board, clips, figure)
    figure("spoken, and found in the recording", f"{verdict.loud_s:.0f} s, {len(verdict.clips)} sentences")
    missed = weak(verdict)
    if missed or verdict.strange_s > STRANGE_S:
        # on a busy machine the emulated card stumbles, elsewhere each time; what is not said is missed again
        figure(
            "stumbled, so another incident was heard", f"{sorted(missed)}, {verdict.strange_s:.1f} s strange"
        )
        verdict = incident(host, board, clips, figure)
        missed &= weak(verdict)
    assert not missed, f"{verdict}\n{board.log()}"
    assert verdict.strange_s <= STRANGE_S, verdict


def test_with_the_network_cut_a_press_goes_to_the_officer_and_the_centre_by_sms(
    host: Host, board: KioskBoard, figure: Figure
) -> None:
    texts = len(host.officer.inbox())
    before = {alert["alert_id"] for alert in host.alerts()}
    board.machine.set_cable(plugged=False)
    began_s = time.monotonic()
    board.press()
    found = host.officer.wait(texts + 1, timeout_s=SOON_S)
    assert len(found) > texts, board.log()
    figure("pin moved to the officer's SMS, network just cut", f"{time.monotonic() - began_s:.1f} s")
    alert = board.alert_beyond(before)
    assert (alert["path"], alert["stage"]) == ("sms", "received")

    code = found[-1].text.rpartition(" ")[2]
    host.officer.send(f"OK {code}")
    board.wait_for_line("accepted alert_id=")
    board.machine.set_cable(plugged=True)
    board.wait_linked("mqtt")
    until(
        lambda: "mqtt" in host.alert(alert["seq"])["also_by"], within_s=SOON_S, what="the same alert by MQTT"
    )
    board.close(host.alert(alert["seq"])["alert_id"])
    assert OFFICER not in board.log(400)


def test_the_unit_is_the_shipped_one_and_its_sandbox_holds(board: KioskBoard, figure: Figure) -> None:
    machine = board.machine
    assert machine.must("systemctl show kiosk.service --property DropInPaths --value") == ""
    exposure = machine.must("systemd-analyze security --no-pager kiosk.service | tail -n 1")
    figure("systemd-analyze security in the guest", exposure.partition("level for ")[2])
    score = float(exposure.partition("kiosk.service: ")[2].split()[0])
    assert score <= 1.5
    pid = machine.must("systemctl show kiosk.service --property MainPID --value")
    uid = machine.must("id -u pana-kiosk")
    assert machine.must(f"stat -c %u /proc/{pid}") == uid
    assert machine.run(f"nsenter -t {pid} -m touch /usr/x").status != 0
