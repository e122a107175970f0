"""A site's voice on the bench: made-up clips, a simulated card, and what was played, sentence by sentence."""

import hashlib
import queue
import random
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from kiosk.config import Config
from kiosk.hw import clips
from kiosk.hw.clips import Clip, Manifest, Sentence
from kiosk.hw.voice import AplayVoice, VoiceSettings
from kiosk.messages import KioskEvent, Language
from kiosk.prompts import COVER, KEYS, Prompt
from kiosk.sim.soundcard import SoundCard

PATIENCE_S = 45.0  # a deadline, never a delay
_ODD = bytes(byte | 1 for byte in range(256))
_PERIOD_BYTES = 2400  # aplay fills its last 25 ms up with silence


def prompts_of(languages: Sequence[Language], keys: Sequence[str] = (*KEYS, COVER)) -> list[Prompt]:
    """Two short sentences for each key, different everywhere."""
    return [
        Prompt(key=key, language=language, text=f"{language} {key} one. {language} {key} two.", approved=True)
        for language in languages
        for key in keys
    ]


def noise(name: str, duration_s: float) -> bytes:
    """Samples that no other name has and that hold no silence."""
    chance = random.Random(name)
    frames = int(duration_s * clips.RATE_HZ)
    raw = bytearray(chance.randbytes(2 * frames))
    raw[::2] = raw[::2].translate(_ODD)
    return bytes(raw)


def make_clips(folder: Path, prompts: Sequence[Prompt], *, duration_s: float = 0.1) -> Manifest:
    """Write a folder of noise clips with its manifest, as a rendering would."""
    folder.mkdir(exist_ok=True)
    made = []
    for prompt in prompts:
        sentences = []
        for number, _ in enumerate(prompt.sentences, start=1):
            name = f"{prompt.language}-{prompt.key}-{number}.wav"
            content = clips.wav_bytes(noise(name, duration_s))
            (folder / name).write_bytes(content)
            sentences.append(
                Sentence(
                    file=name,
                    duration_s=duration_s,
                    end_s=number * duration_s,
                    lufs=-23.0,
                    true_peak_dbfs=-3.0,
                    sha256=hashlib.sha256(content).hexdigest(),
                )
            )
        made.append(
            Clip(
                language=prompt.language,
                key=prompt.key,
                text_sha256=clips.text_sha256(prompt.text),
                recipe="0" * 64,
                source="human",
                voice="noise",
                approved=True,
                sentences=tuple(sentences),
            )
        )
    manifest = Manifest(clips=tuple(made))
    clips.write_manifest(folder, manifest)
    return manifest


def match(heard: bytes, sounds: Sequence[bytes]) -> list[int]:
    """Find every sound whole, in this order, with at most a period of silence between; give the starts."""
    starts, at = [], 0
    for number, sound in enumerate(sounds):
        pads = range(0, _PERIOD_BYTES + 2, 2) if number else range(1)
        start = next((at + pad for pad in pads if heard[at + pad :].startswith(sound)), None)
        assert start is not None, f"sound {number} is not at byte {at}"
        assert not any(heard[at:start]), f"something sounds before sound {number}"
        starts.append(start)
        at = start + len(sound)
    assert not any(heard[at:]), "something sounds after the last"
    return starts


def site_config(**voice: Any) -> Config:
    """A whole configuration whose voice section is `voice`."""
    words = {"kk": "Дүкен", "ru": "Магазин"}
    return msgspec.convert(
        {
            "kiosk": {"id": "kiosk-17", "number": 17, "languages": ["kk", "ru"]},
            "site": {
                **dict.fromkeys(("name", "address", "entrance"), words),
                "short": {"kk": "Абай 10", "ru": "Абая 10", "latin": "Abay 10"},
                "lat": 43.23815,
                "lon": 76.94551,
                "accuracy_m": 10,
                "kato": "750000000",
            },
            "buttons": [{"name": "counter", "pin": 17}],
            "voice": {"mode": "off"} | voice,
            "mqtt": {"brokers": ["localhost:1883"]},
            "duty": {"tiers": []},
        },
        Config,
    )


class VoiceBench:
    """AplayVoice with a card that plays only when it is asked to, and the events it posts."""

    def __init__(
        self,
        folder: Path,
        *,
        languages: tuple[Language, ...] = ("kk", "ru"),
        duration_s: float = 0.1,
        prompts: Sequence[Prompt] | None = None,
        render: bool = True,
        environ: dict[str, str] | None = None,
        **settings: Any,
    ) -> None:
        self.prompts = list(prompts or prompts_of(languages))
        self.clips = folder / "clips"
        if render:
            make_clips(self.clips, self.prompts, duration_s=duration_s)
        self.card = SoundCard(folder)
        self.events: queue.SimpleQueue[KioskEvent] = queue.SimpleQueue()
        defaults = {"mode": "spoken", "device": "default", "gap_s": 0.01}
        self.voice = AplayVoice(
            VoiceSettings(languages=languages, clips=self.clips, **(defaults | settings)),
            self.prompts,
            self.events.put,
            environ=self.card.environ | (environ or {}),
        )

    def sounds(self, key: str, *languages: Language) -> list[bytes]:
        """The samples of a prompt's sentences in the order in which they should be heard."""
        manifest = clips.read_manifest(self.clips)
        return [
            clips.read_pcm(self.clips / part.file)
            for language in languages
            for clip in [manifest.clip(language, key)]
            if clip is not None
            for part in clip.sentences
        ]

    def play_until(self, *wanted: type[KioskEvent]) -> tuple[bytes, list[KioskEvent]]:
        """Let the card play until the last of the wanted kinds of event has come, in that order."""
        heard, seen = bytearray(), []
        pending = list(wanted)
        end_s = time.monotonic() + PATIENCE_S
        while pending:
            assert time.monotonic() < end_s, f"{pending[0].__name__} never came; seen: {seen}"
            heard += self.card.take(1 << 20, within_s=0.005)
            while not self.events.empty():
                event = self.events.get()
                seen.append(event)
                if pending and isinstance(event, pending[0]):
                    pending.pop(0)
        return bytes(heard + self.card.drain()), seen

    def wait_for(self, kind: type[KioskEvent]) -> KioskEvent:
        """Wait for an event while the card stands still."""
        while not isinstance(event := self.events.get(timeout=PATIENCE_S), kind):
            pass
        return event

    def close(self) -> None:
        """End the voice and take the card away."""
        self.voice.close()
        self.card.close()


def without_kazakh(folder: Path) -> dict[str, str]:
    """Give the environment of a machine whose espeak-ng has no Kazakh voice, only the others."""
    told = subprocess.run(
        ["espeak-ng", "--version"], capture_output=True, text=True, check=True, timeout=20
    ).stdout
    data = Path(told.rsplit("Data at: ", 1)[1].strip())
    copy = folder / "espeak-ng-data"
    (copy / "lang" / "trk").mkdir(parents=True)
    for source, target in (
        (data, copy),
        (data / "lang", copy / "lang"),
        (data / "lang/trk", copy / "lang/trk"),
    ):
        for entry in source.iterdir():
            if not (target / entry.name).exists() and entry.name != "kk":
                (target / entry.name).symlink_to(entry)
    return {"ESPEAK_DATA_PATH": str(folder)}
