"""The installer's trials: one press of one button that is expected, and a prompt said to be heard. Pure.

Theory of operation (docs/adr/0022): the next press is taken for a trial only if it is of the very button,
began after the trial did and within its time, and nothing is open. The trial takes one press, spoken as a
test, and is over with any press at all. Every doubt is an alarm. It lives in memory only.
"""

from dataclasses import dataclass
from typing import assert_never

from kiosk.alarm import Alarm
from kiosk.bodies import Token
from kiosk.effects import Answer, Effect, Say, Tell
from kiosk.messages import Now, SayAsked, TrialAsked
from kiosk.prompts import COVER, KEYS
from kiosk.reports import Reports

TRIAL_MAX_S = 60.0
TRIALS_MAX = 40  # of one hour: eight buttons, tried again and again; a script that asks for ever is refused
HOUR_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A press of `button` is expected between these monotonic times."""

    button: str
    from_s: float
    until_s: float


class Rehearsal:
    """At most one trial under way."""

    def __init__(self, alarm: Alarm, reports: Reports) -> None:
        self._alarm = alarm
        self._reports = reports
        self._trial: Trial | None = None
        self._begun_s: tuple[float, ...] = ()

    def asked(self, event: TrialAsked | SayAsked, now: Now) -> list[Effect]:
        """Do what somebody at the site asked for."""
        match event:
            case TrialAsked(token=token, button=button, seconds=seconds):
                return self.ask(token, button, seconds, now)
            case SayAsked(token, key):
                return self.say(token, key)
            case _:
                assert_never(event)

    def ask(self, token: Token, button: str, seconds: float, now: Now) -> list[Effect]:
        """Begin a trial of one button, spoken and told, or answer why not."""
        self._begun_s = tuple(at_s for at_s in self._begun_s if now.s - at_s < HOUR_S)
        refusal = self._refusal()
        if button not in {one.name for one in self._reports.site.config.buttons}:
            refusal = "no such button"
        elif not refusal and len(self._begun_s) >= TRIALS_MAX:
            refusal = f"{TRIALS_MAX} trials within an hour are enough"
        if refusal:
            return [Answer(token, {"ok": False, "reason": refusal})]
        span_s = min(max(seconds, 1.0), TRIAL_MAX_S) if seconds == seconds else TRIAL_MAX_S  # noqa: PLR0124 - nan
        self._trial = Trial(button=button, from_s=now.s, until_s=now.s + span_s)
        self._begun_s = (*self._begun_s, now.s)
        self._reports.tell_centre("trial_begun", now, detail=button)
        answer = Answer(token, {"ok": True, "seconds": span_s})
        return [Tell("trial_begun", (("button", button), ("seconds", span_s))), Say("drill"), answer]

    def takes(self, button: str, began_s: float, now: Now) -> tuple[bool, list[Effect]]:
        """Tell whether a press is the one that the trial waits for; with any press the trial is over."""
        trial, self._trial = self._trial, None
        if trial is None:
            return False, []
        fits = trial.button == button and trial.from_s < began_s and now.s < trial.until_s
        if not fits or self._alarm.cases.open:
            return False, [_over(trial, "another press")]
        self._reports.tell_centre("trial_pressed", now, detail=button)
        return True, [Tell("trial_pressed", (("button", button),)), Say("drill")]

    def say(self, token: Token, key: str) -> list[Effect]:
        """Say a prompt for whoever stands there to hear it, or answer why not."""
        refusal = self._refusal()
        if key not in (*KEYS, COVER):
            refusal = "no such prompt"
        if refusal:
            return [Answer(token, {"ok": False, "reason": refusal})]
        self._alarm.speech.rehearse(key)
        return [Tell("rehearse", (("key", key),)), Say(key), Answer(token, {"ok": True})]

    def _refusal(self) -> str:
        if self._trial:
            return "a trial is under way"
        return "an incident is open" if self._alarm.cases.open else ""

    def run(self, now: Now) -> list[Effect]:
        """End a trial whose time is up."""
        if self._trial is None or now.s < self._trial.until_s:
            return []
        trial, self._trial = self._trial, None
        return [_over(trial, "time is up")]

    def wake_s(self) -> float | None:
        """Give when the trial's time is up."""
        return self._trial.until_s if self._trial else None


def _over(trial: Trial, reason: str) -> Tell:
    return Tell("trial_over", (("button", trial.button), ("reason", reason)))
