"""Pages that stay open, in a real browser, when an answer comes late or never, or a stream is cut.

The centre behind the pages is a fake, so that each answer can be held back at its moment.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fakes import centre_world
from fakes.centre_browser import visit
from fakes.centre_pages import START_MS, Pages, alert_view, opened, served
from playwright.sync_api import Browser, Page, Request, Route, expect
from sqlalchemy import insert, update

from kiosk.monitor.store.schema import alerts, registry, stages
from kiosk.monitor.web import board

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]
QUICK = """
  const asked = AbortSignal.timeout.bind(AbortSignal);
  window.haste = 30;
  AbortSignal.timeout = (ms) => asked(ms / window.haste);
"""
COUNT_CUTS = """
  window.cuts = 0;
  window.EventSource = class extends EventSource {
    constructor(...where) { super(...where); this.addEventListener("error", () => { window.cuts += 1; }); }
  };
"""
ALERT = alert_view()["alert_id"]
PLACE = centre_world.place(centre_world.random.Random(1), "71")
HIDE = """(state) => {
  Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Pages]:
    with opened(tmp_path) as pages:
        yield pages


@pytest.fixture
def url(pages: Pages) -> Iterator[str]:
    with served(pages) as url:
        yield url


def enter(pages: Pages, browser: Browser, url: str, language: str = "en") -> Page:
    """Give a page of a browser in which an officer is signed in."""
    cookie = pages.sign_in("officer", language).client.cookies["pana"]
    page = visit(browser, url, language=language)
    page.context.add_cookies([{"name": "pana", "value": cookie, "url": url}])
    return page


def card(page: Page, number: int) -> str:
    return f"#alert-{alert_view(number)['alert_id']}"


def register(pages: Pages, kiosk_id: str) -> None:
    """Put a kiosk into the database, of which the centre tells nothing."""
    with pages.engine.connect().execution_options(writes=True) as db, db.begin():
        db.execute(insert(registry), [centre_world.registry_row(kiosk_id, 999, PLACE, 1)])


def wait(page: Page, ready: Callable[[], object]) -> None:
    """Wait, and let the browser's own events come in meanwhile."""
    for _ in range(600):
        if ready():
            return
        page.wait_for_timeout(50)
    raise TimeoutError("it did not come")


def test_a_page_that_was_written_before_an_alert_does_not_take_it_from_the_board(
    pages: Pages, browser: Browser, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board, "SHOWN_MAX", 2)
    pages.show(*(alert_view(number, received_at=f"2026-05-28T20:26:4{number}.000Z") for number in range(4)))
    page = enter(pages, browser, url)
    page.goto("/")
    expect(page.locator("#live")).to_be_visible()
    held: list[Route] = []
    page.route(url + "/", lambda route: held.append(route) if not held else route.continue_())
    pages.tell({"what": "case", "alert": alert_view(0, stage="closed")})
    expect(page.locator(card(page, 0))).to_have_count(0)
    wait(page, lambda: held)
    old = held[0].fetch()
    pages.tell({"what": "case", "alert": alert_view(1, stage="accepted")})
    expect(page.locator(card(page, 1))).to_contain_text("Accepted")
    pages.tell({"what": "case", "alert": alert_view(9, received_at="2026-05-28T20:26:40.000Z")})
    expect(page.locator(card(page, 9))).to_be_visible()
    held[0].fulfill(response=old)
    page.wait_for_timeout(1500)
    expect(page.locator(card(page, 9))).to_be_visible()
    assert page.locator(card(page, 1)).get_by_text("Nobody has taken it").count() == 0
    page.context.close()


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("kk", "Орталық жауап бермеді."),
        ("ru", "Центр не ответил."),
        ("en", "No answer from the centre."),
    ],
)
def test_a_click_that_nobody_answers_is_told_and_can_be_done_again(
    pages: Pages, browser: Browser, url: str, language: str, told: str
) -> None:
    pages.show(alert_view())
    page = enter(pages, browser, url, language)
    page.add_init_script(QUICK)
    page.goto("/")
    expect(page.locator("#live")).to_be_visible()
    hung: list[Route] = []
    page.route("**/accept", lambda route: hung.append(route) if not hung else route.continue_())
    button = page.locator(card(page, 1)).locator("button.main")
    button.click()
    expect(page.locator("body > .flash.bad")).to_contain_text(told)
    assert button.get_attribute("aria-disabled") is None
    page.evaluate("haste = 1")  # this answer may take its time
    button.click()
    expect(page.locator("body > .flash.bad")).to_have_count(0)
    assert "accept" in [one["ask"] for one in pages.feed.asked]
    page.context.close()


def test_an_alerts_page_that_was_out_of_sight_shows_what_happened_meanwhile(
    pages: Pages, browser: Browser, url: str
) -> None:
    pages.show(alert_view())
    page = enter(pages, browser, url)
    page.goto(f"/alerts/{ALERT}")
    boards = lambda: pages.app.state.hub.browsers  # noqa: E731 - one line
    wait(page, lambda: boards() == 1)
    expect(page.get_by_role("button", name="Accept")).to_be_visible()
    page.evaluate(HIDE, "hidden")
    wait(page, lambda: boards() == 0)
    pages.tell({"what": "case", "alert": alert_view(stage="accepted", by="officer-en")})
    page.evaluate(HIDE, "visible")
    expect(page.locator(".now")).to_contain_text("Accepted")
    expect(page.get_by_role("button", name="Accept")).to_have_count(0)
    page.context.close()


def test_an_alerts_page_notices_what_happened_before_its_stream_began(
    pages: Pages, browser: Browser, url: str
) -> None:
    pages.show(alert_view())
    page = enter(pages, browser, url)
    held: list[Route] = []
    page.route("**/live", lambda route: held.append(route) if not held else route.continue_())
    page.goto(f"/alerts/{ALERT}")
    wait(page, lambda: held)
    pages.tell({"what": "case", "alert": alert_view(stage="accepted", by="officer-en")})
    held[0].continue_()
    expect(page.locator(".now")).to_contain_text("Accepted")
    page.context.close()


def test_an_alert_that_is_over_before_the_database_says_so_is_asked_for_a_few_times_only(
    pages: Pages, browser: Browser, url: str
) -> None:
    row = centre_world.alert_row(centre_world.random.Random(1), "kz-1", PLACE, START_MS, open_=True)
    with pages.engine.connect().execution_options(writes=True) as db, db.begin():
        db.execute(insert(alerts), [row])
    pages.show()
    page = enter(pages, browser, url)
    page.clock.install()
    asked: list[Request] = []
    path = f"/alerts/{row['alert_id']}"
    page.on("request", lambda one: asked.append(one) if one.url.endswith(path) else None)
    page.goto(path)
    behind = page.locator("#stale")
    expect(behind).to_be_visible()
    for _ in range(100):  # a page that is being renewed hears its stream before its clock goes on
        if len(asked) < 5:
            page.clock.run_for(1_000)
            page.wait_for_timeout(50)
    expect(behind).to_be_visible()
    page.clock.run_for(60_000)
    expect(behind).to_be_visible()
    assert len(asked) == 5
    with pages.engine.connect().execution_options(writes=True) as db, db.begin():
        db.execute(update(alerts).values(closed_ms=START_MS))
        over = {"stage": "closed", "at_ms": START_MS, "who": "aigul", "note": "", "via": "centre"}
        db.execute(insert(stages).values(alert_id=row["alert_id"], referral="", outcome="helped", **over))
    behind.get_by_role("link").click()
    expect(page.locator(".now")).to_contain_text("Closed")
    expect(behind).to_be_hidden()
    page.context.close()


def test_a_fleet_page_listens_only_while_it_is_seen_and_then_is_up_to_date(
    pages: Pages, browser: Browser, url: str
) -> None:
    page = enter(pages, browser, url)
    with page.expect_response(lambda answer: "part=1" in answer.url) as first:
        page.goto("/fleet?show=all")
    first.value.finished()
    listeners = pages.feed._listeners  # the hub's, and one for each stream of changes
    wait(page, lambda: len(listeners) == 2)
    page.evaluate(HIDE, "hidden")
    wait(page, lambda: len(listeners) == 1)
    register(pages, "new-one")
    page.wait_for_timeout(500)
    expect(page.locator("#part")).not_to_contain_text("new-one")
    page.evaluate(HIDE, "visible")
    expect(page.locator("#part")).to_contain_text("new-one")
    assert len(listeners) == 2
    page.context.close()


def test_a_fleet_page_that_is_cut_off_says_so_and_catches_up_by_itself(
    pages: Pages, browser: Browser, url: str
) -> None:
    page = enter(pages, browser, url, "ru")
    page.clock.install()
    page.add_init_script(COUNT_CUTS)
    page.route("**/fleet/live", lambda route: route.fulfill(status=503))
    page.goto("/fleet?show=all")
    behind = page.get_by_text("Страница больше не обновляется")
    wait(page, lambda: page.evaluate("cuts"))
    page.clock.run_for(20_000)
    expect(behind).to_have_count(0)
    page.clock.run_for(20_000)
    expect(behind).to_be_visible()
    register(pages, "new-one")
    page.unroute("**/fleet/live")
    opened_anew: list[Request] = []
    page.on("request", lambda asked: opened_anew.append(asked) if asked.url.endswith("/fleet/live") else None)
    for _ in range(60):  # second by second: a clock that leaps past the answer would cut the stream off again
        if not opened_anew:
            page.clock.run_for(1_000)
    expect(page.locator("#part")).to_contain_text("new-one")
    expect(behind).to_have_count(0)
    page.context.close()
