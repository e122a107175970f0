"""The demo's page by Textual's own pilot: what a shop owner sees and what each key does."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fakes.shop import ALERT, FakeShop
from textual.pilot import Pilot
from textual.widgets import RichLog, Static

from kiosk.demo.page import ACTIONS, OFFICER, PANES, Page
from kiosk.messages import Language
from kiosk.prompts import LANGUAGES
from kiosk.words import load_catalogue

WORDS = load_catalogue()
PATIENCE_TURNS = 400
Steps = Callable[[Page, Pilot[None]], Awaitable[None]]


def show(shop: FakeShop, steps: Steps, *, lang: Language = "ru") -> None:
    async def run() -> None:
        page = Page(shop, WORDS, lang)  # type: ignore[arg-type]
        async with page.run_test(size=(100, 40)) as pilot:
            await steps(page, pilot)

    asyncio.run(run())


def pane(page: Page, name: str) -> str:
    return str(page.query_one(f"#{name}", Static).content)


def timeline(page: Page) -> str:
    return "\n".join(line.text for line in page.query_one("#timeline", RichLog).lines)


async def until(pilot: Pilot[None], ready: Callable[[], object]) -> None:
    """Let the page go on until something shows."""
    for _ in range(PATIENCE_TURNS):
        if ready():
            return
        await pilot.pause(0.02)
    raise AssertionError("it never showed")


def word(key: str, lang: Language = "ru") -> str:
    return WORDS.word(lang, "demo", key)


def test_before_anything_is_known_it_says_that_it_starts() -> None:
    shop = FakeShop()
    shop.away = True

    async def steps(page: Page, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: word("starting").upper() in pane(page, "kiosk"))
        assert pane(page, "victim") == word("silence")
        assert pane(page, "officer") == word("no_text")
        assert pane(page, "centre") == word("no_alert")

    show(shop, steps)


def test_it_follows_one_signal_in_plain_words() -> None:
    shop = FakeShop()

    async def steps(page: Page, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: word("state_armed").upper() in pane(page, "kiosk"))
        shop.tell("pressed", alert_id="a", button="counter")
        shop.tell("sent", path="mqtt")
        shop.tell("sent", path="sms")
        shop.tell("said", lang="ru", key="received")
        shop.tell("phone_rang", source="phone", text="SOS! Kiosk 17")
        shop.tell("sms_crossed", source="network", text="SOS!")
        shop.tell("fault_raised", code="mqtt_down", reason="cut")
        shop.tell("some_inner_matter")
        shop.alerts = [ALERT]
        await until(pilot, lambda: "SOS!" in pane(page, "officer"))
        assert pane(page, "victim") == WORDS.prompt("ru", "received").text
        shown = timeline(page)
        assert word("did_pressed") in shown
        assert word("did_sent_mqtt") in shown
        assert word("did_sent_sms") in shown
        assert "some_inner_matter" not in shown
        await until(pilot, lambda: ALERT["place"]["address"]["ru"] in pane(page, "centre"))
        assert "ТЕСТ" not in pane(page, "centre")

    show(shop, steps)


def test_a_drill_is_marked_and_a_cover_phrase_stays_its_own() -> None:
    shop = FakeShop()
    shop.alerts = [{**ALERT, "drill": True}]

    async def steps(page: Page, pilot: Pilot[None]) -> None:
        shop.tell("said", lang="kk", key="cover")
        await until(pilot, lambda: "ТЕСТ" in pane(page, "centre"))
        await until(pilot, lambda: pane(page, "victim") == "cover")

    show(shop, steps)


@pytest.mark.parametrize(
    ("key", "does"),
    [
        ("p", "press"), ("r", "reply"), ("d", "kiosk drill"),
        ("a", f"centre accept {ALERT['alert_id']} {OFFICER}"),
        ("e", f"centre advance {ALERT['alert_id']} en_route {OFFICER}"),
        ("o", f"centre advance {ALERT['alert_id']} on_scene {OFFICER}"),
        ("c", f"centre close {ALERT['alert_id']} {OFFICER}"),
    ],
)  # fmt: skip
def test_a_key_does_what_it_says(key: str, does: str) -> None:
    shop = FakeShop()
    shop.alerts = [ALERT]

    async def steps(page: Page, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: page._alert is not None)
        await pilot.press(key)
        await until(pilot, lambda: does in shop.done)

    show(shop, steps)


@pytest.mark.parametrize(
    ("key", "network", "name"), [("i", "mqtt", "internet"), ("g", "gsm", "gsm"), ("s", "sound", "sound")]
)
def test_a_network_is_cut_and_restored_by_one_key(key: str, network: str, name: str) -> None:
    shop = FakeShop()

    async def steps(page: Page, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: f"✓ {word(name)}: {word('yes')}" in pane(page, "kiosk"))
        await pilot.press(key)
        await until(pilot, lambda: f"✗ {word(name)}: {word('no')}" in pane(page, "kiosk"))
        await pilot.press(key)
        await until(pilot, lambda: f"✓ {word(name)}: {word('yes')}" in pane(page, "kiosk"))
        assert shop.done == [f"cut {network}", f"restore {network}"]

    show(shop, steps)


def test_the_language_goes_round() -> None:
    shop = FakeShop()

    async def steps(page: Page, pilot: Pilot[None]) -> None:
        start = LANGUAGES.index("ru")
        for turn in range(1, len(LANGUAGES) + 1):
            await pilot.press("l")
            lang = LANGUAGES[(start + turn) % len(LANGUAGES)]
            await until(pilot, lambda lang=lang: page.title == word("title", lang))
            assert page.query_one("#kiosk", Static).border_title == word("kiosk", lang)

    show(shop, steps)


def test_what_cannot_be_done_is_told_and_the_page_stays() -> None:
    shop = FakeShop()

    async def steps(page: Page, pilot: Pilot[None]) -> None:
        shop.away = True
        await pilot.press("r")
        await until(pilot, lambda: page._notifications)
        assert "no text to answer" in str([notice.message for notice in page._notifications])
        shop.away = False
        await pilot.press("p")
        await until(pilot, lambda: "press" in shop.done)

    show(shop, steps)


def test_q_leaves() -> None:
    async def steps(page: Page, pilot: Pilot[None]) -> None:
        await pilot.press("q")
        await until(pilot, lambda: not page.is_running)

    show(FakeShop(), steps)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_word_of_the_page_is_there_in_each_language(lang: Language) -> None:
    keys: list[Any] = [f"key_{action}" for _, action in ACTIONS] + list(PANES)
    assert all(word(key, lang) for key in keys)


def test_a_turn_after_the_screen_is_gone_is_no_error() -> None:
    """Leaving while things happen: the timers may fire once more."""
    shop = FakeShop()
    page = Page(shop, WORDS, "ru")  # type: ignore[arg-type]

    async def steps() -> None:
        async with page.run_test() as pilot:
            await until(pilot, lambda: page._state)
            shop.tell("pressed", alert_id="a", button="counter")
            await page.query("*").remove()
            page._follow()

    asyncio.run(steps())
