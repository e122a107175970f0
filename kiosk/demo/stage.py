"""Get a PC ready for the demo: a place to sound, and the clips, rendered once and kept.

Never fails for want of sound: captions stand for it then.
"""

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from kiosk.app import load_config
from kiosk.hw.clips import site_prompts
from kiosk.hw.render import Progress, Sources, render
from kiosk.messages import KioskError
from kiosk.prompts import Catalogue

SILENT = """pcm.!default { type null }
ctl.!default { type null }
"""


def clips_folder(mode: str) -> Path:
    """Name the folder that keeps rendered clips between two demos."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "pana-kiosk" / f"demo-voice-{mode}"


def has_sound() -> bool:
    """Tell whether this PC has a sound card that aplay can name."""
    try:
        listed = subprocess.run(["aplay", "-l"], capture_output=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return listed.returncode == 0 and b"card" in listed.stdout


def sound_environment(folder: Path) -> Mapping[str, str]:
    """Give the children's environment: the PC's own card, or ALSA's null device where there is none."""
    if has_sound():
        return {}
    path = folder / "silent-asound.conf"
    path.write_text(SILENT, encoding="utf-8")
    return {"ALSA_CONFIG_PATH": str(path)}


def render_clips(
    site_file: Path, folder: Path, words: Catalogue, progress: Callable[[Progress], None]
) -> list[str]:
    """Render what is missing; give what could not be rendered (live speech or captions stand for it)."""
    config, _ = load_config(site_file)
    try:
        report = render(folder, site_prompts(config, words), Sources(human=folder / "human", piper={}),
                        progress=progress)  # fmt: skip
    except KioskError as error:
        return [str(error)]
    return list(report.problems)
