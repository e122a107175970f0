"""The real daemon ended at bad moments: nothing is lost, nothing is doubled, nothing untrue is told."""

import contextlib
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from faulty_site import Watch, watch
from kiosk_site import KioskSite, wait_for

from kiosk.demo import settings
from kiosk.messages import DeviceError

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def site() -> Iterator[KioskSite]:
    with KioskSite(beat_s=5) as site:
        site.start_centre()
        yield site


def life(site: KioskSite) -> str:
    kiosks = site.ask_centre(ask="kiosks")["kiosks"]
    return str(kiosks[0]["life"]) if kiosks else ""


def start_again(watched: Watch) -> None:
    watched.daemon = watched.site.start_kiosk(name="faulty.toml")


def test_a_kill_in_the_middle_of_an_sms(site: KioskSite) -> None:
    """The text may have gone out (pitfall 25): it is sent again, and the centre has the alert once."""
    with watch(site, "mqtt", "sms") as watched:
        site.link.cut()
        wait_for(lambda: site.state()["mqtt"] == "down")
        site.modem.set_delay(3.0)
        watched.press()
        wait_for(lambda: "path=sms" in watched.log())
        children = psutil.Process(watched.daemon.pid).children(recursive=True)
        assert children
        time.sleep(0.5)  # into the send itself: the simulated network takes 3 s for it
        watched.kill()
        psutil.wait_procs(children, timeout=10)
        assert not any(child.is_running() for child in children), "nobody else may hold the modem"

        site.modem.set_delay(0.0)
        start_again(watched)
        wait_for(lambda: site.stage() in ("pressed", "sending"))
        (incident,) = site.state()["incidents"]
        watched.text_on_phone()
        watched.text_on_phone(settings.GATEWAY)
        codes = {text for text in watched.texts() if incident["code"] in text}
        assert codes == set(watched.texts()), "both copies carry the same code"
        site.link.restore()
        wait_for(lambda: site.stage() == "received")
        assert [alert["alert_id"] for alert in watched.alerts()] == [incident["alert_id"]]


def test_a_stop_in_order_says_so_and_the_incident_goes_on_at_the_next_start(site: KioskSite) -> None:
    with watch(site, "mqtt") as watched:
        watched.press()
        watched.alert_at_centre()
        wait_for(lambda: site.stage() == "received")
        watched.click("accept")
        wait_for(lambda: site.stage() == "accepted")
        began_s = time.monotonic()
        assert watched.end() == 0
        assert time.monotonic() - began_s < 10, "systemd waits 15 s"
        wait_for(lambda: life(site) == "stopped")
        assert not (site.folder / "run" / "kiosk.sock").exists()

        start_again(watched)
        wait_for(lambda: life(site) == "online")
        assert site.stage() == "accepted"
        watched.click("close")
        wait_for(lambda: site.stage() == "")
        assert len(watched.alerts()) == 1


def test_a_stop_right_after_the_press_loses_nothing(site: KioskSite) -> None:
    with watch(site, "sms") as watched:
        site.link.cut()
        wait_for(lambda: site.state()["mqtt"] == "down")
        site.modem.lose_network()
        site.ask_kiosk(ask="pin", input=settings.BUTTON, high=False)
        wait_for(lambda: "pressed alert_id" in watched.log())
        assert watched.end() == 0
        site.link.restore()
        start_again(watched)
        watched.pressed_s = time.monotonic()
        watched.alert_at_centre()


def test_two_fast_restarts_do_no_harm(site: KioskSite) -> None:
    with watch(site) as watched:
        for _ in range(2):
            watched.kill()
            start_again(watched)
        watched.up("mqtt")
        wait_for(lambda: life(site) == "online")
        assert "restart_loop" not in site.state()["faults"]
        watched.press()
        watched.alert_at_centre()
        assert watched.end() == 0
        assert not (site.folder / "run" / "starts.json").exists()


def test_a_restart_loop_is_seen_and_the_kiosk_arms_without_the_incidents(site: KioskSite) -> None:
    """Pitfall 37. What the journal held is set aside, told, and a new press is a new alert."""
    with watch(site, "mqtt") as watched:
        watched.press()
        watched.alert_at_centre()
        wait_for(lambda: site.stage() == "received")
        watched.kill()
        now_s = time.monotonic()
        starts = site.folder / "run" / "starts.json"
        starts.write_text(str([now_s - 5, now_s - 4, now_s - 3, now_s - 2, now_s - 1]))
        start_again(watched)
        assert "restart_loop" in site.state()["faults"]
        wait_for(lambda: "not_resumed" in watched.log())
        assert site.stage() == ""
        watched.told_to_centre("restart_loop")
        watched.press()
        wait_for(lambda: len(watched.alerts()) == 2)


def test_a_second_daemon_leaves_the_first_one_alone(site: KioskSite) -> None:
    with watch(site, "mqtt") as watched:
        second = site.spawn("run", "--config", str(site.folder / "faulty.toml"), "--allow-mock-pins")
        try:
            wait_for(lambda: "another daemon serves it" in watched.log())
        finally:
            second.send_signal(signal.SIGKILL)
            second.wait()
        watched.up("mqtt")
        assert site.state()["kiosk"] == settings.KIOSK_ID
        watched.press()
        watched.alert_at_centre()


PLANTED = """
import kiosk.core
from kiosk.messages import DrillAsked

handle = kiosk.core.Core.handle


def poisoned(self, event, now):
    if isinstance(event, DrillAsked):
        raise ZeroDivisionError("planted")
    return handle(self, event, now)


kiosk.core.Core.handle = poisoned
"""


def test_a_bug_of_the_core_ends_the_daemon_and_the_next_start_goes_on(
    site: KioskSite, tmp_path: Path
) -> None:
    """Exit code 70, no word of an ordered stop, and the incident is where it was."""
    (tmp_path / "sitecustomize.py").write_text(PLANTED)
    with watch(site, "mqtt", environ={"PYTHONPATH": str(tmp_path)}) as watched:
        watched.press()
        watched.alert_at_centre()
        wait_for(lambda: site.stage() == "received")
        (before,) = site.state()["incidents"]
        with contextlib.suppress(DeviceError):
            site.ask_kiosk(ask="drill")
        assert watched.daemon.wait(15) == 70
        assert "stopped=crash" in watched.log()
        wait_for(lambda: life(site) == "silent")

        start_again(watched)
        wait_for(lambda: site.stage() == "received")
        assert site.state()["incidents"][0]["alert_id"] == before["alert_id"]
        wait_for(lambda: life(site) == "online")
        assert len(watched.alerts()) == 1
