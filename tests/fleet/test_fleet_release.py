"""A release is gathered by hash for each board. pip and apt are stood in for: no test needs the Internet."""

import io
import re
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from fleet_desk import ROOT, Desk
from test_fleet_make import own

from kiosk import bundle
from kiosk.commands.exits import Exit
from kiosk.fleet.making import FleetError
from kiosk.fleet.release import armhf, building, children, debs, wheels
from kiosk.fleet.release.locks import Pin, cut
from kiosk.fleet.release.targets import TARGETS
from kiosk.fleet.release.wheelfile import record
from kiosk.hw.clips import Manifest
from kiosk.hw.render import Report
from kiosk.messages import ConfigError
from kiosk.words import load_catalogue

LOCK = (ROOT / "requirements/pi.txt").read_text(encoding="utf-8")
ARM64, ARMHF = TARGETS["trixie-arm64"], TARGETS["trixie-armhf"]
MIRRORS = debs.Mirrors("http://mirror.invalid/debian", "http://mirror.invalid/debian-security")
LONG = (
    "charset_normalizer-3.5.2-cp313-cp313-"
    "manylinux2014_aarch64.manylinux_2_17_aarch64.manylinux_2_28_aarch64.whl"
)
AVAILABLE = """Package: libc6
Priority: optional
Description: x
 Priority: required

Package: bash
Version: 1
Description: y
 z
Priority: required
"""


class Tools:
    """Stands in for the programs that a release is made with; remembers what they were asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[list[str]] = []
        for module in (armhf, building, debs, wheels):
            monkeypatch.setattr(module, "run", self.run)

    def run(
        self, command: Sequence[str | Path], what: str, *, where: Path | None = None, text: str = ""
    ) -> str:
        words = [str(word) for word in command]
        self.asked.append(words)
        program = Path(words[0]).name
        if "hatchling" in words:
            (Path(words[-1]) / "pana_kiosk-0.1.0-py3-none-any.whl").write_bytes(b"app")
        elif "pip" in words:
            self._pip(words)
        elif program.startswith("apt"):
            return self._apt(words, where)
        elif program == "deb.sh":
            (Path(words[1]) / "pana-kiosk_0.1.0_all.deb").write_bytes(b"deb")
        elif program == armhf.COMPILER:
            Path(words[words.index("-o") + 1]).write_bytes(b"\x7fELF")
        return ""

    def _pip(self, words: list[str]) -> None:
        folder, lines = Path(words[words.index("--dest") + 1]), Path(words[words.index("--requirement") + 1])
        for name, version in re.findall(r"^([\w-]+)==(\S+)", lines.read_text(), re.MULTILINE):
            if "--no-binary" in words:
                _source(folder / f"{name}-{version}.tar.gz", f"{name}-{version}")
            elif name == "charset-normalizer":
                (folder / LONG).write_bytes(b"wheel")
            else:
                (folder / f"{name}-{version}-py3-none-any.whl").write_bytes(b"wheel")

    def _apt(self, words: list[str], where: Path | None) -> str:
        if "--simulate" in words:
            names = words[words.index("install") + 1 :]
            return "".join(
                f"Inst {name} (2:1.0 Debian:13 [all])\nConf {name}\n" for name in [*names, "libc6"]
            )
        if "dumpavail" in words:
            return AVAILABLE
        if "download" in words:
            assert where is not None
            for name in words[words.index("download") + 1 :]:
                (where / f"{name.partition('=')[0]}_2%3a1.0_all.deb").write_bytes(b"deb")
        if "indextargets" in words:
            return (
                "http://m.invalid/other x\nhttp://m.invalid/debian/ x\nhttp://m.invalid/debian-security/ x\n"
            )
        return ""


def _source(path: Path, top: str) -> None:
    with tarfile.open(path, "w:gz") as tar:
        for name in ("PKG-INFO", "LICENSE", "src/msgspec/_core.c", "src/msgspec/__init__.py"):
            info = tarfile.TarInfo(f"{top}/{name}")
            info.size = 2
            tar.addfile(info, io.BytesIO(b"x\n"))


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> Tools:
    monkeypatch.setattr(debs, "KEYRING", Path("/etc/hostname"))
    return Tools(monkeypatch)


@pytest.fixture
def voice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the rendering out; the test of the voice itself is marked real."""

    def silent(recipe: building.Recipe, folder: Path) -> None:
        folder.mkdir()
        (folder / "manifest.json").write_text('{"clips": []}')

    monkeypatch.setattr(building, "_voice", silent)


# ---- what a board needs


def test_markers_are_judged_for_the_board_and_not_for_the_desk() -> None:
    new, old = (cut(LOCK, TARGETS[name], "x") for name in ("trixie-arm64", "bookworm-arm64"))
    names = {pin.name for pin in new.wheels}
    assert {"msgspec", "numpy", "gpiod", "python-gammu", "cryptography"} <= names
    assert not names & {"comtypes", "lgpio", "pyobjc", "pywin32", "typing-extensions"}
    assert {pin.version for pin in new.wheels if pin.name == "numpy"} != {
        pin.version for pin in old.wheels if pin.name == "numpy"
    }
    assert not new.debian
    assert not new.built


def test_what_has_no_wheel_on_32_bits_comes_from_debian_or_is_built() -> None:
    wanted = cut(LOCK, ARMHF, "x")
    assert [pin.name for pin in wanted.built] == ["msgspec"]
    assert {pin.name for pin in wanted.debian} == {"cffi", "numpy", "python-gammu", "scipy"}
    assert "gpiod" not in {pin.name for pin in wanted.wheels}
    assert {"python3-libgpiod", "python3-gammu"} <= set(ARMHF.debian)
    old = cut(LOCK, TARGETS["bookworm-armhf"], "x")
    assert "lgpio" in {pin.name for pin in old.wheels}


def test_wheels_for_a_newer_libc_than_the_boards_are_not_taken() -> None:
    assert ARM64.platforms[0] == "manylinux_2_41_aarch64"
    assert TARGETS["bookworm-arm64"].platforms[0] == "manylinux_2_36_aarch64"
    assert ARM64.platforms[-2:] == ("manylinux2014_aarch64", "linux_aarch64")


@pytest.mark.parametrize("text", ["a\n", "a==1\n", "a>=1 --hash=sha256:" + "0" * 64 + "\n", "a==1 ;; x\n"])
def test_a_line_without_one_version_and_a_hash_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^lock\.txt:2: "):
        cut("# a comment\n" + text, ARM64, "lock.txt")


def test_a_wheels_record_names_each_file_with_its_hash() -> None:
    (text,) = record({"b": b"1", "a": b""}, "x.dist-info").values()
    assert text.decode().splitlines() == [
        "a,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0",
        "b,sha256=a4ayc_80_OGda4BO_1o_V0etpOqiLx1JwB5S3beHW0s,1",
        "x.dist-info/RECORD,,",
    ]


# ---- the whole


def build(desk: Desk, *args: str, source: Path = ROOT) -> tuple[int, str]:
    given = ["--source", str(source), "--out", str(desk.out), "--key", str(desk.folder / "owner.key")]
    result = desk.run("release", "build", *given, *args)
    return result.exit_code, result.output


@pytest.mark.usefixtures("voice")
def test_a_release_holds_what_each_of_its_boards_needs(desk: Desk, tools: Tools) -> None:
    code, words = build(
        desk, "--target", "trixie-arm64", "--target", "trixie-armhf", "--package", "overlayroot"
    )
    assert code == Exit.OK, words
    path = desk.out / "pana-release-0.1.0.tar"
    seen = desk.owner.verify(path, kind="release")
    assert f"id: {seen.id}" in words
    names = set(seen.names)
    assert {
        "app/pana_kiosk-0.1.0-py3-none-any.whl",
        "deb/pana-kiosk_0.1.0_all.deb",
        "requirements/trixie-arm64.txt",
        "requirements/trixie-armhf.txt",
        "voice/manifest.json",
        "targets",
        "debs/trixie-armhf/python3-gammu_2+1.0_all.deb",
        "debs/trixie-arm64/overlayroot_2+1.0_all.deb",
        "wheels/trixie-arm64/charset_normalizer-3.5.2-cp313-cp313-manylinux_2_28_aarch64.whl",
    } <= names
    assert not any("bash_" in name or "libc6_" in name for name in names), "what every image has stays out"
    assert not any("bookworm" in name for name in names)
    (pip,) = [name for name in names if name.startswith("pip/")]
    assert pip.endswith(".whl")


@pytest.mark.usefixtures("voice")
def test_a_wheel_that_is_built_here_is_whole_and_named_by_its_hash(desk: Desk, tools: Tools) -> None:
    assert build(desk, "--target", "trixie-armhf")[0] == Exit.OK
    seen = desk.owner.verify(desk.out / "pana-release-0.1.0.tar", kind="release")
    (name,) = [name for name in seen.names if "msgspec" in name]
    assert name.endswith("-cp313-cp313-linux_armv7l.whl")
    with zipfile.ZipFile(io.BytesIO(bundle.content(seen, name))) as wheel:
        assert "msgspec/_core.cpython-313-arm-linux-gnueabihf.so" in wheel.namelist()
        assert wheel.testzip() is None
    lines = bundle.content(seen, "requirements/trixie-armhf.txt").decode()
    assert f"--hash=sha256:{seen.digests[name]}" in lines
    assert "# scipy: Debian's python3-scipy" in lines


@pytest.mark.usefixtures("voice")
def test_everything_is_asked_for_by_hash_and_for_the_board(desk: Desk, tools: Tools) -> None:
    assert build(desk, "--target", "bookworm-arm64")[0] == Exit.OK
    downloads = [words for words in tools.asked if "download" in words and "pip" in words]
    assert len(downloads) == 2
    assert all("--require-hashes" in words and "--no-deps" in words for words in downloads)
    (board,) = [words for words in downloads if "--python-version" in words]
    assert board[board.index("--python-version") + 1] == "3.11"
    assert "manylinux_2_36_aarch64" in board
    apt = [words for words in tools.asked if words[0].startswith("apt") and "-o" in words]
    assert apt
    assert all("APT::Architecture=arm64" in words for words in apt)


@pytest.mark.usefixtures("voice")
def test_without_debian_packages_apt_is_not_asked(desk: Desk, tools: Tools) -> None:
    deb = desk.folder / "pana-kiosk_0.1.0_all.deb"
    deb.write_bytes(b"mine")
    assert build(desk, "--target", "trixie-arm64", "--no-debs", "--deb", str(deb))[0] == Exit.OK
    assert not any(words[0].startswith(("apt", "dev/")) for words in tools.asked)
    assert "needs Debian's headers" in build(desk, "--target", "trixie-armhf", "--no-debs")[1]


def test_a_folder_without_sources_is_refused(desk: Desk, tools: Tools, tmp_path: Path) -> None:
    code, words = build(desk, source=tmp_path)
    assert (code, "name the sources of the kiosk" in words) == (Exit.FAILED, True)


@pytest.mark.usefixtures("voice")
def test_a_package_that_was_not_built_is_told(
    desk: Desk, tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "run", lambda *_, **__: "")
    assert "made 0 packages called pana-kiosk" in build(desk, "--target", "trixie-arm64")[1]


def test_the_mirror_is_the_desks_own_or_given(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    found = debs.mirrors_of_desk()
    assert (found.main, found.security) == ("http://m.invalid/debian", "http://m.invalid/debian-security")
    monkeypatch.setattr(debs, "run", lambda *_, **__: "http://m.invalid/ubuntu x\n")
    with pytest.raises(FleetError, match="give --mirror"):
        debs.mirrors_of_desk()


def test_the_archive_is_checked_by_debians_keyring(
    tools: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = debs.Archive(ARM64, tmp_path / "apt", MIRRORS)
    archive.open()
    sources = (tmp_path / "apt/etc/apt/sources.list").read_text()
    assert sources.count(f"[signed-by={debs.KEYRING}]") == 3
    assert "trixie-security" in sources
    assert archive.required()[0] == "bash"
    monkeypatch.setattr(debs, "KEYRING", tmp_path / "none")
    with pytest.raises(FleetError, match="debian-archive-keyring"):
        archive.open()


@pytest.mark.usefixtures("voice")
def test_a_torn_mirror_is_tried_again_and_updates_can_be_left_out(
    desk: Desk, tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    torn = ["updates"]

    def run(command: Sequence[str | Path], what: str, **more: Path) -> str:
        if "update" in command:
            sources = next(Path(word[4:]) for word in map(str, command) if word.startswith("Dir=/"))
            if "-updates" in (sources / "etc/apt/sources.list").read_text():
                torn.append("again")
                raise FleetError("Mirror sync in progress?")
        return tools.run(command, what, **more)

    monkeypatch.setattr(debs, "run", run)
    assert "Mirror sync in progress" in build(desk, "--target", "trixie-arm64")[1]
    assert len(torn) == 1 + debs.TRIES
    assert build(desk, "--target", "trixie-arm64", "--no-updates")[0] == Exit.OK


def test_sources_that_are_built_otherwise_are_refused(tools: Tools, tmp_path: Path) -> None:
    source = tmp_path / "msgspec-9.tar.gz"
    with tarfile.open(source, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("msgspec-9/setup.py"))
    archive = debs.Archive(ARMHF, tmp_path / "apt", MIRRORS)
    with pytest.raises(FleetError, match="is built otherwise"):
        armhf.msgspec(archive, Pin("msgspec", "9", ()), source, tmp_path)


def test_two_files_where_one_is_expected_are_told(tmp_path: Path) -> None:
    with pytest.raises(FleetError, match=r"0 files are called x\*"):
        wheels._only(tmp_path, "x*")


# ---- programs


@pytest.mark.real
def test_a_program_that_fails_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    assert children.run(["cat"], "x", text="words") == "words"
    with pytest.raises(FleetError, match=r"wheels: sh failed: no route to host\. Is there Internet\?"):
        children.run(["sh", "-c", "echo no route to host >&2; exit 7"], "wheels")
    with pytest.raises(FleetError, match="`no-such-program` is not installed"):
        children.run(["no-such-program"], "wheels")
    monkeypatch.setattr(children, "DEADLINE_S", 0.05)
    with pytest.raises(FleetError, match="did not end within"):
        children.run(["sleep", "9"], "wheels")


@pytest.mark.real
def test_the_applications_wheel_is_the_same_twice(tmp_path: Path) -> None:
    first = wheels.build_app(ROOT, tmp_path / "a")
    assert first.read_bytes() == wheels.build_app(ROOT, tmp_path / "b").read_bytes()
    with zipfile.ZipFile(first) as wheel:
        assert "kiosk/locales/kk.toml" in wheel.namelist()


@pytest.mark.real
def test_the_voice_is_rendered_as_a_kiosk_would(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "KEYS", ("drill",))
    monkeypatch.setattr(building, "LANGUAGES", ("ru",))
    told: list[str] = []
    recipe = building.Recipe(
        source=ROOT, targets=(), version="0.1.0", made_at="", sign=lambda _: b"", words=load_catalogue(),
        voice_cache=desk.folder / "cache", mirrors=None, tell=told.append,
    )  # fmt: skip
    building._voice(recipe, desk.folder / "voice")
    clips = [path.name for path in (desk.folder / "voice").glob("ru-drill-*.wav")]
    assert len(clips) == 2
    assert told == ["voice 1/1"]


def test_a_prompt_without_a_clip_stops_the_release(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = Report(
        rendered=0, kept=0, problems=("ru drill: espeak-ng is missing",), manifest=Manifest(clips=())
    )
    monkeypatch.setattr(building, "render", lambda *_, **__: nothing)
    recipe = building.Recipe(
        source=ROOT, targets=(), version="0.1.0", made_at="", sign=lambda _: b"", words=load_catalogue(),
        voice_cache=desk.folder / "cache", mirrors=None,
    )  # fmt: skip
    with pytest.raises(FleetError, match="36 prompts have no clip: ru drill: espeak-ng is missing"):
        building._voice(recipe, desk.folder / "voice")


@pytest.mark.real
@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck judges the shell")
def test_the_options_are_shell_that_shellcheck_takes(desk: Desk) -> None:
    assert desk.make(own(1)).exit_code == Exit.OK
    path = desk.folder / "options.env"
    path.write_text(desk.file("kz-ala-0001", "options.env"))
    command = ["shellcheck", "--shell=sh", "--exclude=SC2034", str(path)]
    assert subprocess.run(command, check=False, capture_output=True, timeout=60).returncode == 0
