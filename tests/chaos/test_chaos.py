"""A short storm with a fresh seed in every run of the tests; `make chaos` goes on to a thousand kills."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

KILLS, PRESSES_MAX = 6, 9
TESTS = Path(__file__).parents[1]


@pytest.mark.real
@pytest.mark.timeout(600)
def test_no_alert_is_lost_or_doubled_whatever_is_killed(capsys: pytest.CaptureFixture[str]) -> None:
    command = ("-m", "chaos.storm", "--kills", str(KILLS), "--presses", str(PRESSES_MAX))
    ran = subprocess.run(
        [sys.executable, *command], cwd=TESTS, capture_output=True, check=False, text=True, timeout=550
    )
    assert ran.returncode == 0, ran.stdout[-1000:] + ran.stderr[-6000:]
    told = json.loads(ran.stdout.splitlines()[-1])
    assert (told["lost"], told["doubled"], told["broken"]) == (0, 0, "")
    with capsys.disabled():
        print(f"\nchaos: seed={told['seed']} presses={told['presses']} kills={told['kills']}")
