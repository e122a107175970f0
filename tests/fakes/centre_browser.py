"""A real centre with pages, a real kiosk, and chromium before them: what the tests of the pages drive."""

import contextlib
import os
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kiosk_site import KioskSite, wait_for
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from kiosk import control
from kiosk.monitor import config as monitor_config
from kiosk.monitor.store import people
from kiosk.monitor.store.engine import make_engine
from kiosk.monitor.store.people import Member
from kiosk.monitor.web.passwords import Passwords
from kiosk.sim.broker import free_port

expect.set_options(timeout=20_000)  # five seconds of its own are few beside chromium on two cores
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PASSWORD = "three quiet mountains"
PEOPLE = (
    ("aigul", "Айгүл Сәрсенова", "officer", "kk"),
    ("irina", "Ирина Ким", "officer", "ru"),
    ("john", "John Smith", "officer", "en"),
    ("boss", "Марат Әбенов", "admin", "en"),
    ("tech", "Ержан Темір", "technician", "en"),
)
SCREENSHOTS = Path(__file__).parents[2] / "docs" / "screenshots"
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}


class Scene:
    """Broker, centre, its pages and one kiosk that speaks."""

    def __init__(self, web: str = "") -> None:
        port = free_port()
        section = f'\n[web]\nlisten = "127.0.0.1:{port}"\n{web}'
        self.site = KioskSite(mode="spoken", beat_s=5, centre_more=section)
        self.port, self.url = port, f"http://127.0.0.1:{port}"
        self.said: list[str] = []

    @contextlib.contextmanager
    def running(self) -> Iterator["Scene"]:
        with self.site:
            self.site.start_centre()
            self._add_people()
            self.site.start_kiosk()
            threading.Thread(target=self._listen, daemon=True).start()
            wait_for(lambda: self.site.state().get("mqtt") == "up", 30)
            wait_for(self._answers, 30)
            yield self

    def _add_people(self) -> None:
        config = monitor_config.read((self.site.folder / "centre.toml").read_text(), "centre.toml")
        engine = make_engine(config.store_url)
        kept = Passwords().hash(PASSWORD)
        with engine.connect().execution_options(writes=True) as db, db.begin():
            for person, name, role, language in PEOPLE:
                member = Member(
                    person_id=person,
                    name=name,
                    role=role,
                    language=language,
                    password_hash=kept,  # type: ignore[arg-type]
                )
                people.add(db, member, 1)
        engine.dispose()

    def press(self) -> str:
        """Press the button once; gives the new alert's id when the centre has it."""
        before = {alert["alert_id"] for alert in self.site.alerts()}
        self.site.press()
        wait_for(lambda: {alert["alert_id"] for alert in self.site.alerts()} - before)
        [new] = {alert["alert_id"] for alert in self.site.alerts()} - before
        return str(new)

    def close_all(self) -> None:
        """End what is open, so that the next press is a new incident."""
        for alert in self.site.alerts():
            if alert["stage"] != "closed":
                self.site.ask_centre(ask="close", alert=alert["alert_id"], by="test", outcome="test")
        wait_for(lambda: not self.site.state().get("incidents"))

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def _listen(self) -> None:
        with contextlib.suppress(Exception):
            for event in control.watch(self.site.folder / "run" / "kiosk.sock", 60.0):
                if event["what"] == "said":
                    self.said.append(str(event["key"]))


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS, headless=True)
        yield browser
        browser.close()


def visit(browser: Browser, url: str, *, size: Any = None, language: str = "ru", **more: Any) -> Page:
    """Open a browser of its own (no cookies) on the centre."""
    context: BrowserContext = browser.new_context(
        base_url=url, viewport=size or DESK, locale=language, permissions=["notifications"], **more
    )
    context.set_default_timeout(15_000)
    return context.new_page()


def sign_in(page: Page, person: str, password: str = PASSWORD) -> None:
    page.goto("/sign-in")
    page.fill("#name", person)
    page.fill("#password", password)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def shot(page: Page, name: str, folder: Path) -> None:
    """Take a picture: into the documents where PANA_SCREENSHOTS is set, else beside the test."""
    target = SCREENSHOTS if os.environ.get("PANA_SCREENSHOTS") else folder
    target.mkdir(exist_ok=True)
    page.screenshot(path=target / f"{name}.png")


def ratio(front: str, back: str) -> float:
    """Give the contrast of two CSS colours by WCAG 2."""
    light, dark = sorted((_luminance(front), _luminance(back)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (int(float(part)) / 255 for part in re.findall(r"[\d.]+", colour)[:3])
    parts = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in (red, green, blue))
    return sum(weight * one for weight, one in zip((0.2126, 0.7152, 0.0722), parts, strict=True))
