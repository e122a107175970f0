"""Own the three synthetic voices: which espeak-ng voice speaks a language, how fast and how high.

Pure figures, shared by the rendering child and the live fallback. Never lets one language borrow
another's voice: Kazakh read by the Russian voice is spelled out as Unicode numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from kiosk.messages import Language

LIVE_RATE_HZ = 22050  # what espeak-ng 1.51 writes for every formant voice


@dataclass(frozen=True, slots=True, kw_only=True)
class EspeakVoice:
    """One calm voice.

    `name` is what espeak-ng is asked for and the last part of the identifier that it must then report;
    `rate` is espeak's own figure (about 4 syllables a second here), `pitch` 0-99, `gap` in units of 10 ms.
    """

    name: str
    rate: int
    pitch: int = 38
    gap: int = 2


VOICES: Mapping[Language, EspeakVoice] = {
    "kk": EspeakVoice(name="kk", rate=122),
    "ru": EspeakVoice(name="ru", rate=112),
    "en": EspeakVoice(name="en", rate=130),
}


def is_voice_of(language: Language, identifier: str) -> bool:
    """Tell whether the identifier that espeak-ng reports (`trk/kk`) is the very voice of `language`."""
    return identifier.lower().rsplit("/", maxsplit=1)[-1] == VOICES[language].name


def live_command(language: Language) -> list[str]:
    """Give the command that speaks its standard input to a WAV on its standard output.

    espeak-ng refuses an unknown `-v` with exit code 1, so it can never fall back to another language.
    """
    voice = VOICES[language]
    figures = ["-s", str(voice.rate), "-p", str(voice.pitch), "-g", str(voice.gap)]
    return ["espeak-ng", "-v", voice.name, *figures, "-b", "1", "--stdin", "--stdout"]
