"""The demo's scripted runs, as a newcomer starts them, judged from outside."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]
PERSON = ["accepted", "en_route", "on_scene", "closed"]


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo-cache")


def play(cache: Path, *arguments: str) -> tuple[int, list[dict[str, Any]], dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "kiosk", "demo", "--once", "--json", *arguments],
        capture_output=True, text=True, timeout=220, check=False,
        env={**os.environ, "XDG_CACHE_HOME": str(cache)},
    )  # fmt: skip
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines, done.stderr
    return done.returncode, lines[:-1], lines[-1]["summary"]


def test_one_press_travels_the_whole_chain(cache: Path) -> None:
    code, lines, summary = play(cache)
    assert code == 0
    assert summary["stages"] == ["pressed", "received", *PERSON]
    assert summary["paths"] == ["mqtt"]
    assert summary["delivered_at_centre"] == 1
    assert [key for key in summary["said"] if key in PERSON] == PERSON
    assert {line["lang"] for line in lines if line["what"] == "said"} == {"kk", "ru"}
    assert all({"t_s", "what"} <= set(line) for line in lines)


def test_without_internet_the_alert_goes_by_one_sms_and_a_reply_accepts_it(cache: Path) -> None:
    code, lines, summary = play(cache, "--cut", "mqtt")
    assert code == 0
    assert summary["paths"][0] == "sms"
    assert all(line["parts"] == 1 for line in lines if line["what"] == "sms_sent")
    whats = [line["what"] for line in lines]
    assert whats.index("sms_sent") < whats.index("sms_reply") < whats.index("accepted")
    assert "accepted" in summary["said"]
    assert summary["delivered_at_centre"] == 1  # once, after the Internet came back


def test_with_nothing_up_nothing_untrue_is_said_and_the_alert_arrives_late(cache: Path) -> None:
    code, lines, summary = play(cache, "--cut", "mqtt,gsm", "--restore-after", "5")
    assert code == 0
    assert summary["late"] is True
    assert summary["delivered_at_centre"] == 1
    received_s = next(line["t_s"] for line in lines if line["what"] == "received")
    assert received_s > 5
    early = [line["key"] for line in lines if line["what"] == "said" and line["t_s"] < received_s]
    assert set(early) <= {"pressed", "sending", "trying"}


@pytest.mark.parametrize(("voice", "said"), [("off", set()), ("cover", {"cover"})])
def test_a_discreet_shop_says_only_what_it_chose(cache: Path, voice: str, said: set[str]) -> None:
    code, _, summary = play(cache, "--voice", voice, "--accept", "none")
    assert code == 0
    assert set(summary["said"]) == said
    assert summary["stages"] == ["pressed", "received"]


def test_mosquitto_does_as_well_as_the_built_in_broker(cache: Path) -> None:
    code, _, summary = play(cache, "--broker", "mosquitto", "--voice", "off")
    assert code == 0
    assert summary["stages"] == ["pressed", "received", *PERSON]
