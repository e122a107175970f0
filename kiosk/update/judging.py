"""What an update is refused for, and how a kiosk must stand to keep a new version. Pure and total."""

from collections.abc import Mapping
from dataclasses import dataclass

from kiosk.health import MILD
from kiosk.update.versions import is_older

ROUTES = ("mqtt", "https", "sms")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something is not done: a code of the catalogue, and a detail for technicians."""

    code: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known before anything is changed; sizes in MB."""

    running: str
    version: str
    refused: tuple[str, ...]
    target: str
    targets: tuple[str, ...]
    free_mb: int
    needed_mb: int
    on_trial: bool
    downgrade: bool = False
    again: bool = False  # what was refused, or runs already, may be installed all the same


def refusal(facts: Facts) -> Refusal | None:
    """Say why this release is not installed; None when it may be."""
    found: Refusal | None = None
    if facts.on_trial:
        found = Refusal("update_on_trial")
    elif facts.target not in facts.targets:
        found = Refusal("update_target", f"{facts.target}: {', '.join(facts.targets)}")
    elif facts.version in facts.refused and not facts.again:
        found = Refusal("update_refused", facts.version)
    elif is_older(facts.version, facts.running) and not facts.downgrade:
        found = Refusal("update_older", f"{facts.version} < {facts.running}")
    elif facts.free_mb < facts.needed_mb:
        found = Refusal("update_space", f"{facts.free_mb} MB < {facts.needed_mb} MB")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a kiosk stands, as its daemon says."""

    version: str
    state: str
    up: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    open: bool = False  # an incident that is no drill


def standing(status: Mapping[str, object]) -> Standing:
    """Read a daemon's status; what is not as it should be counts as nothing."""
    beat = status.get("heartbeat")
    incidents = status.get("incidents")
    faults = status.get("faults")
    kinds = [one.get("kind") for one in _list(incidents) if isinstance(one, dict)]
    return Standing(
        version=str(beat.get("version", "")) if isinstance(beat, dict) else "",
        state=str(status.get("state", "")),
        up=tuple(route for route in ROUTES if status.get(route) == "up"),
        faults=tuple(str(fault) for fault in _list(faults)),
        open=any(kind != "drill" for kind in kinds),
    )


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def fault(before: Standing | None, after: Standing | None, version: str) -> Refusal | None:
    """Say what keeps the new version from being kept; None when all is at least as it was.

    A kiosk that had no modem before needs none now. Without a `before` it was not even running.
    """
    if after is None or after.version != version:
        return Refusal("update_start", "" if after is None else f"{after.version} answers")
    known = before.faults if before else None
    new = [code for code in after.faults if _serious(code) and (known is None or code not in known)]
    worse = new if known is not None else [code for code in new if code.startswith("button")]
    if after.state not in ("armed", "alerting") and (worse or after.state != "faulty"):
        return Refusal("update_not_armed", ", ".join(worse) or after.state)
    lost = [route for route in (before.up if before else ()) if route not in after.up]
    return Refusal("update_link", ", ".join(lost)) if lost else None


def _serious(code: str) -> bool:
    return code.partition(":")[0] not in MILD


def drill_fault(before: Standing | None, missing: str) -> Refusal | None:
    """Judge a drill: a route that was down before may be missing still."""
    names = [name.strip() for name in missing.split(",") if name.strip()]
    was_up = before.up if before else ()
    lost = [name for name in names if (name if name in ROUTES else "sms") in was_up]
    return Refusal("update_drill", ", ".join(lost)) if lost else None
