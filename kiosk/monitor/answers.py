"""Signed SMS answers to kiosks that reached the centre by SMS and hear nothing else. Pure.

Only the newest stage is owed. A kiosk whose MQTT has spoken since its text hears the stages there; one that
texts the same alert again has heard nothing yet and is answered whatever the broker says.
"""

from dataclasses import dataclass, replace

from kiosk.bodies import AlertId
from kiosk.messages import Now
from kiosk.monitor import cases
from kiosk.monitor.ledger import Ledger
from kiosk.monitor.outbox import Outbox
from kiosk.monitor.records import Case, Kiosk, Text

RETRY_S = 180.0  # an answer that was given up is tried again after this: the network may be back
AGAIN_S = 30.0  # a kiosk repeats itself each minute; a text that somebody replays must cost nothing
NEVER, ALWAYS = float("inf"), float("-inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """One alert's texts: how many came anew, what they were answered, what would prove the kiosk's MQTT.

    `number` is the first that such a text came from, even after the alert's end was told there. The answer
    about `given_up` found no network, and is tried again at `retry_s` if it is still the newest.
    """

    copy: int = 0
    answered: frozenset[str] = frozenset()
    proof_s: float = ALWAYS  # heard by MQTT after this, the kiosk needs no SMS
    again_s: float = ALWAYS  # the next text from then on counts as asking again
    number: str = ""
    given_up: str = ""
    retry_s: float = ALWAYS


class Answers:
    """Who has been answered what by SMS."""

    def __init__(self, ledger: Ledger, outbox: Outbox) -> None:
        self._ledger = ledger
        self._outbox = outbox
        self._asked: dict[AlertId, Asking] = {}

    def number(self, case: Case) -> str:
        """Give the number that this alert's texts come from; empty where none is remembered."""
        return self._asked.get(AlertId(case.alert.alert_id), Asking()).number

    def asked(self, case: Case, now: Now) -> bool:
        """Note that a text of this alert came: until its kiosk speaks by MQTT, it is thought deaf.

        False for one that comes too soon to count.
        """
        alert_id = AlertId(case.alert.alert_id)
        old = self._asked.get(alert_id)
        if old is None:
            by_network = {case.door, *case.also_by} != {"sms"}
            asking = Asking(proof_s=ALWAYS if by_network else now.s)
        elif now.s >= old.again_s:
            asking = Asking(copy=old.copy + 1, proof_s=NEVER, number=old.number)
        else:
            return False
        number = asking.number or case.sms_from
        self._asked[alert_id] = replace(asking, again_s=now.s + AGAIN_S, number=number)
        return True

    def resume(self, texts: tuple[Text, ...]) -> None:
        """Take over what another monitor, or our last run, has answered."""
        told: dict[AlertId, list[Text]] = {}
        for text in texts:
            if text.kind == "answer":
                told.setdefault(AlertId(text.alert_id), []).append(text)
        for alert_id, answers in told.items():
            copy = max(_copy(text) for text in answers)
            latest = [text for text in answers if _copy(text) == copy]
            states = {text.state for text in latest}
            if "failed" in states and "planned" not in states:
                copy += 1  # what is settled never goes out again under its name
            old = self._asked.get(alert_id, Asking())
            if copy >= old.copy:
                answered = frozenset(_stage(text) for text in latest if text.state != "failed")
                self._asked[alert_id] = replace(old, copy=copy, answered=old.answered | answered)

    def give_up(self, text: Text, now: Now) -> None:
        """Note that an answer did not go out: nobody but us tells a kiosk that has nothing but SMS."""
        old, stage = self._asked.get(text.alert_id), _stage(text)
        if text.kind == "answer" and old is not None and _copy(text) == old.copy:
            self._asked[text.alert_id] = replace(
                old, copy=old.copy + 1, answered=old.answered - {stage}, given_up=stage,
                retry_s=now.s + RETRY_S,
            )  # fmt: skip

    def owes(self, case: Case, kiosk: Kiosk | None) -> bool:
        """Tell whether this kiosk hears of its alert by SMS only."""
        proof_s = self._asked.get(AlertId(case.alert.alert_id), Asking()).proof_s
        by_mqtt = kiosk is not None and kiosk.life == "online" and kiosk.heard_s > proof_s
        return bool(case.sms_from) and not by_mqtt

    def is_told(self, case: Case, kiosk: Kiosk | None) -> bool:
        """Tell whether nothing more is owed by SMS about the newest stage."""
        asking = self._asked.get(AlertId(case.alert.alert_id), Asking())
        return cases.top(case) in asking.answered or not self.owes(case, kiosk)

    def step(self, case: Case) -> str:
        """Name the text that would answer now."""
        copy = self._asked.get(AlertId(case.alert.alert_id), Asking()).copy
        return f"{cases.top(case)}.{copy}" if copy else cases.top(case)

    def run(self, case: Case, kiosk: Kiosk | None, now: Now) -> None:
        """Plan the answer that is owed, once its stage is on disk."""
        alert_id, stage = AlertId(case.alert.alert_id), cases.top(case)
        asking = self._asked.get(alert_id, Asking())
        if self.is_told(case, kiosk) or (stage == asking.given_up and now.s < asking.retry_s):
            return
        if self._ledger.is_durable("alert", alert_id) and self._ledger.is_durable("stage", alert_id, stage):
            self._asked[alert_id] = replace(asking, answered=asking.answered | {stage})
            text = Text(alert_id=alert_id, step=self.step(case), to=case.alert.kiosk_id, kind="answer")
            self._outbox.plan(text, now)

    def rename(self, old_id: AlertId, new_id: AlertId) -> None:
        """Follow an alert that got its own name."""
        asking = self._asked.pop(old_id, None)
        if asking is not None:
            self._asked[new_id] = asking

    def forget(self, alert_id: AlertId) -> None:
        """Let go of an alert."""
        self._asked.pop(alert_id, None)


def _stage(text: Text) -> str:
    return text.step.partition(".")[0]


def _copy(text: Text) -> int:
    copy = text.step.partition(".")[2]
    return int(copy) if copy.isdecimal() else 0
