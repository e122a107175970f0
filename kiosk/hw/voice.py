"""Own what the kiosk says aloud: one worker plays the newest true prompt, sentence by sentence.

`say` and `hush` only set the newest state and return; nothing here can delay an alert or hang with a device.
Says nothing untrue: VoiceStarted is posted only when the device takes the sound.
"""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kiosk.config import Config
from kiosk.hw.bell import Bell
from kiosk.hw.clips import RATE_HZ, read_pcm, site_prompts
from kiosk.hw.playlist import Line, Mode, Pause, Playlist, Rules, ask, drop, hush, step
from kiosk.hw.repertoire import Piece, Repertoire, current_mark, open_repertoire, spoken_live
from kiosk.hw.shelves import version_folder
from kiosk.hw.sound_cards import LOOK_EVERY_S, CardWatch
from kiosk.hw.speaker import Pcm, Speaker, Stop
from kiosk.messages import (
    ConfigError,
    Language,
    VoiceBroke,
    VoiceEnded,
    VoiceFailed,
    VoiceRecovered,
    VoiceStarted,
)
from kiosk.ports import Post
from kiosk.prompts import Catalogue, Prompt

log = logging.getLogger(__name__)

_CLOSE_S = 0.9
_PROBE = Pcm(bytes(2 * RATE_HZ // 10), RATE_HZ)  # 0.1 s of silence


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceSettings:
    """How a site speaks; `gap_s` lies between languages, `gain_db` is at most 0.

    `clips` are the site's own, `version_clips` those that came with the version.
    """

    mode: Mode
    languages: tuple[Language, ...]
    device: str
    clips: Path
    version_clips: Path | None = None
    gap_s: float = 0.7
    gain_db: float = 0.0


def open_voice(config: Config, catalogue: Catalogue, post: Post) -> "AplayVoice":
    """Build the site's voice from its configuration."""
    site = config.voice
    settings = VoiceSettings(
        mode=site.mode,
        languages=config.kiosk.languages,
        device=site.device,
        clips=Path(site.clips),
        version_clips=version_folder(),
        gap_s=site.gap_s,
        gain_db=site.gain_db,
    )
    return AplayVoice(settings, site_prompts(config, catalogue), post)


class AplayVoice:
    """The Voice port on aplay; `environ` is added to the children's environment."""

    def __init__(
        self,
        settings: VoiceSettings,
        prompts: Sequence[Prompt],
        post: Post,
        *,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._settings = settings
        self._prompts = prompts
        self._post = post
        self._speaker = Speaker(settings.device, gain_db=settings.gain_db, environ=environ)
        self._lock = threading.Lock()  # held for microseconds only, never around a child or a file
        self._playlist = Playlist()
        self._repertoire = spoken_live(prompts)
        self._rules = self._rules_for(self._repertoire)
        self._closed = self._cut = self._probing = False
        self._broken = False
        self._started: tuple[str, frozenset[Language]] | None = None
        self._bell = Bell()
        self._card = CardWatch("" if settings.mode == "off" else settings.device)
        self._worker = threading.Thread(target=self._work, name="voice", daemon=True)
        self._worker.start()

    def say(self, key: str, *, cut: bool = False) -> None:
        """Make `key` the newest thing to say; the sentence under way ends first unless `cut`."""
        with self._lock:
            self._playlist, stop = ask(self._rules, self._playlist, key, cut=cut)
            self._cut |= stop
            self._bell.ring()

    def hush(self) -> None:
        """Fall silent at once and forget what was to be said."""
        with self._lock:
            self._playlist, stop = hush(self._playlist)
            self._cut |= stop
            self._bell.ring()

    def probe(self) -> None:
        """Try the device with 0.1 s of silence once nothing is said; a mute site has none to try."""
        if self._settings.mode == "off":
            self._post(VoiceRecovered())
            return
        with self._lock:
            self._probing = True
            self._bell.ring()

    def close(self) -> None:
        """Fall silent, end the child; idempotent; returns within 1 s whatever the device does."""
        with self._lock:
            self._closed = True
            self._bell.ring()
        self._worker.join(_CLOSE_S)

    def _work(self) -> None:
        while not self._closed:
            try:
                self._turn()
            except Exception as error:
                log.exception("voice worker=failed")
                self._give_up()
                self._fail(f"{type(error).__name__}: {error}")
                self._bell.listen(1.0)  # a bug that meets every turn must not burn the processor
        self._bell.close()
        self._speaker.close()

    def _turn(self) -> None:
        if self._playlist.saying is None:
            self._refresh()
        with self._lock:
            was_cut, self._cut = self._cut, False
            self._playlist, todo = step(self._rules, self._playlist)
            saying = self._playlist.saying
            probing = self._probing and todo is None
        if self._started is not None and (was_cut or self._started[0] != saying):
            self._post(VoiceEnded(self._started[0]))
            self._started = None
        match todo:
            case Line():
                self._sound(todo)
            case Pause():
                self._rest(todo.s)
            case None if probing:
                self._try_device()
            case None:
                if self._card.vanished() and not self._broken:
                    self._fail(f"the sound card of {self._settings.device} is gone")
                self._bell.listen(LOOK_EVERY_S)

    def _sound(self, line: Line) -> None:
        piece = self._repertoire.pieces[line.language, line.key][line.sentence]
        try:
            sound, source = self._samples(piece, line.language)
        except VoiceFailed as error:
            self._fail(str(error))  # this sentence cannot be had; another language may
            return
        if sound is None:
            return
        try:
            ended = self._speaker.play(sound, self._stop(), lambda: self._began(line, source))
        except VoiceFailed as error:
            self._fail(str(error))
            self._give_up()
            return
        if ended == "ended" and self._broken:
            self._works()

    def _samples(self, piece: Piece, language: Language) -> tuple[Pcm | None, str]:
        if piece.clip is not None:
            try:
                return Pcm(read_pcm(piece.clip), RATE_HZ), "clip"
            except ConfigError as error:
                log.warning("voice clip=unusable reason=%s", error)
        return self._speaker.speak(piece.text, language, self._stop()), "live"

    def _began(self, line: Line, source: str) -> None:
        key, languages = self._started or (line.key, frozenset())
        if line.language not in languages:
            self._started = (key, languages | {line.language})
            self._post(VoiceStarted(key=line.key, language=line.language, source=source))

    def _try_device(self) -> None:
        with self._lock:
            self._probing = False
        try:
            ended = self._speaker.play(_PROBE, Stop(self._bell.fd, self._interrupted))
        except VoiceFailed as error:
            self._fail(str(error))
            return
        if ended == "ended":
            self._works()
        else:
            self._probing = True  # something has to be said first

    def _works(self) -> None:
        self._broken = False
        self._post(VoiceRecovered())

    def _fail(self, reason: str) -> None:
        self._broken = True
        log.warning("voice state=broken reason=%s", reason)
        self._post(VoiceBroke(reason))

    def _give_up(self) -> None:
        with self._lock:
            self._playlist = drop(self._playlist)

    def _stop(self) -> Stop:
        return Stop(self._bell.fd, self._must_stop)

    def _must_stop(self) -> bool:
        self._bell.heard()
        return self._cut or self._closed

    def _interrupted(self) -> bool:
        self._bell.heard()
        return self._playlist.newest is not None or self._closed

    def _rest(self, quiet_s: float) -> None:
        end_s = time.monotonic() + quiet_s
        while (left_s := end_s - time.monotonic()) > 0 and not (self._cut or self._closed):
            self._bell.listen(left_s)

    def _refresh(self) -> None:
        """Take up clips that were rendered anew."""
        if current_mark(self._settings.clips) != self._repertoire.mark:
            self._repertoire = open_repertoire(
                self._settings.clips, self._prompts, version=self._settings.version_clips
            )
            rules = self._rules_for(self._repertoire)
            with self._lock:
                self._rules = rules

    def _rules_for(self, repertoire: Repertoire) -> Rules:
        settings = self._settings
        counts = {where: len(pieces) for where, pieces in repertoire.pieces.items()}
        return Rules(mode=settings.mode, languages=settings.languages, gap_s=settings.gap_s, sentences=counts)
