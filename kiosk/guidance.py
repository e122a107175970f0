"""What to say when: only what holds, newest first, never too often. Pure.

Owns the choice of prompt key; texts are the catalogue's, sentences and cutting the voice's.
"""

from dataclasses import dataclass, replace

from kiosk.bodies import Stage

UNHEARD: frozenset[Stage] = frozenset({"pressed", "sending"})
REASSURING: frozenset[Stage] = frozenset({"received", "accepted", "en_route"})
SENDING_AFTER_S = 4.0  # a receipt mostly comes sooner, and then two sentences of state would be one too many


@dataclass(frozen=True, slots=True, kw_only=True)
class Guidance:
    """`said` is the stage last told, `tried` whether `trying` was; `next_s` when to reassure again."""

    said: Stage | None = None
    tried: bool = False
    next_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Line:
    """A prompt to say."""

    key: str
    cut: bool = False


def resume(stage: Stage, now_s: float) -> Guidance:
    """Begin anew after a restart: a state that comforts is told at once, what was said is not repeated."""
    return Guidance(said=None if stage == "pressed" else stage, next_s=now_s)


def follow(guidance: Guidance, stage: Stage, now_s: float, reassure_s: float) -> tuple[Guidance, Line | None]:
    """Say a stage once, when it is entered; `sending` waits, `due_s` gives it."""
    if stage in (guidance.said, "sending"):
        return guidance, None
    return replace(guidance, said=stage, next_s=now_s + reassure_s), Line(stage)


def again(guidance: Guidance, now_s: float, reassure_s: float) -> tuple[Guidance, Line]:
    """Answer a further press."""
    return replace(guidance, next_s=now_s + reassure_s), Line("pressed_again")


def due_s(
    guidance: Guidance, stage: Stage, *, pressed_s: float, trying_after_s: float, spoken: bool
) -> float | None:
    """Give when the next unasked word is due: `sending`, `trying` while nobody has it, else comfort.

    The last two in `spoken` mode only: a neutral phrase that came every minute would give a site away.
    """
    if _owes_sending(guidance, stage):
        return pressed_s + SENDING_AFTER_S
    if not spoken:
        return None
    if stage in UNHEARD:
        return guidance.next_s if guidance.tried else pressed_s + trying_after_s
    return guidance.next_s if stage in REASSURING and guidance.said == stage else None


def comfort(guidance: Guidance, stage: Stage, now_s: float, reassure_s: float) -> tuple[Guidance, Line]:
    """Say what is due by `due_s`."""
    next_s = now_s + reassure_s
    if _owes_sending(guidance, stage):
        return replace(guidance, said=stage, next_s=next_s), Line(stage)
    if stage in UNHEARD:
        return replace(guidance, tried=True, next_s=next_s), Line("trying", cut=True)
    return replace(guidance, next_s=next_s), Line(stage)


def _owes_sending(guidance: Guidance, stage: Stage) -> bool:
    return stage == "sending" and guidance.said != "sending"
