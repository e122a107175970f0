"""docs/architecture.md is held to the code: layers, modules, state diagrams, times, threads."""

import ast
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from test_incident import EVENTS, STATES, again
from test_incident import incident as an_incident

from kiosk import delivery, guidance, incident, memory, mqtt_watch, press, recovery, sms_route, texting
from kiosk.bodies import ReplyStage
from kiosk.config import Button, Sms, Timing
from kiosk.contacts import QUEUE_PATIENCE_S, READ_EVERY_S, UNREAD_MAX_S
from kiosk.modem_watch import STATUS_EVERY_S
from kiosk.wiring import Rules

ROOT = Path(__file__).parents[1]
DOC = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
LAYERS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
    "contracts"
][0]
Edge = tuple[str, str, str]


def block(name: str) -> str:
    """Give the fenced block that follows the comment `<!-- name -->`."""
    found = re.search(rf"<!-- {name} -->\n```\w*\n(.*?)```", DOC, re.DOTALL)
    assert found, f"docs/architecture.md has no block {name}"
    return found[1]


def test_the_layers_are_those_that_the_linter_enforces() -> None:
    wanted = [re.sub(r"kiosk\.", "", layer) for layer in LAYERS["layers"]]
    assert block("layers").splitlines() == wanted


def pure_modules() -> list[str]:
    below = LAYERS["layers"][LAYERS["layers"].index("kiosk.core") :]
    return [name.removeprefix("kiosk.") for layer in below for name in re.split(r" [|:] ", layer)]


def test_every_pure_module_stands_in_the_list_with_its_line() -> None:
    listed = re.findall(r"^- `([a-z_]+)` — ", DOC, re.MULTILINE)
    assert sorted(listed) == sorted(pure_modules())


def test_every_module_that_is_listed_exists_and_says_what_it_owns() -> None:
    for name in pure_modules():
        tree = ast.parse((ROOT / "kiosk" / f"{name}.py").read_text(encoding="utf-8"))
        assert ast.get_docstring(tree), name


# ---- state diagrams


def diagram(name: str) -> set[Edge]:
    edges = re.findall(r"^ *(\w+) --> (\w+): (.+)$", block(name), re.MULTILINE)
    return {(start, end, word.strip()) for start, end, words in edges for word in words.split(",")}


def test_the_diagram_of_an_incident_is_what_the_code_does() -> None:
    words: dict[Any, str] = {incident.Attempted(): "attempted", incident.Aged(): "6 h"}
    words |= {incident.Answered(stage, "op-1"): stage for stage in get_args(ReplyStage)}
    words[again()] = "pressed again"
    assert diagram("incident") == {
        (type(state).__name__, type(after).__name__, words[event])
        for state in STATES.values()
        for event in EVENTS
        if type(after := incident.step(an_incident(state=state), event).state) is not type(state)
    }


def test_the_diagram_of_a_contact_is_what_the_code_does() -> None:
    states = (press.Unread(), press.Idle(), press.Held(0.0, True), press.HeldAtStart(0.0), press.Stuck())
    inputs: dict[str, Any] = {"closed": press.Down(1.0), "open": press.Up(), "stuck_s": press.Time(30.0)}
    assert diagram("contact") == {
        (type(state).__name__, type(after).__name__, word)
        for state in states
        for word, event in inputs.items()
        if type(after := press.step(state, event, Rules())[0]) is not type(state)
    }


def test_the_diagram_of_the_modem_is_what_the_code_does() -> None:
    states: tuple[Any, ...] = (recovery.Well(0.0), recovery.Ill(1, 0.0), recovery.Trying(1, 0.0))
    moves: dict[str, Callable[[Any], Any]] = {
        "rose": lambda state: recovery.rose(state, 1.0),
        "fell": lambda state: recovery.fell(state, 1.0),
        "next rung": lambda state: (
            recovery.climb(state, 1.0, powered=True)[0] if isinstance(state, recovery.Ill) else state
        ),
    }
    assert diagram("modem") == {
        (type(state).__name__, type(after).__name__, word)
        for state in states
        for word, move in moves.items()
        if type(after := move(state)) is not type(state)
    }


# ---- figures

FIGURES = {
    "stable_ms": Button(name="x", pin=0).stable_ms / 1000,
    "stuck_s": Button(name="x", pin=0).stuck_s,
    "sms_after_s": Timing().sms_after_s,
    "tier_every_s": Timing().tier_every_s,
    "mqtt_retry_s": Timing().mqtt_retry_s,
    "sms_retry_s": Timing().sms_retry_s,
    "trying_after_s": Timing().trying_after_s,
    "drill_s": Timing().drill_s,
    "incident_max_s": Timing().incident_max_s,
    "MQTT_RETRY_MAX_S": delivery.MQTT_RETRY_MAX_S,
    "ASK_S": delivery.ASK_S,
    "ASK_TAKEN_S": delivery.ASK_TAKEN_S,
    "SMS_RETRY_MAX_S": sms_route.SMS_RETRY_MAX_S,
    "SILENT_EVERY_S": texting.SILENT_EVERY_S,
    "ANEW_AFTER_S": incident.ANEW_AFTER_S,
    "SENDING_AFTER_S": guidance.SENDING_AFTER_S,
    "JOURNAL_WAIT_S": memory.JOURNAL_WAIT_S,
    "RETRY_S": memory.RETRY_S,
    "HURRY_EVERY_S": mqtt_watch.HURRY_EVERY_S,
    "DEAF_KEEPALIVES": mqtt_watch.DEAF_KEEPALIVES,
    "QUEUE_PATIENCE_S": QUEUE_PATIENCE_S,
    "READ_EVERY_S": READ_EVERY_S,
    "UNREAD_MAX_S": UNREAD_MAX_S,
    "STATUS_EVERY_S": STATUS_EVERY_S,
    "WAIT_MAX_S": recovery.WAIT_MAX_S,
    "STEADY_S": recovery.STEADY_S,
    "send_deadline_s": Sms(device="/dev/m", gateways=(), key_file="/k").send_deadline_s,
}


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_every_figure_is_the_codes(name: str) -> None:
    found = re.search(rf"^\| `{name}` \| ([0-9.]+)", DOC, re.MULTILINE)
    assert found, name
    assert float(found[1]) == FIGURES[name]


def test_every_thread_of_the_kiosk_is_listed() -> None:
    sources = [*(ROOT / "kiosk").glob("*.py")]
    for shell in ("hw", "net", "journal", "control"):
        sources += (ROOT / "kiosk" / shell).glob("*.py")
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    named = set(re.findall(r'name="([a-z-]+)", daemon', text)) | set(re.findall(r'Worker\("([a-z-]+)"', text))
    listed = set(re.findall(r"^\| `([a-z-]+)` \| .*\|$", DOC, re.MULTILINE))
    assert named <= listed, named - listed
