"""Law 3 of the simulation: each way of saying what does not hold is caught."""

from types import SimpleNamespace
from typing import Any

import pytest

from kiosk.effects import Say
from kiosk.simulate.laws.speech import Speech
from kiosk.simulate.laws.truth import Broken


def a_fact(**changes: Any) -> Any:
    known = {
        "said": {"received": 5.0},
        "kiosk_knows": "received",
        "alert_id": "A1",
        "opened_s": 1.0,
        "anew_s": -1.0,
        "on_kiosk": True,
        "sent_s": 1.0,
        "most": 1,
    }
    return SimpleNamespace(**(known | changes))


def court(newest: Any = None) -> tuple[Speech, Any]:
    truth: Any = SimpleNamespace(newest=lambda _who: newest)
    return Speech(truth), SimpleNamespace(who="k1", shop=SimpleNamespace(mode="spoken"))


def say(key: str) -> Say:
    return Say(key)


@pytest.mark.parametrize(
    ("key", "fact", "said"),
    [
        ("received", None, "nobody had pressed"),
        ("accepted", a_fact(), "nobody had said"),
        ("received", a_fact(said={"received": 11.0}), "nobody had said"),
        ("received", a_fact(anew_s=4.0), "nobody has the newest press"),
        ("trying", a_fact(), "trying was asked for"),
        ("pressed_again", a_fact(), "after one press"),
        ("drill", a_fact(), "during an alarm"),
    ],
)
def test_a_prompt_that_does_not_hold_may_not_be_asked_for(key: str, fact: Any, said: str) -> None:
    speech, box = court(fact)
    with pytest.raises(Broken, match=said):
        speech.turned(box, [say(key)], 10.0)


@pytest.mark.parametrize(
    ("mode", "key", "fact", "said"),
    [
        ("off", "pressed", a_fact(), "site that is silent"),
        ("cover", "pressed", a_fact(), "where others listen"),
        ("spoken", "sending", a_fact(sent_s=-1.0), "nothing had been sent"),
        ("spoken", "check_ok", a_fact(), "during an alarm"),
    ],
)
def test_a_prompt_that_does_not_hold_may_not_sound(mode: str, key: str, fact: Any, said: str) -> None:
    speech, box = court(fact)
    if key == "sending":
        speech.turned(box, [say(key)], 10.0)
    box.shop.mode = mode
    with pytest.raises(Broken, match=said):
        speech.sounded(box, key, 10.0)


def test_what_holds_may_be_asked_for_and_sound() -> None:
    speech, box = court(a_fact(kiosk_knows="sending", most=2))
    for key in ("pressed", "received", "pressed_again", "trying"):
        speech.turned(box, [say(key), SimpleNamespace()], 10.0)  # type: ignore[list-item]
        speech.sounded(box, key, 11.0)
    box.shop.mode = "cover"
    speech.sounded(box, "cover", 12.0)
