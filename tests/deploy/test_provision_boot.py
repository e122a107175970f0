"""A card's first start: the boot partition makes the kiosk, however often power is cut meanwhile."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from fakes.board_tree import HERE

pytestmark = pytest.mark.real
BOOT = HERE / "provisioning/boot"
LINE = "console=tty1 root=PARTUUID=1234-02 rootwait quiet"
UNIT = "etc/systemd/system/pana-provision.service"


class Card:
    """A boot partition with a bundle, and a root."""

    def __init__(self, folder: Path) -> None:
        self.boot, self.root = folder / "boot", folder / "root"
        self.pana = self.boot / "pana"
        (self.root / "etc/systemd/system").mkdir(parents=True)
        (self.pana / "provisioning").mkdir(parents=True)
        for name in ("boot", "words"):
            shutil.copytree(BOOT.parent / name, self.pana / "provisioning" / name)
        shutil.copy(BOOT / "firstrun.sh", self.boot)
        addition = (BOOT / "cmdline.txt").read_text().strip()
        (self.boot / "cmdline.txt").write_text(f"{LINE} {addition}\n")
        (folder / "site.toml").write_text('[kiosk]\nlanguages = [\n    "kk",\n    "ru",\n]\n')
        bundle = self.pana / "almaty-0017.pana.tar"
        subprocess.run(["tar", "-cf", str(bundle), "-C", str(folder), "site.toml"], check=True)
        (self.pana / "pana-release-0.1.0.tar").write_text("a release")

    def script(self, text: str) -> None:
        (self.pana / "provisioning/provision.sh").write_text(text)

    def run(self, *words: str | Path) -> "subprocess.CompletedProcess[str]":
        env = {**os.environ, "PANA_ROOT": str(self.root), "PANA_BOOT": str(self.boot)}
        return subprocess.run(
            [str(word) for word in words], env=env, capture_output=True, text=True, check=False
        )

    def provision(self) -> "subprocess.CompletedProcess[str]":
        return self.run("sh", self.pana / "provisioning/boot/provision-here", self.pana)

    @property
    def result(self) -> str:
        return (self.pana / "result.txt").read_text()


@pytest.fixture
def card(tmp_path: Path) -> Card:
    return Card(tmp_path)


def test_bookworms_first_start_lays_the_unit_and_puts_the_command_line_back(card: Card) -> None:
    for _ in range(2):  # cut before the end, it runs again
        done = card.run("bash", card.boot / "firstrun.sh")
        assert done.returncode == 0, done.stderr
        assert (card.boot / "cmdline.txt").read_text() == f"{LINE}\n"
        wanted = card.root / "etc/systemd/system/multi-user.target.wants/pana-provision.service"
        assert str(wanted.readlink()) == f"/{UNIT}"
        assert (card.root / UNIT).read_text() == (BOOT / "pana-provision.service").read_text()


def test_the_command_line_is_touched_only_when_the_unit_lies(card: Card) -> None:
    (card.root / "etc/systemd/system").rmdir()
    (card.root / "etc/systemd/system").write_text("a disk that cannot be written")
    before = (card.boot / "cmdline.txt").read_text()
    assert card.run("bash", card.boot / "firstrun.sh").returncode != 0
    assert (card.boot / "cmdline.txt").read_text() == before


def test_trixies_first_start_is_asked_at_every_start() -> None:
    text = (BOOT / "user-data").read_text()
    assert text.startswith("#cloud-config\n")
    assert "bootcmd:" in text  # runcmd runs once an instance: a power cut would end it
    assert "/boot/firmware/pana/provisioning/boot/first-start, --start" in text


def test_once_made_nothing_is_laid_any_more(card: Card) -> None:
    (card.pana / "almaty-0017.pana.tar").unlink()
    assert card.run("sh", card.pana / "provisioning/boot/first-start").returncode == 0
    assert not (card.root / UNIT).exists()


def test_success_is_told_on_the_card_and_the_secrets_leave_it(card: Card) -> None:
    card.script('echo "$@"; echo "41 changed"')
    done = card.provision()
    assert done.returncode == 0, done.stderr
    assert card.result == f"--bundle {card.pana}/almaty-0017.pana.tar --lang kk --yes\n41 changed\n"
    assert not list(card.pana.glob("*.tar"))


def test_a_failure_is_told_on_the_card_and_tried_again(card: Card) -> None:
    card.script("echo 'Too little room' >&2; exit 3")
    assert card.provision().returncode == 3
    assert card.result == "Too little room\n"
    assert len(list(card.pana.glob("*.tar"))) == 2
    card.script("echo '0 changed'")
    assert card.provision().returncode == 0
    assert card.result == "0 changed\n"


def test_two_bundles_or_none_are_told(card: Card) -> None:
    (card.pana / "astana-0001.pana.tar").write_text("another's")
    assert card.provision().returncode == 1
    assert [line.split()[0] for line in card.result.splitlines()] == [str(card.pana), "В", "More"]
    for file in card.pana.glob("*.pana.tar"):
        file.unlink()
    assert card.provision().returncode == 1
    assert card.result.endswith(f"No bundle (*.pana.tar) lies in {card.pana}.\n")


def test_the_units_are_ones_that_systemd_understands(tmp_path: Path) -> None:
    units = tmp_path / "units"
    units.mkdir()
    files = HERE / "provisioning/files/etc/systemd/system"
    for file in (*files.iterdir(), BOOT / "pana-provision.service"):
        text = file.read_text()
        for program in ("/usr/sbin/nft", "/usr/local/lib/pana-kiosk/reboot-when-quiet"):
            text = text.replace(program, "/bin/true")
        (units / file.name).write_text(text)
    command = ["systemd-analyze", "verify", "--recursive-errors=no", "--man=no"]
    verified = subprocess.run(
        [*command, *map(str, units.iterdir())], capture_output=True, text=True, check=False
    )
    said = [line for line in verified.stderr.splitlines() if str(units) in line]
    assert said == [], verified.stderr
