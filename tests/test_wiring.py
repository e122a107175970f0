"""Wiring: which electrical level is a press, and what a site's keys become."""

from math import inf

import pytest

from kiosk.config import Button, Contact
from kiosk.wiring import Rules, rules_of


@pytest.mark.parametrize(
    ("wiring", "pull", "high_is_down"),
    [
        ("no", "up", False),
        ("no", "none", False),
        ("no", "down", True),
        ("nc", "up", True),
        ("nc", "none", True),
        ("nc", "down", False),
    ],
)
def test_wiring_and_pull_tell_which_level_is_pressed(wiring, pull, high_is_down) -> None:
    rules = Rules(wiring=wiring, pull=pull)
    assert rules.is_down(high=True) is high_is_down
    assert rules.is_down(high=False) is not high_is_down


def test_a_buttons_keys_become_its_rules_in_seconds() -> None:
    button = Button(
        name="counter", pin=17, wiring="nc", pull="down", guard="hold", hold_s=0.7, double_s=2.0,
        stable_ms=20, stuck_s=60.0,
    )  # fmt: skip
    assert rules_of(button) == Rules(
        wiring="nc", pull="down", guard="hold", hold_s=0.7, double_s=2.0, stable_s=0.02, stuck_s=60.0
    )


def test_a_tamper_contact_may_stay_closed_for_ever() -> None:
    assert rules_of(Contact(pin=22, wiring="nc", pull="up")) == Rules(wiring="nc", pull="up", stuck_s=inf)
