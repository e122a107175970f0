"""`kiosk demo` as a newcomer types it: options, exit codes, what is printed."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from click.testing import CliRunner, Result
from fakes.shop import ALERT, FakeShop

from kiosk.cli import main
from kiosk.demo import command, page, play, stage
from kiosk.hw.render import Progress
from kiosk.messages import LinkDown
from kiosk.words import load_catalogue

ID = ALERT["alert_id"]


class Stage(FakeShop):
    """The shop as the command makes it."""

    made: dict[str, Any]
    broken: Exception | None = None

    def __init__(self, **how: Any) -> None:
        super().__init__()
        Stage.made = how
        self.site_file = Path("site.toml")
        self.alerts = [ALERT]
        self.on_press = lambda: [self.tell(what, alert_id=ID) for what in ("pressed", "received")]

    def __enter__(self) -> Self:
        if self.broken:
            raise self.broken
        return self

    def __exit__(self, *_: object) -> None:
        self.done.append("closed")


@pytest.fixture(autouse=True)
def _staged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setattr(command, "Shop", Stage)
    monkeypatch.setattr(stage, "render_clips", lambda *_: ["kk: no voice"])
    monkeypatch.setattr(play, "QUIET_S", 0.0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["demo", *arguments])


def test_one_incident_as_json_ends_with_its_summary() -> None:
    answer = run("--once", "--json", "--accept", "none", "--voice", "off")
    assert answer.exit_code == 0, answer.output
    lines = [json.loads(line) for line in answer.stdout.splitlines()]
    assert [line["what"] for line in lines[:-1]] == ["pages", "pressed", "received"]
    assert lines[-1]["summary"]["delivered_at_centre"] == 1


def test_one_incident_for_people_is_lines_of_text() -> None:
    answer = run("--once", "--accept", "none", "--voice", "off")
    assert answer.exit_code == 0
    assert "s  pressed" in answer.stdout


def test_a_wrong_outcome_is_named_and_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(play, "PLAY_S", 0.2)
    monkeypatch.setenv("PANA_DEMO_LOGS", "1")
    answer = run("--once", "--json", "--voice", "off")
    assert answer.exit_code == 1
    assert "demo: wrong: stages never reached" in answer.stderr
    assert "the log of the centre" in answer.stderr


def test_a_part_that_cannot_be_started_has_its_own_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stage, "broken", LinkDown("mosquitto is not installed"))
    answer = run("--once", "--voice", "off")
    assert answer.exit_code == 69
    assert "mosquitto is not installed" in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--cut", "water"], "'water' is not one of mqtt, gsm"),
        (["--once", "--cut", "mqtt", "--accept", "console"], "add --restore-after"),
        (["--restore-after", "50"], "0<=x<=40"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: list[str], says: str) -> None:
    answer = run(*arguments)
    assert answer.exit_code == 2
    assert says in answer.stderr


def test_a_cut_internet_lets_the_officer_answer_by_sms(monkeypatch: pytest.MonkeyPatch) -> None:
    plans: list[Any] = []
    monkeypatch.setattr(command, "_play", lambda _shop, plan, **_: plans.append(plan) or 0)
    assert run("--once", "--cut", "mqtt, mqtt", "--broker", "mosquitto", "--gpio", "17").exit_code == 0
    assert (plans[0].cut, plans[0].accept) == (("mqtt",), "sms")
    assert Stage.made["answers"] is True
    assert (Stage.made["broker"], Stage.made["gpio"]) == ("mosquitto", 17)


def test_what_could_not_be_rendered_is_told_and_stops_nothing() -> None:
    answer = run("--once", "--accept", "none", "--voice", "cover")
    assert "voice: kk: no voice" in answer.stderr


def test_progress_is_shown_to_people_only(monkeypatch: pytest.MonkeyPatch) -> None:
    prompt = load_catalogue().prompt("kk", "pressed")

    def render(_file: Path, _clips: Path, _words: Any, progress: Any) -> list[str]:
        for number, outcome in enumerate(("rendered", "kept"), 1):
            progress(Progress(done=number, total=2, prompt=prompt, outcome=outcome))
        return []

    monkeypatch.setattr(stage, "render_clips", render)
    assert "voice 1/2 kk pressed" in run("--once", "--accept", "none").stderr
    assert "voice 2/2" not in run("--once", "--accept", "none").stderr
    assert "voice 1/2" not in run("--once", "--accept", "none", "--json").stderr


def test_without_once_the_page_opens_in_the_language_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []

    class Shown:
        def __init__(self, shop: Any, _words: Any, lang: str) -> None:
            opened.append((type(shop), lang))

        def run(self) -> None:
            opened.append("ran")

    monkeypatch.setattr(page, "Page", Shown)
    assert run("--voice", "off", "--lang", "kk").exit_code == 0
    assert opened == [(Stage, "kk"), "ran"]
    assert Stage.made["answers"] is False


def test_sigterm_leaves_by_the_ordinary_way() -> None:
    with pytest.raises(SystemExit) as left:
        command._leave(signal.SIGTERM, None)
    assert left.value.code == 128 + signal.SIGTERM
