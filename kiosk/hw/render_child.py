"""Renders the clips anew in a child process: its libraries are large, and it gives way to everything else."""

import shutil
import subprocess
import sys
from pathlib import Path

from kiosk.messages import DeviceError

RENDER_MAX_S = 900.0
# A child inherits nice -5 and OOM score -900 of kiosk.service, which are the button's.
GIVES_WAY = (("nice", "-n", "15"), ("choom", "-n", "500", "--"))


def render_in_child(file: Path) -> None:
    """Bring the clips of a site's file up to date. Raises DeviceError."""
    command = [sys.executable, "-m", "kiosk", "voice", "render", "--config", str(file)]
    for tool in GIVES_WAY:
        command = [*tool, *command] if shutil.which(tool[0]) else command
    try:
        done = subprocess.run(command, timeout=RENDER_MAX_S, capture_output=True, check=False)
    except subprocess.TimeoutExpired as error:
        raise DeviceError(f"voice render took more than {RENDER_MAX_S:.0f} s") from error
    if done.returncode:
        raise DeviceError(f"voice render ended with code {done.returncode}")
