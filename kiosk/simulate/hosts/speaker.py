"""The kiosk's voice behind its port: the real playlist decides, sentences take their time. Pure.

Fault of `voice:<who>`: `broken` (no sound; every attempt says so).
"""

from collections.abc import Callable

from kiosk.config import Config
from kiosk.hw import playlist as words_of
from kiosk.hw.playlist import Line, Pause, Playlist, Rules
from kiosk.messages import KioskEvent, VoiceBroke, VoiceEnded, VoiceRecovered, VoiceStarted
from kiosk.prompts import COVER, KEYS, Catalogue
from kiosk.simulate.agenda import Agenda
from kiosk.simulate.dice import Dice
from kiosk.simulate.weather import Weather

SENTENCE_S = (1.5, 4.0)


def rules_of(config: Config, words: Catalogue) -> Rules:
    """Give how a site speaks."""
    sentences = {
        (language, key): len(words.prompt(language, key).sentences)
        for language in config.kiosk.languages
        for key in KEYS
    }
    if config.voice.cover is not None:
        sentences |= {(language, COVER): 1 for language in config.kiosk.languages}
    return Rules(
        mode=config.voice.mode,
        languages=config.kiosk.languages,
        gap_s=config.voice.gap_s,
        sentences=sentences,
    )


class Speaker:
    """One speaker for one life of the process; `sounds` is told each sentence as it begins."""

    def __init__(
        self, agenda: Agenda, weather: Weather, post: Callable[[KioskEvent], None], *, rules: Rules, who: str,
        dice: Dice, sounds: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._agenda = agenda
        self._weather = weather
        self._post = post
        self._rules = rules
        self._where = f"voice:{who}"
        self._dice = dice
        self._sounds = sounds
        self._list = Playlist()
        self._take = 0  # what was begun under an older number was cut off
        self._playing = False
        self._alive = True

    def die(self) -> None:
        """End with the process."""
        self._alive = False

    def say(self, key: str, *, cut: bool) -> None:
        """Make `key` the newest thing to say."""
        self._list, stop = words_of.ask(self._rules, self._list, key, cut=cut)
        if stop:
            self._take += 1
            self._playing = False
        if not self._playing:
            self._step()

    def hush(self) -> None:
        """Fall silent at once."""
        self._list, _ = words_of.hush(self._list)
        self._take += 1
        self._playing = False

    def probe(self) -> None:
        """Try the device."""
        broken = self._weather.has(self._where, "broken")
        event = VoiceBroke("no such device") if broken else VoiceRecovered()
        self._agenda.after(0.1, lambda: self._post(event) if self._alive else None)

    def _step(self) -> None:
        self._playing = False
        was = self._list.saying
        self._list, what = words_of.step(self._rules, self._list)
        match what:
            case None:
                if was is not None:
                    self._post(VoiceEnded(was))
            case Pause(pause_s):
                self._go_on(pause_s)
            case Line(key=key, language=language):
                if self._weather.has(self._where, "broken"):
                    self._list = words_of.drop(self._list)
                    self._post(VoiceBroke("no such device"))
                    return
                self._sounds(key)
                self._post(VoiceStarted(key=key, language=language, source="clip"))
                self._go_on(self._dice.between(*SENTENCE_S))

    def _go_on(self, in_s: float) -> None:
        self._playing = True
        take = self._take

        def next_one() -> None:
            if self._alive and take == self._take:
                self._step()

        self._agenda.after(in_s, next_one)
