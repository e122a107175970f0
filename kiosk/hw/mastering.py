"""Own the sound of a clip: trimmed, filtered, gently compressed, -23 LUFS, true peak at most -2 dBFS.

The only file that imports numpy, scipy and pyloudnorm; never imported by the daemon.
"""

import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import pyloudnorm
from numpy.typing import NDArray
from scipy import ndimage, signal
from scipy.io import wavfile

from kiosk.hw.clips import LOUDNESS_LUFS, LOUDNESS_TOLERANCE_LU, RATE_HZ, TRUE_PEAK_LIMIT_DBFS
from kiosk.messages import VoiceFailed

Samples = NDArray[np.float64]

ALLOWED = "allowed: WAV, 16, 24 or 32 bit or float, 16-192 kHz, mono or stereo, 0.3-30 s, with a voice in it"
# what scipy raises on hostile bytes, found by trying them
_UNREADABLE = (OSError, ValueError, EOFError, TypeError, KeyError, ArithmeticError, MemoryError,
               UnboundLocalError, struct.error, wavfile.WavFileWarning)  # fmt: skip
_MAX_BYTES = 64 << 20
_RUMBLE_HZ, _HISS_HZ = 120.0, 6500.0
_SILENT_BELOW_DB = -40.0  # relative to the loudest 10 ms of the recording
_LEAD_S, _TAIL_S = 0.005, 0.06
_FADE_IN_S, _FADE_OUT_S = 0.003, 0.03
_INNER_PAUSE_S = 0.25  # shorter silence lies inside a sentence
_THRESHOLD_DB, _RATIO = -6.0, 2.0  # relative to the loudest part: only what stands out is held back
_SMOOTH_S = 0.08
_BLOCK_S = 0.4  # BS.1770's gating block
_AIM_DBFS = TRUE_PEAK_LIMIT_DBFS - 0.3
_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class Master:
    """A finished sentence: 48 kHz mono s16 samples and what was measured on these very samples."""

    pcm: bytes
    lufs: float
    true_peak_dbfs: float

    @property
    def duration_s(self) -> float:
        """Length in seconds, to the ms."""
        return round(len(self.pcm) / 2 / RATE_HZ, 3)


def read_recording(path: Path) -> Samples:
    """Read a WAV file of any usual kind as 48 kHz mono in -1..1.

    Raises VoiceFailed naming the file and what is allowed, whatever the file holds.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError("larger than 64 MiB")
        with warnings.catch_warnings():
            warnings.simplefilter("error", wavfile.WavFileWarning)  # a cut-off file only warns
            warnings.filterwarnings("ignore", message="Chunk .non-data. not understood")
            rate_hz, raw = wavfile.read(path)
    except _UNREADABLE as error:
        raise VoiceFailed(f"{path}: cannot be read as sound ({error}); {ALLOWED}") from error
    samples = _mono(path, raw)
    if not 16_000 <= rate_hz <= 192_000 or not 0.3 <= len(samples) / rate_hz <= 30:
        raise VoiceFailed(f"{path}: is {len(samples) / max(rate_hz, 1):.2f} s at {rate_hz} Hz; {ALLOWED}")
    samples = samples - samples.mean()
    if float(np.abs(samples).max()) < 0.003:
        raise VoiceFailed(f"{path}: holds only silence; {ALLOWED}")
    common = int(np.gcd(rate_hz, RATE_HZ))
    return cast("Samples", signal.resample_poly(samples, RATE_HZ // common, rate_hz // common))


def _mono(path: Path, raw: NDArray[np.generic]) -> Samples:
    if raw.dtype not in (np.int16, np.int32, np.float32, np.float64) or raw.size == 0:
        raise VoiceFailed(f"{path}: holds {raw.size} samples of {raw.dtype}; {ALLOWED}")
    full_scale = {"int16": 2.0**15, "int32": 2.0**31}.get(raw.dtype.name, 1.0)
    samples = raw.astype(np.float64) / full_scale
    if samples.ndim == 2:
        if samples.shape[1] > 2:
            raise VoiceFailed(f"{path}: has {samples.shape[1]} channels; {ALLOWED}")
        samples = samples.mean(axis=1)
    if not np.isfinite(samples).all():
        raise VoiceFailed(f"{path}: holds samples that are no numbers; {ALLOWED}")
    return samples


def split(samples: Samples, sentences: int) -> list[Samples]:
    """Cut a recording at its longest pauses into `sentences` parts; kept whole when they are too short."""
    loud = np.flatnonzero(_loud_windows(samples))
    gaps = np.diff(loud) - 1
    longest = np.argsort(gaps, kind="stable")[::-1][: sentences - 1]
    window = RATE_HZ // 100
    if len(longest) < sentences - 1 or any(gaps[i] * window < _INNER_PAUSE_S * RATE_HZ for i in longest):
        return [samples]
    cuts = [int((loud[i] + loud[i + 1] + 1) * window / 2) for i in sorted(longest)]
    return list(np.split(samples, cuts))


def master(samples: Samples) -> Master:
    """Make one sentence of 48 kHz samples ready to play; VoiceFailed when the limits cannot be met."""
    rumble = signal.butter(2, _RUMBLE_HZ, "highpass", fs=RATE_HZ, output="sos")
    hiss = signal.butter(4, _HISS_HZ, "lowpass", fs=RATE_HZ, output="sos")
    sound = cast("Samples", signal.sosfilt(hiss, signal.sosfilt(rumble, samples)))
    sound = _compress(_trim(sound))
    sound = _fade(sound)
    for _ in range(_ROUNDS):
        sound = _limit(sound * _gain(LOUDNESS_LUFS - loudness_lufs(sound)))
        pcm = np.round(np.clip(sound, -1, 1) * 32767).astype("<i2")
        heard = pcm.astype(np.float64) / 32768
        lufs, peak = loudness_lufs(heard), true_peak_dbfs(heard)
        if abs(lufs - LOUDNESS_LUFS) <= LOUDNESS_TOLERANCE_LU / 2 and peak <= TRUE_PEAK_LIMIT_DBFS:
            return Master(pcm.tobytes(), round(lufs, 2), round(peak, 2))
    raise VoiceFailed(f"loudness {lufs:.1f} LUFS with peak {peak:.1f} dBFS cannot be brought within limits")


def loudness_lufs(samples: Samples) -> float:
    """Measure integrated loudness (ITU-R BS.1770-4); a sound under one block is repeated to fill it."""
    block = int(_BLOCK_S * RATE_HZ) + 1
    if len(samples) < block:
        samples = np.tile(samples, -(-block // len(samples)))
    return float(pyloudnorm.Meter(RATE_HZ, block_size=_BLOCK_S).integrated_loudness(samples))


def true_peak_dbfs(samples: Samples) -> float:
    """Measure the true peak, 4 times oversampled (ITU-R BS.1770-4 annex 2)."""
    return float(20 * np.log10(max(float(np.abs(signal.resample_poly(samples, 4, 1)).max()), 1e-9)))


def _loud_windows(samples: Samples) -> NDArray[np.bool_]:
    window = RATE_HZ // 100
    count = max(len(samples) // window, 1)
    level = np.sqrt(np.mean(samples[: count * window].reshape(count, -1) ** 2, axis=1))
    return cast("NDArray[np.bool_]", level > level.max() * _gain(_SILENT_BELOW_DB))


def _trim(samples: Samples) -> Samples:
    loud = np.flatnonzero(_loud_windows(samples)) * (RATE_HZ // 100)
    start = max(int(loud[0] - _LEAD_S * RATE_HZ), 0)
    return samples[start : int(loud[-1] + (0.01 + _TAIL_S) * RATE_HZ)]


def _compress(samples: Samples) -> Samples:
    power = ndimage.uniform_filter1d(samples**2, int(_SMOOTH_S * RATE_HZ))
    level = np.sqrt(np.maximum(power, 0)) + 1e-9  # a running sum may dip a hair below zero
    over_db = np.maximum(20 * np.log10(level / level.max()) - _THRESHOLD_DB, 0)
    return cast("Samples", samples * 10 ** (-over_db * (1 - 1 / _RATIO) / 20))


def _limit(samples: Samples) -> Samples:
    """Hold peaks under the aim by a smooth gain that begins 3 ms before them."""
    peaks = np.abs(signal.resample_poly(samples, 4, 1)).reshape(-1, 4).max(axis=1)
    needed = np.minimum(1.0, _gain(_AIM_DBFS) / np.maximum(peaks, 1e-9))
    width = int(0.006 * RATE_HZ) | 1
    return cast("Samples", samples * ndimage.uniform_filter1d(ndimage.minimum_filter1d(needed, width), width))


def _fade(samples: Samples) -> Samples:
    faded = samples.copy()
    first, last = int(_FADE_IN_S * RATE_HZ), int(_FADE_OUT_S * RATE_HZ)
    faded[:first] *= np.linspace(0, 1, first)
    faded[-last:] *= np.linspace(1, 0, last)
    return faded


def _gain(db: float) -> float:
    return float(10 ** (db / 20))
