import random

from fakes import centre_world
from fakes.centre_engines import engine
from sqlalchemy import Engine, insert

from kiosk.bodies import Event
from kiosk.monitor.store import history
from kiosk.monitor.store.schema import events, kiosks

__all__ = ["engine"]
NOW_MS = 1_790_000_000_000


def test_a_kiosks_state_comes_back_as_it_was_written(engine: Engine) -> None:
    known = centre_world.kiosk(random.Random(3), "one", NOW_MS)
    with engine.begin() as connection:
        connection.execute(insert(kiosks), [centre_world.kiosk_row(known, NOW_MS)])
        assert history.find_kiosk(connection, "one") == known
        assert history.find_kiosk(connection, "other") is None
        connection.execute(kiosks.update().values(body=b"\xff"))
        assert history.find_kiosk(connection, "one") is None


def test_beats_come_oldest_first_within_their_time_and_step_only(engine: Engine) -> None:
    with engine.begin() as connection:
        centre_world.fill(connection, NOW_MS, count=2, alerts_count=0, spans_of=1)
        since_s = NOW_MS // 1000 - 86_400
        day = history.beats(connection, "kiosk-0001", span_s=300, since_s=since_s, until_s=NOW_MS // 1000)
        assert 200 < len(day) < 289
        assert [one.begins_s for one in day] == sorted(one.begins_s for one in day)
        assert {one.faults for one in day} == {(), ("modem_down",)}
        assert history.beats(connection, "kiosk-0002", span_s=300, since_s=0, until_s=NOW_MS) == ()


def test_events_come_newest_first_and_go_on_where_the_page_ended(engine: Engine) -> None:
    with engine.begin() as connection:
        for number in range(5):
            event = Event(event_id=f"e{number}", kiosk_id="one", at="2026-01-01T00:00:00Z", code=f"c{number}")
            connection.execute(insert(events), [centre_world.event_row(event, number)])
        broken = {"kiosk_id": "one", "event_id": "x", "at_ms": 9, "code": "x", "state": "info", "body": b"?"}
        connection.execute(insert(events), [broken])
        first = history.last_events(connection, "one", limit=3)
        assert [event.code for _, event in first] == ["c4", "c3"]
        rest = history.last_events(connection, "one", limit=9, before=first[-1][0])
        assert [event.code for _, event in rest] == ["c2", "c1", "c0"]


def test_alerts_of_a_kiosk_come_newest_first(engine: Engine) -> None:
    with engine.begin() as connection:
        centre_world.fill(connection, NOW_MS, count=1, alerts_count=12)
        found = history.last_alerts(connection, "kiosk-0001", limit=8)
        rest = history.last_alerts(connection, "kiosk-0001", limit=8, before_ms=found[-1].received_ms)
        times = [one.received_ms for one in (*found, *rest)]
        assert len(times) == 12
        assert times == sorted(times, reverse=True)
