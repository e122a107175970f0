"""Take the pictures of docs/screenshots: the real pages over a made-up country, in chromium.

.venv/bin/python dev/screenshots.py
"""

import contextlib
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from fakes import centre_world  # noqa: E402 - the tests' own parts
from fakes.centre_pages import PASSWORD, Pages, alert_view  # noqa: E402

from kiosk.wire import utc_text  # noqa: E402

OUT = ROOT / "docs" / "screenshots"
LIMIT_BYTES = 200_000
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


def _ago(pressed_s: int, received_s: int) -> dict[str, str]:
    """Date an alert by how long ago it was pressed and received."""
    now_ms = time.time_ns() // 1_000_000
    return {
        "pressed_at": utc_text(now_ms - pressed_s * 1000),
        "received_at": utc_text(now_ms - received_s * 1000),
    }


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture: its name, who looks in which language, where, and how wide."""

    name: str
    role: str
    language: str
    path: str
    phone: bool = False


SHOTS = (
    Shot("board-kk", "officer", "kk", "/"),
    Shot("board-phone-ru", "officer", "ru", "/", phone=True),
    Shot("fleet-ru", "technician", "ru", "/fleet"),
    Shot("fleet-phone-kk", "technician", "kk", "/fleet", phone=True),
    Shot("kiosk-kk", "technician", "kk", "/kiosks/kiosk-0007"),
    Shot("kiosk-timeline-en", "technician", "en", "/kiosks/kiosk-0007?span=24h#timeline"),
    Shot("statistics-ru", "admin", "ru", "/statistics"),
    Shot("registry-en", "technician", "en", "/registry/kiosk-0007"),
    Shot("duty-kk", "admin", "kk", "/duty"),
    Shot("contacts-ru", "officer", "ru", "/contacts"),
)


@contextlib.contextmanager
def serving(pages: Pages) -> Iterator[str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(pages.app, log_level="error", lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.05)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)


def sign_in(browser: Browser, address: str, shot: Shot) -> Page:
    page = browser.new_page(viewport=PHONE if shot.phone else WIDE, locale=shot.language)
    page.goto(f"{address}/sign-in")
    page.fill("input[name=name]", f"{shot.role}-{shot.language}")
    page.fill("input[name=password]", PASSWORD)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    return page


def take(browser: Browser, address: str, shot: Shot) -> None:
    page = sign_in(browser, address, shot)
    page.goto(address + shot.path)
    page.wait_for_load_state("load")
    page.wait_for_timeout(700)  # pictures within the page
    file = OUT / f"{shot.name}.png"
    page.screenshot(path=file)
    page.close()
    if file.stat().st_size > LIMIT_BYTES:
        raise SystemExit(f"{file}: {file.stat().st_size} bytes, at most {LIMIT_BYTES} are allowed")
    print(f"{file.relative_to(ROOT)} {file.stat().st_size // 1000} kB")


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        pages = Pages(Path(folder))
        pages.now_ms = round(time.time() * 1000)
        with pages.engine.begin() as connection:
            centre_world.fill(connection, pages.now_ms, count=320, alerts_count=3000, spans_of=20)
            centre_world.staff(connection, pages.now_ms)
        for role, language in sorted({(shot.role, shot.language) for shot in SHOTS}):
            pages.add(f"{role}-{language}", role, language)
        pages.feed.alerts = [
            alert_view(1, **_ago(18, 18)),
            alert_view(2, stage="accepted", by="aigerim", age_s=31, late=True, path="sms", **_ago(95, 64)),
            alert_view(3, kind="drill", drill=True, **_ago(40, 40)),
        ]
        with serving(pages) as address, sync_playwright() as playwright:
            system = Path("/usr/bin/chromium")
            browser = playwright.chromium.launch(
                executable_path=system if system.exists() else None, args=["--no-sandbox"]
            )
            for shot in SHOTS:
                take(browser, address, shot)
            browser.close()
        pages.engine.dispose()


if __name__ == "__main__":
    main()
