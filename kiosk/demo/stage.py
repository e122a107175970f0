"""Get a PC ready for the demo: a place to sound, and the clips, rendered once and kept.

Never fails for want of sound: captions stand for it then.
"""

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from kiosk.hw.clips import site_prompts
from kiosk.hw.render import Progress, render
from kiosk.hw.sources import Sources
from kiosk.messages import KioskError
from kiosk.prompts import Catalogue
from kiosk.site_files import load_config

OWN_CARD = "</usr/share/alsa/alsa.conf>\n"
SILENT = "pcm.!default { type null }\nctl.!default { type null }\n"
BROKEN = "pcm.!default { type hw card 31 }\nctl.!default { type hw card 31 }\n"


def clips_folder(mode: str) -> Path:
    """Name the folder that keeps rendered clips between two demos."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "pana-kiosk" / f"demo-voice-{mode}"


def has_card() -> bool:
    """Tell whether this PC has a sound card that aplay can name."""
    try:
        listed = subprocess.run(["aplay", "-l"], capture_output=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return listed.returncode == 0 and b"card" in listed.stdout


class Sound:
    """The PC's own card, or ALSA's null device where there is none; it can be taken away and given back."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "asound.conf"
        self._works = OWN_CARD if has_card() else SILENT
        self.restore()

    @property
    def environ(self) -> Mapping[str, str]:
        """Give what the kiosk's environment must hold."""
        return {"ALSA_CONFIG_PATH": str(self._path)}

    def cut(self) -> None:
        """Take the card away: the next prompt finds none."""
        self._path.write_text(BROKEN, encoding="utf-8")

    def restore(self) -> None:
        """Give the card back."""
        self._path.write_text(self._works, encoding="utf-8")


def render_clips(
    site_file: Path, folder: Path, words: Catalogue, progress: Callable[[Progress], None]
) -> list[str]:
    """Render what is missing; give what could not be rendered (live speech or captions stand for it)."""
    config, _ = load_config(site_file)
    sources = Sources(human=folder / "human", piper={})
    try:
        report = render(folder, site_prompts(config, words), sources, progress=progress)
    except KioskError as error:
        return [str(error)]
    return list(report.problems)
