"""The real daemon's wall clock jumps ten years and back: alerts go out, the link comes back by itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from faulty_site import SOON_S, Watch, watch
from kiosk_site import KioskSite, wait_for
from stepped_clock import Clock

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]
TEN_YEARS_S = 10 * 365 * 86_400


@pytest.fixture(scope="module")
def site() -> Iterator[KioskSite]:
    with KioskSite(beat_s=5) as site:
        site.start_centre()
        yield site


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path)


def press(watched: Watch) -> None:
    watched.press()
    assert watched.alert_at_centre() < SOON_S
    wait_for(lambda: watched.site.stage() == "received")


@pytest.mark.parametrize("by_s", [TEN_YEARS_S, -TEN_YEARS_S])
def test_a_jump_while_it_runs_holds_up_no_alert(site: KioskSite, clock: Clock, by_s: int) -> None:
    with watch(site, "mqtt", environ=clock.environ) as watched:
        clock.jump(by_s)
        press(watched)
        year = int(watched.alerts()[0]["pressed_at"][:4])
        clock.jump(0)
        watched.click("accept")
        wait_for(lambda: site.stage() == "accepted")
        watched.click("close")
        wait_for(lambda: site.stage() == "")
        assert abs(year - int(watched.alerts()[0]["received_at"][:4])) in (9, 10)
        assert "Traceback" not in watched.log()


def test_a_clock_far_ahead_makes_certificates_look_expired_and_sms_needs_no_clock(
    site: KioskSite, clock: Clock
) -> None:
    with watch(site, "mqtt", "sms", environ=clock.environ) as watched:
        clock.jump(TEN_YEARS_S)
        site.link.cut()
        wait_for(lambda: site.state()["mqtt"] == "down")
        site.link.restore()
        wait_for(lambda: "expired" in watched.log() or "expired" in watched.reason("mqtt_down"))
        watched.press()
        watched.text_on_phone()
        clock.jump(0)
        watched.up("mqtt")
        watched.alert_at_centre()


def test_a_start_long_ago_believes_the_last_good_time(site: KioskSite, clock: Clock) -> None:
    """Pitfall 32: without a clock chip the board starts in the past, where no certificate is valid yet."""
    with watch(site, "mqtt", environ=clock.environ) as watched:
        for _ in range(2):  # the second such start must not have forgotten it
            watched.kill()
            clock.jump(-TEN_YEARS_S)
            site.environ.update(clock.environ)
            try:
                watched.daemon = site.start_kiosk(name="faulty.toml")
            finally:
                site.environ.pop("PYTHONPATH")
            watched.up("mqtt")
            wait_for(lambda: site.state()["heartbeat"].get("uptime_s", 0) >= 0)
        press(watched)
