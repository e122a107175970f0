"""The board, the alert's page and the list of alerts, against a centre that can fail."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fakes.centre_pages import Pages, Visitor, alert_view, opened
from sqlalchemy import insert, select, update

from kiosk.bodies import Alert, Place, Words
from kiosk.monitor.outbox import UNNEEDED
from kiosk.monitor.store import archive, contacts
from kiosk.monitor.store.contacts import Contact
from kiosk.monitor.store.schema import alerts, audit, stages, texts

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


def put(pages: Pages, *told: dict[str, Any], alert_id: str = ID) -> None:
    """Let the database hold an alert with these stages."""
    closed = any(entry["stage"] == "closed" for entry in told)
    with pages.engine.connect() as db:
        known = archive.find(db, alert_id) is not None
    if not known:
        keep(pages, 1, alert_id=alert_id, closed_ms=None)
    row = {"alert_id": alert_id, "at_ms": 1, "note": "", "via": "centre", "outcome": "", "referral": ""}
    with pages.engine.connect().execution_options(writes=True) as db, db.begin():
        db.execute(insert(stages), [row | entry for entry in told])
        if closed:
            db.execute(update(alerts).where(alerts.c.alert_id == alert_id).values(closed_ms=1))


def audited(pages: Pages) -> list[tuple[str, str, str]]:
    """Give what the log of actions holds about the alert, without the times."""
    with pages.engine.connect() as db:
        found = db.execute(
            select(audit.c.who, audit.c.what, audit.c.detail)
            .where(audit.c.subject == ID)
            .order_by(audit.c.number)
        )
        return [(row.who, row.what, row.detail) for row in found]


CLOSED = {"stage": "closed", "who": "timur", "outcome": "false_press", "note": "a child"}
ENDING = {"outcome": "helped", "referral": "102", "note": "  she is <safe> now "}


def closer(pages: Pages) -> Visitor:
    pages.add("timur", name="Timur")
    officer = pages.sign_in("officer", person_id="aigul")
    officer.get("/")
    return officer


@pytest.mark.parametrize(
    "answer",
    [
        {"ok": True, "text": "closed", "alert_id": ID},
        {"ok": False, "text": "already closed by timur", "alert_id": ID},
    ],
    ids=["one monitor", "two monitors"],
)
def test_who_closes_second_learns_who_was_first_and_keeps_what_was_typed(
    pages: Pages, answer: dict[str, Any]
) -> None:
    officer = closer(pages)
    put(pages, {"stage": "accepted", "who": "timur"}, CLOSED)
    pages.feed.answers["close"] = answer
    shown = officer.post(f"/alerts/{ID}/close", ENDING)
    assert shown.status_code == 409
    for part in (
        "already closed: Timur, Pressed by mistake", "NOT kept", "Help was given", "she is &lt;safe&gt; now",
        "102", f'href="/alerts/{ID}"',
    ):  # fmt: skip
        assert part in shown.text, part
    told = officer.post(f"/alerts/{ID}/close", ENDING, headers={"accept": "application/json"})
    assert told.status_code == 409
    assert told.json()["text"].startswith("This alert was already closed: Timur, Pressed by mistake.")
    assert audited(pages) == [("aigul", "close_late", "already closed by timur")] * 2


def test_the_contact_who_was_chosen_in_vain_is_shown_by_name(pages: Pages) -> None:
    officer = closer(pages)
    put(pages, CLOSED)
    police = Contact(contact_id="102", kind="national", name_kk="Polisia", name_ru="Полиция", phone="102")
    with pages.engine.connect().execution_options(writes=True) as db, db.begin():
        contacts.replace_all(db, (police,), 1)
    assert "Полиция" in officer.post(f"/alerts/{ID}/close", ENDING).text


def test_an_end_without_an_outcome_is_told_by_who_made_it(pages: Pages) -> None:
    officer = closer(pages)
    put(pages, {"stage": "closed", "who": "centre", "note": "drill ended by time"})
    assert "already closed: centre. What" in officer.post(f"/alerts/{ID}/close", ENDING).text


def test_closing_again_with_other_words_is_no_success_and_with_the_same_it_is(pages: Pages) -> None:
    officer = closer(pages)
    put(pages, {"stage": "closed", "who": "aigul", "outcome": "helped", "note": "she is <safe> now"})
    same = {"outcome": "helped", "note": "she is <safe> now"}
    shown = officer.post(f"/alerts/{ID}/close", same)
    assert (shown.status_code, str(shown.url)) == (200, "http://centre.test/")
    assert audited(pages) == [("aigul", "close", "")]
    shown = officer.post(f"/alerts/{ID}/close", {**same, "note": "she is not"})
    assert "already closed: Aigul, Help was given" in shown.text
    assert audited(pages)[1:] == [("aigul", "close_late", "already closed by aigul")]


def test_a_step_that_another_took_is_not_written_down_as_ones_own(pages: Pages) -> None:
    officer = closer(pages)
    put(pages, {"stage": "accepted", "who": "timur"}, {"stage": "en_route", "who": "timur"})
    assert "Already noted: Help is on its way, Timur." in officer.post(f"/alerts/{ID}/en_route").text
    put(pages, {"stage": "on_scene", "who": "", "via": "kiosk"})
    shown = officer.post(f"/alerts/{ID}/on_scene").text
    assert "Already noted: Help is on scene, by SMS to the kiosk." in shown
    assert audited(pages) == [
        ("aigul", "en_route_late", "already en_route by timur"),
        ("aigul", "on_scene_late", "already on_scene by "),
    ]


def test_a_click_on_an_alert_that_was_closed_says_who_closed_it(pages: Pages) -> None:
    officer = closer(pages)
    put(pages, {"stage": "accepted", "who": "aigul"}, CLOSED)
    refusal = {"ok": False, "text": "already closed; stages never go back", "alert_id": ""}
    pages.feed.answers["advance"] = refusal
    assert "Already noted: Closed, Timur." in officer.post(f"/alerts/{ID}/en_route").text


@pytest.mark.parametrize("step", ["close", "en_route"])
def test_a_step_whose_trace_cannot_be_read_is_not_claimed(pages: Pages, step: str) -> None:
    officer = closer(pages)

    def answer(_question: dict[str, Any]) -> dict[str, Any]:
        with pages.engine.connect().execution_options(writes=True) as db, db.begin():
            db.execute(update(alerts).values(body=b"{"))
        return {"ok": True, "text": step, "alert_id": ID}

    put(pages, {"stage": "accepted", "who": "aigul"})
    pages.feed.answers |= {"close": answer, "advance": answer}
    told = officer.post(f"/alerts/{ID}/{step}", ENDING, headers={"accept": "application/json"})
    assert told.status_code == 409
    assert "It may have been done all the same" in told.json()["text"]
    assert audited(pages) == [("aigul", step, "unsure")]


def test_a_refusal_is_told_while_the_database_is_away(pages: Pages) -> None:
    officer = closer(pages)

    def refuse(_question: dict[str, Any]) -> dict[str, Any]:
        pages.database = "away"
        return {"ok": False, "text": "already accepted by timur", "alert_id": ""}

    pages.feed.answers["accept"] = refuse
    told = officer.post(f"/alerts/{ID}/accept", headers={"accept": "application/json"})
    assert told.json() == {"text": "Not done: already accepted by timur"}


def test_an_action_that_never_reached_the_centre_is_told_as_not_done(pages: Pages) -> None:
    officer = pages.sign_in("officer")
    officer.get("/")
    pages.feed.up = False
    assert "NOT done" in officer.post(f"/alerts/{ID}/accept").text
    assert audited(pages) == []


@pytest.mark.parametrize("step", ["accept", "en_route", "close"])
@pytest.mark.parametrize("mute", [True, False], ids=["mute", "not on disk yet"])
def test_an_action_that_may_be_done_yet_is_told_so_and_written_down(
    pages: Pages, step: str, *, mute: bool
) -> None:
    """A core that stands still for a while carries out later what it was asked."""
    officer = closer(pages)
    pages.feed.away = mute
    excuse = {"ok": False, "text": "not on disk yet (full); it is kept and tried again", "alert_id": ID}
    pages.feed.answers |= dict.fromkeys(("accept", "advance", "close"), excuse)
    shown = officer.post(f"/alerts/{ID}/{step}", ENDING)
    assert '<p class="flash bad" role="alert">No answer from the centre. It may' in shown.text
    told = officer.post(f"/alerts/{ID}/{step}", ENDING, headers={"accept": "application/json"})
    assert told.status_code == 409
    assert "It may have been done all the same" in told.json()["text"]
    assert "ot done" not in shown.text + told.text
    assert audited(pages) == [("aigul", step, "unsure")] * 2


def test_while_the_core_is_away_the_board_shows_the_database_and_says_so(pages: Pages) -> None:
    officer = pages.sign_in("officer")
    keep(pages, 2, closed_ms=None)
    pages.feed.up = False
    shown = officer.get("/").text
    assert "is NOT live" in shown
    assert "past-0000001" in shown


def test_drills_by_the_hundred_hide_no_older_press_while_the_centre_is_away(pages: Pages) -> None:
    officer = pages.sign_in("officer")
    keep(pages, 520, closed_ms=None, kind="drill")
    taken = {"closed_ms": None, "accepted_ms": 5, "received_ms": 1}
    keep(pages, 1, alert_id="PRESS", closed_ms=None, received_ms=2)
    keep(pages, 1, alert_id="TAKEN", **taken)
    keep(pages, 1, alert_id="NEWER-PRESS", closed_ms=None, received_ms=3)
    pages.feed.up = False
    with pages.engine.connect() as db:
        found = [case.alert.alert_id for case in archive.open_ones(db)]
    assert found[:4] == ["PRESS", "NEWER-PRESS", "TAKEN", "past-0000000"]
    assert len(found) == archive.OPEN_MAX
    shown = officer.get("/").text
    assert "PRESS" in shown
    assert "And 483 more." in shown


def spoil(pages: Pages, alert_id: str) -> None:
    """Let an alert's body be what no version wrote."""
    with pages.engine.connect().execution_options(writes=True) as db, db.begin():
        db.execute(update(alerts).where(alerts.c.alert_id == alert_id).values(body=b"{}"))


def test_a_row_that_cannot_be_read_hides_no_other_one(pages: Pages) -> None:
    officer = pages.sign_in("officer")
    keep(pages, 2, closed_ms=None)
    spoil(pages, "past-0000000")
    pages.feed.up = False
    shown = officer.get("/")
    assert shown.status_code == 200
    assert "past-0000001" in shown.text
    assert "And 1 more." in shown.text


def test_a_page_of_the_list_with_rows_that_cannot_be_read_is_not_the_last_one(pages: Pages) -> None:
    keep(pages, archive.PAGE + 4)
    for number in (20, 30, 40):
        spoil(pages, f"past-{number:07d}")
    with pages.engine.connect() as db:
        assert len(archive.page(db, archive.Wanted())) == archive.PAGE + 1
    spoil(pages, "past-0000050")
    with pages.engine.connect() as db:
        assert len(archive.page(db, archive.Wanted())) == archive.PAGE


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
