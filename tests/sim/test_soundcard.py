"""The simulated card, played on by aplay itself."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.hw.clips import wav_bytes
from kiosk.sim.soundcard import SoundCard, no_card

pytestmark = pytest.mark.real

PATIENCE_S = 20.0


@pytest.fixture
def card(tmp_path: Path) -> Iterator[SoundCard]:
    card = SoundCard(tmp_path)
    yield card
    card.close()


def aplay(samples: bytes, environ: dict[str, str]) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        ["aplay", "-q", "-"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, **environ}
    )
    process.communicate(wav_bytes(samples), timeout=PATIENCE_S)
    return process


def test_what_was_played_is_read_back(card):
    assert aplay(b"\x01\x02" * 500, card.environ).returncode == 0
    assert card.drain().startswith(b"\x01\x02" * 500)
    assert card.drain() == b""


def test_the_first_sound_is_told_after_silence(card):
    aplay(bytes(3000) + b"\x01\x02" * 500, card.environ)
    heard_s, heard = card.first_sound()
    assert heard_s > 0
    assert heard.startswith(bytes(3000) + b"\x01\x02")


def test_silence_is_no_sound(card):
    aplay(bytes(3000), card.environ)
    with pytest.raises(TimeoutError, match=r"no sound within 0\.05 s"):
        card.first_sound(within_s=0.05)


def test_a_stuffed_card_takes_nothing_until_it_is_read(card):
    card.stuff()
    assert not any(card.take(100))


def test_a_card_that_is_not_there_is_refused(tmp_path):
    assert aplay(b"ab" * 100, no_card(tmp_path)).returncode == 1
