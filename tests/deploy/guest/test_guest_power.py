"""The plug is pulled in the middle of an incident, at four moments: each comes back armed and carries on."""

import time
from collections.abc import Callable

import pytest
from deploy.board import hearing
from deploy.board.aftermath import carried_on, check_disk
from deploy.board.host import Host
from deploy.board.kiosk_board import KioskBoard

pytestmark = [pytest.mark.real, pytest.mark.guest, pytest.mark.timeout(3600)]
Figure = Callable[[str, str], None]
HEARD = 0.4  # of a stage's loud quarter-seconds: next to nothing of what was not said is found
Moment = Callable[[KioskBoard], str]


def pressed_only(board: KioskBoard) -> str:
    """The daemon has just told of the press; with the network cut, nobody else can know of it."""
    mark = board.mark()
    board.machine.set_cable(plugged=False)
    board.press()
    line = board.wait_for_line(" pressed alert_id=", since=mark)
    return line.partition("alert_id=")[2].split()[0]


def received(board: KioskBoard) -> str:
    """The centre has it; whether the kiosk has the receipt is open."""
    alert_id: str = board.press_for_alert()["alert_id"]
    return alert_id


def accepted(board: KioskBoard) -> str:
    """A person took it, and the kiosk knows."""
    alert_id = received(board)
    board.host.advance(alert_id, "accepted")
    board.wait_for_line(f"accepted alert_id={alert_id}")
    return alert_id


def speaking(board: KioskBoard) -> str:
    """The kiosk is in the middle of a sentence."""
    mark = board.mark()
    alert_id = received(board)
    board.wait_for_line("said key=received lang=kk", since=mark)
    return alert_id


@pytest.mark.parametrize("moment", [pressed_only, received, accepted, speaking])
def test_an_incident_outlives_a_power_cut(
    moment: Moment, host: Host, board: KioskBoard, clips: dict[str, hearing.Samples], figure: Figure
) -> None:
    known = host.alert_ids()
    alert_id = moment(board)
    before = host.alert_ids() - known
    board.cut_power()
    assert before == (set() if moment is pressed_only else {alert_id})
    verdict = check_disk(board)
    began_s = time.monotonic()
    board.power_on()
    board.wait_armed()
    figure(
        f"power cut ({moment.__name__}) to armed", f"{time.monotonic() - began_s:.0f} s; {verdict.strip()}"
    )
    carried_on(board, alert_id, known=known)
    sound = hearing.recording(board.machine.sound)
    for stage in ("en_route",) if moment is accepted else ("accepted", "en_route"):
        # only in Kazakh, which comes first: the next stage may cut the other short
        said = [name for name in hearing.sentences(clips, stage) if name.startswith("kk-")]
        shares = [hearing.share_of(sound, name, clips) for name in said]
        assert sum(shares) > HEARD * len(shares) > 0, (stage, shares)
