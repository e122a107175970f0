import io
import wave
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import wavfile

from kiosk.hw.clips import RATE_HZ
from kiosk.hw.mastering import (
    loudness_lufs,
    master,
    read_recording,
    split,
    true_peak_dbfs,
)
from kiosk.messages import VoiceFailed


def voice_like(duration_s=1.5, rate_hz=RATE_HZ, seed=1):
    """Harmonics with syllables at 4 Hz and a little noise."""
    time = np.arange(int(duration_s * rate_hz)) / rate_hz
    tone = sum(np.sin(2 * np.pi * 120 * n * time) / n for n in range(1, 20))
    noise = np.random.default_rng(seed).normal(0, 0.1, len(time))
    return 0.2 * (tone + noise) * (0.15 + np.abs(np.sin(2 * np.pi * 2 * time)))


def silence(duration_s):
    return np.zeros(int(duration_s * RATE_HZ))


@pytest.mark.parametrize("gain", [0.01, 0.3, 4.0])
@pytest.mark.parametrize("duration_s", [0.3, 1.5, 6.0])
def test_every_sentence_has_the_same_loudness_and_no_peak(gain, duration_s):
    made = master(voice_like(duration_s) * gain)
    heard = np.frombuffer(made.pcm, "<i2") / 32768
    assert loudness_lufs(heard) == pytest.approx(-23.0, abs=0.5)
    assert true_peak_dbfs(heard) <= -2.0
    assert (made.lufs, made.true_peak_dbfs) == (
        pytest.approx(loudness_lufs(heard), abs=0.01),
        pytest.approx(true_peak_dbfs(heard), abs=0.01),
    )


def test_a_spiky_voice_is_limited():
    spiky = voice_like(3.0) * 0.02
    spiky[::9600] += 0.9
    made = master(spiky)
    assert made.true_peak_dbfs <= -2.0
    assert made.lufs == pytest.approx(-23.0, abs=0.5)


def test_a_click_alone_cannot_be_made_a_voice():
    click = silence(1.0)
    click[24000] = 1.0
    with pytest.raises(VoiceFailed, match="cannot be brought within limits"):
        master(click)


def test_silence_around_a_sentence_is_trimmed():
    made = master(np.concatenate([silence(0.8), voice_like(1.0), silence(1.2)]))
    assert made.duration_s == pytest.approx(1.0, abs=0.15)


def test_a_clip_begins_and_ends_at_zero():
    samples = np.frombuffer(master(voice_like()).pcm, "<i2")
    assert (samples[0], samples[-1]) == (0, 0)


def test_a_recording_is_cut_at_its_longest_pauses():
    lengths_s = [(0.8, 0.5), (0.7, 0.1), (0.4, 0.6), (0.5, 0.0)]
    parts = [part for voice_s, pause_s in lengths_s for part in (voice_like(voice_s), silence(pause_s))]
    cut = split(np.concatenate(parts), 3)
    assert [len(part) / RATE_HZ for part in cut] == pytest.approx([1.05, 1.75, 0.8], abs=0.03)
    assert len(split(np.concatenate(parts), 1)) == 1


@pytest.mark.parametrize("pause_s", [0.0, 0.1])
def test_a_recording_without_clear_pauses_stays_whole(pause_s):
    sound = np.concatenate([voice_like(0.8), silence(pause_s), voice_like(0.7)])
    assert [len(part) for part in split(sound, 2)] == [len(sound)]


@pytest.mark.parametrize("kind", [np.int16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("rate_hz", [16000, 22050, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
def test_every_usual_recording_is_read(tmp_path, kind, rate_hz, channels):
    sound = voice_like(0.5, rate_hz) * 0.5
    raw = (
        sound.astype(kind) if np.issubdtype(kind, np.floating) else (sound * np.iinfo(kind).max).astype(kind)
    )
    wavfile.write(tmp_path / "a.wav", rate_hz, np.stack([raw] * channels, axis=1).squeeze())
    read = read_recording(tmp_path / "a.wav")
    assert len(read) == pytest.approx(0.5 * RATE_HZ, abs=5)
    assert np.abs(read).max() == pytest.approx(np.abs(sound).max(), rel=0.2)


def test_a_24_bit_recording_is_read(tmp_path):
    ints = (voice_like(0.5) * 0.5 * (2**23 - 1)).astype("<i4")
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 3, RATE_HZ, 0, "NONE", ""))
        file.writeframes(ints.view("u1").reshape(-1, 4)[:, :3].tobytes())
    assert np.abs(read_recording(tmp_path / "a.wav")).max() > 0.1


def whole_wav(rate_hz=RATE_HZ):
    content = io.BytesIO()
    wavfile.write(content, rate_hz, (voice_like(0.5) * 20000).astype("i2"))
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "cannot be read as sound"),
        (b"ID3\x03an mp3 by its name only", "cannot be read as sound"),
        (whole_wav()[:-1000], "cannot be read as sound"),
        (whole_wav()[:30], "cannot be read as sound"),
        (whole_wav(rate_hz=4000), r"is 6\.00 s at 4000 Hz"),
    ],
)
def test_a_damaged_or_foreign_file_is_refused_with_its_name_and_what_is_allowed(tmp_path, content, says):
    (tmp_path / "received.wav").write_bytes(content)
    with pytest.raises(VoiceFailed, match=rf"received\.wav: {says}.*allowed: WAV"):
        read_recording(tmp_path / "received.wav")


@pytest.mark.parametrize(
    ("samples", "says"),
    [
        (np.zeros(RATE_HZ, "i2"), "holds only silence"),
        (np.full(RATE_HZ, 900, "i2"), "holds only silence"),
        (np.full(RATE_HZ, np.nan, "f4"), "no numbers"),
        (np.zeros((RATE_HZ, 6), "i2"), "has 6 channels"),
        (np.zeros(RATE_HZ, "u1"), "samples of uint8"),
        (np.zeros(0, "i2"), "holds 0 samples"),
        (np.ones(1000, "i2"), r"is 0\.02 s"),
    ],
)
def test_a_recording_without_a_voice_is_refused(tmp_path, samples, says):
    wavfile.write(tmp_path / "a.wav", RATE_HZ, samples)
    with pytest.raises(VoiceFailed, match=says):
        read_recording(tmp_path / "a.wav")


def test_a_huge_file_is_not_even_read(tmp_path):
    with (tmp_path / "a.wav").open("wb") as file:
        file.truncate(65 << 20)
    with pytest.raises(VoiceFailed, match="larger than 64 MiB"):
        read_recording(tmp_path / "a.wav")


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 100), st.binary(min_size=1, max_size=8))
def test_whatever_bytes_stand_in_a_file_it_is_read_or_refused(tmp_path_factory, at, rubbish):
    path = tmp_path_factory.mktemp("rubbish") / "a.wav"
    content = whole_wav()
    path.write_bytes(content[:at] + rubbish + content[at + len(rubbish) :])
    with suppress(VoiceFailed):
        assert len(read_recording(path)) > 0
