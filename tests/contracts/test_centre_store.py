"""What any store of the centre must keep, asked of the real one and of the tests' own."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import msgspec
import pytest
from fakes.centre_store import MemoryStore
from fakes.virtual_centre import PLACE, UTC_MS, WORD, a_beat, an_alert, an_event
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kiosk.bodies import AlertId, KioskId
from kiosk.monitor.records import (
    Case,
    Kiosk,
    Span,
    StageEntry,
    StoreAlert,
    StoreEvent,
    StoreKiosk,
    StoreSpan,
    StoreStage,
)
from kiosk.monitor.store import Store
from kiosk.monitor.store.engine import sqlite_url

RECEIVED = StageEntry(stage="received", at_ms=UTC_MS)
ACCEPTED = StageEntry(stage="accepted", at_ms=UTC_MS + 5, by="op-1", note="қ", via="kiosk")
CLOSED = StageEntry(stage="closed", at_ms=UTC_MS + 9, by="op-1")
AnyStore = Store | MemoryStore


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real), "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyStore]:
    if request.param == "memory":
        yield MemoryStore()
        return
    shared = request.param == "postgresql"
    url = request.getfixturevalue("postgres_url") if shared else sqlite_url(tmp_path / "state" / "c.sqlite")
    real = Store(url, writer="monitor-1")
    real.open()
    yield real
    real.close()


def a_case(alert_id: str = "A", **changes: object) -> Case:
    fields: dict[str, object] = {
        "alert": an_alert(alert_id=alert_id),
        "received_ms": UTC_MS,
        "door": "mqtt",
        "age_s": 7,
        "late": True,
        "clock_note": "unsynced",
    }
    return Case(**(fields | changes))  # type: ignore[arg-type]


def keep(store: AnyStore, alert_id: str, *entries: StageEntry, **changes: object) -> Case:
    case = a_case(alert_id, **changes)
    store.commit([StoreAlert(case), *(StoreStage(AlertId(alert_id), entry) for entry in entries)])
    return replace(case, stages=entries)


def test_an_alert_comes_back_as_it_went_in(store: AnyStore) -> None:
    case = keep(store, "A", RECEIVED, ACCEPTED)
    assert store.find("A") == case
    assert store.load(0)[0] == (case,)


def test_an_alert_without_any_stage_is_not_there_yet(store: AnyStore) -> None:
    """Nobody can say how far it is; its next copy begins it anew and joins what is kept."""
    keep(store, "A")
    assert store.find("A") is None
    assert store.load(0) == ((), (), ())
    case = keep(store, "A", RECEIVED)
    assert store.find("A") == case
    assert store.load(0)[0] == (case,)


def test_what_is_not_there_is_not_found(store: AnyStore) -> None:
    assert store.find("nobody") is None
    assert store.load(0) == ((), (), ())


def test_a_repeat_changes_the_body_and_nothing_else(store: AnyStore) -> None:
    case = keep(store, "A", RECEIVED)
    more = an_alert(alert_id="A", presses=4)
    store.commit([StoreAlert(replace(case, alert=more, received_ms=1, late=False))])
    assert store.find("A") == replace(case, alert=more)


def test_the_first_word_about_a_stage_stays(store: AnyStore) -> None:
    case = keep(store, "A", RECEIVED, ACCEPTED)
    store.commit([StoreStage(AlertId("A"), replace(ACCEPTED, by="op-9"))])
    assert store.find("A") == case


def test_open_alerts_are_loaded_however_old_and_closed_ones_while_young(store: AnyStore) -> None:
    keep(store, "OLD-OPEN", RECEIVED, received_ms=1)
    keep(store, "OLD-CLOSED", RECEIVED, CLOSED, received_ms=2)
    keep(store, "NEW-CLOSED", RECEIVED, CLOSED)
    loaded = {case.alert.alert_id for case in store.load(UTC_MS - 1000)[0]}
    assert loaded == {"OLD-OPEN", "NEW-CLOSED"}
    assert store.find("OLD-CLOSED") is not None


def test_the_newest_state_of_a_kiosk_is_kept(store: AnyStore) -> None:
    kiosk = Kiosk(
        kiosk_id=KioskId("kz-1"), life="online", boot=5, heartbeat=a_beat(faults=("modem",)), missing=(3, 4)
    )
    store.commit([StoreKiosk(kiosk), StoreKiosk(msgspec.structs.replace(kiosk, life="silent", why="will"))])
    assert store.load(0)[1] == (msgspec.structs.replace(kiosk, life="silent", why="will"),)


def test_events_are_kept_once_in_order(store: AnyStore) -> None:
    store.commit([StoreEvent(an_event(number)) for number in (1, 2, 1)])
    store.commit([StoreKiosk(Kiosk(kiosk_id=KioskId("kz-1")))])
    assert [event.event_id for event in store.load(0)[2]] == ["ev-1", "ev-2"]


def test_the_number_of_the_start_rises_even_when_the_clock_does_not(store: AnyStore) -> None:
    assert store.next_boot(1000) == 1000
    assert store.next_boot(10) == 1001
    assert store.next_boot(5000) == 5000


@pytest.mark.parametrize("number", [2**31, -(2**40), 2**62, 10**20])
@pytest.mark.parametrize("field", ["beats", "lost", "temp_c", "signal_dbm", "rtt_ms"])
def test_no_number_of_a_heartbeat_holds_back_an_alert(store: AnyStore, field: str, number: int) -> None:
    span = Span(kiosk_id=KioskId("kz-9"), begins_s=1_790_000_100, **{field: number})
    for _ in range(3):  # what is added up stays in its column as well
        store.commit([StoreSpan(span), *(StoreSpan(span) for _ in range(3))])
    case = keep(store, "A", RECEIVED)
    assert store.find("A") == case


def test_no_text_of_a_heartbeat_holds_back_an_alert(store: AnyStore) -> None:
    faults = ("\0", "a,b", "қ\0", "\ud800")
    span = Span(kiosk_id=KioskId("kz-9"), begins_s=1_790_000_100, faults=frozenset(faults))
    store.commit([StoreSpan(span), *([StoreAlert(a_case("A")), StoreStage(AlertId("A"), RECEIVED)])])
    store.commit([StoreSpan(span)])
    assert store.find("A") == a_case("A", stages=(RECEIVED,))


def test_a_row_that_no_database_takes_is_given_up_and_what_matters_is_kept(
    store: AnyStore, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever else gets past every limit one day: an alert of another kiosk is in the same commit."""
    good = Kiosk(kiosk_id=KioskId("kz-1"), life="online")
    bad = Kiosk(kiosk_id=KioskId("kz-9"), since_ms=2**70)
    entry = replace(ACCEPTED, note="қ\ud800")
    store.commit(
        [
            StoreKiosk(bad),
            StoreAlert(a_case("A")),
            StoreEvent(an_event(1)),
            StoreStage(AlertId("A"), RECEIVED),
            StoreKiosk(good),
            StoreStage(AlertId("A"), entry),
        ]
    )
    found = store.find("A")
    assert found is not None
    assert [known.stage for known in found.stages] == ["received", "accepted"]
    _, kiosks, events = store.load(0)
    assert good in kiosks
    assert [event.event_id for event in events] == ["ev-1"]
    if not isinstance(store, MemoryStore):
        assert kiosks == (good,)
        assert "dropped=kiosk kiosk=kz-9" in caplog.text


TEXT = st.text(max_size=20)


NUMBERS = count()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    name=st.text(min_size=1, max_size=20),
    button=TEXT,
    by=TEXT,
    versions=st.dictionaries(TEXT, TEXT, max_size=3),
)
def test_any_words_that_a_body_may_hold_can_be_stored(
    store: AnyStore, name: str, button: str, by: str, versions: dict[str, str]
) -> None:
    """A body that cannot be stored would block every commit after it."""
    place = msgspec.structs.replace(PLACE, name=msgspec.structs.replace(WORD, kk=name))
    alert_id = f"A{next(NUMBERS)}"
    try:
        raw = msgspec.json.encode(an_alert(alert_id=alert_id, place=place, button=button, versions=versions))
    except UnicodeEncodeError:  # a lone surrogate: no body can bring one, as JSON in UTF-8 has none
        return
    alert = msgspec.json.decode(raw, type=type(an_alert()))
    store.commit(
        [
            StoreAlert(a_case(alert=alert)),
            StoreStage(AlertId(alert_id), replace(RECEIVED, by=by.encode("utf-8", "replace").decode())),
        ]
    )
    found = store.find(alert_id)
    assert found is not None
    assert found.alert == alert
