"""Measure decision to speak -> first audible sample, beside a bare aplay of the same clip.

Run: python bench/first_sound.py [ROUNDS]. The card is ALSA's file plugin onto a FIFO; a DAC's own wake-up
is not in the figure.
"""

import os
import queue
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from kiosk.hw.render import render
from kiosk.hw.sources import Sources
from kiosk.hw.voice import AplayVoice, VoiceSettings
from kiosk.messages import KioskEvent, VoiceEnded, VoiceStarted
from kiosk.sim.soundcard import SoundCard
from kiosk.words import load_catalogue

LIMIT_P99_MS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstSound:
    """All rounds in ms, ours and the bare child's."""

    ours_ms: list[float]
    bare_ms: list[float]


def measure(rounds: int = 200) -> FirstSound:
    """Render one prompt, then say it `rounds` times, each followed by a bare aplay of the same clip."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prompt = load_catalogue().prompt("kk", "pressed")
        clips = folder / "clips"
        manifest = render(clips, [prompt], Sources(human=folder / "human", piper={})).manifest
        card = SoundCard(folder)
        events: queue.SimpleQueue[KioskEvent] = queue.SimpleQueue()
        settings = VoiceSettings(mode="spoken", languages=("kk",), device="default", clips=clips)
        voice = AplayVoice(settings, [prompt], events.put, environ=card.environ)
        try:
            figures = FirstSound(ours_ms=[], bare_ms=[])
            clip = clips / manifest.clips[0].sentences[0].file
            for _ in range(rounds):
                figures.ours_ms.append(_ours(voice, card, events))
                figures.bare_ms.append(_bare(clip, card))
            return figures
        finally:
            voice.close()
            card.close()


def _ours(voice: AplayVoice, card: SoundCard, events: "queue.SimpleQueue[KioskEvent]") -> float:
    begun_s = time.monotonic()
    voice.say("pressed")
    heard_s, _ = card.first_sound()
    _wait_for(VoiceStarted, events)
    voice.hush()
    _wait_for(VoiceEnded, events)
    card.drain()
    return (heard_s - begun_s) * 1000


def _wait_for(kind: type[KioskEvent], events: "queue.SimpleQueue[KioskEvent]") -> None:
    while not isinstance(events.get(timeout=5), kind):
        pass


def _bare(clip: Path, card: SoundCard) -> float:
    begun_s = time.monotonic()
    with subprocess.Popen(["aplay", "-q", str(clip)], env={**os.environ, **card.environ}) as child:
        heard_s, _ = card.first_sound()
        child.kill()
    card.drain()
    return (heard_s - begun_s) * 1000


def _line(name: str, values_ms: list[float]) -> str:
    centiles = statistics.quantiles(values_ms, n=100)
    return f"{name:28} p50 {centiles[49]:6.2f} ms  p99 {centiles[98]:6.2f} ms  max {max(values_ms):6.2f} ms"


def main() -> int:
    """Print both and return 1 when the limit is missed."""
    figures = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
    print(_line("say -> first sample", figures.ours_ms))
    print(_line("bare aplay -> first sample", figures.bare_ms))
    return int(statistics.quantiles(figures.ours_ms, n=100)[98] > LIMIT_P99_MS)


if __name__ == "__main__":
    sys.exit(main())
