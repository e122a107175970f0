"""What is said of the open incidents. Pure.

Only the newest press speaks: what holds of an older one would mislead whoever pressed just now. Drills
have no words of their own here, and what a drill says is cut off by a real press.
"""

from dataclasses import replace

from kiosk import guidance
from kiosk.cases import Case, Cases
from kiosk.effects import Effect, Say, Tell
from kiosk.incident import Over
from kiosk.messages import Language, Now
from kiosk.site import Site

DRILL_WORDS = frozenset({"drill", "check_ok", "check_failed"})


def newest_word(effects: list[Effect]) -> list[Effect]:
    """Keep the last of a turn's words: what came before it is overtaken, though it may still cut."""
    words = [effect for effect in effects if isinstance(effect, Say)]
    if len(words) < 2:
        return effects
    last = replace(words[-1], cut=any(word.cut for word in words))
    kept = (last if effect is words[-1] else effect for effect in effects)
    return [effect for effect in kept if effect is last or not isinstance(effect, Say)]


class Speech:
    """The words of the newest press, and what is sounding now."""

    def __init__(self, site: Site, cases: Cases) -> None:
        self._cases = cases
        self._reassure_s = site.config.voice.reassure_s
        self._trying_after_s = site.config.timing.trying_after_s
        self._spoken = site.config.voice.mode == "spoken"
        self._sounding: tuple[str, str] = ("", "")
        self._rehearsed, self._sounded = "", False

    def started(self, key: str, language: Language, source: str) -> list[Effect]:
        """Note what sounds; tell it once, not for each of its sentences."""
        self._sounded = self._sounded or key == self._rehearsed
        if self._sounding == (key, language):
            return []
        self._sounding = (key, language)
        return [Tell("said", (("key", key), ("lang", language), ("source", source)))]

    def rehearse(self, key: str) -> None:
        """Note that this is said for an installer only: a real press cuts it off in the middle."""
        self._rehearsed, self._sounded = key, self._sounding[0] == key

    def ended(self, key: str) -> list[Effect]:
        """Note that nothing sounds any more."""
        self._sounding = ("", "")
        return self._end_rehearsal(sounded=self._sounded) if key == self._rehearsed else []

    def broke(self) -> list[Effect]:
        """Note that nothing can sound."""
        return self._end_rehearsal(sounded=False)

    def _end_rehearsal(self, *, sounded: bool) -> list[Effect]:
        key, self._rehearsed = self._rehearsed, ""
        return [Tell("rehearsed", (("key", key), ("sounded", sounded)))] if key else []

    def opened(self, case: Case, now: Now) -> list[Effect]:
        """Say that a press was seen; a drill's words end in the middle, for they are not true any more."""
        trial = bool(self._rehearsed) or self._sounding[0] in DRILL_WORDS
        misleading = self._cases.newest("drill") is not None or trial
        return [replace(say, cut=misleading) for say in self.follow(case, now)]

    def follow(self, case: Case, now: Now) -> list[Say]:
        """Say a stage that was just entered; one that grew too old ends in silence."""
        state = case.incident.state
        if case.incident.kind != "press" or (isinstance(state, Over) and state.expired):
            return []
        followed, line = guidance.follow(case.guidance, case.incident.stage, now.s, self._reassure_s)
        self._cases.put(replace(case, guidance=followed))
        return [Say(line.key, cut=line.cut)] if line and self._speaks(case) else []

    def repeat(self, case: Case, now: Now) -> list[Say]:
        """Say a stage again that holds again: somebody answered a press that nobody had."""
        line = guidance.Line(case.incident.stage)
        heard = replace(case.guidance, said=case.incident.stage, next_s=now.s + self._reassure_s)
        self._cases.put(replace(case, guidance=heard))
        return [Say(line.key, cut=line.cut)] if self._speaks(case) else []

    def pressed_again(self, case: Case, now: Now) -> list[Effect]:
        """Answer a further press."""
        heard, line = guidance.again(case.guidance, now.s, self._reassure_s)
        self._cases.put(replace(case, guidance=heard))
        return [Say(line.key, cut=line.cut)]

    def run(self, now: Now) -> list[Effect]:
        """Say what is due unasked."""
        case = self._cases.newest("press")
        due_s = self._due_s(case) if case is not None else None
        if case is None or due_s is None or now.s < due_s:
            return []
        heard, line = guidance.comfort(case.guidance, case.incident.stage, now.s, self._reassure_s)
        self._cases.put(replace(case, guidance=heard))
        return [Say(line.key, cut=line.cut)]

    def wake_s(self) -> float | None:
        """Give when the next unasked word is due."""
        case = self._cases.newest("press")
        return self._due_s(case) if case is not None else None

    def _due_s(self, case: Case) -> float | None:
        if case.incident.anew_s is not None:
            return None  # nobody has this press: what was true of those before would mislead
        return guidance.due_s(
            case.guidance,
            case.incident.stage,
            pressed_s=case.incident.pressed_s,
            trying_after_s=self._trying_after_s,
            spoken=self._spoken,
        )

    def _speaks(self, case: Case) -> bool:
        speaker = self._cases.newest("press")
        return speaker is not None and speaker.incident.alert_id == case.incident.alert_id
