"""The installer's check for real: a press that is no alarm, prompts, and the centre's answer by each path."""

import logging
import time
from collections.abc import Iterator

import pytest
from fakes.installed_site import InstalledSite
from fakes.unenrolled_site import MASTER, PLACE
from kiosk_site import wait_for

from kiosk.check.install.record import read_record
from kiosk.demo import settings
from kiosk.monitor.sms_keys import derive

log = logging.getLogger(__name__)
pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]
PATHS = ("path:mqtt", "path:https", "path:sms")


@pytest.fixture
def site() -> Iterator[InstalledSite]:
    with InstalledSite(mode="spoken") as site:
        file = site.etc / "site.toml"  # each prompt once: live speech takes its time
        file.write_text(file.read_text().replace('languages = ["kk", "ru"]', 'languages = ["kk"]'))
        yield site


def levels(record: dict[str, object]) -> dict[str, str]:
    rows: list[dict[str, str]] = record["rows"]  # type: ignore[assignment]
    return {row["part"]: row["level"] for row in rows}


def test_every_path_answers_and_the_centre_has_the_record(site: InstalledSite) -> None:
    site.ready()
    began_s = time.monotonic()
    with site.finger() as seen:
        code, record, told = site.check_install("--yes", "--sheet", str(site.folder / "sheet.html"))
    log.info("check_install_s=%.1f", time.monotonic() - began_s)
    found = levels(record)
    bad = {part: level for part, level in found.items() if level in ("fault", "untested")}
    assert not bad, (bad, told)
    assert {found[part] for part in PATHS} == {"ok"}
    assert found[f"button:{settings.BUTTON}"] == "ok"
    assert found["heard:pressed"] == "ok"
    assert (code, record["verdict"]) == (0, "passed")
    assert record["imei"]
    assert record["balance_kzt"] is not None
    whats = [event.get("what") for event in seen]
    assert "trial_pressed" in whats
    assert "pressed" not in whats  # no real alarm went out
    assert {alert["kind"] for alert in site.alerts()} == {"drill"}

    kept = read_record(site.state_folder)
    assert kept is not None
    assert kept.record_id == record["record_id"]
    (shown,) = site.shown()["commissionings"]
    assert (shown["record_id"], shown["by"], shown["verdict"]) == (kept.record_id, "Әлия Қ.", "passed")
    assert "Әлия Қ." in (site.folder / "sheet.html").read_text(encoding="utf-8")


def test_a_second_press_is_a_real_alarm_and_ends_the_check(site: InstalledSite) -> None:
    site.ready()
    with site.finger(presses=2):
        code, record, told = site.check_install("--yes", "--lang", "en")
    assert code == 4
    assert record == {}
    assert "A real alarm is open" in told
    wait_for(lambda: any(alert["kind"] == "press" for alert in site.alerts()), within_s=60)


def test_without_internet_sms_both_ways_is_enough_to_leave() -> None:
    with InstalledSite(mode="off") as site:
        site.start_centre()
        site.manage("add", settings.KIOSK_ID, *PLACE)
        assert site.ask_centre(ask="reload")["ok"]
        (site.etc / "sms.key").write_text(derive(MASTER, settings.KIOSK_ID).hex())
        file = site.etc / "site.toml"
        file.write_text(file.read_text() + "\n[timing]\ndrill_s = 15\n")
        site.start_kiosk(name="etc/site.toml")
        wait_for(lambda: site.state().get("sms") == "up", within_s=60)
        with site.finger():
            code, record, told = site.check_install("--yes")
        found = levels(record)
        assert (code, record["verdict"]) == (0, "waiting"), (found, told)
        assert (found["path:sms"], found["certificate"], found["balance"]) == ("ok", "fault", "ok")
        assert site.errands(code=1)["commissioning"] == "later"
