"""The board, the alert's page and the list of alerts, against a centre that can fail."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fakes.centre_pages import Pages, alert_view, opened
from sqlalchemy import insert

from kiosk.bodies import Alert, Place, Words
from kiosk.monitor.outbox import UNNEEDED
from kiosk.monitor.store.schema import alerts, stages, texts

MINUTE_MS = 60_000
ID = alert_view()["alert_id"]


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Pages]:
    with opened(tmp_path) as pages:
        yield pages


def keep(pages: Pages, count: int, **columns: Any) -> None:
    """Put past alerts into the database."""
    words = Words("Абай дүкені", "Магазин на Абая")
    place = Place(
        name=words, address=words, entrance=words, lat=43.2, lon=76.9, accuracy_m=10, kato="750000000"
    )
    body = Alert(
        alert_id="x", kiosk_id="k", kind="press", button="b", pressed_at="2026-05-28T20:26:40.000Z",
        clock="synced", presses=1, seq=1, attempt=1, sent_at="2026-05-28T20:26:40.000Z", route="mqtt",
        place=place, versions={},
    )  # fmt: skip
    made = []
    for number in range(count):
        row = {
            "alert_id": f"past-{number:07d}", "kiosk_id": f"kiosk-{number % 10}", "kind": "press",
            "kato": "750000000", "pressed_ms": number, "received_ms": 1_700_000_000_000 + number * MINUTE_MS,
            "door": "mqtt", "age_s": 1, "late": False, "clock_note": "", "presses": 1, "written_ms": 0,
            "closed_ms": 1, "outcome": "helped", "sms_id": "", "also_by": "", **columns,
        }  # fmt: skip
        named = msgspec.structs.replace(body, alert_id=row["alert_id"], kind=row["kind"])
        made.append({**row, "body": msgspec.json.encode(named)})
    stage = {
        "stage": "closed",
        "at_ms": 1,
        "who": "aigul",
        "note": "said",
        "via": "centre",
        "outcome": "helped",
    }
    with pages.engine.connect().execution_options(writes=True) as db, db.begin():
        db.execute(insert(alerts), made)
        if columns.get("closed_ms", 1) is not None:
            more = {"referral": "", "outcome": "helped"}
            kept = [{**stage, **more, "alert_id": row["alert_id"]} for row in made]
            db.execute(insert(stages), kept)


def test_the_board_shows_all_that_an_officer_needs(pages: Pages) -> None:
    officer = pages.sign_in("officer")
    pages.show(alert_view(presses=3, late=True, age_s=125, clock="unsynced", also_by=["sms"]))
    shown = officer.get("/").text
    for part in (
        "Магазин на Абая", "пр. Абая, 10", "со двора", "+77012345678", "43.23815, 76.94551", "Internet, SMS",
        "Late: it came 2:05 after the press.", "clock is not set", "Nobody has taken it", "<dd>3</dd>",
    ):  # fmt: skip
        assert part in shown, part


def test_a_reader_of_kazakh_sees_kazakh_places(pages: Pages) -> None:
    officer = pages.sign_in("officer", "kk")
    pages.show(alert_view())
    shown = officer.get("/").text
    assert "Абай дүкені" in shown
    assert "Магазин" not in shown


def test_drills_and_tampering_say_what_they_are(pages: Pages) -> None:
    officer = pages.sign_in("officer")
    pages.show(alert_view(1, kind="drill", drill=True), alert_view(2, kind="tamper"), alert_view(3))
    shown = officer.get("/").text
    assert shown.index("Tampering") < shown.index("DRILL")
    assert shown.index(alert_view(3)["alert_id"]) < shown.index(alert_view(1)["alert_id"])


def test_hostile_names_are_shown_as_text(pages: Pages) -> None:
    officer = pages.sign_in("officer")
    place = {**alert_view()["place"], "name": {"kk": "x", "ru": "<script>alert(1)</script>"}}
    pages.show(alert_view(place=place))
    assert "<script>alert" not in officer.get("/").text


@pytest.mark.parametrize("pressed_at", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z"])
def test_a_press_at_an_impossible_time_is_shown_like_any_other(pages: Pages, pressed_at: str) -> None:
    officer = pages.sign_in("officer")
    pages.show(alert_view(pressed_at=pressed_at))
    for path in ("/", f"/alerts/{ID}"):
        answer = officer.get(path)
        assert answer.status_code == 200
        assert "Магазин на Абая" in answer.text


@pytest.mark.parametrize(
    ("stage", "step", "asked"),
    [
        ("received", "accept", {"ask": "accept"}),
        ("accepted", "en_route", {"ask": "advance", "stage": "en_route"}),
        ("en_route", "on_scene", {"ask": "advance", "stage": "on_scene"}),
    ],
)
def test_each_click_asks_the_centre_in_the_persons_id(
    pages: Pages, stage: str, step: str, asked: dict[str, str]
) -> None:
    officer = pages.sign_in("officer", person_id="aigul")
    pages.show(alert_view(stage=stage))
    assert f'action="/alerts/{ID}/{step}"' in officer.get("/").text
    assert officer.post(f"/alerts/{ID}/{step}").status_code == 200
    assert {**asked, "alert": ID, "by": "aigul"} in pages.feed.asked


def test_closing_takes_an_outcome_and_may_name_who_took_over(pages: Pages) -> None:
    officer = pages.sign_in("officer", person_id="aigul")
    pages.show(alert_view(stage="on_scene"))
    officer.get(f"/alerts/{ID}")
    assert officer.post(f"/alerts/{ID}/close", {"outcome": "magic"}).status_code == 400
    officer.post(f"/alerts/{ID}/close", {"outcome": "referred", "referral": "111", "note": " ok "})
    last = pages.feed.asked[-1]
    assert (last["outcome"], last["referral"], last["note"]) == ("referred", "111", "ok")
    assert officer.post(f"/alerts/{ID}/explode").status_code == 404


def test_a_technician_sees_and_cannot_act(pages: Pages) -> None:
    technician = pages.sign_in("technician")
    pages.show(alert_view())
    assert '<button class="main">Accept' not in technician.get("/").text
    assert technician.post(f"/alerts/{ID}/accept").status_code == 403


def test_the_slower_officer_learns_who_has_it(pages: Pages) -> None:
    pages.add("timur", name="Timur")
    officer = pages.sign_in("officer")
    keep(pages, 1, alert_id=ID, closed_ms=None)
    row = {"alert_id": ID, "at_ms": 1, "note": "", "via": "centre", "outcome": "", "referral": ""}
    with pages.engine.connect().execution_options(writes=True) as db, db.begin():
        db.execute(
            insert(stages),
            [{**row, "stage": "received", "who": ""}, {**row, "stage": "accepted", "who": "timur"}],
        )
    pages.feed.answers["accept"] = {"ok": False, "text": "already accepted by timur", "alert_id": ID}
    officer.get("/")
    assert "Timur already has it." in officer.post(f"/alerts/{ID}/accept").text
    told = officer.post(f"/alerts/{ID}/accept", headers={"accept": "application/json"})
    assert (told.status_code, told.json()) == (409, {"text": "Timur already has it."})
    pages.feed.answers["advance"] = {"error": "no such alert"}
    assert "Not done: no such alert" in officer.post("/alerts/unknown/en_route").text


def test_an_action_that_the_centre_cannot_hear_is_told_as_not_done(pages: Pages) -> None:
    officer = pages.sign_in("officer")
    officer.get("/")
    pages.feed.away = True
    assert "NOT done" in officer.post(f"/alerts/{ID}/accept").text


def test_while_the_core_is_away_the_board_shows_the_database_and_says_so(pages: Pages) -> None:
    officer = pages.sign_in("officer")
    keep(pages, 2, closed_ms=None)
    pages.feed.up = False
    shown = officer.get("/").text
    assert "is NOT live" in shown
    assert "past-0000001" in shown


def test_only_so_many_cards_are_shown_and_the_rest_is_counted(pages: Pages) -> None:
    officer = pages.sign_in("officer")
    pages.show(*(alert_view(number) for number in range(120)))
    answer = officer.get("/")
    assert "And 80 more." in answer.text
    assert len(answer.content) < 150_000


def test_the_alerts_page_tells_the_whole_story(pages: Pages) -> None:
    pages.add("aigul", name="Aigul")
    officer = pages.sign_in("officer")
    keep(pages, 1)
    text = {"alert_id": "past-0000000", "step": "1", "recipient": "aigul", "kind": "page", "tier": 0}
    with pages.engine.connect().execution_options(writes=True) as db, db.begin():
        db.execute(insert(texts).values(**text, state="failed", at_ms=1, tries=3, reason="x"))
    shown = officer.get("/alerts/past-0000000").text
    for part in ("Aigul", "Closed", "said", "Help was given", "NOT sent", "attempts: 3"):
        assert part in shown, part
    assert officer.get("/alerts/unknown").status_code == 404


def test_a_text_that_is_no_longer_needed_is_not_called_a_failure(pages: Pages) -> None:
    officer = pages.sign_in("officer")
    keep(pages, 1)
    text = {"alert_id": "past-0000000", "step": "1", "recipient": "aigul", "kind": "page", "tier": 0}
    with pages.engine.connect().execution_options(writes=True) as db, db.begin():
        db.execute(insert(texts).values(**text, state="failed", at_ms=1, tries=0, reason=UNNEEDED))
    shown = officer.get("/alerts/past-0000000").text
    assert "no longer needed" in shown
    assert "NOT sent" not in shown


def test_the_list_goes_on_by_key_and_can_be_filtered(pages: Pages) -> None:
    officer = pages.sign_in("officer")
    keep(pages, 120)
    first = officer.get("/alerts").text
    assert first.index("past-0000119") < first.index("past-0000070")
    link = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    second = officer.get(link).text
    assert "past-0000069" in second
    assert "past-0000070" not in second
    assert officer.get("/alerts?kiosk=kiosk-3").text.count('class="when"') == 12
    assert "Nothing found." in officer.get("/alerts?kind=drill").text
    assert "Nothing found." in officer.get("/alerts?since=2040-01-01").text
    assert "Nothing found." in officer.get("/alerts?until=2001-01-01&outcome=helped&region=75").text
    for wrong in ("?after=%00", "?after=W10", "?since=x&until=9999-99-99&region=%25", "?kind=%27%3B--"):
        assert officer.get(f"/alerts{wrong}").status_code == 200
