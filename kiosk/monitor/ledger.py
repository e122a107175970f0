"""What the centre has promised but not yet written down. Pure.

Nothing is acknowledged, answered or told to a kiosk before the changes behind it are durable. While the store
is broken the broker is spared what is no alert: it holds so many unanswered messages and no more, and behind
them the alerts would wait.
"""

from typing import assert_never

from kiosk.monitor.effects import Acknowledge, Answer, FleetEffect, Save
from kiosk.monitor.messages import Receipt
from kiosk.monitor.records import (
    Change,
    StoreAlert,
    StoreEvent,
    StoreInbound,
    StoreKiosk,
    StoreRenamed,
    StoreSpan,
    StoreStage,
    StoreText,
)

EVENTS_MAX = 1000  # events that wait for a broken store; older ones give way, alerts never do

Key = tuple[str, str, str]


def key_of(change: Change) -> Key:
    """Name what a change is about; a newer change of the same thing replaces it."""
    match change:
        case StoreRenamed() | StoreText() | StoreInbound():
            return _key_of_sms(change)
        case StoreAlert():
            return "alert", change.case.alert.alert_id, ""
        case StoreStage():
            return "stage", change.alert_id, change.entry.stage
        case StoreEvent():
            return "event", change.event.kiosk_id, change.event.event_id
        case StoreKiosk():
            return "kiosk", change.kiosk.kiosk_id, ""
        case StoreSpan(span):
            return "span", span.kiosk_id, str(span.begins_s)
        case _:
            assert_never(change)


def _key_of_sms(change: StoreRenamed | StoreText | StoreInbound) -> Key:
    match change:
        case StoreRenamed():
            return "renamed", change.old_id, ""
        case StoreText():
            return "text", change.text.alert_id, f"{change.text.step} {change.text.to}"
        case StoreInbound():
            return "inbound", change.inbound.message_id, ""
        case _:
            assert_never(change)


class Ledger:
    """Unsaved changes, and what waits for them."""

    def __init__(self) -> None:
        self._serial = 0
        self._unsaved: dict[Key, tuple[int, Change]] = {}
        self._fresh: dict[Key, Change] = {}
        self._waiting: list[tuple[int, Acknowledge | Answer]] = []
        self._lesser: set[Receipt] = set()  # of those that wait: they stand for no alert
        self.fault = ""

    def write(self, change: Change) -> None:
        """Ask for a change to be saved at the end of this turn (of the next good one while broken)."""
        key = key_of(change)
        self._unsaved[key] = (self._serial + 1, change)
        self._fresh[key] = change
        if self.fault and key[0] == "event":
            self._drop_old_events()

    def _drop_old_events(self) -> None:
        events = [key for key in self._unsaved if key[0] == "event"]
        for key in events[:-EVENTS_MAX]:
            del self._unsaved[key]
            self._fresh.pop(key, None)

    def is_durable(self, kind: str, subject: str, detail: str = "") -> bool:
        """Tell whether nothing about this waits to be saved."""
        return (kind, subject, detail) not in self._unsaved

    def when_durable(self, promise: Acknowledge | Answer) -> list[FleetEffect]:
        """Keep a promise until all that was written so far is durable; at once if it is."""
        if not self._unsaved:
            return [promise]
        if self.fault and isinstance(promise, Answer):
            return [self._excuse(promise)]
        self._waiting.append((self._serial + (1 if self._fresh or self.fault else 0), promise))
        return []

    def acknowledge(self, receipt: Receipt | None, *, lesser: bool = False) -> list[FleetEffect]:
        """Acknowledge a message once what it brought is durable; a `lesser` one at once while that fails."""
        if receipt is None:
            return []
        if lesser and self.fault:
            return [Acknowledge(receipt)]
        if lesser:
            self._lesser.add(receipt)
        return self.when_durable(Acknowledge(receipt))

    def forget_receipts(self) -> None:
        """Drop acknowledgements: their connection is gone and the broker will deliver again."""
        self._waiting = [(serial, made) for serial, made in self._waiting if isinstance(made, Answer)]

    def close_turn(self) -> list[FleetEffect]:
        """End a turn: one Save for all that it changed (none while the store is broken)."""
        if self.fault or not self._fresh:
            return []
        self._serial += 1
        changes = tuple(self._fresh.values())
        self._fresh = {}
        return [Save(self._serial, changes)]

    def retry(self) -> list[FleetEffect]:
        """Try everything that is unsaved again after a failure."""
        if not self.fault:
            return []
        self._serial += 1
        self._fresh = {}
        self._unsaved = {key: (self._serial, change) for key, (_, change) in self._unsaved.items()}
        return [Save(self._serial, tuple(change for _, change in self._unsaved.values()))]

    def saved(self, serial: int) -> list[FleetEffect]:
        """Release what waited for Saves up to `serial`."""
        self.fault = ""
        self._unsaved = {key: made for key, made in self._unsaved.items() if made[0] > serial}
        kept = [made for at, made in self._waiting if at <= serial]
        self._waiting = [(at, made) for at, made in self._waiting if at > serial]
        self._lesser &= {made.receipt for _, made in self._waiting if isinstance(made, Acknowledge)}
        return list(kept)

    def failed(self, reason: str) -> list[FleetEffect]:
        """Keep the changes, tell the people who wait that theirs is not on disk."""
        self.fault = reason
        out: list[FleetEffect] = []
        waiting: list[tuple[int, Acknowledge | Answer]] = []
        for _, made in self._waiting:
            if isinstance(made, Answer):
                out.append(self._excuse(made))
            elif made.receipt in self._lesser:
                out.append(made)
            else:
                waiting.append((self._serial + 1, made))
        self._waiting, self._lesser = waiting, set()
        return out

    def _excuse(self, answer: Answer) -> Answer:
        text = f"not on disk yet ({self.fault}); it is kept and tried again"
        return Answer(token=answer.token, ok=False, text=text, alert_id=answer.alert_id)
