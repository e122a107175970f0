"""The core under everything that can happen, in any order: what never fails to hold.

The rules are `fakes/kiosk_machine.py`, the truths `fakes/kiosk_witness.py`.
"""

import pytest
from fakes.kiosk_machine import KioskMachine
from hypothesis import HealthCheck, settings

TestKiosk = KioskMachine.TestCase
TestKiosk.settings = settings(
    max_examples=100, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestKiosk.pytestmark = [pytest.mark.timeout(600)]  # shrinking alone may take 300 s
