"""Signing in, sessions, roles, forged forms and headers of the pages."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.centre_pages import ORIGIN, PASSWORD, Pages, Visitor, alert_view, enter, opened
from sqlalchemy import delete, func, select, update

from kiosk.monitor.store.schema import audit, people, sessions

HOUR_MS = 3_600_000


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Pages]:
    with opened(tmp_path) as pages:
        yield pages


def scalar(pages: Pages, query: object) -> object:
    with pages.engine.connect() as db:
        return db.execute(query).scalar()  # type: ignore[call-overload]


def signed_out(visitor: Visitor) -> bool:
    return "/sign-in" in str(visitor.get("/").url)


def test_who_has_not_signed_in_sees_the_door_only(pages: Pages) -> None:
    visitor = pages.visitor()
    for path in ("/", "/alerts", "/alerts/x", "/audit", "/account"):
        assert visitor.get(path).url.path == "/sign-in"


def test_after_signing_in_the_wanted_page_opens(pages: Pages) -> None:
    pages.add("aigul")
    visitor = pages.visitor()
    assert enter(visitor, "aigul", next_="/alerts?kind=drill").url.path == "/alerts"


@pytest.mark.parametrize("target", ["//evil.example", "/\\evil.example", "https://evil.example", "x"])
def test_the_door_leads_to_no_other_site(pages: Pages, target: str) -> None:
    pages.add("aigul")
    assert str(enter(pages.visitor(), "aigul", next_=target).url) == f"{ORIGIN}/"


@pytest.mark.parametrize(("name", "password"), [("aigul", "wrong one"), ("nobody", PASSWORD), ("", "")])
def test_a_wrong_name_and_a_wrong_password_look_the_same(pages: Pages, name: str, password: str) -> None:
    pages.add("aigul")
    answer = enter(pages.visitor(), name, password)
    assert answer.status_code == 401
    assert "Name or password is wrong." in answer.text


def test_a_person_without_a_password_or_disabled_cannot_sign_in(pages: Pages) -> None:
    pages.add("duty-only", password_hash="")
    pages.add("gone", active=False)
    for name in ("duty-only", "gone"):
        assert enter(pages.visitor(), name, PASSWORD).status_code == 401


def test_an_account_is_held_back_after_five_failures_from_one_address(pages: Pages) -> None:
    pages.add("aigul")
    visitor = pages.visitor()
    for _ in range(5):
        assert enter(visitor, "aigul", "wrong").status_code == 401
    assert enter(visitor, "aigul").status_code == 429
    pages.now_ms += 16 * 60_000
    assert enter(visitor, "aigul").url.path == "/"


def test_an_address_that_tries_many_names_is_held_back(pages: Pages) -> None:
    visitor = pages.visitor()
    found = [enter(visitor, f"name-{n}", "wrong").status_code for n in range(21)]
    assert found == [401] * 20 + [429]


def test_a_session_ends_when_it_is_old_or_idle_and_says_so(pages: Pages) -> None:
    visitor = pages.sign_in()
    pages.now_ms += 59 * 60_000
    assert not signed_out(visitor)
    pages.now_ms += 59 * 60_000
    assert not signed_out(visitor)
    pages.now_ms += 61 * 60_000
    told = visitor.get("/alerts")
    assert "Your session has ended. Please sign in again." in told.text
    enter(visitor, "officer-en")
    for _ in range(14):
        pages.now_ms += 55 * 60_000
        ended = signed_out(visitor)
    assert ended


def test_a_database_that_takes_no_writes_keeps_nobody_from_accepting(
    pages: Pages, caplog: pytest.LogCaptureFixture
) -> None:
    officer = pages.sign_in("officer", person_id="aigul")
    pages.show(alert_view())
    officer.get("/")
    pages.database = "read_only"
    pages.now_ms += 2 * 60_000
    assert officer.get("/").status_code == 200
    script = {"accept": "application/json"}
    answer = officer.post(f"/alerts/{alert_view()['alert_id']}/accept", headers=script)
    assert (answer.status_code, answer.json()) == (200, {"text": ""})
    assert pages.feed.asked[-1]["ask"] == "accept"
    assert caplog.text.count("session=untouched") == 1
    assert "audit=unwritten who=aigul what=accept" in caplog.text


def test_who_is_at_work_stays_signed_in_while_the_database_takes_no_writes(pages: Pages) -> None:
    worker, idler = pages.sign_in(), pages.sign_in()
    pages.database = "read_only"
    for _ in range(4):
        pages.now_ms += 25 * 60_000
        assert not signed_out(worker)
    pages.database = "up"
    pages.now_ms += 5 * 60_000
    assert not signed_out(worker)
    assert signed_out(idler)
    pages.now_ms += 55 * 60_000
    assert not signed_out(worker)
    pages.now_ms += 65 * 60_000
    assert signed_out(worker)


def test_a_script_gets_a_plain_401_when_the_session_is_over(pages: Pages) -> None:
    visitor = pages.visitor()
    for path in ("/live", "/account"):
        answer = visitor.get(path, headers={"accept": "application/json"})
        assert answer.status_code == 401
    assert visitor.get("/live").status_code == 401


def test_only_the_hash_of_a_cookie_is_kept(pages: Pages) -> None:
    visitor = pages.sign_in()
    cookie = visitor.client.cookies["pana"]
    assert len(cookie) >= 43
    assert cookie not in str(scalar(pages, select(sessions.c.session_hash)))


def test_signing_out_everywhere_ends_every_browser(pages: Pages) -> None:
    first, second = pages.sign_in(), pages.sign_in()
    first.get("/account")
    assert "You have signed out." in first.post("/sign-out", {"everywhere": "yes"}).text
    assert signed_out(second)
    assert scalar(pages, select(func.count()).select_from(sessions)) == 0


def test_signing_out_ends_this_browser_only(pages: Pages) -> None:
    first, second = pages.sign_in(), pages.sign_in()
    first.get("/")
    first.post("/sign-out")
    assert signed_out(first)
    assert not signed_out(second)


def test_a_new_password_ends_the_other_sessions(pages: Pages) -> None:
    first, second = pages.sign_in(), pages.sign_in()
    first.get("/account")
    new = {"old": PASSWORD, "password": "another long one", "again": "another long one"}
    assert "The password is changed." in first.post("/account/password", new).text
    assert signed_out(second)
    assert not signed_out(first)
    assert enter(pages.visitor(), "officer-en", "another long one").url.path == "/"


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"old": PASSWORD, "password": "short", "again": "short"}, "A password has 10 to 200"),
        ({"old": PASSWORD, "password": "long enough 1", "again": "long enough 2"}, "differ"),
        (
            {"old": "wrong", "password": "long enough 1", "again": "long enough 1"},
            "The present password",
        ),
    ],
)
def test_an_unfit_new_password_is_refused(pages: Pages, form: dict[str, str], told: str) -> None:
    visitor = pages.sign_in()
    visitor.get("/account")
    assert told in visitor.post("/account/password", form).text


def test_a_disabled_person_is_out_at_once(pages: Pages) -> None:
    visitor = pages.sign_in()
    with pages.engine.connect().execution_options(writes=True) as db, db.begin():
        db.execute(update(people).values(active=False))
    assert signed_out(visitor)


@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"origin": "null"}])
def test_a_form_of_another_site_is_refused(pages: Pages, headers: dict[str, str]) -> None:
    visitor = pages.sign_in()
    visitor.get("/")
    answer = visitor.post("/alerts/x/accept", headers=headers)
    assert answer.status_code == 403
    assert pages.feed.asked == [] or pages.feed.asked[-1]["ask"] == "alerts"


def test_a_form_without_the_token_is_refused(pages: Pages) -> None:
    visitor = pages.sign_in()
    visitor.get("/")
    assert visitor.post("/alerts/x/accept", {"csrf": "forged"}).status_code == 403
    assert visitor.post("/alerts/x/accept", {"csrf": ""}).status_code == 403


def test_an_empty_origin_is_no_origin_of_ours(pages: Pages) -> None:
    visitor = pages.sign_in()
    visitor.get("/")
    fine = {"origin": "", "referer": f"{ORIGIN}/"}
    assert visitor.post("/sign-out", headers=fine).status_code == 403


def test_signing_in_needs_our_own_form(pages: Pages) -> None:
    pages.add("aigul")
    visitor = pages.visitor()
    data = {"name": "aigul", "password": PASSWORD, "door": "x"}
    assert visitor.post("/sign-in", data).status_code == 403
    visitor.client.cookies.set("door", "x")
    assert visitor.post("/sign-in", data, headers={"origin": "https://evil.example"}).status_code == 403


def test_the_log_of_actions_is_for_administrators_and_cannot_be_altered(pages: Pages) -> None:
    assert pages.sign_in("officer").get("/audit").status_code == 403
    assert pages.sign_in("technician").get("/audit").status_code == 403
    admin = pages.sign_in("admin")
    assert "sign_in" in admin.get("/audit").text
    for path in ("/audit", "/audit/1", "/audit/1/delete"):
        assert admin.post(path).status_code in (404, 405)


def test_the_log_of_actions_goes_on_page_by_page(pages: Pages) -> None:
    admin = pages.sign_in("admin")
    with pages.engine.connect().execution_options(writes=True) as db, db.begin():
        row = {"at_ms": 1, "who": "x", "what": "y", "subject": "<b>z</b>", "detail": ""}
        db.execute(audit.insert(), [row] * 150)
    first = admin.get("/audit")
    assert first.text.count("<tr><td") == 100
    assert "&lt;b&gt;" in first.text
    link = first.text.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    assert admin.get(link).text.count("<tr><td") == 51
    assert "Nothing found." in admin.get("/audit?who=nobody").text
    assert admin.get("/audit?after=!!!").status_code == 200


def test_every_answer_carries_the_headers_that_protect_it(pages: Pages) -> None:
    visitor = pages.sign_in()
    for path in ("/", "/sign-in", "/static/pages.css", "/nowhere"):
        headers = visitor.get(path).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
    assert "server" not in visitor.get("/").headers


def test_under_tls_the_cookie_is_bound_to_the_host(tmp_path: Path) -> None:
    with opened(tmp_path, 'origin = "https://centre.test"\n') as pages:
        pages.add("aigul")
        visitor = pages.visitor()
        visitor.client.base_url = "https://centre.test"  # type: ignore[assignment]
        shown = visitor.get("/sign-in")
        door = shown.text.split('name="door" value="')[1].split('"')[0]
        answer = pages.run(
            lambda: visitor.client.post(
                "/sign-in", data={"name": "aigul", "password": PASSWORD, "door": door},
                headers={"origin": "https://centre.test"}, follow_redirects=False,
            )
        )  # fmt: skip
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-pana=")
        assert all(part in cookie for part in ("HttpOnly", "Secure", "SameSite=strict", "Path=/"))
        assert "max-age" in answer.headers["strict-transport-security"]


def test_a_huge_form_is_refused_and_the_pages_live(pages: Pages) -> None:
    visitor = pages.sign_in()
    visitor.get("/")
    assert visitor.post("/account/password", {"old": "x" * 5_000_000}).status_code == 413
    assert visitor.get("/").status_code == 200


def test_a_broken_database_is_told_as_a_sentence(pages: Pages) -> None:
    visitor = pages.sign_in()
    with pages.engine.connect().execution_options(writes=True) as db, db.begin():
        db.execute(delete(audit))
        audit.drop(db)
    answer = visitor.get("/sign-in")
    assert answer.status_code == 200
    admin_denied = visitor.post("/sign-out")
    assert admin_denied.status_code == 503
    assert "The database does not answer" in admin_denied.text


def test_the_language_is_the_persons_and_can_be_switched(pages: Pages) -> None:
    visitor = pages.sign_in("officer", "kk")
    assert '<html lang="kk">' in visitor.get("/").text
    assert '<html lang="ru">' in visitor.post("/language", {"language": "ru", "back": "/alerts"}).text
    assert '<html lang="ru">' in visitor.post("/language", {"language": "xx", "back": "//evil"}).text


def test_the_door_speaks_the_browsers_language(pages: Pages) -> None:
    visitor = pages.visitor()
    assert '<html lang="ru">' in visitor.get("/sign-in", headers={"accept-language": "de,ru;q=0.8"}).text
    assert '<html lang="kk">' in visitor.get("/sign-in", headers={"accept-language": "de"}).text
    assert '<html lang="en">' in visitor.get("/sign-in?lang=en").text
    assert '<html lang="en">' in visitor.get("/sign-in", headers={"accept-language": "ru"}).text


def test_a_flash_cookie_of_somebody_else_harms_nothing(pages: Pages) -> None:
    visitor = pages.sign_in()
    for value in ("x", "W10", "WzEsMl0=", "W3RydWUsIm5vcGUubm9wZSIse31d"):
        visitor.client.cookies.set("flash", value)
        assert visitor.get("/").status_code == 200
