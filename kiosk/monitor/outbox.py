"""The centre's SMS on their way: planned on disk first, sent, tried again, settled. Pure.

A text that is settled is never sent again; one whose fate is unknown goes out once more: rather twice than
never. What a text says and to which number is made up when it goes, and may be nothing by then. What goes
first: a modem is slow, and nobody's first text may wait behind the tenth round about somebody else.
"""

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from kiosk.bodies import AlertId
from kiosk.effects import Tell
from kiosk.messages import Now
from kiosk.monitor.effects import FleetEffect, SendText
from kiosk.monitor.ledger import Ledger
from kiosk.monitor.messages import TextSettled
from kiosk.monitor.records import StoreText, Text

SEND_MAX_S = 90.0  # a modem that hangs is noticed after 45 s, and another way is tried behind it
UNDER_WAY_MAX = 8  # one modem takes some 4 s a text: more would only wait behind it
UNDER_WAY_AGAIN = 4  # repeated pages and drills leave the other places to what is new
TRIES_MAX = 6
BACKOFF_S = 5.0
BACKOFF_MAX_S = 60.0
TOLD_MAX = 200  # letters of a reason
UNNEEDED = "no longer needed"

Key = tuple[str, str, str]
Letter = tuple[str, str]
Urgency = tuple[int, float, int, bool, int, int]
NEW, FIRST_ROUND, AGAIN, DRILL = range(4)


@dataclass(frozen=True, slots=True)
class Job:
    """A text that is not settled; `due_s` is when it goes, or when one under way counts as lost."""

    text: Text
    due_s: float
    under_way: bool = False


class Outbox:
    """Unsettled texts by (alert, step, recipient)."""

    def __init__(self, ledger: Ledger, is_drill: Callable[[AlertId], bool] = lambda _: False) -> None:
        self._ledger = ledger
        self._is_drill = is_drill
        self._jobs: dict[Key, Job] = {}
        self._renamed: dict[str, AlertId] = {}
        self._begun: dict[AlertId, float] = {}  # when a page about this alert was handed over last
        self._given_up: list[Text] = []

    def has(self, alert_id: AlertId, kind: str) -> bool:
        """Tell whether a text of that kind about this alert is not settled."""
        return any(key[0] == alert_id and job.text.kind == kind for key, job in self._jobs.items())

    def pages(self) -> frozenset[tuple[AlertId, str]]:
        """Give who has a page that is not settled, and about which alert."""
        pages = (job.text for job in self._jobs.values() if job.text.kind == "page")
        return frozenset((text.alert_id, text.to) for text in pages)

    def given_up(self) -> list[Text]:
        """Give, once, the texts that nobody took."""
        given_up, self._given_up = self._given_up, []
        return given_up

    def plan(self, text: Text, now: Now) -> None:
        """Write a text down; it goes out by `run` once that is durable."""
        planned = replace(text, state="planned", at_ms=now.utc_ms)
        self._jobs[_key(planned)] = Job(planned, now.s)
        self._ledger.write(StoreText(planned))

    def resume(self, text: Text, now: Now) -> None:
        """Go on with a text that another monitor, or our last run, left planned."""
        age_s = (now.utc_ms - text.at_ms) / 1000
        self._jobs[_key(text)] = Job(text, now.s + min(SEND_MAX_S, max(0.0, SEND_MAX_S - age_s)))
        if text.kind == "page" and text.tries:
            self._begun.setdefault(text.alert_id, 0.0)

    def catch_up(self, texts: Iterable[Text], now: Now) -> None:
        """Go on with what another monitor left planned; ours, settled or not, goes its own way."""
        for text in texts:
            if text.state == "planned" and _key(text) not in self._jobs and self._is_on_disk(text):
                self.resume(text, now)

    def hear(self, text: Text) -> None:
        """Note that another monitor settled a text."""
        if text.state != "planned":
            self._jobs.pop(_key(text), None)

    def clear(self) -> None:
        """Let go of everything: another monitor sends from now on."""
        self._jobs.clear()
        self._given_up.clear()
        self._begun.clear()

    def rename(self, old_id: AlertId, new_id: AlertId) -> None:
        """Follow an alert that got its own name; the store moves what it holds of it."""
        self._renamed[old_id] = new_id
        if old_id in self._begun:
            self._begun[new_id] = max(self._begun[old_id], self._begun.get(new_id, 0.0))
        moved = (replace(one, alert_id=new_id) if one.alert_id == old_id else one for one in self._given_up)
        self._given_up = list(moved)
        for key, job in list(self._jobs.items()):
            if key[0] == old_id:
                del self._jobs[key]
                text = replace(job.text, alert_id=new_id)
                self._jobs[_key(text)] = replace(job, text=text)

    def forget(self, alert_id: AlertId) -> None:
        """Let go of the names that an alert once had."""
        self._begun.pop(alert_id, None)
        self._renamed = {old: new for old, new in self._renamed.items() if new != alert_id}

    def run(self, now: Now, letter: Callable[[Text], Letter | None]) -> list[FleetEffect]:
        """Send what is due and on disk; `letter` gives number and body, None when it serves no more."""
        out: list[FleetEffect] = []
        under_way = 0
        for job in list(self._jobs.values()):
            if job.under_way and job.due_s <= now.s:
                out += self._failed(job, "no answer from whoever sends it", now)
            elif job.under_way:
                under_way += 1
        return out + self._send(under_way, letter, now)

    def _send(self, under_way: int, letter: Callable[[Text], Letter | None], now: Now) -> list[FleetEffect]:
        """Fill the places that are free with what is most urgent."""
        if under_way >= UNDER_WAY_MAX:
            return []
        out: list[FleetEffect] = []
        due = [job.text for job in self._jobs.values() if not job.under_way and job.due_s <= now.s]
        heap = [(self._urgency(text), number, text) for number, text in enumerate(due)]
        heapq.heapify(heap)
        while heap and under_way < UNDER_WAY_MAX:
            urgency, number, text = heapq.heappop(heap)
            urgency_now = self._urgency(text)
            if urgency_now != urgency:  # a page about its alert has gone meanwhile
                heapq.heappush(heap, (urgency_now, number, text))
                continue
            if urgency[0] >= AGAIN and under_way >= UNDER_WAY_AGAIN:
                break
            if not self._is_planned(text):
                continue
            found = self._write(text, letter)
            if not isinstance(found, tuple):
                self._settle(text, "failed", found, now)
                out += [] if found == UNNEEDED else [Tell("text_given_up", _why(text, found), "error")]
                continue
            under_way += 1
            out.append(SendText(self._hand_over(text, now), *found))
        return out

    def _write(self, text: Text, letter: Callable[[Text], Letter | None]) -> Letter | str:
        """Make a text up, or say why it does not go; one that cannot be written takes no other with it."""
        try:
            return letter(text) or UNNEEDED
        except Exception as error:  # noqa: BLE001 - a fault of ours about one alert must not end all others
            return f"cannot be written: {type(error).__name__}: {error}"[:TOLD_MAX]

    def _hand_over(self, text: Text, now: Now) -> Text:
        sending = replace(text, tries=text.tries + 1)
        self._jobs[_key(sending)] = Job(sending, now.s + SEND_MAX_S, under_way=True)
        if text.kind == "page":
            self._begun[text.alert_id] = now.s
        return sending

    def _urgency(self, text: Text) -> Urgency:
        """Order texts: to kiosks and the first page of an alarm, its first round, later ones, drills.

        In the first round alerts take turns; later rounds go by their age alone: none is overtaken for ever.
        """
        last_s = 0.0
        is_page = text.kind == "page"
        if self._is_drill(text.alert_id):
            rank = DRILL
        elif is_page and not text.step.startswith("r1t"):
            return AGAIN, 0.0, 0, is_page, 0, text.at_ms
        elif text.tries or (is_page and text.alert_id in self._begun):
            rank, last_s = FIRST_ROUND, self._begun.get(text.alert_id, 0.0)
        else:
            rank = NEW
        return rank, last_s, text.tries, is_page, text.tier, text.at_ms

    def _is_planned(self, text: Text) -> bool:
        """Tell whether the plan is on disk; while the disk is broken an alert does not wait for it."""
        return bool(self._ledger.fault) or self._is_on_disk(text)

    def _is_on_disk(self, text: Text) -> bool:
        alert_id, step, to = _key(text)
        return self._ledger.is_durable("text", alert_id, f"{step} {to}")

    def settled(self, notice: TextSettled, now: Now) -> list[FleetEffect]:
        """Take in what became of a text."""
        name = self._renamed.get(notice.text.alert_id, AlertId(notice.text.alert_id))
        text = replace(notice.text, alert_id=name)
        job = self._jobs.get(_key(text))
        if not notice.reason:  # it is out, whoever is asked to send by now
            self._settle(text, "sent", "", now)
            return [Tell("text_sent", _detail(text))]
        if job is None or not job.under_way or job.text.tries != text.tries:
            return []
        return self._failed(job, notice.reason, now)

    def _failed(self, job: Job, reason: str, now: Now) -> list[FleetEffect]:
        detail = _why(job.text, reason)
        if job.text.tries >= TRIES_MAX:
            self._settle(job.text, "failed", reason[:TOLD_MAX], now)
            self._given_up.append(job.text)
            return [Tell("text_given_up", detail, "error")]
        again = replace(job.text, at_ms=now.utc_ms, reason=reason[:TOLD_MAX])
        wait_s = min(BACKOFF_S * 2.0 ** (again.tries - 1), BACKOFF_MAX_S)
        self._jobs[_key(again)] = Job(again, now.s + wait_s)
        self._ledger.write(StoreText(again))
        return [Tell("text_failed", detail, "warning")]

    def _settle(self, text: Text, state: str, reason: str, now: Now) -> None:
        self._jobs.pop(_key(text), None)
        done = replace(text, state=state, at_ms=now.utc_ms, reason=reason)  # type: ignore[arg-type]
        self._ledger.write(StoreText(done))


def _key(text: Text) -> Key:
    return text.alert_id, text.step, text.to


def _why(text: Text, reason: str) -> tuple[tuple[str, str | int | bool], ...]:
    return (*_detail(text), ("reason", reason[:TOLD_MAX]))


def _detail(text: Text) -> tuple[tuple[str, str | int | bool], ...]:
    named = (("alert", text.alert_id), ("step", text.step), ("to", text.to), ("kind", text.kind))
    return (*named, ("tries", text.tries))
