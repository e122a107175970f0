"""`POST /v1/sms`: a token, a small body, and 2xx only when the centre has it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.centre_pages import Pages, Visitor

from kiosk.monitor.web.webhook import BURST, Bucket

TOKEN = "a token of some length"
GOOD = {"id": "op-1", "from": "+77010000011", "text": "OK 4711", "at": "2026-06-01T10:11:12Z"}


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Pages]:
    (tmp_path / "token").write_text(TOKEN + "\n")
    (tmp_path / "master").write_text("00" * 32)
    toml = f'[sms]\nmaster_key_file = "{tmp_path}/master"\nwebhook_token_file = "{tmp_path}/token"\n'
    with Pages(tmp_path, toml) as made:
        yield made


def post(pages: Pages, body: Any = None, token: str = TOKEN, **options: Any) -> Any:
    visitor = Visitor(pages)
    headers = {"authorization": f"Bearer {token}"}
    sent = {"content": body} if isinstance(body, bytes) else {"json": GOOD if body is None else body}
    return pages.run(lambda: visitor.client.post("/v1/sms", headers=headers, **sent, **options))


def handed(pages: Pages) -> list[Any]:
    return [asked for asked in pages.feed.asked if asked["ask"] == "sms"]


def test_a_text_is_handed_to_the_centre(pages: Pages) -> None:
    answer = post(pages)
    assert (answer.status_code, answer.json()["taken"]) == (200, True)
    assert handed(pages) == [
        {"ask": "sms", "message_id": "webhook-op-1", "door": "webhook", "number": "+77010000011",
         "text": "OK 4711"},
    ]  # fmt: skip


def test_what_a_text_was_worth_is_not_told(pages: Pages) -> None:
    pages.feed.answers["sms"] = {"ok": False, "text": "refused: the signature is not this kiosk's"}
    answer = post(pages)
    assert answer.status_code == 200
    assert "signature" not in answer.text


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], TOKEN + "x"])
def test_without_the_token_nothing_is_taken(pages: Pages, token: str) -> None:
    answer = post(pages, token=token)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert handed(pages) == []


def test_a_token_that_is_missing_or_short_lets_nobody_in(pages: Pages, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("short")
    assert post(pages, token="short").status_code == 401
    (tmp_path / "token").unlink()
    assert post(pages).status_code == 401


def test_a_centre_without_sms_lets_nobody_in(tmp_path: Path) -> None:
    with Pages(tmp_path) as bare:
        assert post(bare).status_code == 401


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe", b"[]", {}, GOOD | {"id": ""}, GOOD | {"id": "a b"}, GOOD | {"text": 5},
     GOOD | {"from": "7" * 65}, GOOD | {"text": "x" * 1001}],
)  # fmt: skip
def test_a_broken_body_is_refused_in_words(pages: Pages, body: Any) -> None:
    answer = post(pages, body)
    assert answer.status_code == 422
    assert answer.json()["text"]
    assert handed(pages) == []


def test_a_huge_body_is_not_read(pages: Pages) -> None:
    assert post(pages, b"x" * 10_000).status_code == 413


def test_a_centre_that_is_away_or_has_no_disk_asks_for_it_again(pages: Pages) -> None:
    pages.feed.away = True
    assert post(pages).status_code == 503
    pages.feed.away = False
    pages.feed.answers["sms"] = {"ok": False, "text": "not on disk yet (full); it is kept and tried again"}
    assert post(pages).status_code == 503


def test_a_flood_is_held_back_and_may_come_again(pages: Pages) -> None:
    pages.app.state.webhook_bucket = Bucket(left=0.5, at_s=1e18)
    assert post(pages).status_code == 429
    bucket = Bucket(left=0.0, at_s=10.0)
    assert not bucket.take(10.0)
    assert bucket.take(10.1)
    assert bucket.take(1000.0)
    assert bucket.left == BURST - 1
