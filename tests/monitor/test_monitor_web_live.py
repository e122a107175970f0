"""The stream of a board over a real server, and the pages' own process."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fakes.centre_pages import Pages, alert_view, opened, served, until

from kiosk.monitor.web import hub as hub_module
from kiosk.monitor.web import session
from kiosk.sim.broker import free_port

pytestmark = pytest.mark.real


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Pages, str]]:
    monkeypatch.setattr(hub_module, "BEAT_S", 0.1)
    with opened(tmp_path) as pages, served(pages) as url:
        yield pages, url


def cookie_of(pages: Pages) -> dict[str, str]:
    return {"cookie": f"pana={pages.sign_in('officer').client.cookies['pana']}"}


def events(lines: Iterator[str], wanted: str) -> Any:
    """Read on to the next event of this name; gives its data."""
    for line in lines:
        if line == f"event: {wanted}":
            return json.loads(next(lines).removeprefix("data: "))
    raise AssertionError(f"the stream ended before {wanted}")


def test_a_board_gets_its_state_every_change_and_a_heartbeat(server: tuple[Pages, str]) -> None:
    pages, url = server
    pages.show(alert_view(1))
    with httpx.stream("GET", f"{url}/live", headers=cookie_of(pages), timeout=10) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.iter_lines()
        state = events(lines, "state")
        assert list(state["alerts"]) == [alert_view(1)["alert_id"]]
        pages.tell({"what": "case", "alert": alert_view(2)})
        assert "Магазин на Абая" in events(lines, "card")["html"]
        events(lines, "beat")
    until(lambda: pages.app.state.hub.browsers == 0)


def test_a_stream_whose_session_ends_says_so_and_closes(server: tuple[Pages, str]) -> None:
    pages, url = server
    pages.show()
    headers = cookie_of(pages)
    with httpx.stream("GET", f"{url}/live", headers=headers, timeout=10) as stream:
        lines = stream.iter_lines()
        events(lines, "state")
        pages.now_ms += 13 * 3_600_000
        events(lines, "signed_out")
        assert list(lines) in ([], [""])


def test_a_database_that_is_away_ends_no_stream_until_long_after(
    server: tuple[Pages, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pages, url = server
    pages.show()
    with httpx.stream("GET", f"{url}/live", headers=cookie_of(pages), timeout=10) as stream:
        lines = stream.iter_lines()
        events(lines, "state")
        pages.database = "away"
        for _ in range(3):
            events(lines, "beat")
        pages.tell({"what": "case", "alert": alert_view()})
        assert events(lines, "card")["id"] == alert_view()["alert_id"]
        monkeypatch.setattr(session, "UNSURE_S", 0.0)
        assert "event: signed_out" not in list(lines)


def test_a_database_that_hangs_holds_no_alert_up(
    server: tuple[Pages, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pages, url = server
    pages.show()
    answers = threading.Event()
    headers = cookie_of(pages)
    with httpx.stream("GET", f"{url}/live", headers=headers, timeout=10) as stream:
        lines = stream.iter_lines()
        events(lines, "state")
        monkeypatch.setattr(session, "signed", lambda *_: answers.wait(30) or None)
        events(lines, "beat")
        events(lines, "beat")
        pages.tell({"what": "case", "alert": alert_view()})
        assert events(lines, "card")["id"] == alert_view()["alert_id"]
        answers.set()


def test_a_stream_is_for_who_has_signed_in_only(server: tuple[Pages, str]) -> None:
    _, url = server
    assert httpx.get(f"{url}/live").status_code == 401


def test_more_boards_than_there_may_be_are_told_so(
    server: tuple[Pages, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pages, url = server
    monkeypatch.setattr(hub_module, "BROWSERS_MAX", 0)
    assert httpx.get(f"{url}/live", headers=cookie_of(pages)).status_code == 503


def test_the_pages_process_serves_and_ends_with_the_centre(tmp_path: Path) -> None:
    """A centre that was killed leaves no pages behind on the port of its next life."""
    port = free_port()
    file = tmp_path / "centre.toml"
    file.write_text(
        f'[monitor]\nid = "centre-1"\n[mqtt]\nbrokers = ["localhost:1"]\n[paths]\nstate = "{tmp_path}"\n'
        f'run = "{tmp_path}"\n[web]\nlisten = "127.0.0.1:{port}"\n'
    )
    command = f"{sys.executable} -m kiosk monitor web --config {file} & echo $!; exec sleep 60"
    centre = subprocess.Popen(["/bin/sh", "-c", command], stdout=subprocess.PIPE, text=True)
    assert centre.stdout is not None
    with centre.stdout:
        pages = int(centre.stdout.readline())
    try:
        until(lambda: answers(port), 30)
        centre.send_signal(signal.SIGKILL)
        centre.wait()
        until(lambda: not answers(port), 15)
        until(lambda: not Path(f"/proc/{pages}/exe").exists(), 15)
    finally:
        centre.kill()
        centre.wait()
        if Path(f"/proc/{pages}/exe").exists():
            os.kill(pages, signal.SIGKILL)


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/sign-in", timeout=2).status_code == 200
    except httpx.HTTPError:
        time.sleep(0.1)
        return False
