"""The sound device, tried with a tenth of a second of silence."""

from kiosk.check.heard import Heard
from kiosk.check.row import Row, fault, ok, unused
from kiosk.config import Config
from kiosk.messages import VoiceBroke, VoiceRecovered
from kiosk.prompts import Catalogue

PROBE_S = 6.0  # the silence, opening a device behind a sound server, draining


def check_speaker(config: Config, words: Catalogue) -> list[Row]:
    """Try the device; a mute site has none."""
    if config.voice.mode == "off":
        return [unused("speaker")]
    from kiosk.hw.voice import open_voice

    heard = Heard()
    voice = open_voice(config, words, heard)
    try:
        voice.probe()
        end = heard.wait((VoiceRecovered, VoiceBroke), PROBE_S)
    finally:
        voice.close()
    match end:
        case VoiceRecovered():
            return [ok("speaker", "speaker_ok", device=config.voice.device)]
        case VoiceBroke(reason):
            return [fault("speaker", "speaker_broken", device=config.voice.device, reason=reason)]
        case _:
            return [fault("speaker", "no_answer", seconds=f"{PROBE_S:g}")]
