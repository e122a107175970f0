"""Heartbeats summed up: in memory, and added to what the store holds."""

from fakes.centre_engines import engine
from fakes.virtual_centre import a_beat
from sqlalchemy import Engine, select

from kiosk.bodies import Board, KioskId, Links, MqttHealth, SmsHealth
from kiosk.messages import Now
from kiosk.monitor.ledger import Ledger
from kiosk.monitor.records import Span, StoreSpan
from kiosk.monitor.spans import WRITE_ROWS, Spans
from kiosk.monitor.store.schema import spans as table
from kiosk.monitor.store.spans import write_spans

__all__ = ["engine"]

KIOSK = KioskId("kz-1")
BEGIN_S = 1_790_000_100  # a multiple of 300


def at(seconds: float) -> Now:
    return Now(s=1000.0 + seconds, utc_ms=round((BEGIN_S + seconds) * 1000), chance=0.0, fresh_id="x")


def made(limit: int = 10) -> tuple[Spans, Ledger]:
    ledger = Ledger()
    return Spans(ledger, limit), ledger


def written(ledger: Ledger) -> list[Span]:
    changes = [change for save in ledger.close_turn() for change in save.changes]  # type: ignore[union-attr]
    return [change.span for change in changes if isinstance(change, StoreSpan)]


def a_links(rtt_ms: int, signal_dbm: int | None, balance: float | None) -> Links:
    return Links(mqtt=MqttHealth(rtt_ms=rtt_ms), sms=SmsHealth(signal_dbm=signal_dbm, balance_kzt=balance))


def test_a_span_keeps_the_worst_of_its_heartbeats_and_the_newest_balance() -> None:
    spans, ledger = made()
    told = (
        (41, a_links(30, -70, 900.0), ()),
        (None, Links(), ("modem_down",)),
        (39, a_links(90, -90, None), ("modem_down",)),
        (44, a_links(20, None, 850.0), ("disk_low",)),
    )
    for number, (temp_c, links, faults) in enumerate(told):
        beat = a_beat(seq=number, board=Board(temp_c=temp_c), links=links, faults=faults)
        spans.add(KIOSK, beat, at(number * 30), beats=1 + number % 2, lost=number)
    spans.write_due(at(299))
    assert written(ledger) == []
    spans.add(KIOSK, a_beat(), at(301), beats=1, lost=0)
    spans.write_due(at(302))
    (span,) = written(ledger)
    assert (span.begins_s, span.beats, span.lost) == (BEGIN_S, 6, 6)
    assert (span.temp_c, span.rtt_ms, span.signal_dbm, span.balance_kzt) == (44, 90, -90, 850.0)
    assert span.faults == {"modem_down", "disk_low"}


def test_the_last_span_of_a_kiosk_that_fell_silent_is_written_too() -> None:
    spans, ledger = made()
    spans.add(KIOSK, a_beat(), at(0), beats=1, lost=0)
    spans.write_due(at(350))
    assert written(ledger) == []
    spans.write_due(at(361))
    assert [span.beats for span in written(ledger)] == [1]


def test_many_spans_are_written_a_part_at_a_time() -> None:
    spans, ledger = made(1000)
    for number in range(1000):
        spans.add(KioskId(f"kz-{number}"), a_beat(), at(0), beats=1, lost=0)
    parts = []
    for turn in range(10):
        spans.write_due(at(400 + turn * 0.3))
        spans.write_due(at(400 + turn * 0.3 + 0.1))
        parts.append(len(written(ledger)))
    assert sum(parts) == 1000
    assert max(parts) <= WRITE_ROWS


def test_an_orderly_end_writes_what_is_under_way() -> None:
    spans, ledger = made()
    spans.add(KIOSK, a_beat(), at(0), beats=1, lost=0)
    spans.write_all()
    assert len(written(ledger)) == 1


def test_without_the_lease_nothing_is_written() -> None:
    spans, ledger = made()
    spans.writes = False
    spans.add(KIOSK, a_beat(), at(0), beats=1, lost=0)
    spans.write_due(at(400))
    spans.add(KIOSK, a_beat(), at(401), beats=1, lost=0)
    spans.write_all()
    assert written(ledger) == []


def test_while_the_store_is_broken_spans_wait_and_fill_no_memory() -> None:
    spans, ledger = made(limit=2)
    ledger.fault = "disk full"
    for number in range(9):
        spans.add(KIOSK, a_beat(seq=number), at(300 * number), beats=1, lost=0)
        spans.write_due(at(300 * number + 1))
    ledger.fault = ""
    spans.write_due(at(2500))
    assert [span.begins_s for span in written(ledger)] == [BEGIN_S + 300 * number for number in range(4, 8)]


# ---- the store


def stored(database: Engine) -> dict[tuple[int, int], tuple[object, ...]]:
    columns = (table.c.span_s, table.c.begins_s, table.c.beats, table.c.lost, table.c.temp_c,
               table.c.signal_dbm, table.c.balance_kzt, table.c.rtt_ms, table.c.faults)  # fmt: skip
    with database.begin() as connection:
        return {(row[0], row[1]): tuple(row[2:]) for row in connection.execute(select(*columns))}


def write(database: Engine, *fresh: Span) -> None:
    with database.connect().execution_options(writes=True) as connection, connection.begin():
        write_spans(connection, fresh)


def a_span(begins_s: int = BEGIN_S, **changes: object) -> Span:
    return Span(kiosk_id=KIOSK, begins_s=begins_s, **changes)  # type: ignore[arg-type]


def test_parts_of_a_span_are_added_up_whoever_wrote_the_first(engine: Engine) -> None:
    hour = BEGIN_S // 3600 * 3600
    write(engine, a_span(beats=4, lost=1, temp_c=40, balance_kzt=900.0, faults=frozenset({"b"})))
    write(engine, a_span(beats=5, signal_dbm=-80, rtt_ms=20, faults=frozenset({"a"})))
    write(engine, a_span(beats=1, temp_c=39, signal_dbm=-90, rtt_ms=10, balance_kzt=850.0), a_span(beats=2))
    whole = (12, 1, 40, -90, 850.0, 20, "a,b")
    assert stored(engine) == {(300, BEGIN_S): whole, (3600, hour): whole}


def test_the_coarse_span_is_the_sum_of_its_fine_ones(engine: Engine) -> None:
    hour = BEGIN_S // 3600 * 3600
    fresh = [a_span(hour + 300 * number, beats=10, lost=number, temp_c=30 + number) for number in range(12)]
    write(engine, *fresh[:7])
    write(engine, *fresh[7:])
    rows = stored(engine)
    assert len(rows) == 13
    assert rows[3600, hour] == (120, 66, 41, None, None, None, "")


def test_no_spans_are_no_statement(engine: Engine) -> None:
    write(engine)
    assert stored(engine) == {}
