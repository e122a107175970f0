"""Registry, duty, people, contacts: what may be written there, by whom, and that nothing typed is lost."""

import csv
import io
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from fakes import centre_world
from fakes.centre_pages import ORIGIN, PASSWORD, Pages, Visitor
from sqlalchemy import insert, select, update

from kiosk.monitor.rota import Shift
from kiosk.monitor.store import contacts, duty, people, registry
from kiosk.monitor.store.schema import audit, certificates, tokens
from kiosk.monitor.store.schema import people as people_table

EVIL = "<script>alert(1)</script>"
SAMPLE = Path(__file__).parents[2] / "provisioning" / "contacts.sample.csv"
FORM = {
    "kiosk_id": "almaty-17",
    "number": "17",
    "name_kk": "Дәріхана",
    "name_ru": "Аптека",
    "address_kk": "Абай 10",
    "address_ru": "Абая 10",
    "entrance_kk": "ауладан",
    "entrance_ru": "со двора",
    "lat": "43,23815",
    "lon": "76.94551",
    "accuracy_m": "10",
    "kato": "750000000",
    "phone": "+7 701 234-56-78",
    "imei": "35 000000 000001 7",
    "note": "",
}


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Pages]:
    with Pages(tmp_path) as running:
        yield running


def done(pages: Pages) -> list[tuple[str, str]]:
    with pages.engine.connect() as connection:
        rows = connection.execute(select(audit.c.what, audit.c.subject).order_by(audit.c.number))
        return [(row.what, row.subject) for row in rows if row.what != "sign_in"]


def keeper(pages: Pages, role: str = "technician") -> Visitor:
    visitor = pages.sign_in(role)
    visitor.get("/registry/new")
    return visitor


def test_a_kiosk_is_registered_changed_and_the_centre_told(pages: Pages) -> None:
    technician = keeper(pages)
    assert "The kiosk is registered" in technician.post("/registry/new", FORM).text
    with pages.engine.connect() as connection:
        kept = registry.get(connection, "almaty-17")
    assert kept is not None
    assert (kept.place.lat, kept.place.phone, kept.draft.imei) == (
        43.23815,
        "+77012345678",
        "350000000000017",
    )
    seen = version(technician.get("/registry/almaty-17").text)
    shown = technician.post("/registry/almaty-17", {**FORM, "name_ru": "Новая аптека", "version": seen})
    assert "Saved." in shown.text
    assert [what for what, _ in done(pages)] == ["kiosk_added", "kiosk_changed"]
    assert [asked["ask"] for asked in pages.feed.asked if asked["ask"] == "reload"] == ["reload", "reload"]


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("kiosk_id", "Almaty 17"),
        ("kiosk_id", "../etc"),
        ("number", "0"),
        ("number", "16777216"),
        ("number", "1e3"),
        ("name_kk", ""),
        ("name_ru", "x" * 61),
        ("address_kk", "a\tb"),
        ("lat", "91"),
        ("lat", "nan"),
        ("lon", "1e2"),
        ("lon", ""),
        ("accuracy_m", "-1"),
        ("kato", "75000000"),
        ("kato", "７５０００００００"),
        ("phone", "8 701"),
        ("imei", "123"),
        ("note", "x" * 281),
    ],
)
def test_a_wrong_field_is_named_and_nothing_that_was_typed_is_lost(
    pages: Pages, field: str, text: str
) -> None:
    technician = keeper(pages)
    answer = technician.post("/registry/new", {**FORM, field: text})
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    shown = unescape(answer.text)
    others = [value for name, value in FORM.items() if name != field]
    assert [value for value in others if f'value="{value}"' not in shown] == []
    with pages.engine.connect() as connection:
        assert registry.count(connection) == 0
    assert done(pages) == []


def test_a_taken_id_or_number_is_refused_with_its_holder(pages: Pages) -> None:
    technician = keeper(pages)
    technician.post("/registry/new", FORM)
    again = technician.post("/registry/new", FORM)
    assert again.status_code == 422
    assert "almaty-17" in again.text
    other = technician.post("/registry/new", {**FORM, "kiosk_id": "almaty-18"})
    assert "number 17 belongs to almaty-17" in other.text
    technician.post("/registry/new", {**FORM, "kiosk_id": "almaty-18", "number": "18"})
    seen = version(technician.get("/registry/almaty-18").text)
    assert technician.post("/registry/almaty-18", {**FORM, "version": seen}).status_code == 422
    assert technician.post("/registry/almaty-18", {**FORM, "lat": "x"}).status_code == 422
    assert technician.post("/registry/nobody", FORM).status_code in {404, 422}


def version(shown: str) -> str:
    found = re.search(r'name="version" value="([0-9]+)"', shown)
    assert found
    return found[1]


def test_a_form_from_before_a_colleagues_change_is_refused_and_keeps_what_was_typed(pages: Pages) -> None:
    first = keeper(pages)
    first.post("/registry/new", FORM)
    seen = version(first.get("/registry/almaty-17").text)
    second = keeper(pages, "admin")
    second.get("/registry/almaty-17")
    moved = {**FORM, "address_ru": "Достык 5", "version": seen}
    assert "Saved." in second.post("/registry/almaty-17", moved).text
    mine = {**FORM, "note": "второй этаж", "version": seen}
    wrong = first.post("/registry/almaty-17", {**mine, "lat": "x"})
    assert version(wrong.text) == seen
    for old in (mine, {**mine, "version": ""}, {**mine, "version": EVIL}):
        refused = first.post("/registry/almaty-17", old)
        assert refused.status_code == 409
        shown = unescape(refused.text)
        assert "A colleague has changed this kiosk meanwhile" in shown
        assert 'value="второй этаж"' in shown
        assert re.findall(r'id="(\w+)-newest">▲ ([^<]+)<', shown) == [
            ("note", "Now: —"),
            ("address_ru", "Now: Достык 5"),
        ]
    with pages.engine.connect() as connection:
        kept = registry.get(connection, "almaty-17")
    assert kept is not None
    assert (kept.place.address.ru, kept.draft.note) == ("Достык 5", "")
    again = {**mine, "address_ru": "Достык 5", "version": version(refused.text)}
    assert "Saved." in first.post("/registry/almaty-17", again).text


def test_a_token_is_shown_once_and_only_its_hash_is_kept(pages: Pages) -> None:
    technician = keeper(pages)
    technician.post("/registry/new", FORM)
    shown = technician.post("/registry/almaty-17/token").text
    token = shown.partition('class="token">')[2].partition("<")[0]
    assert len(token.replace("-", "")) == 52
    assert token not in technician.get("/registry/almaty-17").text
    with pages.engine.connect() as connection:
        assert connection.execute(select(tokens.c.token_hash)).scalar_one() not in {token, ""}
    assert ("token_made", "almaty-17") in done(pages)


def test_only_an_admin_revokes_and_only_with_a_reason(pages: Pages) -> None:
    technician = keeper(pages)
    technician.post("/registry/new", FORM)
    row = {
        "serial": "ab12",
        "kiosk_id": "almaty-17",
        "not_before_ms": 0,
        "issued_ms": 1,
        "pem": b"",
        "reason": "",
        "not_after_ms": pages.now_ms + 40 * 86_400_000,
        "revoked_ms": None,
    }
    with pages.engine.begin() as connection:
        connection.execute(insert(certificates), [row, row | {"serial": "cd34"}])
    assert "40 days left" in technician.get("/registry").text
    assert technician.post("/registry/almaty-17/revoke", {"reason": "lost"}).status_code == 403
    boss = keeper(pages, "admin")
    assert boss.post("/registry/almaty-17/revoke", {"reason": "because"}).status_code == 422
    one = boss.post("/registry/almaty-17/certificates/ab12/revoke", {"reason": "replaced"})
    assert "The certificate is revoked" in one.text
    assert boss.post("/registry/almaty-17/certificates/ffff/revoke", {"reason": "lost"}).status_code == 404
    assert "certificates: 1" in boss.post("/registry/almaty-17/revoke", {"reason": "lost"}).text
    assert "is revoked; reinstate it first" in boss.post("/registry/almaty-17/token").text
    assert "needs a new token" in boss.post("/registry/almaty-17/reinstate").text
    assert boss.post("/registry/nobody/revoke", {"reason": "lost"}).status_code == 404
    assert boss.post("/registry/nobody/reinstate").status_code == 404
    assert [what for what, _ in done(pages)][1:] == [
        "certificate_revoked",
        "kiosk_revoked",
        "kiosk_reinstated",
    ]


def test_a_form_of_another_site_changes_nothing(pages: Pages) -> None:
    boss = keeper(pages, "admin")
    for path in ("/registry/new", "/duty/add", "/duty/remove", "/staff/add", "/contacts/import"):
        assert boss.post(path, {**FORM, "csrf": ""}).status_code == 403, path
        assert boss.post(path, FORM, headers={"origin": "http://evil.test"}).status_code == 403, path
    assert done(pages) == []


# ---- duty


def on_call(pages: Pages) -> Visitor:
    pages.add("aigerim", phone="+77010000001")
    boss = pages.sign_in("admin")
    boss.get("/duty")
    return boss


def test_without_shifts_the_page_is_loud_and_says_who_is_called(pages: Pages) -> None:
    assert "There are no shifts yet" in on_call(pages).get("/duty").text


def test_a_week_that_is_covered_is_calm_and_an_absence_makes_it_loud(pages: Pages) -> None:
    boss = on_call(pages)
    whole = {"kind": "weekly", "person": "aigerim", "tier": "1", "begins": "08:00", "ends": "08:00"}
    shown = boss.post("/duty/add", {**whole, "day": [str(day) for day in range(7)]}).text
    assert "Every hour of the coming week" in shown
    gone = {"kind": "away", "person": "aigerim", "since": "2026-05-30T10:00", "until": "2026-05-30T18:00"}
    shown = boss.post("/duty/add", gone).text
    assert "Nobody at all: 30.05.2026 10:00 – 30.05.2026 18:00" in shown
    with pages.engine.connect() as connection:
        away = next(shift for shift in duty.shifts(connection) if shift.away)
    assert "Every hour" in boss.post("/duty/remove", {"shift_id": str(away.shift_id)}).text
    assert [what for what, _ in done(pages)] == ["shift_added"] * 8 + ["shift_removed"]


def test_an_empty_tier_is_told_apart_from_nobody_at_all(pages: Pages) -> None:
    boss = on_call(pages)
    pages.add("ruslan", phone="+77010000002")
    with pages.engine.begin() as connection:
        for day in range(7):
            shift = Shift(person_id="aigerim", weekday=day, begins_minute=0, ends_minute=1440)
            duty.add_shift(connection, shift)
        duty.add_shift(
            connection, Shift(person_id="ruslan", tier=2, weekday=0, begins_minute=0, ends_minute=1440)
        )
    shown = boss.get("/duty").text
    assert "Nobody of tier 2" in shown
    assert "Nobody at all" not in shown
    assert 'class="part"' in shown


@pytest.mark.parametrize(
    "form",
    [
        {"kind": "weekly", "person": "aigerim", "begins": "08:00", "ends": "20:00"},
        {"kind": "weekly", "person": "aigerim", "begins": "8", "ends": "20:00", "day": ["1"]},
        {"kind": "weekly", "person": "aigerim", "begins": "25:00", "ends": "20:61", "day": ["1"]},
        {"kind": "weekly", "person": "nobody", "begins": "08:00", "ends": "20:00", "day": ["1"]},
        {
            "kind": "weekly",
            "person": "aigerim",
            "tier": "10",
            "begins": "08:00",
            "ends": "20:00",
            "day": ["1"],
        },
        {"kind": "weekly", "person": "aigerim", "begins": "08:00", "ends": "20:00", "day": ["9", EVIL]},
        {"kind": "once", "person": "aigerim", "since": "2026-05-30T10:00", "until": "2026-05-30T09:00"},
        {"kind": "away", "person": "aigerim", "since": EVIL, "until": "never"},
        {},
    ],
)
def test_a_shift_that_cannot_be_is_refused_and_kept_in_the_form(
    pages: Pages, form: dict[str, object]
) -> None:
    boss = on_call(pages)
    answer = boss.post("/duty/add", form)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert EVIL not in answer.text
    assert done(pages) == []
    assert boss.post("/duty/remove", {"shift_id": "99999999999999999999"}).status_code == 200


# ---- people


def test_people_are_added_changed_and_signed_out_when_their_work_ends(pages: Pages) -> None:
    boss = pages.sign_in("admin")
    boss.get("/staff")
    new = {
        "person_id": "dana",
        "name": "Дана",
        "role": "officer",
        "language": "kk",
        "phone": "+7 701 000 00 03",
    }
    assert "The person was added" in boss.post("/staff/add", {**new, "password": PASSWORD}).text
    assert "somebody" in boss.post("/staff/add", new).text.lower()
    officer = pages.sign_in("officer", person_id="dana")
    assert officer.get("/fleet").status_code == 200
    assert "Saved." in boss.post("/staff/dana", {**new, "active": ""}).text
    assert str(officer.get("/fleet").url).startswith(f"{ORIGIN}/sign-in")
    with pages.engine.connect() as connection:
        kept = people.find(connection, "dana")
    assert kept is not None
    assert (kept.phone, kept.active) == ("+77010000003", False)
    assert boss.post("/staff/nobody", new).status_code == 404


def test_a_phone_that_somebody_active_has_is_given_to_nobody_else(pages: Pages) -> None:
    """An SMS that takes an alert is known by its number alone."""
    pages.add("aigul", phone="+77010000001")
    pages.add("botagoz", phone="+77010000001", active=False)
    boss = pages.sign_in("admin")
    boss.get("/staff")
    new = {"name": "Дана", "role": "officer", "language": "kk", "phone": "+7 701 000-00-01", "active": "yes"}
    added = boss.post("/staff/add", {**new, "person_id": "dana"})
    assert added.status_code == 422
    assert "Aigul (aigul) has this phone" in added.text
    assert "Aigul (aigul) has this phone" in boss.post("/staff/botagoz", new).text
    assert "Aigul (aigul) has this phone" in boss.post("/staff/admin-en", {**new, "role": "admin"}).text
    assert "Saved." in boss.post("/staff/aigul", new).text
    assert "Saved." in boss.post("/staff/botagoz", {**new, "active": ""}).text
    with pages.engine.connect() as connection:
        kept = {one.person_id: (one.phone, one.active) for one in people.all_of(connection)}
    assert kept == {
        "aigul": ("+77010000001", True),
        "botagoz": ("+77010000001", False),
        "admin-en": ("", True),
    }


def test_two_who_share_a_phone_from_before_stay_and_are_told_of(pages: Pages) -> None:
    boss = pages.sign_in("admin")
    assert "These share a phone" not in boss.get("/staff").text
    for name in ("aigul", "botagoz"):
        pages.add(name)
    with pages.engine.begin() as connection:
        connection.execute(update(people_table).values(phone="+77010000001"))
    assert "These share a phone: Admin-En, Aigul, Botagoz" in unescape(boss.get("/staff").text)
    form = {"name": "Dana", "role": "officer", "language": "kk", "phone": "+77010000001", "active": "yes"}
    assert "Saved." in boss.post("/staff/aigul", form).text


def test_the_last_admin_stays_one(pages: Pages) -> None:
    boss = pages.sign_in("admin")
    boss.get("/staff")
    form = {"name": "Boss", "role": "officer", "language": "en", "active": "yes"}
    assert boss.post("/staff/admin-en", form).status_code == 409
    assert boss.get("/staff").status_code == 200


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("person_id", "A B"),
        ("name", ""),
        ("name", "x\ny"),
        ("role", "king"),
        ("language", "xx"),
        ("phone", "123"),
        ("password", "short"),
    ],
)
def test_a_person_that_cannot_be_is_refused(pages: Pages, field: str, text: str) -> None:
    boss = pages.sign_in("admin")
    boss.get("/staff")
    new = {"person_id": "dana", "name": EVIL, "role": "officer", "language": "kk", "phone": ""}
    answer = boss.post("/staff/add", {**new, field: text})
    assert answer.status_code == 422
    assert EVIL not in answer.text
    if field != "person_id":
        again = boss.post("/staff/admin-en", {**new, field: text})
        assert "status" in again.text or "alert" in again.text


# ---- contacts


def test_the_sample_is_previewed_taken_and_shown_to_an_officer(pages: Pages) -> None:
    boss = pages.sign_in("admin")
    boss.get("/contacts")
    preview = boss.post("/contacts/preview", files={"file": ("c.csv", SAMPLE.read_bytes(), "text/csv")})
    assert "The file is good: 9 entries" in preview.text
    text = unescape(preview.text.partition('<textarea name="text" hidden>\n')[2].partition("</textarea>")[0])
    assert "9 entries" in boss.post("/contacts/import", {"text": text}).text
    shown = pages.sign_in("officer", "ru").get("/contacts").text
    assert "ОБРАЗЕЦ: вымышленный кризисный центр, Алматы" in shown
    assert 'href="tel:112"' in shown
    assert "Телефон доверия" in pages.sign_in("officer", "ru").get("/contacts?q=доверия").text
    assert ("contacts_imported", "") in done(pages)


def long_list(lines: int, cell: int) -> bytes:
    head = SAMPLE.read_text(encoding="utf-8").splitlines()[0].replace(";", ",").split(",")
    word = "Қоғамдық көмек орталығы, Абай даңғылы; «Үміт» № 5 " * 4
    cells = {"kind": "crisis_centre", "name_kk": word[: min(cell, 120)], "name_ru": word[: min(cell, 120)]}
    cells |= {"phone": "+7 727 000 00 00", "address_kk": word[:cell], "address_ru": word[:cell]}
    made = io.StringIO()
    sheet = csv.DictWriter(made, head, restval="", lineterminator="\n")
    sheet.writeheader()
    sheet.writerows({"contact_id": f"c-{number}", **cells} for number in range(lines))
    return made.getvalue().encode()


def test_the_longest_list_can_be_confirmed_after_its_preview(pages: Pages) -> None:
    boss = pages.sign_in("admin")
    boss.get("/contacts")
    content = long_list(5000, 50)
    assert len(content) > 1_500_000
    preview = boss.post("/contacts/preview", files={"file": ("c.csv", content, "text/csv")})
    assert "The file is good: 5000 entries" in preview.text
    form = preview.text.partition('action="/contacts/import"')[2]
    assert 'enctype="multipart/form-data"' in form.partition(">")[0]
    text = unescape(form.partition('<textarea name="text" hidden>\n')[2].partition("</textarea>")[0])
    sent = text.replace("\n", "\r\n")  # as browsers do
    assert "5000 entries" in boss.post("/contacts/import", files={"text": (None, sent)}).text
    with pages.engine.connect() as connection:
        assert contacts.count(connection) == 5000


def test_a_list_beyond_the_limit_is_refused_and_never_cut(pages: Pages) -> None:
    boss = pages.sign_in("admin")
    boss.get("/contacts")
    content = long_list(4000, 120)
    assert len(content) > 2 * 1024 * 1024
    answer = boss.post("/contacts/preview", files={"file": ("c.csv", content, "text/csv")})
    assert answer.status_code == 422
    assert "the file is larger than 2 MiB" in answer.text


def test_one_wrong_line_takes_nothing_and_every_wrong_line_is_named(pages: Pages) -> None:
    boss = pages.sign_in("admin")
    boss.get("/contacts")
    head = SAMPLE.read_text(encoding="utf-8").splitlines()[0]
    lines = [
        head,
        "a,national,Қ,К,112,,,,,,",
        "b,nonsense,Қ,К,112,,,,,,",
        f"c,other,{EVIL},К,x,,,,,,",
        "d,other",
    ]
    for form in ({"files": {"file": ("c.csv", "\n".join(lines).encode(), "text/csv")}}, {}):
        path = "/contacts/preview" if form else "/contacts/import"
        data = {} if form else {"text": "\n".join(lines)}
        answer = boss.post(path, data, **form)
        assert answer.status_code == 422
        for number in (3, 4, 5):
            assert f"Line {number}:" in answer.text
        assert EVIL not in answer.text
    with pages.engine.connect() as connection:
        assert contacts.count(connection) == 0


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b'"open', b"a;b\n1;2", b"\n\n", b"x" * 3_000_000])
def test_a_file_that_is_no_list_is_refused(pages: Pages, content: bytes) -> None:
    boss = pages.sign_in("admin")
    boss.get("/contacts")
    answer = boss.post("/contacts/preview", files={"file": ("c.csv", content, "text/csv")})
    assert answer.status_code == 422
    assert boss.get("/contacts").status_code == 200


def test_a_hostile_contact_stays_text_and_its_number_is_no_script(pages: Pages) -> None:
    one = contacts.Contact(
        contact_id="x", kind=EVIL[:24], name_kk=EVIL, name_ru=EVIL, phone="112", hours=EVIL
    )
    with pages.engine.begin() as connection:
        contacts.replace_all(connection, (one,), 1)
        centre_world.staff(connection, pages.now_ms)
        contacts.replace_all(connection, (one,), 1)
    shown = pages.sign_in("officer").get("/contacts").text
    assert EVIL not in shown
    assert EVIL in unescape(shown)
