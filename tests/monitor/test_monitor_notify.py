"""The ways of the centre's SMS: gateway, modem, smsd's folder, and the texter that tries one by one."""

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from fakes.sms import FakeModem
from fakes.sms_bench import Posted

from kiosk.bodies import AlertId
from kiosk.messages import ConfigError, DeviceError
from kiosk.monitor import config as monitor_config
from kiosk.monitor.messages import SmsArrived, TextSettled
from kiosk.monitor.notify import gateway as notify_gateway
from kiosk.monitor.notify import modem as notify_modem
from kiosk.monitor.notify.gateway import MUTE, HttpGateway
from kiosk.monitor.notify.modem import CentreModem
from kiosk.monitor.notify.smsd import AGAIN_TURNS, SmsdInbox
from kiosk.monitor.notify.texter import Texter, make_texter, read_rules
from kiosk.monitor.notify.way import Done
from kiosk.monitor.outbox import SEND_MAX_S
from kiosk.monitor.records import Text
from kiosk.monitor.sections import Modem, SmsGateway
from kiosk.ports import SmsModem

TEXT = Text(alert_id=AlertId("01A"), step="r1t1", to="aigul", kind="page")
PHONE = "+77010000011"


class Heard:
    """Collects what was posted, and waits for it."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self._more = threading.Condition()

    def __call__(self, item: Any) -> None:
        with self._more:
            self.items.append(item)
            self._more.notify_all()

    def wait(self, count: int = 1) -> list[Any]:
        with self._more:
            assert self._more.wait_for(lambda: len(self.items) >= count, 20.0), self.items
            return list(self.items)


# ---- the gateway


class Gateway:
    """A real HTTP server that answers with `status`."""

    def __init__(self) -> None:
        self.status = 202
        self.location = ""
        self.asked: list[tuple[str, dict[str, str]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.asked.append((self.headers["authorization"], body))
                self.send_response(outer.status)
                if outer.location:
                    self.send_header("location", outer.location)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/send"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join(5)
        self.server.server_close()


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    made = Gateway()
    yield made
    made.close()


@pytest.fixture
def way(gateway: Gateway, tmp_path: Path) -> Iterator[HttpGateway]:
    (tmp_path / "token").write_text("secret\n")
    made = HttpGateway(SmsGateway(url=gateway.url, token_file=str(tmp_path / "token")))
    made.open()
    yield made
    made.close()


def test_a_gateway_is_given_number_text_and_an_id_that_stays(gateway: Gateway, way: HttpGateway) -> None:
    done = Heard()
    way.send("01A.r1t1.aigul", PHONE, "Көмек", done)
    assert done.wait() == [""]
    assert gateway.asked == [
        ("Bearer secret", {"to": PHONE, "text": "Көмек", "id": "01A.r1t1.aigul"}),
    ]


@pytest.mark.parametrize("status", [302, 400, 401, 500, 503])
def test_anything_but_2xx_is_a_failure_and_says_so(gateway: Gateway, way: HttpGateway, status: int) -> None:
    gateway.status, gateway.location = status, "http://127.0.0.1:1/elsewhere"
    done = Heard()
    way.send("x", PHONE, "text", done)
    assert done.wait() == [f"gateway: HTTP {status}"]
    assert len(gateway.asked) == 1


def test_a_gateway_that_is_away_or_a_token_that_is_none_fails_without_telling_secrets(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret")
    done = Heard()
    away = SmsGateway(url="http://user:secret@127.0.0.1:1/", token_file=str(tmp_path / "token"))
    for config in (away, SmsGateway(url="http://127.0.0.1:1/", token_file="/nonexistent")):
        made = HttpGateway(config)
        made.open()
        made.send("x", PHONE, "text", done)
        done.wait(len(done.items) + 1 if not done.items else 2)
        made.close()
    assert all(reason.startswith("gateway: ") and "secret" not in reason for reason in done.items)


class Mute:
    """A gateway that takes connections and never answers."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/send"
        self.taken: list[socket.socket] = []
        self.thread = threading.Thread(target=self._take)
        self.thread.start()

    def _take(self) -> None:
        with suppress(OSError):
            while True:
                self.taken.append(self.socket.accept()[0])

    def close(self) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join(5)
        for each in (self.socket, *self.taken):
            each.close()


@pytest.fixture
def mute(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mute]:
    monkeypatch.setattr(notify_gateway, "ANSWER_S", 0.2)
    made = Mute()
    yield made
    made.close()


class Passing:
    """Seconds that a test lets pass."""

    def __init__(self) -> None:
        self.s = 1000.0

    def __call__(self) -> float:
        return self.s


def a_gateway(folder: Path, url: str, clock: Passing, *, spare: bool = True) -> HttpGateway:
    (folder / "token").write_text("secret")
    made = HttpGateway(
        SmsGateway(url=url, token_file=str(folder / "token")), has_spare=lambda: spare, seconds=clock
    )
    made.open()
    return made


def test_a_gateway_that_hangs_holds_eight_texts_up_once_and_not_each(mute: Mute, tmp_path: Path) -> None:
    clock, heard = Passing(), Heard()
    modem = FakeWay("modem")
    texter = Texter([a_gateway(tmp_path, mute.url, clock), modem], [], heard)
    for number in range(8):
        texter.send(replace(TEXT, to=f"p{number}"), PHONE, "hello")
    assert [item.reason for item in heard.wait(8)] == [""] * 8
    assert len(modem.sent) == 8
    assert len(mute.taken) == 1
    clock.s += 29.0
    texter.send(TEXT, PHONE, "hello")
    assert len(heard.items) == 9, "at once"
    assert len(mute.taken) == 1
    texter.close()


def test_one_text_tries_after_30_s_whether_the_gateway_is_back(
    mute: Mute, gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, done = Passing(), Heard()
    way = a_gateway(tmp_path, mute.url, clock)
    way.send("1", PHONE, "text", done)
    assert done.wait() == ["gateway: ReadTimeout"]
    clock.s += 31.0
    way.send("2", PHONE, "text", done)
    way.send("3", PHONE, "text", done)
    assert done.wait(3)[1:] == ["gateway: no answer to the last text", "gateway: ReadTimeout"]
    assert len(mute.taken) == 2
    clock.s += 31.0
    monkeypatch.setattr(way, "_config", replace_url(way, gateway.url))
    for name in ("4", "5"):
        way.send(name, PHONE, "text", done)
        done.wait(int(name))
    assert done.items[3:] == ["", ""]
    assert len(gateway.asked) == 2
    way.close()


def replace_url(way: HttpGateway, url: str) -> SmsGateway:
    return SmsGateway(url=url, token_file=way._config.token_file)


def test_a_name_that_takes_long_to_look_up_counts_as_silence_and_a_refused_connection_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, done = Passing(), Heard()
    took_s = [0.0]

    def post(*_: object, **__: object) -> None:
        clock.s += took_s[0]
        raise requests.ConnectionError

    monkeypatch.setattr(requests.Session, "post", post)
    way = a_gateway(tmp_path, "http://gateway.invalid/", clock)
    reasons = ["gateway: ConnectionError"] * 3 + ["gateway: no answer to the last text"]
    for count, took_s[0] in enumerate((0.0, 0.0, 5.0, 0.0), 1):
        way.send("x", PHONE, "text", done)
        assert done.wait(count) == reasons[:count]
    clock.s += 31.0
    for count in (5, 6):
        way.send("x", PHONE, "text", done)
        assert done.wait(count)[-1] == "gateway: ConnectionError"
    way.close()


def test_a_gateway_that_is_the_only_way_is_tried_by_each_text(mute: Mute, tmp_path: Path) -> None:
    done = Heard()
    way = a_gateway(tmp_path, mute.url, Passing(), spare=False)
    for count in (1, 2):
        way.send("x", PHONE, "text", done)
        assert done.wait(count) == ["gateway: ReadTimeout"] * count
    assert len(mute.taken) == 2
    way.close()


def test_a_gateway_whose_spare_way_falls_is_tried_by_each_text(mute: Mute, tmp_path: Path) -> None:
    done, spare = Heard(), [True]
    (tmp_path / "token").write_text("t")
    config = SmsGateway(url=mute.url, token_file=str(tmp_path / "token"))
    way = HttpGateway(config, has_spare=lambda: bool(spare), seconds=Passing())
    way.open()
    for _ in range(2):
        way.send("x", PHONE, "text", done)
    assert sorted(done.wait(2)) == ["gateway: ReadTimeout", MUTE]
    spare.clear()
    way.send("x", PHONE, "text", done)
    assert done.wait(3)[-1] == "gateway: ReadTimeout"
    way.close()


def test_a_text_that_waited_so_long_that_it_is_planned_again_goes_by_no_way(
    gateway: Gateway, tmp_path: Path
) -> None:
    clock, heard = Passing(), Heard()
    way, modem = a_gateway(tmp_path, gateway.url, clock), FakeWay("modem")
    begins, goes_on = threading.Event(), threading.Event()

    def stop(_: requests.Session) -> None:
        begins.set()
        goes_on.wait(20)

    way._worker.submit(stop)
    begins.wait(20)
    texter = Texter([way, modem], [], heard, seconds=clock)
    texter.send(TEXT, PHONE, "hello")
    clock.s += SEND_MAX_S + 1.0
    goes_on.set()
    assert heard.wait() == [TextSettled(TEXT, "gateway: waited too long")]
    assert (gateway.asked, modem.sent) == ([], [])
    texter.close()


# ---- the modem


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify_modem, "TURN_S", 0.01)
    monkeypatch.setattr(notify_modem.recovery, "WAIT_S", (0.0, 0.0, 0.0, 0.0))
    monkeypatch.setattr(notify_modem.recovery, "WAIT_MAX_S", 0.0)


class Modems:
    """A CentreModem over a FakeModem."""

    def __init__(self) -> None:
        self.heard = Heard()
        self.posted = Posted()
        self.fake: FakeModem | None = None
        self.made = threading.Event()
        self.broken = False
        self.centre = CentreModem(Modem(device="/dev/none"), self.heard, self._make)

    def _make(self, post: Callable[[Any], None]) -> SmsModem:
        if self.broken:
            raise DeviceError("no such device")

        def both(event: Any) -> None:
            post(event)
            self.posted(event)

        self.fake = FakeModem(both)
        self.made.set()
        return self.fake

    def wait(self, ready: Callable[[], object]) -> None:
        stop = threading.Event()
        for _ in range(2000):
            if ready():
                return
            stop.wait(0.01)
        raise AssertionError("it did not happen")


@pytest.fixture
def modems(quick: None) -> Iterator[Modems]:
    made = Modems()
    made.centre.open()
    made.wait(lambda: made.centre.up)
    yield made
    made.centre.close()


def test_the_modem_sends_and_hands_on_what_comes(modems: Modems) -> None:
    done = Heard()
    modems.centre.send("01A", PHONE, "hello", done)
    assert done.wait() == [""]
    assert modems.fake is not None
    assert modems.fake.sent == [(PHONE, "hello")]
    modems.fake.deliver(PHONE, "OK 4711")
    modems.fake.deliver(PHONE, "OK 4711")
    first, second = modems.heard.wait(2)
    assert (first.number, first.text, first.door) == (PHONE, "OK 4711", "modem")
    assert first.message_id != second.message_id


def test_a_refused_text_fails_and_a_hung_modem_climbs_its_ladder(modems: Modems) -> None:
    fake = modems.fake
    assert fake is not None
    done = Heard()
    fake.refuse_sends(500)
    modems.centre.send("01A", PHONE, "hello", done)
    assert done.wait()[0].startswith("modem: ")
    fake.hang()
    modems.centre.send("01A", PHONE, "hello", done)
    assert "hung" in done.wait(2)[1]
    modems.wait(lambda: "cfun" in fake.resets)
    assert not modems.centre.up
    modems.centre.send("01A", PHONE, "hello", done)
    assert done.wait(3)[2] == "modem: not open"
    fake.unhang()
    modems.wait(lambda: modems.centre.up)


def test_a_text_that_waited_too_long_for_the_modem_does_not_go(
    modems: Modems, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify_modem, "SEND_MAX_S", -1.0)
    done = Heard()
    modems.centre.send("01A", PHONE, "hello", done)
    assert done.wait() == ["modem: waited too long"]
    assert modems.fake is not None
    assert modems.fake.sent == []


def test_an_idle_modem_is_asked_how_it_is(modems: Modems, monkeypatch: pytest.MonkeyPatch) -> None:
    assert modems.fake is not None
    modems.fake.unplug()
    modems.fake.replug()
    modems.wait(lambda: modems.centre.up)
    monkeypatch.setattr(notify_modem, "STATUS_EVERY_S", 0.0)
    modems.fake.die()
    modems.wait(lambda: modems.centre.up)
    seen = len(modems.posted.events)
    modems.wait(lambda: len(modems.posted.events) > seen + 2)


def test_a_driver_that_cannot_be_made_is_tried_again(quick: None) -> None:
    modems = Modems()
    modems.broken = True
    modems.centre.open()
    done = Heard()
    modems.centre.send("01A", PHONE, "hello", done)
    assert done.wait() == ["modem: not open"]
    modems.broken = False
    modems.wait(lambda: modems.centre.up)
    modems.centre.close()


def test_an_opening_without_outcome_is_tried_again(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify_modem.recovery, "OUTCOME_MAX_S", 0.05)
    modems = Modems()
    silent = FakeModem(lambda _event: None)
    modems.centre._worker._make = lambda: silent  # type: ignore[assignment]
    modems.centre.open()
    modems.wait(lambda: len(silent.resets) >= 3)
    modems.centre.close()


# ---- gammu-smsd's files

NAME = "IN20260601_101112_00_+77010000011_00.txt"


class Desk:
    """Answers questions as the centre does, when it is let."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.replies: list[Callable[[dict[str, Any]], None]] = []

    def __call__(self, request: dict[str, Any], reply: Callable[[dict[str, Any]], None]) -> None:
        self.asked.append(request)
        self.replies.append(reply)


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def test_a_file_is_asked_about_and_moves_only_when_the_centre_has_it(tmp_path: Path) -> None:
    desk = Desk()
    inbox = SmsdInbox(tmp_path, desk)
    (tmp_path / NAME).write_text("OK 4711\n")
    inbox.turn()
    inbox.turn()
    assert desk.asked == [
        {
            "ask": "sms",
            "message_id": f"smsd-{NAME.removesuffix('.txt')}",
            "door": "smsd",
            "number": PHONE,
            "text": "OK 4711",
        }
    ]
    assert names(tmp_path) == [NAME]
    desk.replies[0]({"ok": False, "text": "not on disk yet (full); it is kept and tried again"})
    inbox.turn()
    assert len(desk.asked) == 2
    desk.replies[1]({"error": "the centre failed"})
    inbox.turn()
    desk.replies[2]({"ok": True, "text": "reply"})
    inbox.turn()
    assert names(tmp_path) == [f"processed/{NAME}"]


def test_a_file_that_is_not_filled_yet_waits_for_the_next_look(tmp_path: Path) -> None:
    """gammu-smsd makes a file and fills it then: taken as empty, a person's answer was lost."""
    desk = Desk()
    inbox = SmsdInbox(tmp_path, desk)
    (tmp_path / NAME).touch()
    inbox.turn()
    assert (desk.asked, names(tmp_path)) == ([], [NAME])
    (tmp_path / NAME).write_text("OK 4711")
    inbox.turn()
    assert [question["text"] for question in desk.asked] == ["OK 4711"]


def test_a_file_that_stays_empty_is_asked_about_after_a_minute(tmp_path: Path) -> None:
    desk = Desk()
    (tmp_path / NAME).touch()
    made_s = time.time() - 61
    os.utime(tmp_path / NAME, (made_s, made_s))
    SmsdInbox(tmp_path, desk).turn()
    assert [question["text"] for question in desk.asked] == [""]


def test_a_question_that_nobody_answered_is_asked_again(tmp_path: Path) -> None:
    desk = Desk()
    inbox = SmsdInbox(tmp_path, desk)
    (tmp_path / NAME).write_text("OK 4711")
    for _ in range(AGAIN_TURNS + 1):
        inbox.turn()
    assert len(desk.asked) == 2


def test_a_file_in_utf_16_is_read(tmp_path: Path) -> None:
    desk = Desk()
    (tmp_path / NAME).write_bytes("Қабылдадым 4711".encode("utf-16"))
    SmsdInbox(tmp_path, desk).turn()
    assert desk.asked[0]["text"] == "Қабылдадым 4711"


def test_hostile_names_and_contents_harm_nothing(tmp_path: Path) -> None:
    desk = Desk()
    secret = tmp_path / "secret"
    secret.write_text("OK 4711")
    (tmp_path / "IN20260601_101112_01_+7701_00.txt").symlink_to(secret)
    (tmp_path / "IN20260601_101112_02_+7701_00.txt").write_bytes(b"\xff\xff\xff")
    (tmp_path / "IN20260601_101112_03_+7701_00.txt").write_bytes(b"x" * 5000)
    (tmp_path / "IN20260601_101112_04_$(reboot)_00.txt").write_text("OK 4711")
    (tmp_path / "IN20260601_101112_05_;_00.txt.tmp").write_text("OK 4711")
    SmsdInbox(tmp_path, desk).turn()
    assert desk.asked == []
    assert len([name for name in names(tmp_path) if name.startswith("unreadable/")]) == 3
    assert secret.read_text() == "OK 4711"


def test_a_flood_of_files_waits_its_turn(tmp_path: Path) -> None:
    desk = Desk()
    for number in range(150):
        (tmp_path / f"IN20260601_101112_{number:02d}_+7701_00.txt").write_text("hello")
    inbox = SmsdInbox(tmp_path, desk)
    inbox.turn()
    assert len(desk.asked) == 100


def strange(folder: Path, name: str) -> None:
    """Write a binary SMS as gammu-smsd did a minute ago."""
    (folder / name).write_bytes(b"\x06\x05")
    made_s = time.time() - 61
    os.utime(folder / name, (made_s, made_s))


def test_a_thousand_files_that_are_no_texts_hide_no_text(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """gammu-smsd writes a binary SMS as .bin: those stayed, and nothing else was looked at any more."""
    desk = Desk()
    for number in range(1001):
        strange(tmp_path, f"IN20260501_101112_{number:04d}_+7701_00.bin")
    (tmp_path / NAME).write_text("OK 4711")
    (tmp_path / "other").write_text("of somebody else")
    inbox = SmsdInbox(tmp_path, desk)
    inbox.turn()
    assert [question["text"] for question in desk.asked] == ["OK 4711"]
    assert caplog.messages == ["smsd strange=100 moved_to=unreadable"]
    for _ in range(10):
        inbox.turn()
    assert [path.name for path in sorted(tmp_path.iterdir())] == [NAME, "other", "unreadable"]


def test_what_is_no_text_is_kept_in_a_bounded_number_and_no_text_is_dropped_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.monitor.notify.smsd.STRANGE_KEPT", 3)
    desk, aside = Desk(), tmp_path / "unreadable"
    inbox = SmsdInbox(tmp_path, desk)
    (tmp_path / NAME).write_bytes(b"\xff\xff\xff")
    for number in range(5):
        strange(tmp_path, f"IN20260701_10111{number}_00_+7701_00.bin")
        inbox.turn()
    kept = [f"IN20260701_10111{number}_00_+7701_00.bin" for number in (2, 3, 4)]
    assert sorted(path.name for path in aside.iterdir()) == [NAME, *kept]


def test_a_strange_file_that_cannot_be_moved_hides_no_text(tmp_path: Path) -> None:
    desk = Desk()
    (tmp_path / NAME).write_text("OK 4711")
    (tmp_path / "unreadable").write_text("a file where the folder should be")
    strange(tmp_path, "IN20260501_101112_00_+7701_00.bin")
    inbox = SmsdInbox(tmp_path, desk)
    with pytest.raises(OSError, match="unreadable"):
        inbox.turn()
    assert [question["text"] for question in desk.asked] == ["OK 4711"]
    desk.replies[0]({"ok": True, "text": "reply"})
    with pytest.raises(OSError, match="unreadable"):
        inbox.turn()
    assert (tmp_path / "processed" / NAME).exists()


def test_a_strange_file_that_may_yet_become_a_text_waits(tmp_path: Path) -> None:
    (tmp_path / "IN20260501_101112_00_+7701_00.txt.tmp").write_text("OK 47")
    SmsdInbox(tmp_path, Desk()).turn()
    assert names(tmp_path) == ["IN20260501_101112_00_+7701_00.txt.tmp"]


def test_the_folder_may_vanish_and_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.monitor.notify.smsd.TURN_S", 0.01)
    desk = Desk()
    folder = tmp_path / "inbox"
    inbox = SmsdInbox(folder, desk)
    inbox.open()
    stop = threading.Event()
    stop.wait(0.05)
    folder.mkdir()
    (folder / NAME).write_text("OK 4711")
    for _ in range(1000):
        if desk.asked:
            break
        stop.wait(0.01)
    inbox.close()
    assert desk.asked


# ---- the texter


class FakeWay:
    """A way that answers at once with `reason`."""

    def __init__(self, name: str, reason: str = "") -> None:
        self.name = name
        self.reason = reason
        self.sent: list[str] = []
        self.open_ = False

    def open(self) -> None:
        self.open_ = True

    def send(self, name: str, number: str, body: str, done: Done) -> None:
        self.sent.append(name)
        done(self.reason)

    def close(self) -> None:
        self.open_ = False


def test_the_second_way_is_tried_when_the_first_refuses() -> None:
    heard = Heard()
    first, second = FakeWay("gateway", "gateway: HTTP 503"), FakeWay("modem")
    texter = Texter([first, second], [], heard)
    texter.open()
    texter.send(TEXT, PHONE, "hello")
    assert heard.items == [TextSettled(TEXT)]
    assert first.sent == second.sent == ["01A.r1t1.aigul"]
    second.reason = "modem: not open"
    texter.send(TEXT, PHONE, "hello")
    assert heard.items[1] == TextSettled(TEXT, "gateway: HTTP 503; modem: not open")
    texter.close()
    assert not first.open_


def test_without_any_way_a_text_fails_in_words() -> None:
    heard = Heard()
    Texter([], [], heard).send(TEXT, PHONE, "hello")
    assert "no way" in heard.items[0].reason


def a_config(folder: Path, sms: str = "") -> monitor_config.MonitorConfig:
    (folder / "master").write_text("00" * 32)
    head = '[monitor]\nid = "centre-1"\n[mqtt]\nbrokers = ["localhost:1883"]\n'
    body = f'[sms]\nmaster_key_file = "{folder}/master"\n{sms}' if sms != "none" else ""
    return monitor_config.read(head + body, "centre.toml")


def test_the_configuration_says_which_ways_there_are_and_which_comes_first(tmp_path: Path) -> None:
    def ways(sms: str) -> list[str]:
        texter = make_texter(a_config(tmp_path, sms), lambda _item: None, Desk())
        assert texter is not None
        return [way.name for way in texter._ways]

    def rests(sms: str, *, up: bool = True) -> bool:
        texter = make_texter(a_config(tmp_path, sms), lambda _item: None, Desk())
        assert texter is not None
        for way in texter._ways:
            if isinstance(way, CentreModem):
                way._up = up
        return any(isinstance(way, HttpGateway) and way._has_spare() for way in texter._ways)

    both = f'[sms.modem]\ndevice = "/dev/m"\n[sms.gateway]\nurl = "http://g/"\ntoken_file = "{tmp_path}/t"\n'
    assert ways(both) == ["gateway", "modem"]
    assert ways('first = "modem"\n' + both) == ["modem", "gateway"]
    assert [rests(both), rests('first = "modem"\n' + both)] == [True, False]
    assert not rests(both, up=False), "a modem that is away is no other way"
    assert ways(f'smsd_inbox = "{tmp_path}"\n') == []
    assert make_texter(a_config(tmp_path, "none"), lambda _item: None, Desk()) is None


def test_the_keys_are_read_from_their_files(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "kz-2.key").write_text("11" * 16)
    rules = read_rules(a_config(tmp_path, f'keys = "{keys}"\n'))
    assert rules.keys.of("kz-2") == b"\x11" * 16
    assert not rules.sends
    assert not read_rules(a_config(tmp_path, "none")).sends


@pytest.mark.parametrize("key", ["", "short", "zz" * 32])
def test_a_key_that_is_none_is_named_by_its_file(tmp_path: Path, key: str) -> None:
    config = a_config(tmp_path, "")
    (tmp_path / "master").write_text(key)
    with pytest.raises(ConfigError, match=r"master: sms\.master_key_file"):
        read_rules(config)


def test_a_key_file_that_is_missing_is_named(tmp_path: Path) -> None:
    config = a_config(tmp_path, "")
    (tmp_path / "master").unlink()
    with pytest.raises(ConfigError, match=r"FileNotFoundError.*hex digits"):
        read_rules(config)


def test_what_arrives_is_a_notice_of_the_centre() -> None:
    assert SmsArrived(message_id="x", door="modem", number="", text="").token is None
