"""The whole centre on a real Mosquitto with the shipped rules."""

import socket
import threading
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from fakes.centre_site import Site, fresh_alert, lines
from fakes.mqtt_kiosk import PATIENCE_S, wait_for
from fakes.postgres import PostgresServer
from fakes.virtual_centre import a_beat, a_status, an_event

from kiosk import wire
from kiosk.bodies import CommandResult
from kiosk.control import ask as ask_within
from kiosk.control import watch
from kiosk.messages import DeviceError
from kiosk.monitor import app
from kiosk.monitor.caseload import Caseload
from kiosk.monitor.fleet import Fleet
from kiosk.monitor.intake import Heard
from kiosk.monitor.messages import NewsRead, Receipt, Saved, Ticked
from kiosk.monitor.records import Case, StageEntry

pytestmark = pytest.mark.real


@pytest.fixture(params=["3.1.1"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path, protocol=request.param)
    made.broker.start()
    yield made
    made.close()


def ask(path: Path, request: dict[str, Any]) -> dict[str, Any]:
    return ask_within(path, request, PATIENCE_S)


def stored(site: Site) -> dict[str, dict[str, Any]]:
    found = site.alerts()
    by_id = {view["alert_id"]: view for view in found}
    assert len(by_id) == len(found), "an alert twice"
    return by_id


@pytest.mark.parametrize("site", ["3.1.1", "5"], indirect=True)
def test_a_press_is_receipted_accepted_and_closed(site: Site) -> None:
    site.run()
    kiosk = site.kiosk()
    kiosk.publish(fresh_alert("A1"))
    wait_for(lambda: kiosk.stages("A1") == ["received"], "the receipt")
    assert ask(site.socket, {"ask": "accept", "alert": "a1", "by": "op-1"})["ok"]
    for stage in ("en_route", "on_scene"):
        assert ask(site.socket, {"ask": "advance", "alert": "A1", "stage": stage, "by": "op-1"})["ok"]
    assert ask(site.socket, {"ask": "close", "alert": "A1", "by": "op-1", "note": "well"})["ok"]
    told = ["received", "accepted", "en_route", "on_scene", "closed"]
    wait_for(lambda: kiosk.stages("A1") == told, "every stage once")
    assert {reply.by for reply in kiosk.replies[1:]} == {"op-1"}


def test_the_centre_says_that_it_is_there_and_that_it_stopped(site: Site) -> None:
    kiosk = site.kiosk()
    site.run()
    wait_for(lambda: kiosk.presence, "presence")
    presence, _ = kiosk.presence[-1]
    assert (presence.state, presence.on_duty, presence.conn) == ("online", True, 1)
    ask(site.socket, {"ask": "duty", "on": False})
    wait_for(lambda: kiosk.presence and not kiosk.presence[-1][0].on_duty, "off duty")
    site.stop()
    wait_for(lambda: kiosk.presence[-1][0].state == "stopped", "the stop")


def test_systemd_hears_ready_then_signs_of_life_then_stopping(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        site.run()
        assert [manager.recv(100) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]
        site.stop()
        while (said := manager.recv(100)) == b"WATCHDOG=1":
            pass
        assert said == b"STOPPING=1"


def test_a_killed_centre_leaves_its_will_and_comes_back_with_a_higher_epoch(site: Site) -> None:
    kiosk = site.kiosk()
    site.spawn()
    wait_for(lambda: kiosk.presence, "presence")
    site.kill()
    wait_for(lambda: kiosk.presence[-1][0].state == "offline", "the will")
    site.spawn()
    wait_for(lambda: kiosk.presence[-1][0].state == "online", "presence")
    first, last = kiosk.presence[0][0], kiosk.presence[-1][0]
    assert (last.boot, last.conn) > (first.boot, first.conn)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_kill_9_loses_no_receipted_alert_and_no_acceptance_and_doubles_none(
    site: Site, database: str, request: pytest.FixtureRequest
) -> None:
    """Kill the centre again and again in a stream of alerts that nobody repeats."""
    if database == "postgresql":
        site.store = request.getfixturevalue("postgres_url")
        site.file.write_text(site.toml())
    site.spawn()
    kiosk = site.kiosk()
    names = [f"A{number:03d}" for number in range(60)]
    accepted: set[str] = set()
    for number, name in enumerate(names):
        kiosk.publish(fresh_alert(name, seq=number + 1))
        if number % 10 == 4 and site.try_ask({"ask": "accept", "alert": name, "by": "op-1"}).get("ok"):
            accepted.add(name)
        if number % 30 == 20:
            site.kill()
            receipted = {reply.alert_id for reply in kiosk.replies}
            site.spawn()
            assert receipted <= set(stored(site)), "a receipted alert is gone"
    wait_for(lambda: {reply.alert_id for reply in kiosk.replies} == set(names), "a receipt for each alert")
    found = stored(site)
    assert set(found) == set(names)
    assert accepted
    assert all(found[name]["stage"] == "accepted" for name in accepted)
    assert ask(site.socket, {"ask": "kiosks"})["kiosks"][0]["missing_alerts"] == []


def test_an_alert_that_came_while_the_centre_was_down_is_delivered_and_late(site: Site) -> None:
    site.spawn()
    kiosk = site.kiosk()
    kiosk.publish(fresh_alert("EARLY"))
    wait_for(lambda: kiosk.stages("EARLY"), "the receipt")
    site.kill()
    pressed = wire.utc_text(time.time_ns() // 1_000_000 - 120_000)
    kiosk.publish(fresh_alert("MEANWHILE", pressed_at=pressed))
    site.spawn()
    wait_for(lambda: kiosk.stages("MEANWHILE"), "the receipt of what the broker kept")
    assert stored(site)["MEANWHILE"]["late"]


def test_an_alert_that_could_not_be_stored_is_delivered_again(site: Site) -> None:
    """Manual acknowledgement: no PUBACK before the commit."""
    (site.folder / "state").write_text("in the way")
    site.run()
    kiosk = site.kiosk()
    kiosk.publish(fresh_alert("A1"))
    wait_for(lambda: stored(site), "the alert in people's sight")
    wait_for(lambda: kiosk.presence and not kiosk.presence[-1][0].on_duty, "nobody can answer")
    assert kiosk.replies == []
    answer = ask(site.socket, {"ask": "accept", "alert": "A1", "by": "op-1"})
    assert (answer["ok"], "not on disk" in answer["text"]) == (False, True)
    site.stop()
    (site.folder / "state").unlink()
    site.run()
    wait_for(lambda: kiosk.stages("A1") == ["received"], "the redelivered alert's receipt")


def test_a_database_server_that_crashes_and_comes_back_loses_nothing(
    site: Site, postgres_server: PostgresServer, postgres_url: str
) -> None:
    site.store = postgres_url
    site.file.write_text(site.toml())
    site.run()
    kiosk = site.kiosk()
    kiosk.publish(fresh_alert("A1"))
    wait_for(lambda: kiosk.stages("A1") == ["received"], "the receipt")
    postgres_server.stop()
    try:
        kiosk.publish(fresh_alert("A2", seq=2))
        wait_for(lambda: "A2" in stored(site), "the alert in people's sight")
        wait_for(lambda: kiosk.presence and not kiosk.presence[-1][0].on_duty, "nobody can answer")
        assert kiosk.stages("A2") == []
        answer = ask(site.socket, {"ask": "accept", "alert": "A1", "by": "op-1"})
        assert (answer["ok"], "not on disk" in answer["text"]) == (False, True)
    finally:
        postgres_server.start()
    wait_for(lambda: kiosk.stages("A2") == ["received"], "the receipt")
    wait_for(lambda: "accepted" in kiosk.stages("A1"), "the acceptance that was kept")
    wait_for(lambda: kiosk.presence[-1][0].on_duty, "on duty again")


def test_a_store_that_mends_while_running_lets_everything_out(site: Site) -> None:
    (site.folder / "state").write_text("in the way")
    site.run()
    kiosk = site.kiosk()
    kiosk.publish(fresh_alert("A1"))
    wait_for(lambda: stored(site), "the alert in people's sight")
    (site.folder / "state").unlink()
    wait_for(lambda: kiosk.stages("A1") == ["received"], "the receipt")
    wait_for(lambda: kiosk.presence[-1][0].on_duty, "on duty again")


def test_a_broker_that_falls_and_rises_loses_nothing(site: Site) -> None:
    site.run()
    kiosk = site.kiosk()
    kiosk.publish(fresh_alert("A1"))
    wait_for(lambda: kiosk.stages("A1"), "the receipt")
    site.broker.kill()
    wait_for(lambda: not ask(site.socket, {"ask": "status"})["link"], "the link to fall")
    assert ask(site.socket, {"ask": "accept", "alert": "A1", "by": "op-1"})["ok"]
    refused = ask(site.socket, {"ask": "command", "kiosk": "kz-1", "name": "drill", "by": "op-1"})
    assert not refused["ok"]
    site.broker.start()
    wait_for(lambda: "accepted" in kiosk.stages("A1"), "the acceptance after the reconnect")


def test_a_cut_kiosk_is_silent_by_its_will_and_alive_again_by_a_heartbeat(site: Site) -> None:
    site.run()
    first = site.kiosk(will=a_status("offline", 5, 1))
    first.status(a_status("online", 5, 1))
    first.publish(a_beat(boot=5, seq=1))

    def life() -> str:
        found = ask(site.socket, {"ask": "kiosks"})["kiosks"]
        return found[0]["life"] if found else ""

    wait_for(lambda: life() == "online", "the kiosk")
    first.cut()
    wait_for(lambda: life() == "silent", "the will")
    again = site.kiosk()
    seqs = count(2)

    def beats_and_lives() -> bool:
        again.publish(a_beat(boot=5, seq=next(seqs)))  # one within a second of the will proves nothing
        return life() == "online"

    wait_for(beats_and_lives, "the heartbeat")
    again.raw("pana/v1/k/kz-1/status", wire.encode(a_status("offline", 5, 0)), retain=True)
    again.publish(an_event(1))
    wait_for(lambda: ask(site.socket, {"ask": "kiosks"})["kiosks"][0]["events"], "the event after the will")
    assert life() == "online"


def test_hostile_bodies_are_counted_and_the_centre_goes_on(site: Site) -> None:
    site.run()
    kiosk = site.kiosk()
    kiosk.publish(a_beat())
    wait_for(lambda: ask(site.socket, {"ask": "kiosks"})["kiosks"], "the kiosk")
    for payload in (b"", b"\xff\xfe", b"[" * 4000, b'{"v":1}', wire.encode(fresh_alert("OTHER"))):
        kiosk.raw("pana/v1/k/kz-1/alert/X", payload)
        kiosk.raw("pana/v1/k/kz-1/hb", payload, qos=0)
    kiosk.publish(fresh_alert("A1"))
    wait_for(lambda: kiosk.stages("A1"), "the receipt after the rubbish")
    # each alert, and at least the last of the heartbeats that came in one moment
    wait_for(lambda: ask(site.socket, {"ask": "kiosks"})["kiosks"][0]["refused"] >= 6, "the refusals")
    (view,) = ask(site.socket, {"ask": "kiosks"})["kiosks"]
    assert sum(event["code"] == "alert-unreadable" for event in view["events"]) == 5


def test_a_watcher_sees_what_happens_and_a_command_reaches_the_kiosk(site: Site) -> None:
    site.run()
    kiosk = site.kiosk()
    events = watch(site.socket, PATIENCE_S, question={"ask": "status"})
    assert any("link" in event for event in events)  # the answer: from now on nothing is missed
    seen: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: seen.extend(_until(events, "command_result")), daemon=True)
    thread.start()
    kiosk.publish(a_beat())
    wait_for(lambda: ask(site.socket, {"ask": "kiosks"})["kiosks"], "the kiosk")
    assert ask(site.socket, {"ask": "command", "kiosk": "kz-1", "name": "report", "by": "op-1"})["ok"]
    (command,) = wait_for(lambda: kiosk.commands, "the command")
    at = wire.utc_text(time.time_ns() // 1_000_000)
    kiosk.publish(CommandResult(command_id=command.command_id, state="succeeded", at=at))
    thread.join(PATIENCE_S)
    told = [event["what"] for event in seen if event["what"].startswith("command_")]
    assert told == ["command_sent", "command_result"]


def _until(events: Iterator[dict[str, Any]], what: str) -> Iterator[dict[str, Any]]:
    for event in events:
        yield event
        if event["what"] == what:
            return


def test_questions_that_make_no_sense_are_refused(site: Site) -> None:
    site.run()
    for request in ({}, {"ask": "nothing"}, {"ask": "accept"}, {"ask": "accept", "alert": "A", "by": "\n"}):
        with pytest.raises(DeviceError, match="refused"):
            ask(site.socket, request)
    assert ask(site.socket, {"ask": "accept", "alert": "A", "by": "op"})["text"] == "no such alert"


def test_long_lists_come_in_pages(site: Site) -> None:
    site.run()
    kiosk = site.kiosk()
    for number in range(60):
        kiosk.publish(fresh_alert(f"A{number:03d}", seq=number + 1))
    wait_for(lambda: len(kiosk.replies) == 60, "the receipts")
    assert len(ask(site.socket, {"ask": "alerts"})["alerts"]) == 50
    assert len(stored(site)) == 60
    assert len(lines(site.cli("alerts", "--json").stdout)) == 60


def test_a_second_centre_on_the_same_socket_is_refused(site: Site) -> None:
    site.run()
    with pytest.raises(DeviceError):
        app.Centre(site.config).run()
    assert site.cli("run", "--config", str(site.file)).returncode == 4


def test_a_bug_in_one_message_does_not_end_the_centre(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def trip(heard: Heard) -> Any:
        if heard.topic.endswith("POISON"):
            raise ZeroDivisionError
        return real(heard)

    real = app.intake.read
    monkeypatch.setattr(app.intake, "read", trip)
    site.run()
    kiosk = site.kiosk()
    kiosk.publish(fresh_alert("POISON"))
    kiosk.publish(fresh_alert("A1"))
    wait_for(lambda: kiosk.stages("A1"), "the next alert's receipt")
    assert kiosk.stages("POISON") == []


def test_a_bug_in_the_news_of_one_alert_does_not_end_the_centre_and_the_others_are_heard(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages = (StageEntry(stage="received", at_ms=1),)
    bad, good = (
        Case(alert=fresh_alert(name), received_ms=1, door="mqtt", age_s=0, late=False, stages=stages)
        for name in ("POISON", "A1")
    )
    news: list[Any] = [NewsRead(cases=(bad, good))]

    def look(_: object, **state: bool) -> Any:
        return [news.pop()] if news and state["loaded"] else []

    def learn(self: Caseload, case: Case, now: Any) -> Any:
        if case.alert.alert_id == "POISON":
            raise ZeroDivisionError
        return real(self, case, now)

    real = Caseload.learn
    monkeypatch.setattr(app.Neighbours, "look", look)
    monkeypatch.setattr(Caseload, "learn", learn)
    site.run()
    wait_for(lambda: not news, "the look")
    kiosk = site.kiosk()
    kiosk.publish(fresh_alert("A2"))
    wait_for(lambda: kiosk.stages("A2"), "the next alert's receipt")
    assert {view["alert_id"] for view in ask(site.socket, {"ask": "alerts"})["alerts"]} == {"A1", "A2"}


@pytest.mark.parametrize("what", [Ticked, Saved])
def test_a_bug_in_what_time_or_the_store_brings_does_not_end_the_centre(
    site: Site, monkeypatch: pytest.MonkeyPatch, what: type
) -> None:
    """It used to, and again at each start: one alert of one kiosk's could put the whole centre down."""
    tripped = []

    def handle(self: Fleet, notice: Any, now: Any) -> Any:
        if isinstance(notice, what) and len(tripped) < 3:
            tripped.append(notice)
            raise ZeroDivisionError
        return real(self, notice, now)

    real = Fleet.handle
    monkeypatch.setattr(Fleet, "handle", handle)
    site.run()
    kiosk, alert = site.kiosk(), fresh_alert("A1")

    def heard() -> bool:
        kiosk.publish(alert)
        return len(tripped) == 3 and bool(kiosk.stages("A1"))

    wait_for(heard, "a receipt")


def test_a_question_that_trips_over_a_bug_is_answered(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.run()
    monkeypatch.setattr("kiosk.monitor.views.kiosk", lambda *_: 1 / 0)
    site.kiosk().publish(a_beat())
    wait_for(lambda: ask(site.socket, {"ask": "status"})["kiosks"], "the kiosk")
    with pytest.raises(DeviceError, match="its log says why"):
        ask(site.socket, {"ask": "kiosks"})


def test_a_store_damaged_while_running_is_set_aside_and_filled_from_memory(site: Site) -> None:
    centre = app.Centre(site.config)
    centre._memory.restore()

    def take(name: str) -> None:
        payload = wire.encode(fresh_alert(name))
        centre._post(Heard(f"pana/v1/k/kz-1/alert/{name}", payload, retained=False, receipt=None))
        centre._turn()

    for number in range(60):
        take(f"A{number}")
    path = Path(site.config.store_path)
    assert centre._store._connection is not None
    raw = centre._store._connection.connection.cursor()
    for forget in ("wal_checkpoint(TRUNCATE)", "cache_size = 1", "shrink_memory"):
        raw.execute(f"PRAGMA {forget}")
    path.write_bytes(path.read_bytes()[:4096] + b"\xa5" * (path.stat().st_size - 4096))
    for number in range(60, 80):
        take(f"A{number}")
    if centre._fleet.store_fault:  # met by a commit, and not by the look before it
        centre._fleet._books._retry_s = 0.0
        centre._handle(Ticked())
        centre._memory.commit()
    assert centre._fleet.store_fault == ""
    assert all(centre._store.find(f"A{number}") for number in range(80))
    assert centre._store.quarantined
    centre._end()


def test_heartbeats_give_way_while_the_centre_cannot_keep_up(site: Site) -> None:
    centre = app.Centre(site.config)
    for number in range(app.HEARD_MAX + 50):
        centre._post(Heard("pana/v1/k/kz-1/hb", b"", retained=False, receipt=None))
        if number > app.HEARD_MAX:
            centre._post(Heard("pana/v1/k/kz-1/alert/A", b"", retained=False, receipt=Receipt(1, number)))
    assert centre._queue.qsize() == app.HEARD_MAX + 1 + 49
    centre._control.close()


def test_a_damaged_store_is_set_aside_and_a_repeat_brings_the_alert_back(site: Site) -> None:
    site.run()
    kiosk = site.kiosk()
    kiosk.publish(fresh_alert("A1"))
    wait_for(lambda: kiosk.stages("A1"), "the receipt")
    site.stop()
    path = site.folder / "state" / "centre.sqlite"
    path.write_bytes(b"rubbish" * 3000)
    site.run()
    assert list(path.parent.glob("*.damaged-*"))
    kiosk.publish(fresh_alert("A1", attempt=2))
    wait_for(lambda: len(kiosk.stages("A1")) > 1, "the receipt of the repeat")
    assert set(stored(site)) == {"A1"}
