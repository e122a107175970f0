"""A voice without sound: sentences last until `finish_sentence` is called; `fault` breaks or hangs it."""

from typing import Literal

from kiosk.hw.playlist import Line, Mode, Playlist, Rules, ask, drop, hush, step
from kiosk.messages import Language, VoiceBroke, VoiceEnded, VoiceRecovered, VoiceStarted
from kiosk.ports import Post
from kiosk.prompts import COVER, KEYS

Fault = Literal["", "refuses", "hangs"]


class FakeVoice:
    """The Voice port in one thread; `said` lists every sentence begun as `key/language/number`."""

    def __init__(
        self, post: Post, *, mode: Mode = "spoken", languages: tuple[Language, ...] = ("kk", "ru")
    ) -> None:
        self.said: list[str] = []
        self.fault: Fault = ""
        self.sounding = False
        self.closed = False
        self._post = post
        self._mode = mode
        self._rules = Rules(
            mode=mode,
            languages=languages,
            gap_s=0.7,
            sentences={(language, key): 2 for language in languages for key in (*KEYS, COVER)},
        )
        self._playlist = Playlist()
        self._started: tuple[str, set[Language]] | None = None
        self._broken = False

    def say(self, key: str, *, cut: bool = False) -> None:
        """Make `key` the newest thing to say."""
        if not self.closed:
            self._playlist, stop = ask(self._rules, self._playlist, key, cut=cut)
            self._go_on(stop=stop)

    def hush(self) -> None:
        """Fall silent at once."""
        if not self.closed:
            self._playlist, stop = hush(self._playlist)
            self._go_on(stop=stop)

    def probe(self) -> None:
        """Tell whether it works."""
        if self.closed:
            return
        if self.fault and self._mode != "off":
            self._fail()
        else:
            self._broken = False
            self._post(VoiceRecovered())

    def close(self) -> None:
        """Be silent for good."""
        self.closed = True
        self.sounding = False

    def finish_sentence(self) -> bool:
        """Let the sentence under way end (a hung device is killed); False when nothing sounds."""
        if not self.sounding:
            return False
        self.sounding = False
        if self.fault == "hangs":
            self._fail()
        elif self._broken:
            self._broken = False
            self._post(VoiceRecovered())
        self._go_on(stop=False)
        return True

    def _go_on(self, *, stop: bool) -> None:
        if stop:
            self.sounding = False
            self._end()
        while not self.sounding and not self.closed:
            self._playlist, todo = step(self._rules, self._playlist)
            if self._started is not None and self._started[0] != self._playlist.saying:
                self._end()
            if todo is None:
                return
            if isinstance(todo, Line):
                self._begin(todo)

    def _begin(self, line: Line) -> None:
        if self.fault == "refuses":
            self._fail()
            return
        self.sounding = True
        if self.fault == "hangs":
            return
        self.said.append(f"{line.key}/{line.language}/{line.sentence}")
        key, languages = self._started or (line.key, set())
        self._started = (key, languages | {line.language})
        if line.language not in languages:
            self._post(VoiceStarted(key=line.key, language=line.language, source="clip"))

    def _end(self) -> None:
        if self._started is not None:
            self._post(VoiceEnded(self._started[0]))
            self._started = None

    def _fail(self) -> None:
        self._broken = True
        self._playlist = drop(self._playlist)
        self._post(VoiceBroke("fake: no sound"))
