"""provision.sh on a small tree: what it makes, again and again, interrupted anywhere, and undone.

The steps that need a running system are shown on the emulated board.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.board_tree import (
    HERE,
    KIOSK_ID,
    SECRET_SMS,
    SECRET_TOKEN,
    UNSTEADY,
    Board,
    Desk,
    picture,
    planted,
)

pytestmark = pytest.mark.real
STEPS = sorted(path.name for path in (HERE / "provisioning/steps").iterdir())
CUTS = (3, 17, 29, 41, 58, 73, 90, 104)  # of the places where power may go; `make guest-full` takes every one


@pytest.fixture(scope="module")
def desk(memory: Path) -> Desk:
    made = Desk(memory / "desk")
    made.make()
    return made


@pytest.fixture(scope="module")
def undisturbed(memory: Path, desk: Desk) -> dict[str, str]:
    board = planted(memory / "undisturbed")
    assert board.provision(desk.kiosk_file).returncode == 0
    return picture(board.root, leave=UNSTEADY)


@pytest.fixture
def board(memory: Path, tmp_path: Path) -> Iterator[Board]:
    folder = memory / tmp_path.name
    yield planted(folder)
    shutil.rmtree(folder)


def serial(board: Board, number: str) -> None:
    file = board.root / "sys/firmware/devicetree/base/serial-number"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(number.encode() + b"\0")


def test_every_step_runs_in_order_and_a_second_run_changes_nothing(board: Board, desk: Desk) -> None:
    first = board.provision(desk.kiosk_file)
    assert first.returncode == 0, first.stderr
    assert [line.split(":")[0] for line in first.stdout.splitlines()[:-1]] == STEPS
    assert re.fullmatch(r"[1-9]\d* changed", first.stdout.splitlines()[-1])
    before = picture(board.root, leave=UNSTEADY)
    second = board.provision(desk.kiosk_file)
    assert second.returncode == 0
    assert second.stdout.splitlines()[-1] == "0 changed"
    assert picture(board.root, leave=UNSTEADY) == before


def test_a_dry_run_changes_nothing_before_and_after(board: Board, desk: Desk) -> None:
    before = picture(board.root)
    dry = board.provision(desk.kiosk_file, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert re.fullmatch(r"[1-9]\d* would change", dry.stdout.splitlines()[-1])
    assert picture(board.root) == before
    assert board.provision(desk.kiosk_file).returncode == 0
    before = picture(board.root)
    assert board.provision(desk.kiosk_file, "--dry-run").stdout.splitlines()[-1] == "0 would change"
    dry = board.run("--remove", "--dry-run")
    assert dry.returncode == 0
    assert dry.stdout.splitlines()[-1].endswith(" would change")
    assert picture(board.root) == before


def test_a_kiosk_has_what_its_bundle_holds_with_the_modes_that_keep_it(board: Board, desk: Desk) -> None:
    assert board.provision(desk.kiosk_file).returncode == 0
    seen = picture(board.root)
    modes = {path: seen[f"/etc/pana-kiosk{path}"].split()[1] for path in ("", "/site.toml", "/owner.pub")}
    assert modes == {"": "1770", "/site.toml": "640", "/owner.pub": "644"}
    assert [seen[f"/etc/pana-kiosk/{name}"].split()[1] for name in ("token", "sms.key")] == ["600", "600"]
    assert board.read("/etc/hostname") == f"{KIOSK_ID}\n"
    assert board.read("/etc/machine-id") == ""  # an image: each card gets its own at its first start
    assert seen["/etc/localtime"] == "link /usr/share/zoneinfo/Asia/Almaty"
    assert seen["/opt/pana-kiosk/current"] == "link slots/a"
    assert "/opt/pana-kiosk/trial" not in seen
    # the daemon is not root: it must be able to read its program
    assert seen["/opt/pana-kiosk/slots"] == seen["/opt/pana-kiosk/slots/a"] == "dir 755"
    assert seen["/opt/pana-kiosk/slots/a/VERSION"].startswith("file 644")
    assert board.read("/var/lib/pana-kiosk/voice/manifest.json") == '{"clips":[],"v":1}\n'  # the kiosk's own
    assert {
        "/var/lib/pana-kiosk/voice/pressed_kk-1.wav",
        "/var/lib/pana-kiosk/voice/cover_kk-1.wav",
    } <= seen.keys()
    wants = "/etc/systemd/system/multi-user.target.wants"
    assert f"{wants}/kiosk.service" in seen
    assert f"{wants}/avahi-daemon.service" not in seen
    assert f"{wants}/ssh.service" not in seen
    assert "/etc/pana-firewall.d/ssh.nft" not in seen
    assert "04:15" in board.read("/etc/systemd/system/pana-reboot.timer.d/50-pana.conf")
    assert not [path for path in seen if ".pana-part" in path or path.endswith(".part")]
    assert not (board.root / "var/lib/pana-provision/release").exists()  # 100 MB that nobody needs any more


def test_no_secret_stands_in_the_log(board: Board, desk: Desk) -> None:
    assert board.provision(desk.kiosk_file).returncode == 0
    log = board.read("/var/log/pana-provision.log")
    assert "45-site: changed" in log
    assert SECRET_TOKEN not in log
    assert SECRET_SMS not in log
    assert "+7701" not in log


@pytest.mark.parametrize("cut", CUTS)
def test_a_power_cut_anywhere_is_made_good_by_running_again(
    board: Board, desk: Desk, undisturbed: dict[str, str], cut: int
) -> None:
    cut_run = board.provision(desk.kiosk_file, PANA_CUT=str(cut))
    assert cut_run.returncode in (-9, 0)
    again = board.provision(desk.kiosk_file)
    assert again.returncode == 0, again.stderr
    assert picture(board.root, leave=UNSTEADY) == undisturbed


@pytest.mark.guest
@pytest.mark.timeout(3600)
def test_a_power_cut_at_every_single_place_is_made_good(
    memory: Path, desk: Desk, undisturbed: dict[str, str]
) -> None:
    cut, code = 0, -9
    while code == -9:
        cut += 1
        board = planted(memory / "every")
        code = board.provision(desk.kiosk_file, PANA_CUT=str(cut)).returncode
        assert code in (-9, 0)
        assert board.provision(desk.kiosk_file).returncode == 0, cut
        assert picture(board.root, leave=UNSTEADY) == undisturbed, cut
        shutil.rmtree(memory / "every")
    assert cut > max(CUTS)
    print(f"{cut - 1} places")  # noqa: T201


def test_the_points_of_the_cuts_reach_to_the_end(board: Board, desk: Desk) -> None:
    assert board.provision(desk.kiosk_file, PANA_CUT="100").returncode == -9
    assert board.provision(desk.kiosk_file, PANA_CUT="100000").returncode == 0


def test_removal_gives_back_the_tree_as_it_was(board: Board, desk: Desk) -> None:
    before = picture(board.root)
    assert board.provision(desk.kiosk_file).returncode == 0
    removed = board.run("--remove")
    assert removed.returncode == 0, removed.stderr
    assert picture(board.root) == before
    nothing = board.run("--remove")
    assert nothing.returncode == 0
    assert nothing.stdout.splitlines()[-1] == "0 changed"


@pytest.mark.parametrize("cut", [2, 14, 30])
def test_a_removal_that_was_cut_short_is_finished_by_the_next(board: Board, desk: Desk, cut: int) -> None:
    before = picture(board.root)
    assert board.provision(desk.kiosk_file, PANA_CUT="60").returncode == -9  # half made, too
    board.run("--remove", PANA_CUT=str(cut))
    assert board.run("--remove").returncode == 0
    assert picture(board.root) == before


def test_removal_may_leave_the_record_of_alarms(board: Board, desk: Desk) -> None:
    assert board.provision(desk.kiosk_file).returncode == 0
    journal = board.root / "var/lib/pana-kiosk/journal.sqlite"
    journal.write_text("alarms")
    assert board.run("--remove", "--keep-state").returncode == 0
    assert journal.read_text() == "alarms"
    assert not (board.root / "etc/pana-kiosk").exists()


def test_a_copied_card_gets_an_identity_of_its_own(board: Board, desk: Desk) -> None:
    serial(board, "10000000aaaaaaaa")
    assert board.provision(desk.kiosk_file).returncode == 0
    first = board.read("/etc/machine-id")
    assert re.fullmatch("[0-9a-f]{32}\n", first)
    for name in ("kiosk.key", "kiosk.pem"):
        (board.root / "etc/pana-kiosk" / name).write_text("the other board's")
    (board.root / "var/lib/pana-kiosk/journal.sqlite").write_text("the other board's")
    same = board.provision(desk.kiosk_file)
    assert same.stdout.splitlines()[-1] == "0 changed"
    serial(board, "10000000bbbbbbbb")
    assert board.provision(desk.kiosk_file, PANA_CUT="3").returncode == -9
    told = board.provision(desk.kiosk_file)
    assert told.returncode == 0, told.stderr
    assert "copied from another board" in told.stdout
    assert board.read("/etc/machine-id") != first
    assert not (board.root / "etc/pana-kiosk/kiosk.key").exists()
    assert not (board.root / "etc/pana-kiosk/kiosk.pem").exists()
    assert not (board.root / "var/lib/pana-kiosk/journal.sqlite").exists()
    assert (board.root / "var/lib/pana-kiosk/voice").is_dir()
    assert board.provision(desk.kiosk_file).stdout.splitlines()[-1] == "0 changed"


def test_a_board_without_a_serial_number_is_known_by_a_card_that_cannot_be_unplugged(
    board: Board, desk: Desk
) -> None:
    def card(name: str, bus: str, address: str) -> None:
        device = board.root / "sys/devices" / bus / "net" / name
        device.mkdir(parents=True)
        (device / "address").write_text(f"{address}\n")
        link = board.root / "sys/class/net" / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(f"../../devices/{bus}/net/{name}")

    card("enx02", "platform/usb1/1-1", "02:00:00:00:00:01")
    card("eth1", "platform/eth", "dc:a6:32:00:00:02")
    assert board.provision(desk.kiosk_file).returncode == 0
    assert "serial=dca632000002" in board.read("/var/lib/pana-provision/board")


def test_an_enrolled_kiosk_keeps_the_key_that_the_centre_gave_and_gets_no_token(
    board: Board, desk: Desk
) -> None:
    assert board.provision(desk.kiosk_file).returncode == 0
    folder = board.root / "etc/pana-kiosk"
    (folder / "kiosk.pem").write_text("a certificate")
    (folder / "sms.key").write_text("the centre's")
    (folder / "token").unlink()
    assert board.provision(desk.kiosk_file).stdout.splitlines()[-1] == "0 changed"
    assert (folder / "sms.key").read_text() == "the centre's"
    assert not (folder / "token").exists()


def test_the_copy_of_a_configuration_goes_with_the_file_that_it_was_made_of(board: Board, desk: Desk) -> None:
    """A card that becomes another kiosk must never arm with the place of the one before."""
    assert board.provision(desk.kiosk_file).returncode == 0
    copy, site = (
        board.root / f"{path}" for path in ("var/lib/pana-kiosk/site.good.toml", "etc/pana-kiosk/site.toml")
    )
    copy.write_text(site.read_text(encoding="utf-8"), encoding="utf-8")
    assert board.provision(desk.kiosk_file).stdout.splitlines()[-1] == "0 changed"
    assert copy.exists()
    site.write_text("of the kiosk before", encoding="utf-8")
    assert board.provision(desk.kiosk_file).stdout.splitlines()[-1] == "2 changed"
    assert not copy.exists()


def test_a_newer_version_that_an_update_brought_stays(board: Board, desk: Desk) -> None:
    assert board.provision(desk.kiosk_file).returncode == 0
    slot = board.root / "opt/pana-kiosk/slots/a"
    (slot / "VERSION").write_text("0.2.0\n")
    (slot / "MANIFEST").write_text("another")
    told = board.provision(desk.kiosk_file)
    assert told.returncode == 0, told.stderr
    assert "0.2.0" in told.stdout
    assert told.stdout.splitlines()[-1] == "0 changed"


def test_a_newer_release_goes_beside_the_old_one(board: Board, tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk")
    assert board.provision(desk.make()).returncode == 0
    file = desk.make_kiosk(desk.make_release(version="0.2.0"), version="0.2.0")
    assert board.provision(file).returncode == 0
    assert board.read("/opt/pana-kiosk/current/VERSION") == "0.2.0\n"
    assert board.read("/opt/pana-kiosk/slots/a/VERSION") == "0.1.0\n"
    assert not (
        board.root / "opt/pana-kiosk/trial"
    ).exists()  # nothing starts in an image: nobody could judge it


def test_ssh_takes_one_key_and_no_password_where_the_bundle_asks(board: Board, tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk")
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample tech@desk"
    file = desk.make(PANA_SSH="key", PANA_SSH_KEY=key)
    without = board.provision(file)
    assert without.returncode == 1
    assert "SSH server is missing" in without.stderr
    status = board.root / "var/lib/dpkg/status"
    stanza = "Package: openssh-server\nStatus: install ok installed\nArchitecture: arm64\nVersion: 1\n\n"
    status.write_text(status.read_text() + stanza)
    assert board.provision(file).returncode == 0
    assert board.read("/etc/ssh/pana_authorized_keys") == f"{key}\n"
    assert "PasswordAuthentication no" in board.read("/etc/ssh/sshd_config.d/00-pana.conf")
    assert "dport 22" in board.read("/etc/pana-firewall.d/ssh.nft")
    assert (board.root / "etc/systemd/system/multi-user.target.wants/ssh.service").is_symlink()
    assert board.provision(file).stdout.splitlines()[-1] == "0 changed"
    assert board.provision(desk.make()).returncode == 0  # off again
    assert not (board.root / "etc/ssh/pana_authorized_keys").exists()
    assert not (board.root / "etc/pana-firewall.d/ssh.nft").exists()


def test_a_data_partition_is_bound_over_the_kiosks_folders(board: Board, tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk")
    status = board.root / "var/lib/dpkg/status"
    stanza = "Package: overlayroot\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n\n"
    status.write_text(status.read_text() + stanza)
    file = desk.make(PANA_DATA_DEVICE="/dev/disk/by-label/pana-data", PANA_READ_ONLY_ROOT="yes")
    before = picture(board.root)
    first = board.provision(file)
    assert first.returncode == 0, first.stderr
    units = board.root / "etc/systemd/system"
    data = (units / "srv-pana.mount").read_text()
    assert "Options=noatime,commit=60,data=ordered,errors=remount-ro" in data
    assert "What=/srv/pana/_var_lib_pana-kiosk" in (units / r"var-lib-pana\x2dkiosk.mount").read_text()
    wanted = sorted(path.name for path in (units / "local-fs.target.wants").iterdir())
    assert wanted == [
        r"etc-pana\x2dkiosk.mount", r"opt-pana\x2dkiosk.mount", "srv-pana.mount",
        r"var-lib-pana\x2dkiosk.mount",
    ]  # fmt: skip
    # an image whose root were read-only at its first start could never be finished, nor keep a record
    assert not (board.root / "etc/overlayroot.local.conf").exists()
    assert "read-only when provision.sh has run on the board" in first.stdout
    assert board.provision(file).stdout.splitlines()[-1] == "0 changed"
    checked = [str(units / name) for name in ("srv-pana.mount", r"opt-pana\x2dkiosk.mount")]
    command = ["systemd-analyze", "--root", str(board.root), "--recursive-errors=no", "verify", *checked]
    verified = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Unknown" not in verified.stderr, verified.stderr
    assert board.run("--remove").returncode == 0
    assert picture(board.root) == before


def test_a_read_only_root_without_a_data_partition_is_refused(board: Board, tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk")
    status = board.root / "var/lib/dpkg/status"
    stanza = "Package: overlayroot\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n\n"
    status.write_text(status.read_text() + stanza)
    refused = board.provision(desk.make(PANA_READ_ONLY_ROOT="yes"))
    assert refused.returncode == 1
    assert "needs a data partition" in refused.stderr


def test_the_firewall_lets_nothing_in_and_loads_twice(tmp_path: Path) -> None:
    nft = shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin")
    assert nft, "nftables is among the packages of dev/setup.sh"
    files = HERE / "provisioning/files/etc"
    rules = (files / "pana-firewall.nft").read_text()
    assert rules.count("policy drop") == 2
    trial = tmp_path / "rules.nft"
    trial.write_text(rules.replace("/etc/pana-firewall.d", str(files / "pana-firewall.d")))
    script = f'"{nft}" -f "$1" && "{nft}" -f "$1" && "{nft}" list ruleset'
    command = ["unshare", "-rn", "sh", "-c", script, "sh", str(trial)]
    loaded = subprocess.run(command, capture_output=True, text=True, check=False)
    if "unshare" in loaded.stderr:
        pytest.skip("this machine gives no network namespace of its own")
    assert loaded.returncode == 0, loaded.stderr
    assert loaded.stdout.count("dport 22") == 1
