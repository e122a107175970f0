"""The centre's database in memory: what several monitors share, by the rules of `kiosk.monitor.store`. Pure.

`tests/sim` holds it against the real one, change by change. Faults of `store`: `down`, `full`, `stall`.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import takewhile

from msgspec import structs

from kiosk.bodies import AlertId, Event, Reply
from kiosk.monitor import cases
from kiosk.monitor.messages import Overruled
from kiosk.monitor.records import (
    Case,
    Change,
    Inbound,
    Kiosk,
    StoreAlert,
    StoreEvent,
    StoreInbound,
    StoreKiosk,
    StoreRenamed,
    StoreStage,
    StoreText,
    Text,
)
from kiosk.simulate.hosts.rows import DOORS, Row, as_it_ended, joined
from kiosk.wire import utc_text

LEASE_S = 10.0
Key = tuple[str, str, str]
Wrote = Callable[[str], None]


class SharedStore:
    """Alerts, stages, texts, kiosks, events and one lease."""

    def __init__(self, wrote: Wrote = lambda _: None) -> None:
        self.rows: dict[str, Row] = {}
        self.texts: dict[Key, Text] = {}
        self.text_versions: dict[Key, int] = {}
        self.kiosks: dict[str, Kiosk] = {}
        self.events: dict[tuple[str, str], Event] = {}
        self.inbox: dict[str, Inbound] = {}
        self.boots: dict[str, int] = {}
        self.lease: tuple[str, float] = ("", -1.0)
        self.version = 0
        self._touched: dict[str, None] = {}  # rows, the last touched one last
        self._wrote = wrote

    # ---- one commit

    def commit(self, changes: Iterable[Change], writer: str) -> tuple[Overruled, ...]:
        """Make all changes durable together; give what another monitor had decided before."""
        self.version += 1
        over: list[Overruled] = []
        alerts: list[Case] = []
        stages: list[StoreStage] = []
        rest: list[Change] = []
        touched: dict[str, None] = {}

        def flush() -> None:
            for case in alerts:
                touched[self._alert(case, writer)] = None
            for change in stages:
                over.extend(self._stage(change, writer, touched))
            for other in rest:
                self._other(other)
            for pile in (alerts, stages, rest):
                pile.clear()

        for change in changes:
            match change:
                case StoreRenamed(old_id, new_id):
                    flush()
                    touched[self._rename(old_id, new_id, writer)] = None
                case StoreAlert(case):
                    alerts.append(case)
                case StoreStage():
                    stages.append(change)
                case _:
                    rest.append(change)
        flush()
        for alert_id in touched:
            self._wrote(alert_id)
        return tuple(over)

    def _other(self, change: Change) -> None:
        match change:
            case StoreText(text):
                self._text(text)
            case StoreInbound(inbound):
                self.inbox.setdefault(inbound.message_id, inbound)
            case StoreEvent(event):
                self.events.setdefault((event.kiosk_id, event.event_id), event)
            case StoreKiosk(kiosk):
                old = self.kiosks.get(kiosk.kiosk_id)
                if old is None or (kiosk.heard_ms, kiosk.since_ms) >= (old.heard_ms, old.since_ms):
                    self.kiosks[kiosk.kiosk_id] = kiosk
            case _:
                pass

    def name(self, alert_id: str) -> str:
        """Give today's id of an alert that once came by SMS."""
        if alert_id in self.rows:
            return alert_id
        return next((name for name, row in self.rows.items() if row.sms_id == alert_id), alert_id)

    def _last(self, key: Key) -> None:
        self.text_versions.pop(key, None)
        self.text_versions[key] = self.version

    def _touch(self, row: Row, writer: str) -> None:
        name = row.case.alert.alert_id
        self._touched.pop(name, None)
        self._touched[name] = None
        row.version = self.version
        row.writers = row.writers | {writer}

    def _alert(self, case: Case, writer: str) -> str:
        name = self.name(case.alert.alert_id)
        row = self.rows.get(name)
        if row is None:
            row = self.rows[name] = Row(replace(case, stages=()))
            self._touch(row, writer)
        elif row.case.alert.kiosk_id == case.alert.kiosk_id and (added := joined(row, case)):
            row.case = added
            self._touch(row, writer)
        return name

    def _stage(self, change: StoreStage, writer: str, touched: dict[str, None]) -> list[Overruled]:
        name = self.name(change.alert_id)
        row, entry = self.rows.get(name), change.entry
        if row is None:
            return []
        beyond = [old for old in row.stages.values() if cases.rank(old.stage) > cases.rank(entry.stage)]
        further = max(beyond, key=lambda old: cases.rank(old.stage), default=None)
        decided = row.stages.get(entry.stage, further)
        if decided is None:
            row.stages[entry.stage] = entry
            if entry.stage != "received":
                self._touch(row, writer)
            touched[name] = None
        elif (decided.stage, decided.at_ms, decided.by) != (entry.stage, entry.at_ms, entry.by):
            return [Overruled(change.alert_id, decided, entry.stage)]
        return []

    def _rename(self, old_id: str, new_id: str, writer: str) -> str:
        old, new = self.rows.pop(old_id, None), self.rows.get(new_id)
        self._touched.pop(old_id, None)
        if new is None:
            if old is None:
                return new_id
            alert = structs.replace(old.case.alert, alert_id=AlertId(new_id))
            new = self.rows[new_id] = Row(replace(old.case, alert=alert), stages=dict(old.stages))
            new.writers = old.writers
        elif old is not None:
            self._join(old, new)
        for key in [key for key in self.texts if key[0] == old_id]:
            text = self.texts.pop(key)
            moved = (new_id, key[1], key[2])
            self.texts.setdefault(moved, replace(text, alert_id=AlertId(new_id)))
            self._last(moved)
        new.sms_id = old_id
        self._touch(new, writer)
        return new_id

    def _join(self, old: Row, new: Row) -> None:
        new.case = joined(new, old.case) or new.case
        if "closed" in old.stages and "closed" not in new.stages:
            new.case = replace(new.case, alert=as_it_ended(new.case.alert, old.case.alert))
        if old.case.received_ms < new.case.received_ms:
            came_by = {new.case.door, *new.case.also_by} - {old.case.door}
            new.case = replace(
                new.case, received_ms=old.case.received_ms, door=old.case.door, age_s=old.case.age_s,
                late=old.case.late, also_by=tuple(door for door in DOORS if door in came_by),
            )  # fmt: skip
        for stage, entry in old.stages.items():
            new.stages.setdefault(stage, entry)

    def _text(self, text: Text) -> None:
        named = replace(text, alert_id=AlertId(self.name(text.alert_id)))
        key = (named.alert_id, named.step, named.to)
        old = self.texts.get(key)
        if old is not None:
            further = named.tries > old.tries or (named.tries == old.tries and named.state != "planned")
            if old.state == "sent" or not further:
                return
            named = replace(named, kind=old.kind)
        self.texts[key] = named
        self._last(key)

    # ---- reading

    def load(self, closed_since_ms: int) -> tuple[tuple[Case, ...], tuple[Kiosk, ...], tuple[Event, ...]]:
        """Give what a start begins with."""
        whole = [row.whole() for row in self.rows.values()]
        young = [case for case in whole if cases.is_closed(case) and case.received_ms >= closed_since_ms]
        still_open = [case for case in whole if not cases.is_closed(case)]
        return tuple(young + still_open), tuple(self.kiosks.values()), tuple(self.events.values())

    def find(self, alert_id: str) -> Case | None:
        """Give one alert, by its own id or the one that it had."""
        row = self.rows.get(self.name(alert_id))
        return row.whole() if row is not None else None

    def changed_by_others(self, reader: str, since: int) -> tuple[Case, ...]:
        """Give the alerts that others than the reader changed since a version."""
        newest = takewhile(lambda name: self.rows[name].version > since, reversed(self._touched))
        found = {name for name in newest if self.rows[name].writers != {reader}}
        return tuple(row.whole() for name, row in self.rows.items() if name in found) if found else ()

    def texts_since(self, since: int) -> tuple[Text, ...]:
        """Give the texts that became something else since a version."""
        newest = reversed(self.text_versions)
        found = set(takewhile(lambda key: self.text_versions[key] > since, newest))
        return tuple(text for key, text in self.texts.items() if key in found) if found else ()

    def open_texts(self) -> tuple[Text, ...]:
        """Give every text so far of alerts that are open, and the answers to kiosks of the others."""
        still_open = {name for name, row in self.rows.items() if "closed" not in row.stages}
        return tuple(
            text for text in self.texts.values() if text.alert_id in still_open or text.kind == "answer"
        )

    def replies(self, alert_id: str, after: str) -> list[Reply] | None:
        """Give what a kiosk may hear of its alert beyond a stage; None where there is none of this id."""
        row = self.rows.get(alert_id)
        if row is None:
            return None
        known = cases.rank(after) if after else -1
        told = sorted(row.stages.values(), key=lambda entry: cases.rank(entry.stage))
        return [
            Reply(
                alert_id=alert_id, stage=entry.stage, at=utc_text(entry.at_ms), by=entry.by[:60],
                presses=row.case.alert.presses,
            )
            for entry in told
            if cases.rank(entry.stage) > known
        ]  # fmt: skip

    def take_lease(self, holder: str, now_s: float) -> bool:
        """Take or renew the lease."""
        held_by, until_s = self.lease
        if held_by not in {"", holder} and until_s >= now_s:
            return False
        self.lease = (holder, now_s + LEASE_S)
        return True
