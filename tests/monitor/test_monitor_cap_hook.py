"""The way of CAP messages to another system: signed, repeated, and never in an alert's way."""

import hashlib
import hmac
import logging
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from fakes.centre_site import Site, fresh_alert
from fakes.mqtt_kiosk import PATIENCE_S, wait_for
from fakes.virtual_centre import UTC_MS, an_alert

from kiosk.control import ask
from kiosk.monitor.notify import cap_hook
from kiosk.monitor.notify.cap_hook import Hook, make_hook, sign
from kiosk.monitor.records import Case, StageEntry
from kiosk.monitor.sections import CapHook

pytestmark = pytest.mark.real
SECRET = b"5" * 32
NOW_S = 1_790_000_000


class Receiver:
    """Another system; answers with `codes` in turn, then 204; `gate` holds its answers back."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.gate = threading.Event()
        self.gate.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                receiver.gate.wait(60)
                code = receiver.codes.pop(0) if receiver.codes else 204
                self.send_response(code)
                if code == 302:
                    self.send_header("location", "/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/cap"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def names(self) -> list[str]:
        return [headers["pana-message"] for headers, _ in self.got]

    def close(self) -> None:
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def hooked(tmp_path: Path, receiver: Receiver) -> Iterator[Callable[..., Hook]]:
    made: list[Hook] = []
    (tmp_path / "secret").write_bytes(SECRET + b"\n")

    def make(**changes: Any) -> Hook:
        config = CapHook(**{"url": receiver.url, "secret_file": str(tmp_path / "secret"), **changes})
        hook = Hook(config, lambda _language, key: key, now_s=lambda: NOW_S, rests_s=(0.01, 0.01))
        hook.open()
        made.append(hook)
        return hook

    yield make
    for hook in made:
        hook.close()


def a_case(*stages: Any, alert_id: str = "A1", kind: str = "press") -> Case:
    entries = tuple(StageEntry(stage=stage, at_ms=UTC_MS) for stage in stages or ("received",))
    alert = an_alert(alert_id=alert_id, kind=kind)
    return Case(alert=alert, received_ms=UTC_MS, door="mqtt", age_s=0, late=False, stages=entries)


def test_a_message_is_signed_over_time_and_body(hooked: Callable[..., Hook], receiver: Receiver) -> None:
    hooked().show(a_case())
    wait_for(lambda: receiver.got, "the message")
    headers, body = receiver.got[0]
    tag = hmac.new(SECRET, f"{NOW_S}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["pana-signature"] == f"t={NOW_S},v1={tag}" == sign(SECRET, NOW_S, body)
    assert headers["content-type"] == "application/cap+xml"
    assert b"urn:oasis:names:tc:emergency:cap:1.2" in body


def test_each_stage_goes_once_and_in_order(hooked: Callable[..., Hook], receiver: Receiver) -> None:
    hook = hooked()
    for stages in (
        ("received",),
        ("received",),
        ("received", "accepted"),
        ("received", "accepted", "closed"),
    ):
        hook.show(a_case(*stages))
    wait_for(lambda: len(receiver.got) >= 3, "three messages")
    hook.show(a_case(alert_id="last"))
    wait_for(lambda: "last.received" in receiver.names(), "the last")
    assert receiver.names() == ["A1.received", "A1.accepted", "A1.closed", "last.received"]


def test_drills_stay_here_unless_they_are_asked_for(hooked: Callable[..., Hook], receiver: Receiver) -> None:
    silent, asked = hooked(), hooked(drills=True)
    silent.show(a_case(kind="drill"))
    silent.show(a_case(alert_id="real"))
    wait_for(lambda: receiver.got, "the real one")
    asked.show(a_case(alert_id="drill", kind="drill"))
    wait_for(lambda: len(receiver.got) == 2, "the drill")
    assert receiver.names() == ["real.received", "drill.received"]


@pytest.mark.parametrize(
    ("codes", "tries"), [((503, 429), 3), ((500, 500, 500), 3), ((400,), 1), ((302,), 1)]
)
def test_what_may_pass_is_tried_again_and_what_is_refused_is_not(
    hooked: Callable[..., Hook], receiver: Receiver, codes: tuple[int, ...], tries: int
) -> None:
    receiver.codes = list(codes)
    hook = hooked()
    hook.show(a_case())
    hook.show(a_case(alert_id="next"))
    wait_for(lambda: "next.received" in receiver.names(), "the next one")
    assert receiver.names() == ["A1.received"] * tries + ["next.received"]


def test_a_receiver_that_hangs_holds_nobody_up(hooked: Callable[..., Hook], receiver: Receiver) -> None:
    receiver.gate.clear()
    hook = hooked()
    hook.show(a_case())
    wait_for(lambda: receiver.got, "the first")
    began_s = time.monotonic()
    for number in range(cap_hook.WAITING_MAX + 5):
        hook.show(a_case(alert_id=f"B{number}"))
    assert len(hook._waiting) == cap_hook.WAITING_MAX
    hook.close()
    assert time.monotonic() - began_s < 30


def test_no_address_and_no_secret_is_logged(
    hooked: Callable[..., Hook], receiver: Receiver, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for changes in (
        {"url": "http://127.0.0.1:9/hook?token=hunter2"},
        {"secret_file": str(tmp_path / "none")},
        {"secret_file": "/dev/null"},
    ):
        caplog.clear()
        hook = hooked(**changes)
        hook.show(a_case())
        wait_for(lambda: "let_go" in caplog.text, "the end of it")
        assert "hunter2" not in caplog.text
    assert receiver.got == []


def test_a_case_that_cannot_be_written_hurts_nobody(
    hooked: Callable[..., Hook], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = hooked()

    def fail(*_: object) -> bytes:
        raise RuntimeError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr("kiosk.monitor.cap.message", fail)
        hook.show(a_case())
    with monkeypatch.context() as patch:
        patch.setattr(Hook, "_post", fail)
        hook.show(a_case(alert_id="B"))
        wait_for(lambda: not hook._waiting, "the queue")
    monkeypatch.setattr(cap_hook, "KNOWN_MAX", 2)
    for name in ("C", "D", "E"):
        hook.show(a_case(alert_id=name))
    wait_for(lambda: "E.received" in receiver.names(), "the last")
    assert len(hook._known) == 2


def test_the_centre_sends_each_stage_while_it_answers_the_kiosk(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cap_hook, "ANSWER_S", 60.0)  # it hangs, but is not asked twice
    site = Site(tmp_path)
    (tmp_path / "secret").write_bytes(SECRET)
    site.file.write_text(
        site.file.read_text() + f'\n[cap]\nurl = "{receiver.url}"\nsecret_file = "{tmp_path}/secret"\n'
    )
    site.broker.start()
    try:
        site.run()
        receiver.gate.clear()  # it hangs: nothing else waits for it
        kiosk = site.kiosk()
        kiosk.publish(fresh_alert("A1"))
        wait_for(lambda: kiosk.stages("A1") == ["received"], "the receipt")
        assert ask(site.socket, {"ask": "accept", "alert": "A1", "by": "op-1"}, PATIENCE_S)["ok"]
        wait_for(lambda: kiosk.stages("A1") == ["received", "accepted"], "the acceptance")
        receiver.gate.set()
        wait_for(lambda: receiver.names() == ["A1.received", "A1.accepted"], "both messages")
    finally:
        site.close()
    assert make_hook(None) is None
