"""Card and sheet at the centre: for technicians, in the shop's own mode, never with a guess."""

from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from fakes import centre_world
from fakes.centre_pages import Pages
from fakes.commissioning_rows import a_finding, a_record
from sqlalchemy import delete

from kiosk.monitor.store import commissionings
from kiosk.monitor.store.schema import kiosks, registry
from kiosk.prompts import Catalogue
from kiosk.words import load_catalogue

CARD = "/kiosks/kiosk-0001/card?mode=spoken&lamp=wink&guard=hold"
WORDS: Catalogue = load_catalogue()


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Pages]:
    with Pages(tmp_path) as running:
        with running.engine.begin() as connection:
            centre_world.fill(connection, running.now_ms, count=2, alerts_count=2, spans_of=1)
        yield running


def test_a_technician_prints_the_card_with_what_was_chosen(pages: Pages) -> None:
    answer = pages.sign_in("technician").get(CARD + "&phone=%2B77270000001")
    shown = unescape(answer.text)
    assert answer.status_code == 200
    assert "жасырын батырманы 1 секунд басып тұрыңыз" in shown
    assert WORDS.prompt("ru", "accepted").text in shown
    assert "+7 727 000 00 01" in shown
    assert answer.headers["content-security-policy"] == "default-src 'none'; style-src 'unsafe-inline'"


def test_a_covered_shop_gets_a_line_for_its_phrase_and_no_spoken_words(pages: Pages) -> None:
    shown = unescape(pages.sign_in("technician").get(CARD.replace("spoken", "cover")).text)
    assert WORDS.prompt("ru", "accepted").text not in shown
    assert '<p class="phrase">____' in shown


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (CARD.replace("spoken", "loud"), 400),
        (CARD.replace("lamp=wink", "lamp="), 400),
        ("/kiosks/kiosk-0001/card", 400),
        (CARD + "&phone=112", 400),
        (CARD.replace("kiosk-0001", "kiosk-9999"), 404),
        ("/kiosks/kiosk-0001/sheet", 404),
    ],
)
def test_what_is_not_known_or_wrong_is_refused(pages: Pages, path: str, status: int) -> None:
    assert pages.sign_in("admin").get(path).status_code == status


@pytest.mark.parametrize("path", [CARD, "/kiosks/kiosk-0001/sheet"])
def test_an_officer_prints_nothing_and_a_stranger_signs_in(pages: Pages, path: str) -> None:
    assert pages.sign_in("officer").get(path).status_code == 403
    assert str(pages.visitor().get(path).url).startswith("http://centre.test/sign-in")


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_the_kiosks_page_offers_the_card_in_the_mode_that_the_kiosk_told(pages: Pages, language: str) -> None:
    shown = pages.sign_in("technician", language).get("/kiosks/kiosk-0001").text
    assert shown.count(" selected>") == 1
    assert 'action="/kiosks/kiosk-0001/card"' in shown
    assert 'action="/kiosks/kiosk-0001/card"' not in pages.sign_in("officer").get("/kiosks/kiosk-0001").text


def test_without_a_heartbeat_the_mode_must_be_chosen(pages: Pages) -> None:
    with pages.engine.begin() as db:
        db.execute(delete(kiosks).where(kiosks.c.kiosk_id == "kiosk-0001"))
    shown = pages.sign_in("technician").get("/kiosks/kiosk-0001").text
    assert '<select name="mode" required><option value="">—</option>' in shown


def test_a_missing_library_sends_back_with_the_reason(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "segno", None)
    shown = unescape(pages.sign_in("technician", "en").get(CARD).text)
    assert "The card cannot be made: the QR code needs segno" in shown


def test_the_sheet_is_printed_in_both_languages_with_the_registrys_place(pages: Pages) -> None:
    rows = (a_finding(), a_finding("path:sms", code="sms_ok", values={"count": 1}))
    record = a_record(kiosk_id="kiosk-0001", by="<b>Әлия</b>", rows=rows)
    with pages.engine.begin() as db:
        commissionings.keep(db, record, now_ms=1000)
    technician = pages.sign_in("technician", "en")
    assert 'href="/kiosks/kiosk-0001/sheet"' in technician.get("/kiosks/kiosk-0001").text
    shown = technician.get("/kiosks/kiosk-0001/sheet").text
    assert "Киоскіні қабылдау парағы" in shown
    assert "Лист приёмки киоска" in shown
    assert "&lt;b&gt;Әлия&lt;/b&gt;" in shown


def test_a_kiosk_outside_the_registry_has_a_sheet_all_the_same(pages: Pages) -> None:
    with pages.engine.begin() as db:
        db.execute(delete(registry).where(registry.c.kiosk_id == "kiosk-0001"))
        commissionings.keep(db, a_record(kiosk_id="kiosk-0001"), now_ms=1000)
    assert pages.sign_in("technician").get("/kiosks/kiosk-0001/sheet").status_code == 200
