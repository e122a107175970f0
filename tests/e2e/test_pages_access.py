"""Who may do what, in a real browser: sign-in, expiry, forged forms, roles; and that all can be read."""

import re
from pathlib import Path

import pytest
from fakes.centre_browser import PHONE, Scene, ratio, shot, sign_in, visit
from playwright.sync_api import Browser, expect

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]
# Every text that is shown, with its colour and the first opaque colour behind it.
COLOURS = """() => {
  const found = [];
  for (const one of document.querySelectorAll("body *")) {
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !one.getClientRects().length || one.closest(".unseen, .skip, svg, script")) continue;
    let behind = one, back = "rgba(0, 0, 0, 0)";
    for (; behind && /rgba\\(.*, 0\\)/.test(back); behind = behind.parentElement)
      back = getComputedStyle(behind).backgroundColor;
    const style = getComputedStyle(one);
    const text = one.textContent.trim().slice(0, 40);
    found.push([text, style.color, back, parseFloat(style.fontSize), parseInt(style.fontWeight)]);
  }
  return found;
}"""


def test_a_wrong_password_is_refused_in_the_readers_language(
    scene: Scene, browser: Browser, tmp_path: Path
) -> None:
    page = visit(browser, scene.url, language="kk")
    sign_in(page, "aigul", "not the password")
    expect(page.get_by_role("alert")).to_contain_text("Аты немесе құпиясөз қате.")
    shot(page, "sign-in", tmp_path)
    page.goto("/alerts")
    expect(page).to_have_url(re.compile("/sign-in"))
    page.context.close()


def test_an_officer_cannot_do_what_an_administrator_does(scene: Scene, browser: Browser) -> None:
    page = visit(browser, scene.url, language="en")
    sign_in(page, "john")
    expect(page.get_by_role("link", name="Log of actions")).to_have_count(0)
    answer = page.goto("/audit")
    assert answer is not None
    assert answer.status == 403
    expect(page.locator("main")).to_contain_text("Your role does not allow this.")
    page.context.close()


def test_a_forged_form_is_refused(scene: Scene, browser: Browser) -> None:
    page = visit(browser, scene.url, language="en")
    sign_in(page, "john")
    send = """async (csrf) => (await fetch("/alerts/x/accept", {
        method: "POST", body: new URLSearchParams({csrf}), headers: {accept: "application/json"}})).status"""
    assert page.evaluate(send, "forged") == 403
    page.context.close()


def test_an_ended_session_is_told_on_the_board_and_at_the_door(
    scene: Scene, browser: Browser, tmp_path: Path
) -> None:
    page = visit(browser, scene.url, language="ru")
    sign_in(page, "irina")
    expect(page.locator("#live")).to_be_visible()
    other = visit(browser, scene.url, language="ru")
    sign_in(other, "irina")
    other.goto("/account")
    with other.expect_navigation():
        other.locator("button[name=everywhere]").click()
    expect(page.locator("#banner")).to_contain_text("Ваш сеанс завершён", timeout=20_000)
    shot(page, "alarm-signed-out", tmp_path)
    page.goto("/")
    expect(page.get_by_role("alert")).to_contain_text("Ваш сеанс завершён. Войдите снова.")
    other.context.close()
    page.context.close()


@pytest.mark.parametrize("size", [None, PHONE])
def test_every_text_has_enough_contrast(scene: Scene, browser: Browser, size: object) -> None:
    page = visit(browser, scene.url, language="en", size=size)
    page.goto("/sign-in")
    pale = too_pale(page.evaluate(COLOURS))
    sign_in(page, "boss")
    scene.press()
    scene.site.ask_kiosk(ask="drill")
    expect(page.locator(".card").first).to_be_visible()
    alert_id = page.locator(".card").first.get_attribute("data-id")
    for path in ("/", f"/alerts/{alert_id}", "/alerts", "/audit", "/account", "/nowhere"):
        page.goto(path)
        pale += too_pale(page.evaluate(COLOURS))
    scene.close_all()
    assert not pale
    page.context.close()


def too_pale(found: list[list[object]]) -> list[object]:
    """List the texts below WCAG AA: 4.5, or 3 for large ones (24 px, or 18.7 px bold)."""
    assert found
    bad: list[object] = []
    for text, front, back, size, weight in found:
        large = float(str(size)) >= 24 or (float(str(size)) >= 18.7 and int(str(weight)) >= 700)
        if ratio(str(front), str(back)) < (3 if large else 4.5):
            bad.append((text, front, back))
    return bad


def test_nothing_is_loaded_from_elsewhere_and_no_script_is_refused(scene: Scene, browser: Browser) -> None:
    page = visit(browser, scene.url, language="en")
    asked: list[str] = []
    told: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    sign_in(page, "boss")
    expect(page.locator("#live")).to_be_visible()
    for path in ("/alerts", "/audit", "/account"):
        page.goto(path)
    assert {url.split("/")[2] for url in asked} == {scene.url.removeprefix("http://")}
    assert told == []
    page.context.close()
