"""Programs that the desk runs: each with its deadline, and a failure that is a sentence."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from kiosk.fleet.making import FleetError

DEADLINE_S = 1800.0
TAIL = 3  # lines of its own words that are told


def run(
    command: Sequence[str | Path],
    what: str,
    *,
    where: Path | None = None,
    text: str = "",
) -> str:
    """Run a program to its end; give what it printed. Raises FleetError that says what could not be done."""
    try:
        done = subprocess.run(
            [str(word) for word in command],
            cwd=where,
            input=text,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=DEADLINE_S,
            check=False,
        )
    except FileNotFoundError as error:
        raise FleetError(f"{what}: `{command[0]}` is not installed on this desk") from error
    except subprocess.TimeoutExpired as error:
        raise FleetError(f"{what}: `{command[0]}` did not end within {DEADLINE_S:g} s; try again") from error
    if done.returncode != 0:
        said = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise FleetError(f"{what}: {command[0]} failed: {' / '.join(said[-TAIL:])}. Is there Internet?")
    return done.stdout
