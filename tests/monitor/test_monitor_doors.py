"""The HTTPS doors over real TLS: alerts, replies, who may speak, and what a missing core means."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor
from concurrent.futures import wait as wait_for_any
from pathlib import Path
from typing import Any

import pytest
import requests
from fakes.doors_site import PATIENCE_S, DoorsSite, json_of, patient
from fakes.mqtt_kiosk import wait_for
from fakes.virtual_centre import VirtualCentre, an_alert
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pki import Authority

from kiosk.monitor.doors import alerts, standing
from kiosk.monitor.doors.peer import Peer
from kiosk.monitor.doors.reading import Unreadable
from kiosk.monitor.doors.waiting import Waiting
from kiosk.monitor.effects import Answer
from kiosk.monitor.messages import AlertArrived
from kiosk.monitor.store import certificates, registry, replies

pytestmark = pytest.mark.real
LOOK_S = standing.ALERT_LOOK_S  # as it is in earnest
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(scope="module", autouse=True)
def _patience() -> Iterator[None]:
    with patient():
        yield


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DoorsSite]:
    made = DoorsSite(tmp_path_factory.mktemp("doors"), names=("kz-1", "kz-2", "kz-3", "kz-4", "kz-5")).start()
    yield made
    made.close()


@pytest.fixture
def kiosk(site: DoorsSite) -> Iterator[requests.Session]:
    with site.client("kz-1") as session:
        yield session


@pytest.fixture
def long_s(monkeypatch: pytest.MonkeyPatch) -> int:
    """Let kiosks wait longer than this file's patience: what comes by then was told, not found at the end."""
    monkeypatch.setattr(alerts, "WAIT_MAX_S", 99.0)
    return 99


@pytest.fixture(autouse=True)
def _good_mood(site: DoorsSite) -> Iterator[None]:
    yield
    site.core.mood = "ok"


def send(site: DoorsSite, session: requests.Session, alert_id: str, **changes: object) -> requests.Response:
    alert = an_alert(**({"alert_id": alert_id, "kiosk_id": "kz-1"} | changes))
    return session.post(f"{site.url}/v1/alerts", json=json_of(alert), timeout=PATIENCE_S)


def ask(
    site: DoorsSite, session: requests.Session, alert_id: str, after: str = "", wait: int = 0
) -> requests.Response:
    query: dict[str, str | int] = {"after": after, "wait": wait}
    return session.get(
        f"{site.url}/v1/alerts/{alert_id}/replies", params=query, timeout=alerts.WAIT_MAX_S + PATIENCE_S
    )


def stages_of(response: requests.Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [reply["stage"] for reply in response.json()]


def test_an_alert_is_received_once_however_often_it_comes(site: DoorsSite, kiosk: requests.Session) -> None:
    first = send(site, kiosk, "ONCE")
    assert (first.status_code, first.headers["content-type"]) == (200, "application/json")
    assert first.json().items() >= {"v": 1, "alert_id": "ONCE", "stage": "received"}.items()
    assert send(site, kiosk, "ONCE").json() == first.json()
    site.core.advance("ONCE", "accepted")
    again = send(site, kiosk, "ONCE", attempt=3).json()
    assert (again["stage"], again["by"]) == ("accepted", "officer-7")
    assert "note" not in again


def test_stages_come_in_order_and_after_what_is_known(site: DoorsSite, kiosk: requests.Session) -> None:
    send(site, kiosk, "ORDER")
    assert stages_of(ask(site, kiosk, "ORDER")) == ["received"]
    assert stages_of(ask(site, kiosk, "ORDER", "received")) == []
    site.core.advance("ORDER", "on_scene")
    site.core.advance("ORDER", "accepted")
    assert stages_of(ask(site, kiosk, "ORDER", "sending")) == ["received", "accepted", "on_scene"]
    assert stages_of(ask(site, kiosk, "ORDER", "received", 5)) == ["accepted", "on_scene"]
    assert stages_of(ask(site, kiosk, "ORDER", "closed")) == []


def test_a_waiting_kiosk_hears_the_next_stage(site: DoorsSite, kiosk: requests.Session, long_s: int) -> None:
    send(site, kiosk, "WAIT")
    with ThreadPoolExecutor(1) as pool:
        heard = pool.submit(ask, site, kiosk, "WAIT", "received", long_s)
        site.wait_for_waiters("kz-1")
        site.core.advance("ANOTHERWAIT", "accepted")
        site.core.advance("WAIT", "accepted")
        assert stages_of(heard.result(PATIENCE_S)) == ["accepted"]


def test_a_stage_whose_event_runs_far_ahead_of_its_commit_is_heard(
    site: DoorsSite, kiosk: requests.Session, long_s: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    real = replies.of_alert

    def counted(db: Any, alert_id: str) -> replies.Told | None:
        told = real(db, alert_id)
        looks.append(alert_id)
        return told

    send(site, kiosk, "AHEAD")
    monkeypatch.setattr(replies, "of_alert", counted)
    with ThreadPoolExecutor(1) as pool:
        heard = pool.submit(ask, site, kiosk, "AHEAD", "received", long_s)
        site.wait_for_waiters("kz-1")
        site.core.advance(
            "AHEAD",
            "accepted",
            durable_after=lambda: wait_for(lambda: looks.count("AHEAD") >= 7, "seven looks"),
        )
        assert stages_of(heard.result(PATIENCE_S)) == ["accepted"]


def test_a_kiosk_may_wait_only_so_often_and_gives_its_places_back(site: DoorsSite, long_s: int) -> None:
    files = site.kiosk("kz-3")
    first = site.client(files=files)
    send(site, first, "CROWD", kiosk_id="kz-3")
    sessions = [site.client(files=files) for _ in range(5)]
    with ThreadPoolExecutor(5) as pool:
        asked = [pool.submit(ask, site, one, "CROWD", "received", long_s) for one in sessions]
        done, others = wait_for_any(asked, PATIENCE_S, return_when=FIRST_COMPLETED)
        (refused,) = (one.result() for one in done)
        assert refused.status_code == 429
        assert refused.headers["retry-after"]
        site.wait_for_waiters("kz-3", 4)
        site.core.advance("CROWD", "accepted")
        assert [stages_of(one.result(PATIENCE_S)) for one in others] == [["accepted"]] * 4
    assert stages_of(ask(site, first, "CROWD", "accepted", 1)) == []


def test_a_kiosk_that_hangs_up_leaves_no_waiter_behind(site: DoorsSite) -> None:
    files = site.kiosk("kz-4")
    first = site.client(files=files)
    send(site, first, "GONE", kiosk_id="kz-4")
    for _ in range(6):  # more than may wait at once
        with site.client(files=files) as session, pytest.raises(requests.Timeout):
            session.get(
                f"{site.url}/v1/alerts/GONE/replies",
                params={"after": "received", "wait": 25},
                timeout=(PATIENCE_S, 0.3),
            )
    wait_for(lambda: ask(site, first, "GONE", "received", 1).status_code == 200, "a place")


def test_everybody_looks_again_once_the_core_is_back(
    site: DoorsSite, kiosk: requests.Session, long_s: int
) -> None:
    send(site, kiosk, "MISSED")
    with ThreadPoolExecutor(1) as pool:
        heard = pool.submit(ask, site, kiosk, "MISSED", "received", long_s)
        site.wait_for_waiters("kz-1")
        site.core.stop()
        site.core._keep_stage("MISSED", "accepted", "officer-7")  # nobody could tell of it
        site.core.start()
        assert stages_of(heard.result(PATIENCE_S)) == ["accepted"]
    site.wait_for_core()


def test_who_waits_is_answered_when_the_doors_end(tmp_path: Path, long_s: int) -> None:
    own = DoorsSite(tmp_path).start()
    session = own.client("kz-1")
    send(own, session, "ENDING")
    with ThreadPoolExecutor(1) as pool:
        heard = pool.submit(ask, own, session, "ENDING", "received", long_s)
        own.wait_for_waiters("kz-1")
        own.close()
        assert stages_of(heard.result(PATIENCE_S)) == []


# ---- never a false receipt


def test_without_a_core_there_is_no_receipt(site: DoorsSite, kiosk: requests.Session) -> None:
    site.core.stop()
    try:
        site.wait_for_core(up=False)
        response = send(site, kiosk, "AWAY")
        assert (response.status_code, response.headers["retry-after"]) == (503, "1")
        assert "error" in response.json()
    finally:
        site.core.start()
        site.wait_for_core()
    assert send(site, kiosk, "AWAY").json()["stage"] == "received"


@pytest.mark.parametrize("mood", ["broken", "mad", "silent"])
def test_a_core_that_cannot_keep_it_gives_no_receipt(
    site: DoorsSite, kiosk: requests.Session, mood: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "CORE_S", 0.5)
    site.core.mood = mood
    response = send(site, kiosk, f"MOOD-{mood}")
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")


def test_a_slow_core_delays_the_receipt_of_one_and_no_other(site: DoorsSite) -> None:
    site.core.mood = "slow"
    with ThreadPoolExecutor(1) as pool:
        first, *others = [site.client("kz-1") for _ in range(4)]
        slow = pool.submit(send, site, first, "SLOW0")
        wait_for(lambda: site.core.held, "the question")
        site.core.mood = "ok"
        answers = [send(site, one, f"SLOW{number}") for number, one in enumerate(others, 1)]
        assert [answer.status_code for answer in answers] == [200] * 3
        assert not slow.done()
        site.core.release()
        assert slow.result(PATIENCE_S).status_code == 200


def test_an_alert_id_of_another_kiosk_is_refused(site: DoorsSite, kiosk: requests.Session) -> None:
    site.core.mood = "foreign"
    response = send(site, kiosk, "FOREIGN")
    assert response.status_code == 403
    assert "another kiosk" in response.json()["error"]


def test_the_core_words_a_foreign_alert_as_the_doors_expect() -> None:
    centre = VirtualCentre()
    centre.handle(AlertArrived(alert=an_alert(kiosk_id="kz-1"), door="https"))
    stolen = AlertArrived(alert=an_alert(kiosk_id="kz-2"), door="https", token="t")  # type: ignore[arg-type]
    (answer,) = [effect for effect in centre.handle(stolen) if isinstance(effect, Answer)]
    assert (answer.ok, answer.text) == (False, alerts.FOREIGN)


# ---- who may speak


def test_a_stranger_is_sent_to_the_enrolment(site: DoorsSite) -> None:
    with site.client() as stranger:
        for method, path in (
            ("POST", "/v1/alerts"),
            ("GET", "/v1/alerts/A/replies"),
            ("POST", "/v1/renew"),
            ("GET", "/v1/crl.pem"),
            ("GET", "/v1/health"),
        ):
            response = stranger.request(method, site.url + path, json={}, timeout=PATIENCE_S)
            assert response.status_code == 401, path
            assert "enrol first" in response.json()["error"]


def test_a_certificate_of_a_foreign_ca_does_not_get_through_tls(
    site: DoorsSite, tmp_path_factory: pytest.TempPathFactory
) -> None:
    pair = Authority(tmp_path_factory.mktemp("evil")).client("kz-1")
    with site.client(files=(pair.cert, pair.key)) as session, pytest.raises(requests.ConnectionError):
        send(site, session, "EVIL")


def test_a_server_certificate_is_no_kiosk(site: DoorsSite) -> None:
    own = (site.folder / "doors.crt", site.folder / "doors.key")
    with site.client(files=own) as session, pytest.raises(requests.ConnectionError):
        send(site, session, "SERVER")


def test_nobody_speaks_or_listens_for_another_kiosk(site: DoorsSite, kiosk: requests.Session) -> None:
    response = send(site, kiosk, "OTHERS", kiosk_id="kz-2")
    assert response.status_code == 403
    assert "must be kz-1" in response.json()["error"]
    send(site, kiosk, "MINE")
    with site.client("kz-2") as other:
        assert ask(site, other, "MINE").status_code == ask(site, other, "NO-SUCH").status_code == 404
    assert not [alert for alert in site.core.taken if alert.alert_id == "OTHERS"]


def test_a_revoked_kiosk_is_out_within_five_seconds_on_a_living_connection(site: DoorsSite) -> None:
    with site.client("kz-5") as session:
        assert send(site, session, "LAST", kiosk_id="kz-5").status_code == 200
        with site.write() as db:
            registry.revoke(db, "kz-5", "stolen", who="test", now_ms=site.now_s * 1000)
        assert standing.FRESH_S + LOOK_S < 5
        wait_for(lambda: send(site, session, "LAST", kiosk_id="kz-5").status_code != 200, "the revocation")
        response = send(site, session, "LAST", kiosk_id="kz-5")
        assert response.status_code == 403
        assert "revoked" in response.json()["error"]
    with site.client("kz-5") as session:  # a certificate that nobody has noted is out with its kiosk, too
        assert send(site, session, "LAST", kiosk_id="kz-5").status_code == 403


def test_one_revoked_certificate_is_out_and_its_kiosks_other_one_is_not(site: DoorsSite) -> None:
    old, new = site.kiosk("kz-2"), site.kiosk("kz-2")
    serial = max(
        (held for held in _held(site, "kz-2") if held.pem == old[0].read_bytes()),
        key=lambda held: held.issued_ms,
    ).serial
    with site.write() as db:
        certificates.revoke(db, serial, "replaced", who="test", now_ms=1)
    with site.client(files=old) as first, site.client(files=new) as second:
        assert send(site, first, "TWO", kiosk_id="kz-2").status_code == 403
        assert send(site, second, "TWO", kiosk_id="kz-2").status_code == 200


def _held(site: DoorsSite, name: str) -> list[certificates.Certificate]:
    with site.engine.connect() as db:
        return list(certificates.of_kiosk(db, name))


def test_an_expired_certificate_of_ours_still_carries_an_alert_and_its_replies_only(site: DoorsSite) -> None:
    expired = site.kiosk("kz-1", days=30, age_days=200)
    with site.client(files=expired) as session:
        assert send(site, session, "EXPIRED").json()["stage"] == "received"
        assert stages_of(ask(site, session, "EXPIRED")) == ["received"]
        assert session.get(f"{site.url}/v1/crl.pem", timeout=PATIENCE_S).status_code == 403


def test_a_certificate_that_the_registry_does_not_know_still_carries_an_alert(site: DoorsSite) -> None:
    with site.client(files=site.kiosk("kz-lost", known=False)) as session:
        assert send(site, session, "UNKNOWN", kiosk_id="kz-lost").status_code == 200


def test_an_alert_does_not_wait_for_a_registry_that_cannot_be_read(
    site: DoorsSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()

    def stalled(*_: object) -> certificates.Standing:
        goes_on.wait(2 * PATIENCE_S)
        return certificates.Standing(revoked=True)

    monkeypatch.setattr(standing, "ALERT_LOOK_S", LOOK_S)
    monkeypatch.setattr("kiosk.monitor.doors.standing.certificates.standing", stalled)
    with site.client("kz-1") as session:
        try:
            assert send(site, session, "STALLED").status_code == 200
        finally:
            goes_on.set()


def test_a_store_that_cannot_be_read_is_said_and_stops_no_alert(
    site: DoorsSite, kiosk: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unreadable(*_: object) -> None:
        raise Unreadable("OperationalError")

    for module in ("alerts", "standing", "app"):
        monkeypatch.setattr(f"kiosk.monitor.doors.{module}.look", unreadable)
    with site.client("kz-1") as session:  # nothing is remembered of a new certificate
        assert send(site, session, "UNREAD").json()["stage"] == "received"
        assert ask(site, session, "UNREAD").status_code == 503
        assert session.get(f"{site.url}/v1/crl.pem", timeout=PATIENCE_S).status_code == 503
        health = session.get(f"{site.url}/v1/health", timeout=PATIENCE_S).json()
    assert (health["core"], health["store"]) == (True, False)


def test_a_receipt_claims_no_press_that_the_core_has_not_counted(
    site: DoorsSite, kiosk: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A press after the end is opened anew by its kiosk, if it only hears that nobody counted it."""

    async def unreadable(*_: object) -> None:
        raise Unreadable("TimeoutError")

    assert send(site, kiosk, "ENDED").json()["presses"] == 1
    site.core.advance("ENDED", "closed")
    found = send(site, kiosk, "ENDED", presses=2).json()
    assert (found["stage"], found["presses"]) == ("closed", 1)
    monkeypatch.setattr(alerts, "look", unreadable)
    blind = send(site, kiosk, "ENDED", presses=2).json()
    assert (blind["stage"], blind["presses"]) == ("closed", 1)
    site.core.mood = "mute"
    assert send(site, kiosk, "ENDED", presses=2).status_code == 503
    assert send(site, kiosk, "OPEN").json()["stage"] == "received"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_bug_of_ours_is_no_receipt_and_tells_no_inside(
    site: DoorsSite, kiosk: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bug(*_: object) -> bytes:
        raise RuntimeError("a secret")

    monkeypatch.setattr("kiosk.monitor.doors.alerts.wire.encode", bug)
    response = kiosk.post(
        f"{site.url}/v1/alerts", json=json_of(an_alert(alert_id="BUG", kiosk_id="kz-1")), timeout=PATIENCE_S
    )
    assert response.status_code == 500
    assert "secret" not in response.text
    assert response.json()["error"]


def test_a_storm_of_alerts_never_overruns_the_cores_socket() -> None:
    class Counting:
        now = most = 0

        async def ask(self, request: dict[str, str], _: float) -> dict[str, object]:
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0)
            self.now -= 1
            return {"ok": True, "text": "received", "alert_id": request["peer"]}

    async def storm() -> None:
        feed = Counting()
        doors = alerts.AlertDoors(None, feed, None, Waiting())  # type: ignore[arg-type]
        peer = Peer(name="kz-1", serial="1", not_before_s=0, not_after_s=0)
        stages = await asyncio.gather(*(doors._hand_over(an_alert(), peer) for _ in range(600)))
        assert set(stages) == {("received", 0)}
        assert feed.most == alerts.AT_ONCE

    asyncio.run(storm())


class _Looks(alerts.AlertDoors):
    """Doors that find news at the look `news_at`; `happens` in the rest after the look `at`."""

    def __init__(
        self, news_at: int, happens: Callable[["_Looks"], None] = lambda _: None, *, at: int = 1
    ) -> None:
        super().__init__(None, None, None, Waiting())  # type: ignore[arg-type]
        self.news_at, self.happens, self.at = news_at, happens, at
        self.looks = 0
        self.gone = asyncio.Event()

    async def _beyond(self, *_: object) -> Any:
        self.looks += 1
        if self.looks == self.at:
            asyncio.get_running_loop().call_soon(self.happens, self)
        return ("news",) if self.looks >= self.news_at else ()

    async def receive(self) -> dict[str, str]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def heard(self) -> tuple[object, ...]:
        """Wait as a kiosk does whose bell has rung once."""
        peer = Peer(name="kz-1", serial="1", not_before_s=0, not_after_s=0)
        with self._waiting.bell("kz-1", "A") as bell:
            assert bell is not None
            self.ring()
            async with asyncio.timeout(PATIENCE_S):
                return await self._wait(self, bell, 3600.0, ("A", "", peer))  # type: ignore[arg-type]

    def ring(self) -> None:
        self._waiting.hear({"what": "case", "alert": {"alert_id": "A"}})

    def hang_up(self) -> None:
        self.gone.set()

    def close(self) -> None:
        self._waiting.close()


def test_who_waits_looks_once_more_after_the_last_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "LOOK_AGAIN_S", (0.001, 0.001))
    assert asyncio.run(_Looks(3).heard()) == ("news",)


@pytest.mark.parametrize(
    ("happens", "looks", "found"),
    [(_Looks.ring, 2, ("news",)), (_Looks.close, 2, ("news",)), (_Looks.hang_up, 1, ())],
    ids=["ring", "end of the doors", "hang-up"],
)
def test_a_rest_between_looks_holds_nothing_up(
    monkeypatch: pytest.MonkeyPatch, happens: Callable[[_Looks], None], looks: int, found: tuple[str, ...]
) -> None:
    monkeypatch.setattr(alerts, "LOOK_AGAIN_S", (3600.0,))
    doors = _Looks(2, happens)
    assert asyncio.run(doors.heard()) == found
    assert doors.looks == looks


def test_a_ring_between_looks_begins_the_short_rests_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "LOOK_AGAIN_S", (0.001, 3600.0))
    assert asyncio.run(_Looks(4, _Looks.ring, at=2).heard()) == ("news",)


def test_connections_of_two_kiosks_are_never_mixed_up(site: DoorsSite) -> None:
    failures: list[str] = []

    def talk(name: str) -> None:
        with site.client(name) as session:
            for number in range(15):
                response = send(site, session, f"{name}-{number}", kiosk_id=name)
                if (
                    response.status_code != 200
                    or send(site, session, "X", kiosk_id="kz-9").status_code != 403
                ):
                    failures.append(f"{name} {response.text}")

    talkers = [threading.Thread(target=talk, args=(name,)) for name in ("kz-1", "kz-2") * 3]
    for talker in talkers:
        talker.start()
    for talker in talkers:
        talker.join(60)
    assert failures == []


# ---- what comes in


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "Alert"),
        (b"{", 400, "Alert"),
        (b"[]", 400, "object"),
        (b'{"v":2}', 400, "Alert"),
        (b'{"v":1,"alert_id":"A B"}', 400, "alert_id"),
        (b"\xff\xfe\x00", 400, "Alert"),
        (b"[" * 8000, 400, "Alert"),
        (b'{"v":1,"x":"\\ud800"}', 400, "Alert"),
    ],
)
def test_a_wrong_body_is_refused_with_what_where_and_what_to_do(
    site: DoorsSite, kiosk: requests.Session, body: bytes, status: int, words: str
) -> None:
    headers = {"content-type": "application/json; charset=utf-8"}
    response = kiosk.post(f"{site.url}/v1/alerts", data=body, headers=headers, timeout=PATIENCE_S)
    assert response.status_code == status
    assert words in response.json()["error"]


@pytest.mark.parametrize("length", [8193, 200_000])
def test_a_body_that_is_too_long_is_refused_by_its_announced_length(site: DoorsSite, length: int) -> None:
    status, text = site.announce(site.names[0], "/v1/alerts", length)
    assert status == 413
    assert "8192" in json.loads(text)["error"]


def test_a_body_of_another_type_is_refused(site: DoorsSite, kiosk: requests.Session) -> None:
    for media in ("text/plain", "application/x-www-form-urlencoded", "", "application/jsonp"):
        headers = {"content-type": media}
        response = kiosk.post(f"{site.url}/v1/alerts", data=b"{}", headers=headers, timeout=PATIENCE_S)
        assert response.status_code == 415


@pytest.mark.parametrize(
    "path",
    [
        "/", "/v1", "/v1/", "/v1/alerts/", "/v1/alerts//replies", "/v1/alerts/../enrol", "//v1/alerts",
        "/v1/alerts/%2e%2e/replies", "/v1/alerts/a%2fb/replies", "/v1/alerts/%00/replies", "/v1/crl.pem/",
        "/v1/alerts/" + "A" * 5000 + "/replies", "/v1/alerts/';DROP TABLE alerts;--/replies",
        "/v1/alerts/Қазақ/replies", "/v1/openapi.json",
    ],
)  # fmt: skip
def test_a_tricky_path_leads_nowhere(site: DoorsSite, kiosk: requests.Session, path: str) -> None:
    request = requests.Request("GET", site.url).prepare()
    request.url = site.url + requests.utils.quote(path, safe="/%';.-")
    response = kiosk.send(request, timeout=PATIENCE_S, verify=str(site.ca_file), allow_redirects=False)
    assert response.status_code in {404, 405}
    assert "error" in response.json()


@pytest.mark.parametrize(
    "query",
    ["after=x", "wait=26", "wait=-1", "wait=1.5", "wait=", "wait=٣", "after=received%00", "wait=1e1"],
)
def test_a_wrong_question_is_refused(site: DoorsSite, kiosk: requests.Session, query: str) -> None:
    response = kiosk.get(f"{site.url}/v1/alerts/A/replies?{query}", timeout=PATIENCE_S)
    assert response.status_code == 400
    assert response.json()["error"].startswith(("after: ", "wait: "))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    body=st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()),
)
def test_no_body_makes_the_doors_fail(site: DoorsSite, kiosk: requests.Session, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    response = kiosk.post(f"{site.url}/v1/alerts", data=body, headers=headers, timeout=PATIENCE_S)
    assert response.status_code == 400
    assert response.json()["error"]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    field=st.sampled_from(
        ["alert_id", "kiosk_id", "kind", "pressed_at", "presses", "seq", "place", "versions"]
    ),
    value=st.none() | st.integers() | st.text(max_size=70) | st.lists(st.integers(), max_size=3),
)
def test_one_wrong_field_is_never_a_failure_of_ours(
    site: DoorsSite, kiosk: requests.Session, field: str, value: object
) -> None:
    body = json_of(an_alert(alert_id="FIELD", kiosk_id="kz-1")) | {field: value}
    response = kiosk.post(f"{site.url}/v1/alerts", json=body, timeout=PATIENCE_S)
    assert response.status_code in {200, 400, 403}


def test_the_doors_still_stand(site: DoorsSite, kiosk: requests.Session) -> None:
    def told() -> dict[str, Any]:
        said: dict[str, Any] = kiosk.get(f"{site.url}/v1/health", timeout=PATIENCE_S).json()
        return said

    wait_for(lambda: (told()["core"], told()["store"]) == (True, True), "core and store")
    assert set(told()) == {"core", "store", "at"}
