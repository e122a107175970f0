"""`kiosk voice`: rendering with its progress, and the list of lines."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kiosk.cli import main
from kiosk.commands.exits import Exit
from kiosk.commands.voice import _Progress
from kiosk.hw import clips, render
from kiosk.messages import VoiceFailed

pytestmark = pytest.mark.real
EXAMPLE = Path(__file__).parents[2] / "provisioning" / "site.example.toml"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    text = EXAMPLE.read_text(encoding="utf-8").replace('languages = ["kk", "ru"]', 'languages = ["ru"]')
    made = tmp_path / "site.toml"
    voice = f'[voice]\nclips = "{tmp_path}/clips"\nhuman = "{tmp_path}/human"\n'
    made.write_text(text.replace("[voice]\n", voice), encoding="utf-8")
    return made


@pytest.fixture
def two_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the site have two lines only, so that real speech is rendered quickly."""
    every = clips.site_prompts
    monkeypatch.setattr(clips, "site_prompts", lambda *site: every(*site)[:2])


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["voice", *arguments])


@pytest.mark.usefixtures("two_lines")
def test_lines_are_rendered_once_and_kept_afterwards(file: Path, tmp_path: Path) -> None:
    first = run("render", "--config", str(file))
    assert first.exit_code == 0, first.output
    assert first.stdout == f"{tmp_path}/clips: rendered 2, kept 0, failed 0\n"
    assert first.stderr.splitlines() == ["1/2 ru pressed: rendered", "2/2 ru sending: rendered"]
    assert run("render", "--config", str(file)).stdout.endswith("rendered 0, kept 2, failed 0\n")


@pytest.mark.usefixtures("two_lines")
def test_a_line_that_cannot_be_rendered_fails_the_command(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mute(*_: object) -> None:
        raise VoiceFailed("espeak-ng is not installed")

    real = render.Sources
    monkeypatch.setattr(render, "Sources", lambda **fields: real(**fields, speak=mute))
    answer = run("render", "--config", str(file))
    assert answer.exit_code == Exit.FAILED
    assert "espeak-ng is not installed" in answer.stderr
    assert answer.stdout.endswith("rendered 0, kept 0, failed 2\n")


def test_a_folder_that_another_rendering_holds_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def held(*_: object, **__: object) -> None:
        raise VoiceFailed("another rendering is under way")

    monkeypatch.setattr(render, "render", held)
    answer = run("render", "--config", str(file))
    assert answer.exit_code == Exit.FAILED
    assert answer.stderr == "another rendering is under way\n"


def test_every_line_is_listed_with_its_state(file: Path) -> None:
    lines = [json.loads(line) for line in run("list", "--json", "--config", str(file)).stdout.splitlines()]
    assert len(lines) == 12
    assert {(line["language"], line["state"], line["approved"]) for line in lines} == {
        ("ru", "missing", True)
    }
    shown = run("list", "--config", str(file)).stdout
    assert "pressed_again" in shown
    assert "missing" in shown


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with _Progress(2) as bar:
        bar.step(1, "ru pressed: kept")
    assert "1/2" in capsys.readouterr().err
