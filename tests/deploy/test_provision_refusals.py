"""Everything that can be wrong with a bundle or a board: one clear sentence, nothing half done."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fakes.board_tree import HERE, KIOSK_ID, SCRIPT, Board, Desk, picture, plant, planted

from kiosk.bundle import keys

pytestmark = pytest.mark.real
WORDS = HERE / "provisioning/words"
SHELL = sorted(path for folder in ("", "lib", "steps", "boot") for path in (SCRIPT.parent / folder).iterdir()
               if path.is_file() and path.suffix in ("", ".sh"))  # fmt: skip
Spoil = Callable[[Desk, Board], "list[str] | None"]


def words(language: str) -> dict[str, str]:
    lines = (WORDS / language).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def flip(file: Path, place: int) -> None:
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)


def damaged(desk: Desk, _: Board) -> None:
    flip(desk.kiosk_file, desk.kiosk_file.read_bytes().index(b"a CA"))


def release_damaged(desk: Desk, _: Board) -> None:
    flip(desk.release_file, desk.release_file.read_bytes().index(b"the program"))


def cut_short(desk: Desk, _: Board) -> None:
    os.truncate(desk.kiosk_file, desk.kiosk_file.stat().st_size // 2 + 100)


def release_cut_at_a_member(desk: Desk, _: Board) -> None:
    """Looks like a whole tar: its last members are missing."""
    content = desk.release_file.read_bytes()
    os.truncate(desk.release_file, content.index(b"voice/manifest.json\0"))


def no_tar(desk: Desk, _: Board) -> None:
    desk.kiosk_file.write_bytes(b"<html>404</html>" * 100)


def manifest_changed(desk: Desk, _: Board) -> None:
    flip(desk.kiosk_file, desk.kiosk_file.read_bytes().index(b"made-at: 2026") + 12)


def another_signer(desk: Desk, _: Board) -> None:
    desk.make_kiosk(desk.make_release(), key=Ed25519PrivateKey.generate())


def a_link_inside(desk: Desk, _: Board) -> None:
    (desk.folder / "l").symlink_to("/etc/passwd")
    command = ["tar", "-rf", str(desk.kiosk_file), "-C", str(desk.folder), "l"]
    subprocess.run(command, check=True)


def a_file_more(desk: Desk, _: Board) -> None:
    (desk.folder / "more").write_text("unlisted")
    subprocess.run(["tar", "-rf", str(desk.kiosk_file), "-C", str(desk.folder), "more"], check=True)


def a_member_twice(desk: Desk, _: Board) -> None:
    (desk.folder / "token").write_text("mine")
    subprocess.run(["tar", "-rf", str(desk.kiosk_file), "-C", str(desk.folder), "token"], check=True)


def a_release_given(desk: Desk, _: Board) -> list[str]:
    return ["--bundle", str(desk.release_file)]


def not_the_kiosk_named(_desk: Desk, _: Board) -> list[str]:
    return ["--kiosk", "almaty-0018"]


def another_kiosk_here(_: Desk, board: Board) -> None:
    (board.root / "etc/pana-kiosk").mkdir()
    (board.root / "etc/pana-kiosk/site.toml").write_text('[kiosk]\nid = "astana-0001"\n')


def site_of_another(desk: Desk, _: Board) -> None:
    desk.make_kiosk(desk.make_release(), number=18)


def another_owner_here(_: Desk, board: Board) -> None:
    (board.root / "etc/pana-kiosk").mkdir()
    other = Ed25519PrivateKey.generate().public_key()
    (board.root / "etc/pana-kiosk/owner.pub").write_bytes(keys.public_pem(other))


def no_key(desk: Desk, _: Board) -> None:
    (desk.folder / "owner.pub").unlink()


def a_key_that_is_none(desk: Desk, _: Board) -> None:
    (desk.folder / "owner.pub").write_text("hello")


def no_release(desk: Desk, _: Board) -> None:
    desk.release_file.unlink()


def no_bundle(desk: Desk, _: Board) -> None:
    desk.kiosk_file.unlink()


def suite_unknown(_: Desk, board: Board) -> None:
    (board.root / "etc/os-release").write_text("VERSION_CODENAME=sid\n")


def target_absent(_: Desk, board: Board) -> None:
    (board.root / "etc/os-release").write_text("VERSION_CODENAME=bookworm\n")


CASES: dict[Spoil, str] = {
    damaged: "bundle_damaged", release_damaged: "bundle_damaged", cut_short: "bundle_torn",
    release_cut_at_a_member: "bundle_damaged", no_tar: "bundle_torn", manifest_changed: "bundle_signature",
    another_signer: "bundle_signature", a_link_inside: "bundle_files", a_file_more: "bundle_damaged",
    a_member_twice: "bundle_damaged", a_release_given: "bundle_strange", not_the_kiosk_named: "kiosk_other",
    another_kiosk_here: "kiosk_other", site_of_another: "bundle_strange", another_owner_here: "key_other",
    no_key: "key_missing", a_key_that_is_none: "key_strange", no_release: "release_missing",
    no_bundle: "bundle_missing", suite_unknown: "target_strange", target_absent: "target_missing",
}  # fmt: skip


@pytest.fixture
def board(memory: Path, tmp_path: Path) -> Iterator[Board]:
    folder = memory / tmp_path.name
    yield planted(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def whole(memory: Path) -> Desk:
    desk = Desk(memory / "desk")
    desk.make()
    return desk


@pytest.fixture
def desk(whole: Desk, tmp_path: Path) -> Desk:
    shutil.copytree(whole.folder, tmp_path / "desk")
    return Desk(tmp_path / "desk", whole.key)


def sentence(language: str, key: str) -> str:
    """Give what the sentence must look like, whatever its values are."""
    return re.sub(r"\\\{\d\\\}", ".+", re.escape(words(language)[key]))


@pytest.mark.parametrize("spoil", CASES, ids=lambda spoil: spoil.__name__)
def test_a_refusal_is_one_clear_sentence_and_changes_nothing(spoil: Spoil, desk: Desk, board: Board) -> None:
    more = spoil(desk, board) or []
    language = ("kk", "ru", "en")[list(CASES).index(spoil) % 3]
    before = picture(board.root)
    refused = board.provision(desk.kiosk_file, "--lang", language, *more)
    assert refused.returncode == 3, (refused.stdout, refused.stderr)
    said = refused.stderr.splitlines()
    assert len(said) == 2, refused.stderr
    assert re.fullmatch(sentence(language, CASES[spoil]), said[0]), said[0]
    assert said[1] == f"10-verify: {words(language)['failed']}"
    assert refused.stdout == ""
    assert picture(board.root) == before


def test_a_full_disk_is_told_with_what_is_needed_before_anything_is_changed(
    desk: Desk, tmp_path: Path
) -> None:
    root = tmp_path / "small"
    root.mkdir()
    board = Board(root, tmp_path / "stand-ins")
    seed = tmp_path / "seed"
    seed.mkdir()
    plant(seed, uid=0)
    check = 'mount -t tmpfs -o size=9m small "$1" && cp -a "$2/." "$1" && find "$1" | sort >"$3/before"\n'
    check += 'shift 3; "$@"; code=$?; find "$0" | sort >"$BEFORE/after"; exit $code'
    command = ["unshare", "-rm", "sh", "-c", check, str(root), str(root), str(seed), str(tmp_path)]
    run = [str(SCRIPT), "--bundle", str(desk.kiosk_file), "--root", str(root), "--lang", "en"]
    env = {**os.environ, "PATH": f"{board.stand_ins}:{os.environ['PATH']}:/usr/sbin", "BEFORE": str(tmp_path)}
    full = subprocess.run([*command, *run], capture_output=True, text=True, check=False, env=env)
    if "unshare" in full.stderr:
        pytest.skip("this machine gives no mount namespace of its own")
    assert full.returncode == 3, full.stderr
    assert re.match(r"Too little room: \d+ MB are needed, \d MB are free\.", full.stderr)
    assert (tmp_path / "before").read_text() == (tmp_path / "after").read_text()


def test_a_wrong_site_is_never_put_in_force(desk: Desk, board: Board) -> None:
    broken = (
        (HERE / "provisioning/site.example.toml").read_bytes().replace(b'mode = "spoken"', b'mode = "loud"')
    )
    wrong = desk.make_kiosk(desk.make_release(), more={"site.toml": broken})
    refused = board.provision(wrong, "--lang", "en")
    assert refused.returncode == 1
    assert refused.stderr.startswith("The bundle's site.toml has a fault")
    assert not (board.root / "etc/pana-kiosk/site.toml").exists()
    assert "voice.mode" in board.read("/var/log/pana-provision.log")
    assert board.provision(desk.make()).returncode == 0


@pytest.mark.parametrize(("program", "key"), [("apt-get", "packages_failed"), ("sh", "program_failed")])
def test_what_fails_inside_the_tree_is_told_and_goes_on_later(
    desk: Desk, board: Board, program: str, key: str
) -> None:
    failed = board.provision(desk.kiosk_file, "--lang", "en", FAILS=program)
    assert failed.returncode == 1
    assert re.fullmatch(sentence("en", key), failed.stderr.splitlines()[0])
    assert board.provision(desk.kiosk_file).returncode == 0


@pytest.mark.parametrize("value", ["24", "$(id)"])
def test_an_option_of_another_form_is_refused(desk: Desk, board: Board, value: str) -> None:
    refused = board.provision(desk.make(PANA_UPDATES_HOUR=value))
    assert refused.returncode == 1
    assert "PANA_UPDATES_HOUR" in refused.stderr


def test_a_release_may_lie_inside_the_kiosks_own_file(desk: Desk, board: Board) -> None:
    release = desk.make_release()
    desk.make_kiosk(release, more={"release.tar": desk.release_file.read_bytes()})
    desk.release_file.unlink()
    assert board.provision(desk.kiosk_file).returncode == 0
    assert board.read("/opt/pana-kiosk/current/VERSION") == "0.1.0\n"


@pytest.mark.parametrize("line", [[], ["--bundle"], ["--what"], ["--bundle", "x", "--lang", "de"]])
def test_a_wrong_command_line_shows_the_right_one(board: Board, line: list[str]) -> None:
    wrong = board.run(*line) if line != ["--bundle"] else subprocess.run(
        [str(SCRIPT), "--bundle"], capture_output=True, text=True, check=False
    )  # fmt: skip
    assert wrong.returncode == 2
    assert "--bundle FILE" in wrong.stderr


def test_a_run_beside_another_is_refused(desk: Desk, board: Board) -> None:
    holder = [
        "flock",
        str(board.root),
        str(SCRIPT),
        "--bundle",
        str(desk.kiosk_file),
        "--root",
        str(board.root),
    ]
    beside = subprocess.run([*holder, "--lang", "en"], capture_output=True, text=True, check=False)
    assert beside.returncode == 1
    assert "Another run" in beside.stderr


def test_every_sentence_stands_in_three_languages_and_is_used() -> None:
    kk, ru, en = words("kk"), words("ru"), words("en")
    assert list(kk) == list(ru) == list(en)
    for key, text in en.items():
        for other in (kk[key], ru[key]):
            assert sorted(re.findall(r"\{\d\}", other)) == sorted(re.findall(r"\{\d\}", text)), key
    shell = re.sub(r"^ *#.*$", "", "\n".join(path.read_text() for path in SHELL), flags=re.MULTILINE)
    used = set(re.findall(r"\b(?:fail|tell|word) ([a-z_]+)", shell))
    assert used == set(en)


def test_the_language_is_the_installers_unless_one_is_chosen(desk: Desk, board: Board) -> None:
    desk.kiosk_file.unlink()
    said = {
        lang: board.provision(desk.kiosk_file, LANG=lang).stderr.splitlines()[0]
        for lang in ("kk_KZ.UTF-8", "ru_RU.UTF-8", "de_DE.UTF-8")
    }
    assert said["kk_KZ.UTF-8"].endswith("файлы жоқ.")
    assert said["ru_RU.UTF-8"].startswith("Нет файла")
    assert said["de_DE.UTF-8"].startswith("There is no file")
    assert KIOSK_ID in said["de_DE.UTF-8"]


def test_a_package_that_only_helps_may_be_missing_and_a_second_run_is_quiet(desk: Desk, board: Board) -> None:
    status = board.root / "var/lib/dpkg/status"
    status.write_text(status.read_text().replace("Package: espeak-ng\n", "Package: other\n"))
    first = board.provision(desk.kiosk_file)
    assert first.returncode == 0, first.stderr
    assert "Warning: the package espeak-ng is missing" in first.stdout
    assert board.provision(desk.kiosk_file).stdout.splitlines()[-1] == "0 changed"


def test_a_package_that_must_be_there_is_named(desk: Desk, board: Board) -> None:
    status = board.root / "var/lib/dpkg/status"
    status.write_text(status.read_text().replace("Package: nftables\n", "Package: other\n"))
    missing = board.provision(desk.kiosk_file)
    assert missing.returncode == 1
    assert re.fullmatch(r"These packages are missing, .*: nftables ", missing.stderr.splitlines()[0])
    (board.root / "etc/resolv.conf").write_text("")  # now the mirror is asked, and does not answer
    assert board.provision(desk.kiosk_file).returncode == 1
    assert "apt-get update" in (board.stand_ins / "inside.log").read_text()


def test_room_is_measured_where_not_even_the_first_folder_is_there_yet() -> None:
    script = 'ROOT=""; . "$1/provisioning/lib/system.sh"; free_bytes /not-there-yet/pana-kiosk'
    done = subprocess.run(
        ["bash", "-c", script, "-", HERE], capture_output=True, text=True, timeout=20, check=True
    )
    assert int(done.stdout) > 0
