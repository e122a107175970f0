"""What the commands make of a daemon that refuses, fails, vanishes or does not know yet."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fakes.virtual_kiosk import example_config

from kiosk.check import running
from kiosk.check.daemon import Refused, question
from kiosk.check.row import Row
from kiosk.cli import main
from kiosk.commands.exits import Exit
from kiosk.control import ControlServer, DaemonAway

pytestmark = pytest.mark.real
Object = dict[str, Any]
Handle = Callable[[Object, Callable[[Object], None]], None]
ID = "01TEST"


class FakeDaemon:
    """A control socket whose answers the test writes."""

    def __init__(self, folder: Path) -> None:
        self.handle: Handle = lambda _request, reply: reply({"ok": True})
        self.file = folder / "site.toml"
        self.file.write_text(f'[paths]\nrun = "{folder}"\n[timing]\ndrill_s = 15\n', encoding="utf-8")
        self.socket = folder / "kiosk.sock"
        self.server = ControlServer(self.socket, self._answer)
        self.server.open()

    def _answer(self, request: Object, reply: Callable[[Object], None]) -> None:
        self.handle(request, reply)

    def tell(self, what: str, **detail: Any) -> None:
        self.server.publish({"t_s": time.monotonic(), "what": what, **detail})

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, [*arguments, "--config", str(self.file), "--lang", "en"])


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[FakeDaemon]:
    made = FakeDaemon(tmp_path)
    yield made
    made.server.close()


def drilled(daemon: FakeDaemon, verdict: str, missing: str) -> Handle:
    """Answer a drill as the real one does: its first event comes before the answer that names it."""

    def handle(_request: Object, reply: Callable[[Object], None]) -> None:
        daemon.tell("said", key="drill")
        daemon.tell("drill", alert_id=ID)
        reply({"ok": True, "alert_id": ID})
        daemon.tell("sent", alert_id="another", path="mqtt")
        daemon.tell("sent", alert_id=ID, path="mqtt")
        daemon.tell(verdict, alert_id=ID, missing=missing)

    return handle


def test_a_failed_drill_names_what_is_missing(daemon: FakeDaemon) -> None:
    daemon.handle = drilled(daemon, "drill_failed", "mqtt, gateway1")
    answer = daemon.run("drill")
    assert answer.exit_code == Exit.FAILED
    assert answer.stdout.rstrip().endswith("The drill failed. Without an answer: mqtt, gateway1.")


def test_only_the_drills_own_events_are_shown_from_its_first_on(daemon: FakeDaemon) -> None:
    daemon.handle = drilled(daemon, "drill_passed", "")
    answer = daemon.run("drill", "--json")
    assert answer.exit_code == 0
    events = [json.loads(line) for line in answer.stdout.splitlines()]
    assert [event["what"] for event in events] == ["drill", "sent", "drill_passed"]
    assert all(abs(event["at_s"] - time.time()) < 60 for event in events)


def test_duty_officers_are_asked_for_only_on_request(daemon: FakeDaemon) -> None:
    asked: list[Object] = []

    def handle(request: Object, reply: Callable[[Object], None]) -> None:
        asked.append(request)
        drilled(daemon, "drill_passed", "")(request, reply)

    daemon.handle = handle
    assert daemon.run("drill").exit_code == 0
    assert daemon.run("drill", "--duty").exit_code == 0
    assert [request["duty"] for request in asked] == [False, True]


def test_a_daemon_that_stops_in_the_middle_of_a_drill_is_away(daemon: FakeDaemon) -> None:
    def handle(_request: Object, reply: Callable[[Object], None]) -> None:
        reply({"ok": True, "alert_id": ID})
        threading.Thread(target=daemon.server.close).start()

    daemon.handle = handle
    answer = daemon.run("drill")
    assert answer.exit_code == Exit.AWAY
    assert "hung up" in answer.stderr


def test_a_drill_without_a_verdict_ends_all_the_same(
    daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.check.daemon.MARGIN_S", -14.8)
    daemon.handle = lambda _request, reply: reply({"ok": True, "alert_id": ID})
    answer = daemon.run("drill")
    assert answer.exit_code == Exit.AWAY
    assert "does not answer" in answer.stderr


@pytest.mark.parametrize("answer", [{"error": "busy"}, {"ok": False, "reason": "an incident is open"}])
def test_a_refusal_is_told_apart_from_an_absence(daemon: FakeDaemon, answer: Object) -> None:
    daemon.handle = lambda _request, reply: reply(answer)
    for command in ("status", "drill"):
        refused = daemon.run(command)
        assert refused.exit_code == Exit.REFUSED, refused.output
        assert refused.stderr.startswith("the daemon refused: ")
    with pytest.raises(Refused):
        question(daemon.socket, {"ask": "status"})
    daemon.server.close()
    with pytest.raises(DaemonAway):
        question(daemon.socket, {"ask": "status"})


def test_events_can_be_watched_for_a_machine_until_the_daemon_stops(daemon: FakeDaemon) -> None:
    def handle(_request: Object, reply: Callable[[Object], None]) -> None:
        reply({"kiosk": "k"})
        daemon.tell("link_up", link="mqtt")
        threading.Timer(0.2, daemon.server.close).start()

    daemon.handle = handle
    answer = daemon.run("status", "--watch", "--json")
    assert answer.exit_code == Exit.AWAY
    state, event = (json.loads(line) for line in answer.stdout.splitlines())
    assert state == {"kiosk": "k"}
    assert event["what"] == "link_up"
    assert event["at"].endswith("Z")


# ---- the check's questions


def beat(**changes: Any) -> Object:
    links = {"mqtt": {"rtt_ms": 1}, "sms": {}}
    return {"config_hash": "", "voice": {"mode": "spoken"}, "cert_days_left": 90, "links": links, **changes}


def state(**changes: Any) -> Object:
    modem = {"imei": "1", "sim": "ready", "registration": "home", "operator": "O", "signal_dbm": -70}
    well = {
        "faults": [], "reasons": {}, "mqtt": "up", "sms": "up", "listened": True, "modem": modem,
        "levels": {"counter": "released", "fitting": "released"}, "incidents": [], "heartbeat": beat(),
    }  # fmt: skip
    return {**well, **changes}


def asked(daemon: FakeDaemon, answers: list[Object]) -> list[Row]:
    """Look at the daemon, which gives these answers one after the other, the last one for ever."""

    def handle(_request: Object, reply: Callable[[Object], None]) -> None:
        reply(answers.pop(0) if len(answers) > 1 else answers[0])

    daemon.handle = handle
    return running._look(example_config(), daemon.socket)


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "GLANCE_S", 0.01)


def balance(rows: list[Row]) -> str:
    return next(row.code for row in rows if row.part == "balance")


@pytest.mark.usefixtures("_quick")
def test_what_a_fresh_daemon_does_not_know_yet_is_waited_for(daemon: FakeDaemon) -> None:
    links = {"mqtt": {"rtt_ms": 1}, "sms": {"balance_kzt": 900.0}}
    later = state(heartbeat=beat(links=links))
    assert balance(asked(daemon, [state(), state(), later])) == "balance_ok"


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize("hopeless", [{"incidents": [{}]}, {"listened": True, "mqtt": "down"}])
def test_nothing_is_waited_for_beside_a_fault_or_an_alarm(daemon: FakeDaemon, hopeless: Object) -> None:
    assert balance(asked(daemon, [state(**hopeless)])) == "untested_pending"


@pytest.mark.usefixtures("_quick")
def test_waiting_has_an_end(daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "PENDING_S", 0.05)
    assert balance(asked(daemon, [state()])) == "untested_pending"


def test_a_refused_drill_leaves_its_parts_untested(daemon: FakeDaemon) -> None:
    def handle(request: Object, reply: Callable[[Object], None]) -> None:
        refusal = {"ok": False, "reason": "an incident is open"}
        reply(refusal if request["ask"] == "drill" else state(incidents=[{}]))

    daemon.handle = handle
    rows: list[Row] = []

    def test(_part: str, _seconds: float, how: Callable[[], list[Row]]) -> list[Row]:
        rows.extend(found := how())
        return found

    running.test_parts(example_config(), daemon.socket, test, whole=False)
    codes = {row.part: row.code for row in rows}
    assert codes["receipt"] == codes["sms"] == "untested_refused"
