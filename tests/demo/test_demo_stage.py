"""The demo's stage on any PC: sound or none, clips kept between two runs, its own configuration files."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from kiosk.arming import read_config
from kiosk.demo import settings, stage
from kiosk.messages import DeviceError
from kiosk.monitor.config import read
from kiosk.site_check import demand_sound
from kiosk.words import load_catalogue

WORDS = load_catalogue()


def wiring(folder: Path, **more: Any) -> settings.Wiring:
    return settings.Wiring(
        folder=folder, clips=folder / "clips", broker_port=1883, kiosk_port=1884, modem=folder / "modem",
        **{"mode": "spoken", **more},
    )  # fmt: skip


@pytest.mark.parametrize("mode", ["spoken", "cover", "off"])
@pytest.mark.parametrize("gpio", [None, 4])
def test_the_shops_own_file_is_a_sound_one(tmp_path: Path, mode: str, gpio: int | None) -> None:
    file = tmp_path / "site.toml"
    file.write_text(settings.site_toml(wiring(tmp_path, mode=mode, gpio=gpio)), encoding="utf-8")
    config, _ = read_config(file)
    demand_sound(config, file, WORDS)
    assert config.voice.mode == mode
    assert config.gpio.factory == ("mock" if gpio is None else "libgpiod")
    assert config.buttons[0].pin == (17 if gpio is None else 4)


def test_the_centres_file_can_be_read(tmp_path: Path) -> None:
    config = read(settings.centre_toml(wiring(tmp_path)), "centre.toml")
    assert config.monitor.id == settings.MONITOR_ID


def test_clips_are_kept_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert stage.clips_folder("spoken").parent == tmp_path / "pana-kiosk"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert stage.clips_folder("off").parent == tmp_path / "home" / ".cache" / "pana-kiosk"
    assert stage.clips_folder("off") != stage.clips_folder("spoken")


@pytest.mark.parametrize(
    ("listed", "there"),
    [
        (subprocess.CompletedProcess([], 0, stdout=b"card 0: PCH"), True),
        (subprocess.CompletedProcess([], 1, stdout=b""), False),
        (FileNotFoundError("aplay"), False),
        (subprocess.TimeoutExpired("aplay", 5), False),
    ],
)
def test_a_pc_has_a_card_or_captions_stand_for_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, listed: Any, there: bool
) -> None:
    def run(*_: object, **__: object) -> Any:
        if isinstance(listed, Exception):
            raise listed
        return listed

    monkeypatch.setattr(stage.subprocess, "run", run)
    assert stage.has_card() is there
    sound = stage.Sound(tmp_path)
    conf = Path(sound.environ["ALSA_CONFIG_PATH"])
    works = conf.read_text(encoding="utf-8")
    assert works == (stage.OWN_CARD if there else stage.SILENT)
    sound.cut()
    assert conf.read_text(encoding="utf-8") == stage.BROKEN
    sound.restore()
    assert conf.read_text(encoding="utf-8") == works


def test_a_pc_that_cannot_render_still_plays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "sms.key").write_text("ab" * 32)
    file = tmp_path / "site.toml"
    file.write_text(settings.site_toml(wiring(tmp_path)), encoding="utf-8")

    def render(*_: object, **__: object) -> Any:
        raise DeviceError("espeak-ng is not installed")

    monkeypatch.setattr(stage, "render", render)
    problems = stage.render_clips(file, tmp_path / "clips", WORDS, lambda _: None)
    assert problems == ["espeak-ng is not installed"]
