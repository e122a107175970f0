"""`kiosk fleet boot-files`: a card that makes its kiosk at first start, checked before and after."""

import os
import shutil
import tomllib

import pytest
from fleet_desk import ROOT, Desk
from hypothesis import given, settings
from hypothesis import strategies as st
from test_fleet_make import own

from kiosk.commands.exits import Exit
from kiosk.fleet import cards
from kiosk.fleet.making import FleetError

CMDLINE = "console=serial0,115200 root=PARTUUID=1-02 rootfstype=ext4 fsck.repair=yes rootwait quiet\n"
ADDITION = " systemd.run=/boot/firmware/firstrun.sh systemd.run_success_action=reboot systemd.unit=x.target\n"


class Bench:
    """A desk with two bundles, sources, and a mounted boot partition."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        assert desk.make(own(2)).exit_code == Exit.OK
        self.boot = desk.folder / "bootfs"
        self.boot.mkdir()
        (self.boot / "cmdline.txt").write_text(CMDLINE)
        self.source = desk.folder / "source"
        boot = self.source / "provisioning" / "boot"
        boot.mkdir(parents=True)
        (boot / "user-data").write_text("#cloud-config\n")
        (boot / "firstrun.sh").write_text("#!/bin/bash\n")
        (boot / "cmdline.txt").write_text(ADDITION)
        (boot.parent / "provision.sh").write_text("#!/usr/bin/env bash\n")
        (boot.parent / "site.example.toml").write_text("")
        (boot.parent / "broker").mkdir()
        (boot.parent / "broker" / "acl").write_text("")

    def run(self, *args: str, kiosk: str = "kz-ala-0001") -> tuple[int, str]:
        path = str(self.desk.out / f"{kiosk}.pana.tar")
        given = ["--to", str(self.boot), "--source", str(self.source)]
        result = self.desk.run("boot-files", path, *given, *args)
        return result.exit_code, result.output

    def files(self) -> set[str]:
        return {str(path.relative_to(self.boot)) for path in self.boot.rglob("*") if path.is_file()}


@pytest.fixture
def bench(desk: Desk) -> Bench:
    return Bench(desk)


PANA = {
    "pana/kz-ala-0001.pana.tar",
    "pana/owner.pub",
    "pana/pana-release-0.1.0.tar",
    "pana/provisioning/boot/cmdline.txt",
    "pana/provisioning/boot/firstrun.sh",
    "pana/provisioning/boot/user-data",
    "pana/provisioning/provision.sh",
}


def test_a_trixie_card_is_started_by_cloud_init(bench: Bench) -> None:
    (bench.boot / "meta-data").write_text("instance-id: rpi\n")
    (bench.boot / "user-data").write_text("# the image's own\n")
    code, words = bench.run()
    assert code == Exit.OK, words
    assert "ready for kz-ala-0001, Trixie" in words
    assert bench.files() == PANA | {
        "cmdline.txt", "meta-data", "meta-data.before-pana", "network-config",
        "user-data", "user-data.before-pana",
    }  # fmt: skip
    assert (bench.boot / "user-data").read_text() == "#cloud-config\n"
    assert (bench.boot / "user-data.before-pana").read_text() == "# the image's own\n"
    assert "instance-id: pana-kz-ala-0001-" in (bench.boot / "meta-data").read_text()
    assert (bench.boot / "cmdline.txt").read_text() == CMDLINE


def test_a_bookworm_card_is_started_by_its_command_line(bench: Bench) -> None:
    code, words = bench.run()
    assert (code, "Bookworm" in words) == (Exit.OK, True)
    assert bench.files() == PANA | {"cmdline.txt", "cmdline.txt.before-pana", "firstrun.sh"}
    assert (bench.boot / "cmdline.txt").read_text() == CMDLINE.rstrip("\n") + ADDITION
    assert bench.run("--again")[0] == Exit.OK
    assert (bench.boot / "cmdline.txt").read_text() == CMDLINE.rstrip("\n") + ADDITION
    assert (bench.boot / "cmdline.txt.before-pana").read_text() == CMDLINE


def test_a_card_of_another_kiosk_is_left_alone_until_it_is_said_twice(bench: Bench) -> None:
    assert bench.run()[0] == Exit.OK
    code, words = bench.run(kiosk="kz-ala-0002")
    assert (code, "is prepared for kz-ala-0001; --again replaces that" in words) == (Exit.FAILED, True)
    assert bench.run("--again", kiosk="kz-ala-0002")[0] == Exit.OK
    assert "pana/kz-ala-0002.pana.tar" in bench.files()
    assert "pana/kz-ala-0001.pana.tar" not in bench.files()


def test_what_is_no_boot_partition_is_left_alone(bench: Bench) -> None:
    (bench.boot / "cmdline.txt").unlink()
    code, words = bench.run()
    assert (code, "is no boot partition" in words, bench.files()) == (Exit.FAILED, True, set())


def test_a_spoilt_bundle_or_release_changes_nothing_on_the_card(bench: Bench) -> None:
    release = bench.desk.out / "pana-release-0.1.0.tar"
    whole = release.read_bytes()
    release.write_bytes(whole.replace(b"# none", b"# some"))
    assert "is damaged" in bench.run()[1]
    release.unlink()
    assert "is not beside it; copy it there, or make the bundle with --whole" in bench.run()[1]
    release.write_bytes(whole)
    path = bench.desk.out / "kz-ala-0001.pana.tar"
    path.write_bytes(
        path.read_bytes().replace(b"spoken", b"s0oken").replace(b'mode = "off"', b'mode = "0ff"')
    )
    assert "is damaged" in bench.run()[1]
    assert bench.files() == {"cmdline.txt"}


def test_a_bundle_that_carries_its_release_needs_none_beside(bench: Bench) -> None:
    assert bench.desk.make(own(1), "--whole").exit_code == Exit.OK
    (bench.desk.out / "pana-release-0.1.0.tar").unlink()
    assert bench.run()[0] == Exit.OK
    assert "pana/pana-release-0.1.0.tar" not in bench.files()


def test_a_card_that_is_too_small_is_told_before(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(bench.boot)._replace(free=5 << 20)
    monkeypatch.setattr(cards.shutil, "disk_usage", lambda _: usage)
    code, words = bench.run()
    assert (code, "5 MB are free, 16 MB are needed" in words) == (Exit.FAILED, True)
    assert bench.files() == {"cmdline.txt"}


def test_a_card_that_lies_is_found(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.sync

    def lose() -> None:
        whole()
        path = bench.boot / "pana" / "pana-release-0.1.0.tar"
        path.write_bytes(path.read_bytes().replace(b"# none", b"######"))

    monkeypatch.setattr(cards.os, "sync", lose)
    code, words = bench.run()
    assert (code, "the card did not keep what was written" in words) == (Exit.FAILED, True)


def test_a_card_that_breaks_is_a_sentence(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error", str(bench.boot))

    monkeypatch.setattr(cards.shutil, "copytree", broken)
    assert "Input/output error; try another card" in bench.run()[1]


def test_sources_without_the_scripts_are_told(bench: Bench) -> None:
    (bench.source / "provisioning" / "provision.sh").unlink()
    assert "name the sources of the kiosk by --source" in bench.run()[1]


def test_a_wifi_is_laid_down_for_trixie_only(bench: Bench) -> None:
    secret = bench.desk.folder / "wifi"
    secret.write_text('pass"word\n')
    wifi = ("--wifi", "Дүкен", "--wifi-password-file", str(secret))
    assert "for Trixie only" in bench.run(*wifi)[1]
    code, words = bench.run(*wifi, "--suite", "trixie")
    assert (code, "pass" in words) == (Exit.OK, False)
    text = (bench.boot / "network-config").read_text()
    assert '        "Дүкен": {password: "pass\\"word"}\n' in text
    secret.write_text("short")
    assert "a password of 8 to 63" in bench.run(*wifi, "--again")[1]


@settings(deadline=None)
@given(st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=8, max_size=30))
def test_no_password_breaks_out_of_its_quotes(password: str) -> None:
    try:
        line = cards.network(cards.Wifi(name="x", password=password)).splitlines()[-1]
    except FleetError:
        return
    quoted = line.removeprefix('        "x": {password: ').removesuffix("}")
    assert tomllib.loads(f"p = {quoted}") == {"p": password}, (
        "double quotes mean the same in TOML and YAML here"
    )


def test_the_shipped_scripts_go_on_the_card(bench: Bench) -> None:
    shipped = ROOT / "provisioning"
    result = bench.desk.run(
        "boot-files",
        str(bench.desk.out / "kz-ala-0001.pana.tar"),
        "--to",
        str(bench.boot),
        "--source",
        str(ROOT),
    )
    assert result.exit_code == Exit.OK, result.output
    assert (bench.boot / "firstrun.sh").read_bytes() == (shipped / "boot" / "firstrun.sh").read_bytes()
    assert not (bench.boot / "pana/provisioning/broker").exists()
