"""The hub of the live boards: what it keeps open, and what it tells whom, against a centre that can fail."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes.centre_pages import FakeFeed, Pages, alert_view, heard, join, opened, until
from sqlalchemy import Connection

from kiosk.monitor.store import people
from kiosk.monitor.web import hub as hub_module
from kiosk.monitor.web import names as names_module
from kiosk.monitor.web.browser import WAITING_MAX, Browser
from kiosk.monitor.web.hub import Hub
from kiosk.monitor.web.listing import TRIES

ID = alert_view()["alert_id"]


@pytest.fixture
def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pages]:
    monkeypatch.setattr(hub_module, "BEAT_S", 3600.0)  # no beat among what is heard here
    monkeypatch.setattr(names_module, "WAIT_S", 60.0)
    with opened(tmp_path) as pages:
        yield pages


def test_a_change_is_rendered_once_per_look_and_given_to_all(pages: Pages) -> None:
    pages.show()
    browsers = [join(pages) for _ in range(20)] + [join(pages, acts=False)]
    for browser in browsers:
        assert heard(browser)[0][1]["live"] is True
    pages.tell({"what": "case", "alert": alert_view()})
    frames = [browser.frames.get_nowait() for browser in browsers]
    assert len({id(one) for one in frames}) == 2
    assert b"/accept" in frames[0]
    assert b"/accept" not in frames[-1]


def test_closing_takes_the_card_away_once(pages: Pages) -> None:
    pages.show(alert_view())
    browser = join(pages)
    heard(browser)
    pages.tell({"what": "case", "alert": alert_view(stage="closed")})
    pages.tell({"what": "case", "alert": alert_view(stage="closed")})
    assert heard(browser) == [("gone", {"id": ID})]


def test_an_alert_that_gets_its_kiosks_own_id_is_one_card(pages: Pages) -> None:
    pages.show(alert_view(alert_id="sms-17-1-1790000000"))
    browser = join(pages)
    heard(browser)
    for _ in range(2):
        pages.tell({"what": "alert_renamed", "alert": ID, "old": "sms-17-1-1790000000"})
    pages.tell({"what": "case", "alert": alert_view()})
    (gone, card) = heard(browser)
    assert gone == ("gone", {"id": "sms-17-1-1790000000"})
    assert (card[0], card[1]["id"]) == ("card", ID)


def test_a_core_that_goes_away_is_told_at_once_and_its_return_too(pages: Pages) -> None:
    pages.show(alert_view())
    browser = join(pages)
    heard(browser)
    pages.feed.up = False
    pages.tell({"what": "feed_down"})
    assert heard(browser)[-1][1]["live"] is False
    pages.feed.up = True
    pages.feed.alerts = [alert_view(2)]
    pages.tell({"what": "feed_up"})
    found: list[tuple[str, Any]] = []
    until(lambda: found.extend(heard(browser)) or [one for one in found if one[0] == "state"])
    assert ("gone", {"id": ID}) in found
    assert found[-1][1]["live"] is True


def states(browser: Browser) -> list[bool]:
    """Take what a board was told of being live."""
    return [data["live"] for name, data in heard(browser) if name == "state"]


def test_a_core_that_stands_still_behind_an_open_socket_ends_live_once_and_its_answer_brings_it_back(
    pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages.show(alert_view())
    browser, hub = join(pages), pages.app.state.hub
    heard(browser)
    monkeypatch.setattr(hub_module, "SYNC_S", 0.01)
    monkeypatch.setattr(hub_module, "AGAIN_S", 0.01)
    pages.feed.away, before = True, len(pages.feed.asked)
    pages.run(hub._wake.set)
    until(lambda: len(pages.feed.asked) > before + 3)
    assert not hub.live
    found = states(browser)
    assert found == [False]
    pages.feed.away = False
    until(lambda: found.extend(states(browser)) or len(found) > 1)
    assert found == [False, True]


def test_the_core_is_asked_so_often_that_a_standstill_shows_within_16_s() -> None:
    assert hub_module.SYNC_S + names_module.WAIT_S + 5.0 <= 16.0  # an answer is waited for 5 s


def test_names_that_do_not_come_hide_no_core_that_stands_still(
    pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One server may hold both up: the pages' database is the core's own."""
    pages.show(alert_view())
    browser, hub = join(pages), pages.app.state.hub
    heard(browser)
    comes, asked, real = threading.Event(), [], people.names

    def held(connection: Connection) -> dict[str, str]:
        asked.append(1)
        comes.wait(60)
        return real(connection)

    pages.add("newcomer")
    monkeypatch.setattr(names_module, "WAIT_S", 0.01)
    monkeypatch.setattr(hub_module, "AGAIN_S", 0.01)
    monkeypatch.setattr(people, "names", held)
    try:
        pages.feed.away, before = True, len(pages.feed.asked)
        pages.run(hub._wake.set)
        until(lambda: len(pages.feed.asked) > before + 3)
        assert states(browser) == [False]
        assert len(asked) == 1
        monkeypatch.setattr(hub_module, "SYNC_S", 3600.0)
        pages.feed.away = False
        until(lambda: hub.live)
        assert "newcomer" not in hub.names
    finally:
        comes.set()
    until(lambda: "newcomer" in hub.names)


def test_a_browser_that_does_not_read_is_let_go(pages: Pages) -> None:
    pages.show()
    slow, quick = join(pages), join(pages)
    for number in range(WAITING_MAX + 1):
        pages.tell({"what": "case", "alert": alert_view(number)})
        heard(quick)
    assert slow.ended.is_set()
    assert not quick.ended.is_set()
    assert pages.app.state.hub.browsers == 1


def test_alerts_that_change_while_they_are_listed_are_not_lost(pages: Pages) -> None:
    """Page 2 begins where page 1 ended: an alert that leaves page 1 meanwhile must not hide another."""
    everything = [alert_view(number) for number in range(70)]
    ask, asked = pages.feed.ask, []

    async def shrinking(request: dict[str, Any], timeout_s: float = 5.0) -> dict[str, Any]:
        answer = await ask(request, timeout_s)
        asked.append(request)
        if len(asked) == 1:
            gone = pages.feed.alerts.pop(0)
            pages.feed.tell({"what": "case", "alert": {**gone, "stage": "closed"}})
        await asyncio.sleep(0)
        return answer

    pages.feed.ask = shrinking  # type: ignore[method-assign]
    pages.feed.alerts = everything
    pages.tell({"what": "feed_up"})
    hub = pages.app.state.hub
    until(lambda: hub.live and len(hub.alerts()) == 69)


def test_a_name_that_is_new_is_read_again(pages: Pages) -> None:
    pages.show()
    pages.add("newcomer", name="Newcomer")
    browser = join(pages)
    taken = alert_view(stage="accepted", by="newcomer")
    taken["stages"].append(
        {"stage": "accepted", "at": taken["received_at"], "by": "newcomer", "note": "", "via": "centre"}
    )
    pages.feed.alerts = [taken]
    pages.tell({"what": "case", "alert": taken})
    found: list[tuple[str, Any]] = []
    until(lambda: found.extend(heard(browser)) or [one for one in found if "Newcomer" in str(one)])


def test_a_name_that_is_told_while_the_open_alerts_are_read_is_looked_up_at_once(
    pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "SYNC_S", 3600.0)
    pages.show()
    entry = {**alert_view()["stages"][0], "stage": "accepted", "by": "newcomer"}
    view = alert_view(stage="accepted", stages=[*alert_view()["stages"], entry])
    real = pages.feed.ask

    async def meanwhile(request: dict[str, Any], timeout_s: float = 5.0) -> dict[str, Any]:
        if not pages.feed.alerts:
            pages.feed.alerts = [view]
            pages.add("newcomer")
            pages.feed.tell({"what": "case", "alert": view})
        return await real(request, timeout_s)

    monkeypatch.setattr(pages.feed, "ask", meanwhile)
    pages.tell({"what": "feed_up"})
    until(lambda: "newcomer" in pages.app.state.hub.names, 45.0)


def test_a_name_that_nobody_has_is_looked_up_once_and_not_again_and_again(pages: Pages) -> None:
    entry = {**alert_view()["stages"][0], "stage": "accepted", "by": "nobody"}
    pages.feed.alerts = [alert_view(stage="accepted", stages=[*alert_view()["stages"], entry])]
    hub = Hub(pages.app.state.hub._site)
    pages.run(hub._sync)
    assert hub._wake.is_set()
    hub._wake.clear()
    pages.run(hub._sync)
    assert not hub._wake.is_set()


def test_a_sync_that_breaks_on_a_strange_answer_is_done_again(
    pages: Pages, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(hub_module, "AGAIN_S", 0.05)
    pages.show()
    hub = pages.app.state.hub
    real = pages.feed.ask

    async def refused(request: dict[str, Any], timeout_s: float = 5.0) -> dict[str, Any]:
        del request, timeout_s
        return {"error": "a fault of the centre's own"}

    pages.feed.ask = refused  # type: ignore[method-assign]
    pages.tell({"what": "feed_up"})
    until(lambda: "board=unsynced" in caplog.text)
    assert not hub.live
    pages.feed.alerts = [alert_view()]
    pages.feed.ask = real  # type: ignore[method-assign]
    until(lambda: hub.live and hub.alerts())


def test_a_card_that_cannot_be_rendered_is_shown_bare_and_hides_no_other(pages: Pages) -> None:
    officer = pages.sign_in("officer")
    strange = alert_view(1, path="pigeon", kiosk_id="almaty-99")
    pages.show(strange, alert_view(2))
    browser = join(pages)
    assert set(heard(browser)[0][1]["alerts"]) == {strange["alert_id"], alert_view(2)["alert_id"]}
    shown = officer.get("/").text
    assert "almaty-99" in shown
    assert f'action="/alerts/{strange["alert_id"]}/accept"' in shown
    assert shown.count(officer.csrf) > 2
    assert "Магазин на Абая" in shown
    for view in (alert_view(3, path="pigeon"), alert_view(4)):
        pages.tell({"what": "case", "alert": view})
    assert [(name, data["id"]) for name, data in heard(browser)] == [
        ("card", alert_view(3)["alert_id"]),
        ("card", alert_view(4)["alert_id"]),
    ]


def test_a_frame_that_cannot_be_made_in_one_language_reaches_the_boards_of_the_others(pages: Pages) -> None:
    pages.show()
    nameless, named = join(pages, language="kk"), join(pages)
    for browser in (nameless, named):
        heard(browser)
    view = alert_view()
    del view["place"]["name"]["kk"]
    pages.tell({"what": "case", "alert": view})
    assert heard(nameless) == []
    assert [name for name, _ in heard(named)] == ["card"]


@pytest.mark.parametrize("word", ["came", "advanced", "closed", "renamed"])
def test_what_is_told_while_the_open_alerts_are_listed_outlives_an_older_answer(
    pages: Pages, word: str
) -> None:
    """Something changes at each try: the last answer is used, and is older than what was told after it."""
    pages.show(alert_view(0))
    feed = FakeFeed()  # its own: the application's hub may ask at any time
    feed.alerts = [alert_view(number) for number in range(10)]
    hub, ask = Hub(replace(pages.app.state.hub._site, feed=feed)), feed.ask
    tries: list[int] = []

    async def busy(request: dict[str, Any], timeout_s: float = 5.0) -> dict[str, Any]:
        answer = await ask(request, timeout_s)
        tries.append(1)
        hub._hear({"what": "case", "alert": alert_view(5, presses=len(tries))})
        if len(tries) == TRIES:
            hub._hear(
                {
                    "came": {"what": "case", "alert": alert_view(99)},
                    "advanced": {"what": "case", "alert": alert_view(3, stage="on_scene")},
                    "closed": {"what": "case", "alert": alert_view(3, stage="closed")},
                    "renamed": {"what": "alert_renamed", "alert": "new", "old": alert_view(3)["alert_id"]},
                }[word]
            )
        return answer

    feed.ask = busy  # type: ignore[method-assign]
    pages.run(hub._sync)
    assert len(tries) == TRIES
    stages = {view["alert_id"]: view["stage"] for view in hub.alerts()}
    third, fifth, last = (alert_view(number)["alert_id"] for number in (3, 5, 99))
    assert (last in stages) == (word == "came")
    assert stages.get(third) == {"came": "received", "advanced": "on_scene"}.get(word)
    assert len(stages) == {"came": 11, "advanced": 10}.get(word, 9)
    assert [view["presses"] for view in hub.alerts() if view["alert_id"] == fifth] == [TRIES]
