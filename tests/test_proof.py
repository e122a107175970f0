"""The report of the long runs says what was recorded, nothing else."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_report_is_written_from_the_recorded_runs() -> None:
    done = subprocess.run(
        [sys.executable, "dev/proof.py", "check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
