"""What the board said: its sound card's samples, compared with the samples of the clips it was given.

The clips that should have been said are looked for one behind the other, piece by piece; and whatever else is
loud in the recording counts against it. The emulated card may drop or repeat a moment on a busy machine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve, resample_poly

CARD_HZ = 48_000
RATE_HZ = 12_000  # speech was cut at 6.5 kHz when it was rendered; a quarter of the work
HEADER_BYTES = 44
PIECE_S = 0.25
QUIET = 0.004  # full scale is 1; a piece below says nothing
ALIKE = 0.8  # correlation of a piece with what was heard
AS_ALIKE = 0.05
STUMBLE = RATE_HZ  # within one second, pieces of a clip belong together
HALF = 0.5
AHEAD_S = 12.0  # how much further than the last piece the next one is looked for

LANGUAGES = ("kk", "ru")  # in which every prompt is said, one behind the other

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Heard:
    """One clip: where in the recording it began, and how much of its loud part was found in order."""

    name: str
    at_s: float
    share: float
    missed: int  # pieces of a quarter-second


@dataclass(frozen=True, slots=True)
class Verdict:
    """All clips in the order that was expected, and the seconds of sound that none of them explains."""

    clips: tuple[Heard, ...]
    loud_s: float
    strange_s: float


def recording(wav: Path) -> Samples:
    """Read a recording of the emulated card: 48 kHz stereo; its header is wrong until QEMU ends in order."""
    data = wav.read_bytes()[HEADER_BYTES:]
    both = np.frombuffer(data[: len(data) // 4 * 4], dtype="<i2").reshape(-1, 2)
    return _slower(both.mean(axis=1).astype(np.float32) / 32768)


def clip(wav: Path) -> Samples:
    """Read a clip: 48 kHz mono."""
    data = wav.read_bytes()[HEADER_BYTES:]
    return _slower(np.frombuffer(data[: len(data) // 2 * 2], dtype="<i2").astype(np.float32) / 32768)


def _slower(samples: Samples) -> Samples:
    if not len(samples):
        return samples
    slow: Samples = resample_poly(samples, 1, CARD_HZ // RATE_HZ).astype(np.float32)
    return slow


def sentences(clips: Mapping[str, Samples], key: str) -> list[str]:
    """List what is said for a prompt, in order; clips are named by language, key and number."""
    return [
        name for lang in LANGUAGES for name in sorted(clips) if name.rpartition("-")[0] == f"{lang}-{key}"
    ]


def judge(sound: Samples, expected: Sequence[str], clips: Mapping[str, Samples]) -> Verdict:
    """Follow the expected clips through a recording."""
    explained = np.zeros(len(sound), bool)
    at, found = 0, []
    for name in expected:
        heard, at = _follow(sound, name, clips[name], at, explained)
        found.append(heard)
    loud = _loud(sound)
    strange = int(np.count_nonzero(loud & ~explained))
    return Verdict(tuple(found), float(np.count_nonzero(loud)) / RATE_HZ, strange / RATE_HZ)


def share_of(sound: Samples, name: str, clips: Mapping[str, Samples]) -> float:
    """Tell how much of one sentence is found anywhere in a recording, whatever else was said."""
    starts = range(0, len(sound), int(AHEAD_S * RATE_HZ))
    return max((judge(sound[at:], [name], clips).clips[0].share for at in starts), default=0.0)


def _follow(
    sound: Samples, name: str, samples: Samples, at: int, explained: NDArray[np.bool_]
) -> tuple[Heard, int]:
    size, ahead = int(PIECE_S * RATE_HZ), int(AHEAD_S * RATE_HZ) + len(samples)
    starts = [
        start
        for start in range(0, len(samples) - size + 1, size)
        if np.sqrt(np.mean(samples[start : start + size] ** 2)) > QUIET
    ]
    places = [_place(sound[at : at + ahead], samples[start : start + size]) for start in starts]
    begins = [
        (place - start, place) for start, (place, alike) in zip(starts, places, strict=True) if alike > ALIKE
    ]
    if not begins:
        return Heard(name, 0.0, 0.0, len(starts)), at
    # pieces of one clip agree on where it began; a word that another sentence has, too, does not
    middle = max(
        (begin for begin, _ in begins), key=lambda one: sum(abs(one - b) < STUMBLE for b, _ in begins)
    )
    kept = [(begin, at + place) for begin, place in begins if abs(begin - middle) < STUMBLE]
    for _, place in kept:
        # a stumble of the card spoils the rest of its piece, and repeats what was before it
        explained[max(0, place - size) : place + 2 * size] = True
    share = len(kept) / len(starts)
    return Heard(name, (at + middle) / RATE_HZ, share, len(starts) - len(kept)), kept[-1][
        1
    ] + size // 2 if share > HALF else at


def _place(sound: Samples, piece: Samples) -> tuple[int, float]:
    """Give the first place where a piece is as alike as anywhere, and how alike it is there."""
    if len(sound) < len(piece):
        return 0, 0.0
    energy = np.sqrt(np.maximum(fftconvolve(sound**2, np.ones(len(piece), np.float32), "valid"), 1e-6))
    likeness = fftconvolve(sound, piece[::-1], "valid") / (energy * np.linalg.norm(piece))
    at = int(np.argmax(likeness >= likeness.max() - AS_ALIKE))  # another sentence may have the same words
    return at, float(likeness[at])


def _loud(sound: Samples) -> NDArray[np.bool_]:
    size = RATE_HZ // 20
    level = (
        np.sqrt(np.maximum(fftconvolve(sound**2, np.ones(size) / size, "same"), 0)) if len(sound) else sound
    )
    return np.asarray(level > 4 * QUIET)
