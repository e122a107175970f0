"""The Debian packages: what is in them, what installing and removing does, and that they are reproducible."""

import hashlib
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from deploy.packages import ROOT, Tree, build, members, run

from kiosk.cli import COMMANDS

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]
UNITS = "/usr/lib/systemd/system/"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="dpkg gives files to their owners")


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return build(ROOT, tmp_path_factory.mktemp("dist"))


@pytest.fixture(params=["kiosk", "monitor"])
def name(request: pytest.FixtureRequest) -> str:
    return f"pana-{request.param}"


def test_another_clone_umask_time_and_language_give_the_same_bytes(
    packages: dict[str, Path], tmp_path: Path
) -> None:
    clone = tmp_path / "another place" / "clone"
    clone.mkdir(parents=True)
    tracked = run("git", "-C", ROOT, "ls-files", "-z", "debian", "dev", "systemd", "provisioning", "kiosk")
    for each in filter(None, [*tracked.split("\0"), "CHANGELOG.md", "pyproject.toml"]):
        (clone / each).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / each, clone / each)
        os.utime(clone / each, (1_000_000_000, 1_000_000_000))
    (clone / "systemd/kiosk.service").chmod(0o600)
    here = {"TZ": "Asia/Almaty", "LANG": "C", "HOME": str(tmp_path)}
    again = build(clone, tmp_path / "dist", umask=0o077, **here)
    digests = [
        {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in built.items()}
        for built in (packages, again)
    ]
    assert digests[0] == digests[1]
    assert sorted(digests[0]) == ["pana-kiosk", "pana-monitor"]


def test_lintian_finds_neither_error_nor_warning(packages: dict[str, Path]) -> None:
    command = ["lintian", "--profile", "debian", "--fail-on", "error,warning", *map(str, packages.values())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_each_package_fits_all_machines_and_bears_the_programs_version(
    packages: dict[str, Path], name: str
) -> None:
    fields = run("dpkg-deb", "--show", "--showformat=${Version} ${Architecture}", packages[name])
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    version, architecture = fields.split()
    assert f'version = "{version}"' in pyproject
    assert architecture == "all"


def test_every_file_of_systemd_is_in_one_package(packages: dict[str, Path]) -> None:
    kiosk, monitor = (set(members(packages[f"pana-{part}"])) for part in ("kiosk", "monitor"))
    units = {UNITS + path.name for path in (ROOT / "systemd").iterdir() if path.is_file()}
    assert {each for each in kiosk | monitor if each.startswith(UNITS)} == units
    assert not {each for each in kiosk & monitor if each.startswith(UNITS)}
    assert {UNITS + "kiosk.service", UNITS + "kiosk-update.path"} <= kiosk
    assert {UNITS + "kiosk-monitor.service", UNITS + "pana-crl.timer"} <= monitor


def test_the_drop_ins_of_a_board_are_not_on_a_centre(packages: dict[str, Path]) -> None:
    board = {
        "/usr/lib/sysusers.d/pana-kiosk.conf",
        "/usr/lib/tmpfiles.d/pana-kiosk.conf",
        "/usr/lib/udev/rules.d/70-pana-gpio.rules",
        "/usr/lib/modules-load.d/pana-kiosk.conf",
        "/usr/lib/systemd/system.conf.d/50-pana-kiosk.conf",
        "/usr/lib/systemd/journald.conf.d/50-pana-kiosk.conf",
    }
    assert board <= set(members(packages["pana-kiosk"]))
    assert not board & set(members(packages["pana-monitor"]))


def test_programs_may_be_run_and_nothing_else_may(packages: dict[str, Path], name: str) -> None:
    found = members(packages[name])
    programs = {path for path, (mode, _) in found.items() if mode == "-rwxr-xr-x"}
    assert {mode for mode, _ in found.values()} == {"-rwxr-xr-x", "-rw-r--r--"}
    assert {owner for _, owner in found.values()} == {"root/root"}
    assert all(path.startswith((f"/usr/lib/{name}/", "/usr/bin/kiosk")) for path in programs)
    assert {f"/usr/lib/{name}/slot", f"/usr/lib/{name}/install-slot", "/usr/bin/kiosk"} <= programs


def test_every_program_of_ours_that_a_unit_starts_is_in_its_package(packages: dict[str, Path]) -> None:
    """A condition whose program is missing says no for ever: a kiosk without drills."""
    held = {f"pana-{part}": set(members(packages[f"pana-{part}"])) for part in ("kiosk", "monitor")}
    started = {
        found
        for unit in (ROOT / "systemd").glob("*.service")
        for found in re.findall(r"^Exec\w+=\S*?(/usr/lib/pana-\S+)", unit.read_text(), flags=re.MULTILINE)
    }
    assert "/usr/lib/pana-kiosk/drill-due" in started
    assert not [path for path in started if path not in held[path.split("/")[3]]]


def test_shells_complete_and_the_manual_knows_every_command(
    packages: dict[str, Path], tmp_path: Path
) -> None:
    run("dpkg-deb", "--extract", packages["pana-kiosk"], tmp_path)
    share = tmp_path / "usr/share"
    run("bash", "-n", share / "bash-completion/completions/kiosk")
    assert "#compdef kiosk" in (share / "zsh/vendor-completions/_kiosk").read_text()
    shown = run("zcat", share / "man/man1/kiosk.1.gz")
    for command in COMMANDS:
        assert f'.SS "kiosk {command}'.replace("-", "\\-") in shown
    assert str(ROOT) not in shown


def test_a_program_that_is_not_installed_says_so(packages: dict[str, Path], tmp_path: Path) -> None:
    run("dpkg-deb", "--extract", packages["pana-monitor"], tmp_path)
    text = (tmp_path / "usr/bin/kiosk").read_text()
    assert "/opt/pana-monitor/current/bin/kiosk" in text
    assert "pana-kiosk" not in text
    assert "PANA_HOME:-/opt/pana-monitor" in (tmp_path / "usr/lib/pana-monitor/slot").read_text()
    moved = tmp_path / "kiosk"
    moved.write_text(text.replace("/opt/", f"{tmp_path}/opt/"))
    done = subprocess.run(["/bin/sh", moved], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 69
    assert "no version is installed" in done.stderr


@needs_root
def test_installing_makes_users_and_folders_and_starts_or_enables_nothing(
    packages: dict[str, Path], tmp_path: Path
) -> None:
    tree = Tree(tmp_path / "root")
    tree.dpkg("--install", packages["pana-kiosk"])
    uid, gid = tree.ids("pana-kiosk")
    groups = (tree.root / "etc/group").read_text()
    for group in ("gpio", "audio", "dialout"):
        assert f"{group}:" in groups
    keys, state = ((tree.root / path).stat() for path in ("etc/pana-kiosk", "var/lib/pana-kiosk"))
    assert (keys.st_uid, keys.st_gid, stat.S_IMODE(keys.st_mode)) == (0, gid, 0o1770)
    assert (state.st_uid, state.st_gid, stat.S_IMODE(state.st_mode)) == (uid, gid, 0o750)
    assert not (tree.root / "etc/systemd").exists()
    before = tree.files()
    tree.dpkg("--install", packages["pana-kiosk"])
    assert tree.files() == before


@needs_root
def test_what_root_put_beside_the_keys_gets_its_owner_and_mode_back(
    packages: dict[str, Path], tmp_path: Path
) -> None:
    tree = Tree(tmp_path / "root")
    tree.dpkg("--install", packages["pana-kiosk"])
    uid, gid = tree.ids("pana-kiosk")
    secrets = dict.fromkeys(("sim.pin", "mqtt.password"), (0, 0, 0o600))
    for name in ("owner.pub", "site.toml", "kiosk.key"):
        file = tree.root / "etc/pana-kiosk" / name
        file.write_text(name)
        file.chmod(0o600)
        os.chown(file, uid, gid)
    run("systemd-tmpfiles", f"--root={tree.root}", "--create", "pana-kiosk.conf")
    seen = {path.name: path.stat() for path in (tree.root / "etc/pana-kiosk").iterdir()}
    owners = {name: (each.st_uid, each.st_gid, stat.S_IMODE(each.st_mode)) for name, each in seen.items()}
    assert owners == secrets | {
        "owner.pub": (0, 0, 0o644),
        "site.toml": (0, gid, 0o640),
        "kiosk.key": (uid, gid, 0o600),
    }


@needs_root
def test_what_a_command_of_roots_made_of_the_identity_goes_back_to_the_kiosk(
    packages: dict[str, Path], tmp_path: Path
) -> None:
    tree = Tree(tmp_path / "root")
    tree.dpkg("--install", packages["pana-kiosk"])
    uid, gid = tree.ids("pana-kiosk")
    modes = dict.fromkeys(("kiosk.key", "kiosk.key.pending", "sms.key"), 0o600)
    modes |= dict.fromkeys(("kiosk.pem", "kiosk.pem.new", "kiosk.pem.candidate"), 0o644)
    folder = tree.root / "etc/pana-kiosk"
    for name, mode in modes.items():
        (folder / name).touch(mode)
    run("systemd-tmpfiles", f"--root={tree.root}", "--create", "pana-kiosk.conf")
    seen = {name: (folder / name).stat() for name in modes}
    assert {(each.st_uid, each.st_gid) for each in seen.values()} == {(uid, gid)}
    assert {name: stat.S_IMODE(each.st_mode) for name, each in seen.items()} == modes


@needs_root
def test_removing_leaves_nothing_but_state_and_purging_no_link(
    packages: dict[str, Path], name: str, tmp_path: Path
) -> None:
    tree = Tree(tmp_path / "root")
    tree.dpkg("--install", packages[name])
    main = "kiosk.service" if name == "pana-kiosk" else "kiosk-monitor.service"
    run("systemctl", f"--root={tree.root}", "enable", main)
    assert [each for each in tree.files() if each.endswith(f".wants/{main}")]
    (tree.root / "var/lib" / name / "journal.sqlite").touch()
    tree.dpkg("--remove", name)
    assert not [each for each in tree.files() if each.startswith("/usr/")]
    tree.dpkg("--purge", name)
    users = {"/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/.pwd.lock"}
    kept = {f"/var/lib/{name}/journal.sqlite"}
    if name == "pana-kiosk":
        kept |= {"/etc/pana-kiosk/sim.pin", "/etc/pana-kiosk/mqtt.password"}
    assert tree.files() - users == kept


def test_udev_finds_nothing_wrong_with_the_rules() -> None:
    rules = (ROOT / "systemd/udev").glob("*.rules")
    verify = ["udevadm", "verify", *map(str, rules)]
    done = subprocess.run(verify, capture_output=True, text=True, timeout=30, check=False)
    if "Unknown command" in done.stderr:
        pytest.skip("this udevadm cannot verify rules")
    assert done.returncode == 0, done.stdout + done.stderr
