"""Heartbeats summed up, fine and coarse: what is new is added to what is there, row by row."""

from collections.abc import Iterable
from typing import Any, TypeVar

from sqlalchemy import Connection, and_, case, func, select

from kiosk.monitor.records import COARSE_S, FINE_S, Span
from kiosk.monitor.store.bulk import insert_many
from kiosk.monitor.store.rows import Values, clean
from kiosk.monitor.store.schema import spans

FAULTS_MAX = 1100  # characters, the column's
NUMBER_MAX = 2**31 - 1  # of the columns of whole numbers
COUNT_MAX = 1_000_000  # of one part: a row may be the sum of many
BALANCE_MAX = 1e12
Key = tuple[str, int, int]
N = TypeVar("N", int, float)


def write_spans(connection: Connection, fresh: Iterable[Span]) -> None:
    """Add spans in the transaction that is open: each to its fine and to its coarse row."""
    made: dict[Key, Values] = {}
    for span in fresh:
        for span_s in (FINE_S, COARSE_S):
            key: Key = (span.kiosk_id, span_s, span.begins_s // span_s * span_s)
            row = _row(key, span)
            made[key] = row if key not in made else _sum(made[key], row)
    if not made:
        return
    known = _known_faults(connection, [key for key, row in made.items() if row["faults"]])
    for key, row in made.items():
        row["faults"] = ",".join(sorted(row["faults"] | known.get(key, set())))[:FAULTS_MAX]
        row |= {name: min(row[name], NUMBER_MAX) for name in ("beats", "lost")}
    insert_many(connection, spans, [made[key] for key in sorted(made)], _add)


def _row(key: Key, span: Span) -> Values:
    return {
        "kiosk_id": key[0],
        "span_s": key[1],
        "begins_s": key[2],
        "beats": min(max(span.beats, 0), COUNT_MAX),
        "lost": min(max(span.lost, 0), COUNT_MAX),
        "temp_c": _within(span.temp_c, NUMBER_MAX),
        "signal_dbm": _within(span.signal_dbm, NUMBER_MAX),
        "balance_kzt": _within(span.balance_kzt, BALANCE_MAX),
        "rtt_ms": _within(span.rtt_ms, NUMBER_MAX),
        "faults": {clean(fault, 60) for fault in span.faults},
    }


def _within(told: N | None, most: N) -> N | None:
    """Take a figure of a kiosk down to what its column holds: a sensor may say anything."""
    return None if told is None else min(max(told, -most), most)


def _sum(one: Values, other: Values) -> Values:
    """Join two parts of one row; `other` is the newer one."""
    joined = one | {name: one[name] + other[name] for name in ("beats", "lost")}
    for name, choose in (("temp_c", max), ("rtt_ms", max), ("signal_dbm", min)):
        told = [row[name] for row in (one, other) if row[name] is not None]
        joined[name] = choose(told) if told else None
    joined["balance_kzt"] = one["balance_kzt"] if other["balance_kzt"] is None else other["balance_kzt"]
    joined["faults"] = one["faults"] | other["faults"]
    return joined


def _known_faults(connection: Connection, keys: list[Key]) -> dict[Key, set[str]]:
    """Give the faults that the store has of these rows; few kiosks have any."""
    found: dict[Key, set[str]] = {}
    for kiosk_id, span_s, begins_s in keys:
        row = and_(spans.c.kiosk_id == kiosk_id, spans.c.span_s == span_s, spans.c.begins_s == begins_s)
        listed = connection.execute(select(spans.c.faults).where(row)).scalar()
        if listed:
            found[kiosk_id, span_s, begins_s] = set(listed.split(","))
    return found


def _add(statement: Any) -> Any:
    new, old = statement.excluded, spans.c
    return statement.on_conflict_do_update(
        index_elements=[old.kiosk_id, old.span_s, old.begins_s],
        set_={
            "beats": _added(old.beats, new.beats),
            "lost": _added(old.lost, new.lost),
            "temp_c": _beyond(old.temp_c, new.temp_c, new.temp_c > old.temp_c),
            "rtt_ms": _beyond(old.rtt_ms, new.rtt_ms, new.rtt_ms > old.rtt_ms),
            "signal_dbm": _beyond(old.signal_dbm, new.signal_dbm, new.signal_dbm < old.signal_dbm),
            "balance_kzt": func.coalesce(new.balance_kzt, old.balance_kzt),
            "faults": case((new.faults == "", old.faults), else_=new.faults),
        },
    )


def _added(old: Any, new: Any) -> Any:
    """Add up to what the column holds, and no further."""
    return case((old > NUMBER_MAX - new, NUMBER_MAX), else_=old + new)


def _beyond(old: Any, new: Any, is_beyond: Any) -> Any:
    """Take the new value where it lies beyond the old one, or where there is no old one."""
    return case((is_beyond, new), else_=func.coalesce(old, new))
