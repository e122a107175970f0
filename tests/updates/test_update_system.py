"""The system part: only what is older, never taken back, put right first when a cut left dpkg half done."""

from pathlib import Path

import pytest
from fakes.update_bench import UpdateBench

from kiosk.update.places import Places, UpdateFailed, last_line
from kiosk.update.system import System

pytestmark = pytest.mark.real

QUERY = '#!/bin/sh\n[ -e "{root}/dpkg-$4" ] && cat "{root}/dpkg-$4"\n'
FIELD = """#!/bin/sh
name=$(basename "$2" .deb)
case $3 in Package) echo "${name%%_*}" ;; Version) echo "${name##*_}" ;; esac
"""
DPKG = """#!/bin/sh
case $1 in
--compare-versions) [ "$2" != "$4" ] ;;
*) echo "$*" >>{root}/calls; [ ! -e {root}/broken ] || {{ echo "dpkg: error: disk full" >&2; exit 1; }} ;;
esac
"""


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UpdateBench:
    made = UpdateBench(tmp_path)
    made.tool("dpkg-query", QUERY.format(root=tmp_path))
    made.tool("dpkg-deb", FIELD)
    made.tool("dpkg", DPKG.format(root=tmp_path))
    monkeypatch.setenv("PATH", made.path)
    for name in ("deb/pana-kiosk_2.0", "debs/bookworm-arm64/nftables_1"):
        file = tmp_path / "release" / f"{name}.deb"
        file.parent.mkdir(parents=True)
        file.touch()
    return made


def calls(bench: UpdateBench) -> list[str]:
    file = bench.root / "calls"
    text = file.read_text().replace(f"{bench.root}/release/", "") if file.exists() else ""
    return text.splitlines()


def prepare(bench: UpdateBench, **installed: str) -> list[str]:
    for name, state in installed.items():
        (bench.root / f"dpkg-{name.replace('_', '-')}").write_text(state)
    System(Places(bench.root)).prepare(bench.root / "release")
    return calls(bench)


INSTALL = "--install --force-confold"


def test_an_older_package_is_replaced_and_what_it_needs_comes_first(bench: UpdateBench) -> None:
    wanted = f"{INSTALL} debs/bookworm-arm64/nftables_1.deb deb/pana-kiosk_2.0.deb"
    assert prepare(bench, pana_kiosk="ii  1.0") == [wanted]


def test_what_is_there_already_is_left_alone(bench: UpdateBench) -> None:
    assert prepare(bench, pana_kiosk="ii  2.0", nftables="ii  1") == []


def test_a_package_that_a_cut_left_half_installed_is_put_right(bench: UpdateBench) -> None:
    done = prepare(bench, pana_kiosk="iF  2.0", nftables="ii  1")
    assert done == ["--configure --pending", f"{INSTALL} deb/pana-kiosk_2.0.deb"]


@pytest.mark.parametrize("state", [{}, {"pana_kiosk": "rc  1.0"}])
def test_a_machine_without_the_package_has_none_installed(bench: UpdateBench, state: dict[str, str]) -> None:
    assert prepare(bench, **state) == []


def overlaid(bench: UpdateBench) -> None:
    mounts = bench.root / "proc/mounts"
    mounts.parent.mkdir()
    mounts.write_text(
        "rootfs / ext4 rw 0 0\nproc /proc proc rw 0 0\n"
        "overlayroot / overlay rw,lowerdir=/media/root-ro 0 0\ntmpfs /run tmpfs rw 0 0\n"
    )


def test_a_root_that_forgets_is_left_as_it_is(bench: UpdateBench) -> None:
    """What dpkg lays into an overlay in memory is gone at the next start."""
    overlaid(bench)
    assert prepare(bench, pana_kiosk="ii  1.0", nftables="ii  1") == []


def test_a_version_that_needs_a_new_package_is_refused_where_the_root_would_forget_it(
    bench: UpdateBench,
) -> None:
    """Else it would run until the next start, and then no version would."""
    overlaid(bench)
    with pytest.raises(UpdateFailed, match="update_system: read-only root: nftables"):
        prepare(bench, pana_kiosk="ii  1.0")
    assert calls(bench) == []


def test_an_ordinary_root_below_other_mounts_is_written(bench: UpdateBench) -> None:
    overlaid(bench)
    mounts = bench.root / "proc/mounts"
    mounts.write_text(mounts.read_text() + "/dev/mmcblk0p2 / ext4 rw 0 0\noverlay /srv overlay rw 0 0\n")
    assert prepare(bench, pana_kiosk="ii  1.0", nftables="ii  1") == [f"{INSTALL} deb/pana-kiosk_2.0.deb"]


def test_dpkgs_own_words_say_what_went_wrong(bench: UpdateBench) -> None:
    (bench.root / "broken").touch()
    with pytest.raises(UpdateFailed, match="update_system: dpkg: error: disk full"):
        prepare(bench, pana_kiosk="ii  1.0")


def test_a_child_that_cannot_run_is_a_failure_like_another(tmp_path: Path) -> None:
    done = Places(tmp_path).run(tmp_path / "missing")
    assert done.returncode == 127
    assert "No such file" in last_line(done)


def test_a_target_is_named_by_the_system_and_its_architecture(bench: UpdateBench) -> None:
    bench.tool("dpkg", "#!/bin/sh\necho armhf\n")
    assert Places(bench.root).target() == "bookworm-armhf"


def test_a_restart_is_systemds(bench: UpdateBench) -> None:
    bench.tool("systemctl", f'#!/bin/sh\necho "$*" >>{bench.root}/calls\n')
    System(Places(bench.root)).restart()
    assert calls(bench) == ["restart --no-block kiosk.service"]
