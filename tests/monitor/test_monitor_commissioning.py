"""What installers send: each record and log kept once, bounded, shown, and the modem's IMEI held to it."""

from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests
from fakes import centre_world
from fakes.centre_pages import Pages
from fakes.commissioning_rows import a_finding, a_record
from fakes.doors_site import PATIENCE_S, DoorsSite, json_of, patient
from fakes.registry_rows import a_draft
from sqlalchemy import Engine, select
from sqlalchemy.exc import OperationalError

from kiosk.commissioning import Commissioning, ProvisionLog
from kiosk.monitor.sections import Retention
from kiosk.monitor.store import audit, commissionings, registry, retention
from kiosk.monitor.store.engine import clock_ms, make_engine
from kiosk.monitor.store.migrate import bring_up_to_date
from kiosk.monitor.store.schema import commissionings as table
from kiosk.monitor.store.schema import provision_logs
from kiosk.monitor.store.trust import Trust

AT = "2026-11-27T10:00:00Z"
IMEI, OTHER = "350000000000017", "350000000000025"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    shared = request.param == "postgresql"
    url = request.getfixturevalue("postgres_url") if shared else f"sqlite:///{tmp_path}/centre.sqlite"
    plain = make_engine(url)
    bring_up_to_date(plain)
    yield plain.execution_options(writes=True)
    plain.dispose()


def registered(engine: Engine, imei: str = "") -> None:
    with engine.begin() as db:
        registry.create(db, a_draft(imei=imei), who="aida", now_ms=1)


def keep(engine: Engine, record: Commissioning, now_ms: int = 1000) -> int:
    with engine.begin() as db:
        return commissionings.keep(db, record, now_ms=now_ms)


def held(engine: Engine) -> list[commissionings.Held]:
    with engine.connect() as db:
        return list(commissionings.of_kiosk(db, "kz-ala-0001"))


def imei_of(engine: Engine) -> str:
    with engine.connect() as db:
        entry = registry.get(db, "kz-ala-0001")
    assert entry is not None
    return entry.draft.imei


def test_a_record_is_kept_once_with_the_time_that_it_first_came(engine: Engine) -> None:
    registered(engine)
    record = a_record(verdict="failed", rows=(a_finding(level="fault"),))
    assert keep(engine, record, 1000) == 1000
    assert keep(engine, a_record(by="Somebody else"), 2000) == 1000
    assert held(engine) == [commissionings.Held(record=record, received_ms=1000)]
    with engine.connect() as db:
        told = [(entry.who, entry.what, entry.detail) for entry in audit.read(db)]
    assert told[0] == ("kz-ala-0001", "kiosk_commissioned", "verdict=failed record=01RECORD")
    assert len([what for _, what, _ in told if what == "kiosk_commissioned"]) == 1


def test_the_newest_few_of_each_kiosk_stay(engine: Engine) -> None:
    registered(engine)
    for number in range(commissionings.RECORDS_KEPT + 5):
        keep(engine, a_record(f"R{number:03d}"), 1000 + number)
    keep(engine, a_record(kiosk_id="kz-other"))
    names = [one.record.record_id for one in held(engine)]
    assert names == [f"R{number:03d}" for number in reversed(range(5, commissionings.RECORDS_KEPT + 5))]


@pytest.mark.parametrize(
    ("known", "told", "before", "after"),
    [("", IMEI, "", IMEI), (IMEI, IMEI, "", IMEI), (OTHER, IMEI, OTHER, IMEI), (OTHER, "", "", OTHER)],
)
def test_the_registry_follows_the_modem_and_a_replaced_one_is_flagged(
    engine: Engine, known: str, told: str, before: str, after: str
) -> None:
    registered(engine, known)
    keep(engine, a_record(imei=told))
    assert held(engine)[0].imei_before == before
    assert imei_of(engine) == after


def test_a_kiosk_that_nobody_registered_is_kept_all_the_same(engine: Engine) -> None:
    keep(engine, a_record(imei=IMEI))
    assert held(engine)[0].imei_before == ""


def test_a_log_is_kept_once_and_the_newest_is_shown(engine: Engine) -> None:
    with engine.begin() as db:
        assert commissionings.last_log(db, "k") is None
        name, first_ms = commissionings.keep_log(db, "k", "қа\n", now_ms=5)
        assert commissionings.keep_log(db, "k", "қа\n", now_ms=9) == (name, first_ms)
        for number in range(6):
            commissionings.keep_log(db, "k", f"{number}", now_ms=10 + number)
        newest = commissionings.last_log(db, "k")
        assert newest == commissionings.Log(text="5", received_ms=15)
        assert len(db.execute(select(provision_logs.c.log_id)).all()) == commissionings.LOGS_KEPT


def test_retention_takes_the_old_ones(engine: Engine) -> None:
    with engine.begin() as db:
        now_ms = clock_ms(db)
        commissionings.keep(db, a_record("OLD"), now_ms=now_ms - 10 * retention.DAY_MS)
        commissionings.keep(db, a_record("NEW"), now_ms=now_ms)
        commissionings.keep_log(db, "k", "old", now_ms=now_ms - 10 * retention.DAY_MS)
    plain = engine.execution_options(writes=False)
    for days, left in ((0, 2), (11, 2), (9, 1)):
        retention.sweep(plain, Retention(commissioning_days=days), Trust(), lambda: True, lambda: None)
        with engine.connect() as db:
            assert len(db.execute(select(table.c.record_id)).all()) == left
    with engine.connect() as db:
        assert commissionings.last_log(db, "k") is None


# ---- the doors


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DoorsSite]:
    with patient():
        made = DoorsSite(tmp_path_factory.mktemp("works"), names=("kz-1", "kz-2", "kz-3")).start()
        yield made
        made.close()


@pytest.fixture
def kiosk(site: DoorsSite) -> Iterator[requests.Session]:
    with site.client("kz-1") as session:
        yield session


def post(site: DoorsSite, session: requests.Session, what: str, body: Any) -> requests.Response:
    plain = json_of(body) if isinstance(body, msgspec.Struct) else body
    return session.post(f"{site.url}/v1/{what}", json=plain, timeout=PATIENCE_S)


def a_log(text: str, kiosk_id: str = "kz-1") -> ProvisionLog:
    return ProvisionLog(kiosk_id=kiosk_id, at=AT, text=text)


@pytest.mark.real
def test_the_door_keeps_a_record_once(site: DoorsSite, kiosk: requests.Session) -> None:
    rows = tuple(a_finding(f"input:{number}") for number in range(110))  # over 8 kB, as a large site has
    record = a_record("DOOR1", kiosk_id="kz-1", rows=rows)
    first = post(site, kiosk, "commissioning", record)
    assert first.status_code == 200, first.text
    assert first.json()["id"] == "DOOR1"
    assert post(site, kiosk, "commissioning", record).json() == first.json()
    with site.engine.connect() as db:
        assert [one.record for one in commissionings.of_kiosk(db, "kz-1")] == [record]


@pytest.mark.real
def test_the_door_keeps_a_log_without_control_characters(site: DoorsSite, kiosk: requests.Session) -> None:
    first = post(site, kiosk, "provision-log", a_log("қадам 1\x1b[2J\n" * 4000))
    assert first.status_code == 200, first.text
    assert post(site, kiosk, "provision-log", a_log("қадам 1\x1b[2J\n" * 4000)).json() == first.json()
    with site.engine.connect() as db:
        log = commissionings.last_log(db, "kz-1")
    assert log is not None
    assert log.text.splitlines()[-1] == "қадам 1[2J"


@pytest.mark.real
def test_a_kiosk_sends_its_own_only_and_a_stranger_nothing(site: DoorsSite, kiosk: requests.Session) -> None:
    foreign = a_record("FOREIGN", kiosk_id="kz-2")
    assert post(site, kiosk, "commissioning", foreign).status_code == 403
    assert post(site, kiosk, "provision-log", a_log("x", "kz-2")).status_code == 403
    with site.client() as stranger:
        assert post(site, stranger, "commissioning", foreign).status_code == 401
        assert post(site, stranger, "provision-log", a_log("x", "kz-2")).status_code == 401
    with site.engine.connect() as db:
        assert commissionings.of_kiosk(db, "kz-2") == []


@pytest.mark.real
def test_what_is_too_large_or_too_often_is_refused(site: DoorsSite) -> None:
    assert site.announce("kz-3", "/v1/commissioning", 33_000)[0] == 413
    with site.client("kz-3") as kiosk:
        codes = [post(site, kiosk, "commissioning", {}).status_code for _ in range(40)]
    assert codes[0] == 400
    assert codes[-1] == 429


@pytest.mark.real
def test_a_store_that_cannot_be_written_is_said_to_be_away(
    site: DoorsSite, kiosk: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> int:
        raise OperationalError("", {}, Exception())

    monkeypatch.setattr(commissionings, "keep", broken)
    refused = post(site, kiosk, "commissioning", a_record("LATER", kiosk_id="kz-1"))
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")


# ---- the page


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Pages]:
    with Pages(tmp_path) as running:
        with running.engine.begin() as connection:
            centre_world.fill(connection, running.now_ms, count=2, alerts_count=2, spans_of=1)
        yield running


EVIL = "<script>alert(1)</script>"


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_the_kiosks_page_shows_the_newest_sheet_to_whoever_serves_it(pages: Pages, language: str) -> None:
    rows = (
        a_finding(),
        a_finding("speaker", level="fault", code="speaker_broken", values={"device": EVIL, "reason": "x"}),
        a_finding("laser", level="untested", code="laser_bent", values={}),
    )
    newest = a_record(
        "NEW", kiosk_id="kiosk-0001", by=EVIL, imei=IMEI, verdict="failed", rows=rows, signal_dbm=-71,
        balance_kzt=812.5, operator="Op", at="9999-12-31T23:59:59Z", clock="unsynced",
    )  # fmt: skip
    with pages.engine.begin() as db:
        commissionings.keep(db, a_record("OLD", kiosk_id="kiosk-0001"), now_ms=1000)
        commissionings.keep(db, newest, now_ms=2000)
        commissionings.keep_log(db, "kiosk-0001", f"10-packages: changed {EVIL}", now_ms=3000)
    shown = pages.sign_in("technician", language).get("/kiosks/kiosk-0001").text
    assert EVIL not in shown
    plain = unescape(shown)
    for words in (IMEI, "350000000000001", "9999-12-31T23:59:59Z", "laser_bent", "10-packages: changed"):
        assert words in plain
    assert plain.index("laser_bent") < plain.index(f"IMEI {IMEI}")  # what is wrong stands first
    assert 'id="commissioning"' not in pages.sign_in("officer", language).get("/kiosks/kiosk-0001").text


@pytest.mark.parametrize("verdict", ["passed", "waiting", "failed"])
def test_each_verdict_has_its_words(pages: Pages, verdict: Any) -> None:
    with pages.engine.begin() as db:
        commissionings.keep(db, a_record(kiosk_id="kiosk-0001", verdict=verdict), now_ms=1000)
    shown = pages.sign_in("technician", "en").get("/kiosks/kiosk-0001").text
    said = {"passed": "Passed:", "waiting": "Works by SMS", "failed": "Not passed"}
    assert [name for name, words in said.items() if words in shown] == [verdict]


def test_a_kiosk_without_a_record_says_so(pages: Pages) -> None:
    shown = pages.sign_in("technician", "en").get("/kiosks/kiosk-0001").text
    assert "No record of an installer" in unescape(shown)
