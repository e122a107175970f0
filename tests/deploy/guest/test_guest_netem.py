"""A bad network, made by the board's own kernel with `tc netem`: lost, late, mixed, doubled, damaged packets.

Both ways: what comes in is sent through an `ifb` device. Whatever the weather, a press is at the centre once.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from deploy.board.host import Host
from deploy.board.kiosk_board import SOON_S, KioskBoard
from deploy.board.machine import until

pytestmark = [pytest.mark.real, pytest.mark.guest, pytest.mark.timeout(3600)]
Figure = Callable[[str, str], None]
PRESSES = 5  # in each weather
BOTH_WAYS = """
modprobe -a sch_netem sch_ingress ifb cls_matchall act_mirred
ip link add ifb0 type ifb
ip link set ifb0 up
tc qdisc add dev eth0 handle ffff: ingress
tc filter add dev eth0 parent ffff: matchall action mirred egress redirect dev ifb0
"""
WEATHERS = {
    "lost": "loss 20%",
    "lost in a row": "loss gemodel 8% 35%",
    "late and mixed": "delay 300ms 200ms reorder 25% 50%",
    "doubled and damaged": "duplicate 20% corrupt 3%",
    "narrow": "rate 24kbit delay 200ms limit 60",
    "all of it": "delay 150ms 100ms loss 15% duplicate 10% reorder 25% corrupt 1%",
}
COUNTED = re.compile(r"Sent \d+ bytes (\d+) pkt \(dropped (\d+)")


@pytest.fixture(scope="module", autouse=True)
def _both_ways(board: KioskBoard) -> None:
    board.machine.must(BOTH_WAYS)


@contextmanager
def weather(board: KioskBoard, netem: str) -> Iterator[None]:
    """Let every packet of the board pass through netem for a while."""
    board.machine.must(f"for dev in eth0 ifb0; do tc qdisc replace dev $dev root netem {netem}; done")
    try:
        yield
    finally:
        board.machine.must("for dev in eth0 ifb0; do tc qdisc del dev $dev root; done")


def packets(board: KioskBoard) -> tuple[int, int]:
    """Give how many packets passed netem, and how many it dropped."""
    told = board.machine.must("for dev in eth0 ifb0; do tc -s qdisc show dev $dev root; done")
    assert told.count("qdisc netem") == 2, told
    counted = [(int(passed), int(dropped)) for passed, dropped in COUNTED.findall(told)]
    return sum(passed for passed, _ in counted), sum(dropped for _, dropped in counted)


@pytest.mark.parametrize("name", WEATHERS)
def test_a_press_in_bad_weather_is_at_the_centre_once_and_its_end_at_the_kiosk(
    name: str, host: Host, board: KioskBoard, figure: Figure
) -> None:
    board.wait_linked("mqtt", "sms")
    known = host.alert_ids()
    with weather(board, WEATHERS[name]):
        took_s = [incident(host, board) for _ in range(PRESSES)]
        passed, dropped = packets(board)
    figure(
        f"netem {WEATHERS[name]}",
        f"pin to centre {min(took_s):.1f}-{max(took_s):.1f} s, packets passed {passed}, dropped {dropped}",
    )
    assert passed > 0
    assert dropped > 0 or name != "lost"
    assert len(host.alert_ids() - known) == PRESSES


def incident(host: Host, board: KioskBoard) -> float:
    """Press, take and close; gives the seconds from the pin to the centre."""
    known, mark, began_s = host.alert_ids(), board.mark(), time.monotonic()
    seq = board.press_for_alert()["seq"]
    took_s = time.monotonic() - began_s
    until(lambda: by_mqtt(host, seq), within_s=SOON_S, what="the alert by MQTT")
    (alert_id,) = host.alert_ids() - known
    host.advance(alert_id, "accepted")
    board.wait_for_line(f"accepted alert_id={alert_id}", since=mark)
    board.close(alert_id)
    return took_s


def by_mqtt(host: Host, seq: int) -> bool:
    """Tell whether MQTT brought it: first, or after another path."""
    alert = host.alert(seq)
    return "mqtt" in {alert["path"], *alert["also_by"]}


def test_after_the_weather_the_link_is_as_before(host: Host, board: KioskBoard) -> None:
    board.wait_linked("mqtt")
    alert = board.press_for_alert()
    assert alert["path"] == "mqtt"
    board.close(alert["alert_id"])
