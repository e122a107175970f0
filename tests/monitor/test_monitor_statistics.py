import math
from typing import Any

from fakes import centre_world
from fakes.centre_engines import engine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import Engine, StaticPool, create_engine, delete, insert

from kiosk.monitor.store import statistics
from kiosk.monitor.store.schema import alerts, kiosks, metadata, registry, spans
from kiosk.monitor.store.statistics import SHOWN_FROM, Figures, Month, Times

__all__ = ["engine"]
DAY_MS = 86_400_000
MEMORY = create_engine("sqlite://", poolclass=StaticPool)
metadata.create_all(MEMORY)
MONTHS = tuple(
    Month(name=f"2026-0{number}", begins_ms=number * 30 * DAY_MS, ends_ms=(number + 1) * 30 * DAY_MS)
    for number in (1, 2, 3)
)
CHANCE = centre_world.random.Random(5)
WHERE = centre_world.place(CHANCE, "71")


def row(**changes: Any) -> dict[str, object]:
    base = centre_world.alert_row(CHANCE, "one", WHERE, MONTHS[0].begins_ms, open_=True)
    empty = {"accepted_ms": None, "on_scene_ms": None, "closed_ms": None, "late": False, "clock_note": ""}
    return base | empty | {"alert_id": f"A{CHANCE.random()}"} | changes


def oracle(rows: list[dict[str, Any]], region: str, month: str) -> Figures | None:
    """Do in plain Python what the database does."""
    found = [
        one
        for one in rows
        if MONTHS[0].begins_ms <= one["received_ms"] < MONTHS[-1].ends_ms
        and region in {"", one["kato"][:2]}
        and month in {"", next(m.name for m in MONTHS if one["received_ms"] < m.ends_ms)}
    ]
    real = [one for one in found if one["kind"] != "drill"]
    closed = [one for one in real if one["closed_ms"] is not None]
    if not found:
        return None

    def times(values: list[int]) -> Times:
        values.sort()
        if len(values) < SHOWN_FROM:
            return Times(len(values))
        at = [values[math.ceil(len(values) * percent / 100) - 1] for percent in (50, 95)]
        return Times(len(values), *at)

    def since_receipt(name: str) -> Times:
        took = [one[name] - one["received_ms"] for one in real if one[name] is not None]
        return times([value for value in took if value >= 0])

    trusted = [one["received_ms"] - one["pressed_ms"] for one in real if one["clock_note"] == ""]
    return Figures(
        region=region,
        month=month,
        real=len(real),
        drills=len(found) - len(real),
        late=sum(one["late"] for one in real),
        closed=len(closed),
        false_presses=sum(one["outcome"] == "false_press" for one in closed),
        received=times([value for value in trusted if value >= 0]),
        accepted=since_receipt("accepted_ms"),
        on_scene=since_receipt("on_scene_ms"),
    )


@st.composite
def an_alert(draw: st.DrawFn) -> dict[str, object]:
    received_ms = draw(st.integers(29 * DAY_MS, 121 * DAY_MS))

    def later() -> int | None:
        return draw(st.none() | st.integers(-5_000, 500_000).map(lambda took: received_ms + took))

    return row(
        alert_id=f"A{draw(st.integers(0, 2**60))}",
        kind=draw(st.sampled_from(("press", "press", "press", "drill", "tamper"))),
        kato=draw(st.sampled_from(("710000000", "750000000"))),
        received_ms=received_ms,
        pressed_ms=received_ms - draw(st.integers(-2000, 60_000)),
        clock_note=draw(st.sampled_from(("", "", "unsynced"))),
        late=draw(st.booleans()),
        accepted_ms=later(),
        on_scene_ms=later(),
        closed_ms=later(),
        outcome=draw(st.sampled_from(("", "helped", "false_press"))),
    )


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(an_alert(), max_size=25, unique_by=lambda one: one["alert_id"]))
def test_every_figure_is_what_plain_python_counts(rows: list[dict[str, object]]) -> None:
    with MEMORY.begin() as connection:
        connection.execute(delete(alerts))
        if rows:
            connection.execute(insert(alerts), rows)
        for by_region in (False, True):
            for by_month in (False, True):
                found = statistics.figures(connection, MONTHS, by_region=by_region, by_month=by_month)
                wanted = [
                    oracle(rows, region, month)
                    for region in (("71", "75") if by_region else ("",))
                    for month in ([one.name for one in MONTHS] if by_month else [""])
                ]
                assert list(found) == [one for one in wanted if one is not None]


def test_both_databases_count_alike(engine: Engine) -> None:
    rows: list[dict[str, object]] = []
    for number in range(40):
        at_ms = MONTHS[number % 3].begins_ms + number
        times = {
            "pressed_ms": at_ms - number * 100,
            "accepted_ms": at_ms + number * 1000,
            "closed_ms": at_ms + 9,
        }
        kind = {
            "received_ms": at_ms,
            "kind": "drill" if number % 7 == 0 else "press",
            "outcome": "false_press",
        }
        rows.append(row(kato=f"{('71', '75')[number % 2]}0000000", **times, **kind))
    with engine.begin() as connection:
        connection.execute(insert(alerts), rows)
        for by_region, by_month in ((False, False), (True, False), (False, True), (True, True)):
            for found in statistics.figures(connection, MONTHS, by_region=by_region, by_month=by_month):
                assert found == oracle(rows, found.region, found.month)
        assert statistics.figures(connection, (), by_region=True, by_month=True) == ()


def test_few_alerts_tell_no_times_and_no_share() -> None:
    few = Figures(closed=SHOWN_FROM - 1, false_presses=1)
    assert few.false_share is None
    assert Figures(closed=10, false_presses=1).false_share == 0.1


def test_availability_counts_spans_since_registration_and_only_kiosks_that_were_heard(engine: Engine) -> None:
    hour_ms = 3_600_000
    known = centre_world.kiosk(CHANCE, "one", 100 * hour_ms)
    with engine.begin() as connection:
        for number, (name, created_h, revoked) in enumerate(
            (("one", 0, None), ("late", 95, None), ("unheard", 0, None), ("revoked", 0, 1)), 1
        ):
            made = centre_world.registry_row(name, number, WHERE, created_h * hour_ms) | {
                "revoked_ms": revoked
            }
            connection.execute(insert(registry), [made])
            if name != "unheard":
                heard = replace(known, kiosk_id=name)  # type: ignore[arg-type]
                connection.execute(insert(kiosks), [centre_world.kiosk_row(heard, 0)])
        beat = {"span_s": 3600, "lost": 0, "faults": "", "beats": 100}
        connection.execute(
            insert(spans),
            [beat | {"kiosk_id": "one", "begins_s": hour * 3600} for hour in range(85, 100)]
            + [beat | {"kiosk_id": "late", "begins_s": 99 * 3600}]
            + [beat | {"kiosk_id": "one", "begins_s": 84 * 3600, "beats": 0}],
        )
        found = statistics.availability(connection, span_s=3600, since_s=80 * 3600, until_s=100 * 3600)
        (only,) = found
        assert (only.region, only.kiosks, only.heard, only.spans) == ("71", 2, 16, 25)
        assert only.share == 16 / 25
        assert statistics.availability(connection, span_s=3600, since_s=0, until_s=0)[0].share is None
