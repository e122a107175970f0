"""From a press to the closed alert, in a real browser, with a real centre and a real kiosk that speaks."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.centre_browser import PHONE, Scene, shot, sign_in, visit
from kiosk_site import wait_for
from playwright.sync_api import Browser, expect

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]
OFFICERS = {"kk": "aigul", "ru": "irina", "en": "john"}
WORDS = {
    "kk": ("Қабылдау", "Қабылданды", "Жолға шықты", "Көмек жолда", "Жетті", "Көмек жетті",
           "Көмек көрсетілді"),
    "ru": ("Принять", "Принят", "Выехали", "Помощь в пути", "На месте", "Помощь на месте", "Помощь оказана"),
    "en": ("Accept", "Accepted", "On the way", "Help is on its way", "On scene", "Help is on scene",
           "Help was given"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def quiet(scene: Scene) -> Iterator[None]:
    yield
    scene.close_all()


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_three_clicks_lead_from_the_alert_to_on_scene(
    scene: Scene, browser: Browser, language: str, tmp_path: Path
) -> None:
    accept, accepted, go, on_the_way, arrive, there, helped = WORDS[language]
    page = visit(browser, scene.url, language=language)
    sign_in(page, OFFICERS[language])
    expect(page.locator("html")).to_have_attribute("lang", language)
    expect(page.locator("#live")).to_be_visible()
    expect(page.locator("#sound")).to_have_class("sound off")
    page.click("#sound")
    expect(page.locator("#sound")).to_have_class("sound on")
    scene.said.clear()
    alert_id = scene.press()
    card = page.locator(f"#alert-{alert_id}")
    expect(card).to_be_visible()
    expect(page.locator("body")).to_have_attribute("data-sounded", "alarm")
    expect(card).to_contain_text("43.23815, 76.94551")
    wait_for(lambda: "received" in scene.said)
    shot(page, f"alarm-{language}", tmp_path)
    card.get_by_role("button", name=accept).click()
    expect(card).to_contain_text(accepted)
    wait_for(lambda: "accepted" in scene.said)
    card.get_by_role("button", name=go).click()
    expect(card).to_contain_text(on_the_way)
    wait_for(lambda: "en_route" in scene.said)
    card.get_by_role("button", name=arrive).click()
    expect(card).to_contain_text(there)
    wait_for(lambda: "on_scene" in scene.said)
    card.locator("footer a").click()
    page.get_by_label(helped).check()
    page.fill("#note", "test")
    shot(page, f"alarm-page-{language}", tmp_path)
    page.locator(".end-form button").click()
    expect(page.locator(f"#alert-{alert_id}")).to_have_count(0)
    wait_for(lambda: "closed" in scene.said)
    expect(page.locator("#none")).to_be_visible()
    page.goto(f"/alerts/{alert_id}")
    expect(page.locator("main")).to_contain_text(helped)
    page.context.close()


def test_a_phone_shows_it_all_without_scrolling_sideways(
    scene: Scene, browser: Browser, tmp_path: Path
) -> None:
    page = visit(browser, scene.url, size=PHONE, language="kk", has_touch=True)
    sign_in(page, "aigul")
    alert_id = scene.press()
    expect(page.locator(f"#alert-{alert_id}")).to_be_visible()
    shot(page, "alarm-phone", tmp_path)
    for path in ("/", f"/alerts/{alert_id}", "/alerts", "/account"):
        page.goto(path)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= PHONE["width"], path
    page.context.close()


def test_the_keyboard_alone_accepts(scene: Scene, browser: Browser) -> None:
    page = visit(browser, scene.url, language="en")
    sign_in(page, "john")
    alert_id = scene.press()
    expect(page.locator(f"#alert-{alert_id}")).to_be_visible()
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == "Accept":
            break
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
    assert outline == "3px"
    page.keyboard.press("Enter")
    expect(page.locator(f"#alert-{alert_id}")).to_contain_text("Accepted")
    expect(page.locator(f"#alert-{alert_id} footer button")).to_be_focused()
    page.context.close()


def test_without_scripts_the_forms_work_and_the_slower_officer_learns_who_has_it(
    scene: Scene, browser: Browser
) -> None:
    page = visit(browser, scene.url, language="en", java_script_enabled=False)
    sign_in(page, "john")
    alert_id = scene.press()
    page.goto("/")
    scene.site.ask_centre(ask="accept", alert=alert_id, by="irina")
    page.locator(f"#alert-{alert_id} footer button").click()
    expect(page.locator(".flash[role=alert]")).to_contain_text("Ирина Ким already has it")
    expect(page.locator(f"#alert-{alert_id}")).to_contain_text("Accepted")
    page.locator(f"#alert-{alert_id} footer button").click()
    expect(page.locator(f"#alert-{alert_id}")).to_contain_text("Help is on its way")
    page.context.close()


def test_a_drill_is_unmistakable(scene: Scene, browser: Browser, tmp_path: Path) -> None:
    page = visit(browser, scene.url, language="ru")
    sign_in(page, "irina")
    page.click("#sound")
    expect(page.locator("#sound")).to_have_class("sound on")
    scene.site.ask_kiosk(ask="drill")
    card = page.locator(".card.kind-drill")
    expect(card).to_be_visible()
    expect(card).to_contain_text("УЧЕБНАЯ")
    expect(page.locator("body")).to_have_attribute("data-sounded", "drill")
    shot(page, "alarm-drill", tmp_path)
    page.context.close()


def test_a_board_says_loudly_that_the_core_is_gone(scene: Scene, browser: Browser, tmp_path: Path) -> None:
    page = visit(browser, scene.url, language="ru")
    sign_in(page, "irina")
    expect(page.locator("#live")).to_be_visible()
    page.route("**/live", lambda route: route.abort())
    page.reload()
    expect(page.locator("#banner")).to_be_visible()
    expect(page.locator("#banner")).to_contain_text("НЕ обновляется")
    shot(page, "alarm-lost", tmp_path)
    page.context.close()
