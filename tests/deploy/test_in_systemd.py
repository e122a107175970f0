"""The packages in containers with a real systemd of each release: what only a running one can prove."""

import os
import shutil
import time
from collections.abc import Iterator

import pytest
from deploy.containers import PARTS, SUITES, Container, build_other
from fakes.releases import make_pip, make_release

from kiosk.monitor.ca import Authority, create

# A data partition on a device that is not there.
MOUNT = """[Unit]
JobRunningTimeoutSec=2
[Mount]
What=/dev/disk/by-label/nowhere
Where=/var/lib/pana-kiosk
[Install]
WantedBy=local-fs.target
"""
BROKER = """[Service]
Type=exec
ExecStart=/bin/sh -c 'trap "echo reload >>/run/hups" HUP; while :; do sleep 1; done'
[Install]
WantedBy=multi-user.target
"""
pytestmark = [
    pytest.mark.real,
    pytest.mark.guest,
    pytest.mark.timeout(900),
    pytest.mark.skipif(os.geteuid() != 0, reason="containers are root's"),
    pytest.mark.skipif(
        not shutil.which("systemd-nspawn") or not shutil.which("mmdebstrap"),
        reason="systemd-container and mmdebstrap are needed",
    ),
]


@pytest.fixture(scope="module", params=SUITES)
def told(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """Boot a kiosk once and give what was seen."""
    machine = Container(tmp_path_factory.mktemp("kiosk"), request.param, "pana-kiosk")
    machine.lay("kiosk", "probe.sh")
    keys = machine.tree / "etc/pana-kiosk"
    (keys / "owner.pub").write_text("the owner's\n")
    (keys / "sim.pin").write_text("1234")
    shutil.copy(PARTS / "update.sh", machine.tree / "update.sh")
    pip = make_pip(tmp_path_factory.mktemp("pip"))
    make_release(machine.tree / "opt/release", "0.2.0", pip, fault="crash")
    build_other(machine.tree / "opt")
    machine.unit(r"var-lib-pana\x2dkiosk.mount", MOUNT)
    machine.enable("kiosk.service")
    yield machine.boot()
    machine.close()


@pytest.fixture(scope="module", params=SUITES)
def centre(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """Boot a centre's machine that has a broker, and give what was seen."""
    machine = Container(tmp_path_factory.mktemp("monitor"), request.param, "pana-monitor")
    machine.lay("monitor", "probe-monitor.sh")
    now_s = int(time.time())
    pair = create("Pana test", now_s)
    rules = machine.tree / "etc/mosquitto/pana"
    rules.mkdir(parents=True)
    (rules / "ca.crt").write_bytes(pair.cert)
    listed = machine.tree / "var/lib/pana-monitor/crl.pem"
    listed.write_bytes(Authority(pair.cert, pair.key).crl([], now_s, 30))
    listed.chmod(0o600)
    hook = machine.tree / "etc/pana-monitor/alarm"
    hook.write_text('#!/bin/sh\necho "$1" >>/run/alarms\n')
    hook.chmod(0o755)
    machine.unit("mosquitto.service", BROKER)
    machine.enable("kiosk-monitor.service", "pana-crl.timer")
    yield machine.boot()
    machine.close()


def test_a_data_partition_that_never_comes_does_not_keep_the_button_from_working(
    told: dict[str, str],
) -> None:
    assert told["mount"] != "active"
    assert told["started"] == "active"


def test_the_daemon_may_renew_its_key_and_keep_its_state_and_change_nothing_else(
    told: dict[str, str],
) -> None:
    assert (told["found.state"], told["found.key"]) == ("True", "True")
    assert (told["found.owner"], told["found.system"]) == ("False", "False")


def test_what_only_root_may_read_reaches_it_as_a_credential(told: dict[str, str]) -> None:
    assert told["found.credential"] == "1234"


def test_it_has_the_groups_of_its_devices_and_the_boards_figures(told: dict[str, str]) -> None:
    assert (told["found.groups"], told["found.memory"]) == ("4", "True")


def test_the_watchdog_starts_a_stopped_daemon_again(told: dict[str, str]) -> None:
    assert int(told["watchdog"]) >= 1


def test_an_order_starts_the_installer_which_can_do_its_work_inside_its_sandbox(told: dict[str, str]) -> None:
    assert told["update"].endswith("ended=0;")
    assert told["path"] == "active"


def test_dpkg_can_do_inside_the_sandbox_all_that_a_package_of_debian_s_does(told: dict[str, str]) -> None:
    assert told["other"] == "4755 root:pana-other installed"


def test_pip_can_install_a_release_inside_the_sandbox(told: dict[str, str]) -> None:
    assert told["pip"] == "pana-kiosk 0.2.0 by pip"


def test_a_version_that_does_not_start_is_taken_back_after_three_starts(told: dict[str, str]) -> None:
    assert told["switched"] == "slot b"
    assert told["back"].startswith("0.2.0 it did not come to rest in 3 starts")


def test_this_releases_systemd_and_udev_find_nothing_wrong(told: dict[str, str]) -> None:
    assert (told["verify"], told["udev"], told["failed"]) == ("", "0", "0")


def test_purging_stops_the_daemon_and_takes_its_links(told: dict[str, str]) -> None:
    assert told["purged"].split() == ["0", "inactive", "0"]


def test_the_centre_writes_its_state_and_nothing_in_etc(centre: dict[str, str]) -> None:
    assert (centre["started"], centre["writes"]) == ("active", "yynn")


def test_a_centre_that_hangs_is_started_again(centre: dict[str, str]) -> None:
    assert int(centre["watchdog"]) >= 1


def test_a_new_list_reaches_the_broker_from_inside_the_sandbox_once(centre: dict[str, str]) -> None:
    assert (centre["crl"], centre["same"], centre["again"]) == ("0", "0", "0 1")


def test_a_list_that_is_missing_calls_the_owners_program(centre: dict[str, str]) -> None:
    assert (centre["missing"], centre["alarm"]) == ("1", "pana-crl.service")


def test_the_nightly_copy_is_made_and_nothing_else_failed(centre: dict[str, str]) -> None:
    assert (centre["backup"], centre["failed"]) == ("0 1", "0")


def test_purging_stops_the_centre_and_takes_its_links(centre: dict[str, str]) -> None:
    assert centre["purged"].split() == ["0", "inactive", "0"]
