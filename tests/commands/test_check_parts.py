"""The check of all other parts: speaker, inputs, clips, certificate, board, the files themselves."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from fakes.check_bench import changed, only
from fakes.virtual_kiosk import WORDS, example_config
from fakes.voice_bench import make_clips
from kiosk_site import KioskSite

from kiosk.check import inputs, speaker
from kiosk.check.board import check_board, check_certificate
from kiosk.check.clips import check_clips, lines_of
from kiosk.check.plan import Check
from kiosk.check.trial import trusted_utc_s
from kiosk.config import Config
from kiosk.hw import clock
from kiosk.hw.board import Board
from kiosk.hw.clips import site_prompts
from kiosk.journal import SqliteJournal
from kiosk.messages import Snapshot
from kiosk.sim.soundcard import SoundCard, no_card
from kiosk.site_files import load_config

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def site() -> Iterator[KioskSite]:
    """Files of a site; neither centre nor daemon."""
    with KioskSite() as site:
        yield site


@pytest.fixture
def config(site: KioskSite) -> Config:
    return load_config(site.folder / "site.toml")[0]


def test_a_speaker_is_tried_with_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = example_config(voice__clips=str(tmp_path))
    monkeypatch.setattr("kiosk.hw.speaker.MARGIN_S", 15.0)  # a busy machine is no hung card
    monkeypatch.setattr(speaker, "PROBE_S", 20.0)
    null = tmp_path / "null.conf"
    null.write_text("pcm.!default { type null }\n")
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(null))
    assert only(speaker.check_speaker(config, WORDS)).code == "speaker_ok"
    for name, value in no_card(tmp_path).items():
        monkeypatch.setenv(name, value)
    assert only(speaker.check_speaker(config, WORDS)).code == "speaker_broken"
    card = SoundCard(tmp_path)
    card.stuff()
    monkeypatch.setattr("kiosk.hw.speaker.MARGIN_S", 0.5)
    monkeypatch.setenv("ALSA_CONFIG_PATH", card.environ["ALSA_CONFIG_PATH"])
    assert only(speaker.check_speaker(config, WORDS)).code == "speaker_broken"
    monkeypatch.setattr(speaker, "PROBE_S", 0.05)
    assert only(speaker.check_speaker(config, WORDS)).code == "no_answer"
    card.close()
    assert only(speaker.check_speaker(example_config(voice__mode="off"), WORDS)).level == "unused"


def test_inputs_are_opened_and_read(config: Config) -> None:
    rows = {row.part: row for row in inputs.check_inputs(config, allow_mock=True)}
    assert rows["input:counter"].values == {"pin": 17, "level": "high"}
    assert rows["pins"].code == "pins_simulated"
    button = msgspec.structs.replace(config.buttons[0], wiring="nc")
    pressed = inputs.check_inputs(msgspec.structs.replace(config, buttons=(button,)), allow_mock=True)
    assert pressed[0].code == "input_active"


def test_a_simulated_or_missing_chip_is_a_fault(config: Config) -> None:
    """Pitfall 18c: never a silent fallback or mock."""
    assert inputs.check_inputs(config, allow_mock=False)[0].code == "input_lost"
    real = changed(config, "gpio", factory="libgpiod")
    assert inputs.check_inputs(real, allow_mock=True)[0].code == "input_lost"


def test_clips_are_judged_against_the_words(tmp_path: Path) -> None:
    config = example_config(voice__clips=str(tmp_path / "clips"))
    assert check_clips(config, WORDS)[0].code == "clips_none"
    prompts = list(site_prompts(config, WORDS))
    make_clips(tmp_path / "clips", prompts, duration_s=0.01)
    good = {row.part: row for row in check_clips(config, WORDS)}
    assert good["clips"].code == "clips_ok"
    assert good["words"].values["count"] == 12
    make_clips(tmp_path / "clips", prompts[:-8], duration_s=0.01)
    missing = check_clips(config, WORDS)[0]
    assert missing.code == "clips_missing"
    assert str(missing.values["which"]).endswith("… +2")
    next((tmp_path / "clips").glob("*.wav")).write_bytes(b"")
    assert check_clips(config, WORDS)[0].code == "clips_damaged"
    russian = changed(config, "kiosk", languages=("ru",))
    assert check_clips(russian, WORDS)[-1].code == "words_ok"
    assert only(check_clips(example_config(voice__mode="off"), WORDS)).level == "unused"


def test_a_clip_of_other_words_is_stale(tmp_path: Path) -> None:
    config = example_config(voice__clips=str(tmp_path / "clips"))
    prompts = list(site_prompts(config, WORDS))
    make_clips(tmp_path / "clips", [replace(prompts[0], text="Other words. Two.")], duration_s=0.01)
    assert lines_of(config, WORDS)[0].state == "stale"


def test_the_certificate_is_read_with_its_name(config: Config, site: KioskSite) -> None:
    assert only(check_certificate(config, time.time)).code == "cert_ok"
    other = changed(config, "kiosk", id="other-kiosk")
    assert only(check_certificate(other, time.time)).code == "cert_other"
    assert only(check_certificate(changed(config, "mqtt", tls=None), time.time)).level == "unused"


def test_a_certificate_that_is_not_there_yet_says_how_it_comes(config: Config, tmp_path: Path) -> None:
    assert config.mqtt.tls is not None
    (tmp_path / "empty").touch()
    for name, code in (
        ("ca", "fault_ca_missing"),
        ("cert", "fault_cert_missing"),
        ("key", "fault_cert_missing"),
    ):
        tls = msgspec.structs.replace(config.mqtt.tls, **{name: str(tmp_path / "empty")})
        assert only(check_certificate(changed(config, "mqtt", tls=tls), time.time)).code == code


def test_the_board_is_read(config: Config) -> None:
    assert [row.part for row in check_board(config)] == ["clock", "disk", "supply"]


@pytest.mark.parametrize("synced", [False, True])
def test_time_is_never_earlier_than_the_journals_last_good_one_until_a_server_says_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, synced: bool
) -> None:
    """Pitfall 32: a board without a clock must not refuse its own certificate."""
    now_s = 1_795_860_000.0
    monkeypatch.setattr(clock.time, "time", lambda: now_s)
    monkeypatch.setattr(clock, "built_utc_s", lambda: now_s + 100)
    monkeypatch.setattr(Board, "_clock_synced", lambda _: synced)
    assert trusted_utc_s(tmp_path) == (now_s if synced else now_s + 100)
    journal = SqliteJournal(tmp_path / "journal.sqlite", lambda _: None)
    journal.load()
    journal.save(Snapshot(saved_utc_ms=4_000_000_000_000))
    journal.close()
    assert trusted_utc_s(tmp_path) == (now_s if synced else 4_000_000_000.0)


def test_a_wrong_key_and_an_open_secret_are_told(site: KioskSite, tmp_path: Path) -> None:
    key = tmp_path / "sms.key"
    key.write_text("abc")
    key.chmod(0o644)
    file = tmp_path / "site.toml"
    text = (site.folder / "site.toml").read_text()
    file.write_text(text.replace(str(site.folder / "sms.key"), str(key)))
    done = Check(file=file, words=WORDS)
    done._site(load_config(file)[0], "abcd")
    assert [row.code for row in done.rows] == ["fault_sms_key_missing", "secret_open"]
    key.unlink()
    gone = Check(file=file, words=WORDS)
    gone._site(load_config(file)[0], "abcd")
    assert [row.code for row in gone.rows] == ["fault_sms_key_missing"]
