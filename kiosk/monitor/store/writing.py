"""Every change of one commit as rows: one statement for many rows of a table, in one order for all monitors.

Equal order is what keeps two monitors that write the same from waiting for each other in a circle.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, assert_never

from sqlalchemy import Connection, and_, delete, or_, select

from kiosk.bodies import Event
from kiosk.monitor.messages import Overruled
from kiosk.monitor.records import (
    Change,
    Inbound,
    Kiosk,
    Span,
    StoreAlert,
    StoreEvent,
    StoreInbound,
    StoreKiosk,
    StoreRenamed,
    StoreSpan,
    StoreStage,
    StoreText,
)
from kiosk.monitor.store import rows
from kiosk.monitor.store.alarms import Turn, known_names, write_alerts, write_stages
from kiosk.monitor.store.bulk import insert_many, keep_old
from kiosk.monitor.store.engine import clock_ms
from kiosk.monitor.store.renaming import rename
from kiosk.monitor.store.salvage import is_telemetry, write_telemetry
from kiosk.monitor.store.schema import events, inbox, kiosks, texts
from kiosk.monitor.store.spans import write_spans

EVENTS_KEPT = 2000  # of each kiosk, whatever retention says: a kiosk gone mad must not fill the disk
TRIM_EACH = 50  # events of a kiosk between two looks at how many there are
AHEAD_MS = 60_000  # a row of a monitor whose clock ran ahead must not hold the true one up


class Group:
    """Changes between two renames, by table; of a kiosk only the newest state."""

    def __init__(self) -> None:
        self.alerts: list[StoreAlert] = []
        self.stages: list[StoreStage] = []
        self.texts: list[StoreText] = []
        self.inbound: list[Inbound] = []
        self.events: list[Event] = []
        self.kiosks: dict[str, Kiosk] = {}
        self.spans: list[Span] = []

    def add(self, change: Change) -> None:
        """Sort one change in."""
        match change:
            case StoreAlert():
                self.alerts.append(change)
            case StoreStage():
                self.stages.append(change)
            case StoreText():
                self.texts.append(change)
            case StoreInbound(inbound):
                self.inbound.append(inbound)
            case StoreEvent(event):
                self.events.append(event)
            case StoreKiosk(kiosk):
                self.kiosks[kiosk.kiosk_id] = kiosk
            case StoreSpan(span):
                self.spans.append(span)
            case StoreRenamed():
                pass
            case _:
                assert_never(change)


def _groups(changes: Iterable[Change]) -> Iterator[Group | StoreRenamed]:
    group = Group()
    for change in changes:
        if isinstance(change, StoreRenamed):
            yield group
            yield change
            group = Group()
        else:
            group.add(change)
    yield group


class Writer:
    """Writes changes for one monitor."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._untrimmed: Counter[str] = Counter()

    def write(self, connection: Connection, changes: Iterable[Change]) -> tuple[Overruled, ...]:
        """Write all changes in the transaction that is open; give what others had decided before."""
        turn = Turn(connection=connection, now_ms=clock_ms(connection), writer=self._name)
        overruled: list[Overruled] = []
        for group in _groups(changes):
            if isinstance(group, StoreRenamed):
                rename(turn, group)
            else:
                overruled += self._write(turn, group)
        return tuple(overruled)

    def salvage(self, connection: Connection, changes: Iterable[Change]) -> tuple[Overruled, ...]:
        """Write what `write` could not as a whole, but for the telemetry that is refused."""
        listed = list(changes)
        overruled = self.write(connection, [change for change in listed if not is_telemetry(change)])
        telemetry = [change for change in listed if is_telemetry(change)]
        write_telemetry(connection, telemetry, lambda some: self.write(connection, some))
        return overruled

    def _write(self, turn: Turn, group: Group) -> list[Overruled]:
        overruled: list[Overruled] = []
        ids = {change.case.alert.alert_id for change in group.alerts}
        ids |= {change.alert_id for change in group.stages} | {change.text.alert_id for change in group.texts}
        names: dict[str, str] = {}
        if ids:
            known, names = known_names(turn, ids)
            write_alerts(turn, [change.case for change in group.alerts], known, names)
        if group.stages:
            overruled = write_stages(turn, group.stages, names)
        _write_texts(turn, group.texts, names)
        _write_inbound(turn, group.inbound)
        self._write_events(turn, group.events)
        write_kiosks(turn, group.kiosks.values())
        write_spans(turn.connection, group.spans)
        return overruled

    def _write_events(self, turn: Turn, fresh: list[Event]) -> None:
        if not fresh:
            return
        made = [rows.event_row(event, turn.now_ms) for event in fresh]
        made.sort(key=lambda row: row["kiosk_id"])  # stable: those of a kiosk stay in order
        insert_many(turn.connection, events, made, keep_old)
        for event in fresh:
            self._untrimmed[event.kiosk_id] += 1
        for kiosk_id in sorted({event.kiosk_id for event in fresh}):
            if self._untrimmed[kiosk_id] >= TRIM_EACH:
                del self._untrimmed[kiosk_id]
                _trim(turn.connection, kiosk_id)


def _trim(connection: Connection, kiosk_id: str) -> None:
    last = (
        select(events.c.number)
        .where(events.c.kiosk_id == kiosk_id)
        .order_by(events.c.number.desc())
        .limit(1)
        .offset(EVENTS_KEPT)
        .scalar_subquery()
    )
    connection.execute(delete(events).where(events.c.kiosk_id == kiosk_id, events.c.number <= last))


def write_kiosks(turn: Turn, states: Iterable[Kiosk]) -> None:
    """Keep the newest state of each kiosk, whichever monitor writes it first."""
    made = [rows.kiosk_row(kiosk, turn.now_ms) for kiosk in states]
    if made:
        made.sort(key=lambda row: row["kiosk_id"])
        insert_many(turn.connection, kiosks, made, _newest_state)


def _newest_state(statement: Any) -> Any:
    new, old = statement.excluded, kiosks.c
    newer = or_(
        new.heard_ms > old.heard_ms,
        and_(new.heard_ms == old.heard_ms, new.since_ms >= old.since_ms),
        old.heard_ms > new.written_ms + AHEAD_MS,
        old.since_ms > new.written_ms + AHEAD_MS,
    )
    columns = {column.name: new[column.name] for column in kiosks.c if not column.primary_key}
    return statement.on_conflict_do_update(index_elements=["kiosk_id"], set_=columns, where=newer)


def _write_texts(turn: Turn, news: list[StoreText], names: dict[str, str]) -> None:
    """Keep how SMS stand, one after the other: the same one may be there twice."""
    for change in news:
        text = change.text
        row = rows.text_row(text, names.get(text.alert_id, text.alert_id), turn.now_ms)
        insert_many(turn.connection, texts, [row], _further)


def _further(statement: Any) -> Any:
    """`sent` stays, and more tries say more than fewer."""
    new, old = statement.excluded, texts.c
    further = or_(new.tries > old.tries, and_(new.tries == old.tries, new.state != "planned"))
    return statement.on_conflict_do_update(
        index_elements=["alert_id", "step", "recipient"],
        set_={name: new[name] for name in ("state", "at_ms", "tries", "reason", "written_ms", "tier")},
        where=and_(old.state != "sent", further),
    )


def _write_inbound(turn: Turn, news: list[Inbound]) -> None:
    if news:
        made = sorted((rows.inbound_row(inbound) for inbound in news), key=lambda row: str(row["message_id"]))
        insert_many(turn.connection, inbox, made, keep_old)
