"""The HTTPS doors over real TLS: alerts, replies, who may speak, and what a missing core means."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from fakes.doors_site import DoorsSite, json_of
from fakes.virtual_centre import VirtualCentre, an_alert
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pki import Authority

from kiosk.monitor.doors import alerts
from kiosk.monitor.doors.peer import Peer
from kiosk.monitor.doors.reading import Unreadable
from kiosk.monitor.doors.waiting import Waiting
from kiosk.monitor.effects import Answer
from kiosk.monitor.messages import AlertArrived
from kiosk.monitor.store import certificates, registry

pytestmark = pytest.mark.real
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DoorsSite]:
    made = DoorsSite(tmp_path_factory.mktemp("doors"), names=("kz-1", "kz-2", "kz-3", "kz-4", "kz-5")).start()
    yield made
    made.close()


@pytest.fixture
def kiosk(site: DoorsSite) -> Iterator[requests.Session]:
    with site.client("kz-1") as session:
        yield session


@pytest.fixture(autouse=True)
def _good_mood(site: DoorsSite) -> Iterator[None]:
    yield
    site.core.mood = "ok"


def send(site: DoorsSite, session: requests.Session, alert_id: str, **changes: object) -> requests.Response:
    alert = an_alert(**({"alert_id": alert_id, "kiosk_id": "kz-1"} | changes))
    return session.post(f"{site.url}/v1/alerts", json=json_of(alert), timeout=10)


def ask(
    site: DoorsSite, session: requests.Session, alert_id: str, after: str = "", wait: int = 0
) -> requests.Response:
    query: dict[str, str | int] = {"after": after, "wait": wait}
    return session.get(f"{site.url}/v1/alerts/{alert_id}/replies", params=query, timeout=30)


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


@pytest.mark.parametrize("ahead_s", [0.0, 0.15], ids=["at once", "the event ahead of its commit"])
def test_a_waiting_kiosk_hears_the_next_stage(
    site: DoorsSite, kiosk: requests.Session, ahead_s: float
) -> None:
    alert_id = f"WAIT{ahead_s * 100:.0f}"
    send(site, kiosk, alert_id)
    with ThreadPoolExecutor(1) as pool:
        began_s = time.monotonic()
        heard = pool.submit(ask, site, kiosk, alert_id, "received", 20)
        time.sleep(0.2)  # it waits by now; were it late, it would find the stage at once
        site.core.advance(f"ANOTHER{alert_id}", "accepted")
        site.core.advance(alert_id, "accepted", durable_after_s=ahead_s)
        assert stages_of(heard.result(15)) == ["accepted"]
        assert time.monotonic() - began_s < 15


def test_a_kiosk_may_wait_only_so_often_and_gives_its_places_back(site: DoorsSite) -> None:
    files = site.kiosk("kz-3")
    first = site.client(files=files)
    send(site, first, "CROWD", kiosk_id="kz-3")
    sessions = [site.client(files=files) for _ in range(5)]
    with ThreadPoolExecutor(5) as pool:
        asked = [pool.submit(ask, site, one, "CROWD", "received", 2) for one in sessions]
        answers = [one.result(20) for one in asked]
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 200, 429]
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["retry-after"]
    assert stages_of(ask(site, first, "CROWD", "received", 1)) == []


def test_a_kiosk_that_hangs_up_leaves_no_waiter_behind(site: DoorsSite) -> None:
    files = site.kiosk("kz-4")
    first = site.client(files=files)
    send(site, first, "GONE", kiosk_id="kz-4")
    for _ in range(6):  # more than may wait at once
        with site.client(files=files) as session, pytest.raises(requests.Timeout):
            session.get(
                f"{site.url}/v1/alerts/GONE/replies",
                params={"after": "received", "wait": 25},
                timeout=0.3,
            )
    deadline_s = time.monotonic() + 15
    while ask(site, first, "GONE", "received", 1).status_code != 200:
        assert time.monotonic() < deadline_s


def test_everybody_looks_again_once_the_core_is_back(site: DoorsSite, kiosk: requests.Session) -> None:
    send(site, kiosk, "MISSED")
    with ThreadPoolExecutor(1) as pool:
        heard = pool.submit(ask, site, kiosk, "MISSED", "received", 20)
        time.sleep(0.2)
        site.core.stop()
        site.core._keep_stage("MISSED", "accepted", "officer-7")  # nobody could tell of it
        site.core.start()
        assert stages_of(heard.result(18)) == ["accepted"]
    site.wait_for_core()


def test_who_waits_is_answered_when_the_doors_end(tmp_path: Path) -> None:
    own = DoorsSite(tmp_path).start()
    session = own.client("kz-1")
    send(own, session, "ENDING")
    with ThreadPoolExecutor(1) as pool:
        heard = pool.submit(ask, own, session, "ENDING", "received", 25)
        time.sleep(0.3)
        own.close()
        assert stages_of(heard.result(5)) == []


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
    site.core.mood, site.core.slow_s = "slow", 0.6
    with ThreadPoolExecutor(4) as pool:
        sessions = [site.client("kz-1") for _ in range(4)]
        began_s = time.monotonic()
        sent = [pool.submit(send, site, one, f"SLOW{number}") for number, one in enumerate(sessions)]
        assert [one.result(15).status_code for one in sent] == [200] * 4
        assert time.monotonic() - began_s < 10


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
            response = stranger.request(method, site.url + path, json={}, timeout=5)
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
        deadline_s = time.monotonic() + 5
        while (response := send(site, session, "LAST", kiosk_id="kz-5")).status_code == 200:
            assert time.monotonic() < deadline_s
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
        assert session.get(f"{site.url}/v1/crl.pem", timeout=5).status_code == 403


def test_a_certificate_that_the_registry_does_not_know_still_carries_an_alert(site: DoorsSite) -> None:
    with site.client(files=site.kiosk("kz-lost", known=False)) as session:
        assert send(site, session, "UNKNOWN", kiosk_id="kz-lost").status_code == 200


def test_an_alert_does_not_wait_for_a_registry_that_cannot_be_read(
    site: DoorsSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stalled(*_: object) -> certificates.Standing:
        time.sleep(2)
        return certificates.Standing(revoked=True)

    monkeypatch.setattr("kiosk.monitor.doors.standing.certificates.standing", stalled)
    with site.client("kz-1") as session:
        assert send(site, session, "STALLED").status_code == 200


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
        assert session.get(f"{site.url}/v1/crl.pem", timeout=5).status_code == 503
        health = session.get(f"{site.url}/v1/health", timeout=5).json()
    assert (health["core"], health["store"]) == (True, False)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_bug_of_ours_is_no_receipt_and_tells_no_inside(
    site: DoorsSite, kiosk: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bug(*_: object) -> bytes:
        raise RuntimeError("a secret")

    monkeypatch.setattr("kiosk.monitor.doors.alerts.wire.encode", bug)
    response = kiosk.post(
        f"{site.url}/v1/alerts", json=json_of(an_alert(alert_id="BUG", kiosk_id="kz-1")), timeout=5
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
        assert set(stages) == {"received"}
        assert feed.most == alerts.AT_ONCE

    asyncio.run(storm())


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
        (b" " * 8193, 413, "8192"),
        (b" " * 200_000, 413, "8192"),
    ],
)
def test_a_wrong_body_is_refused_with_what_where_and_what_to_do(
    site: DoorsSite, kiosk: requests.Session, body: bytes, status: int, words: str
) -> None:
    headers = {"content-type": "application/json; charset=utf-8"}
    response = kiosk.post(f"{site.url}/v1/alerts", data=body, headers=headers, timeout=10)
    assert response.status_code == status
    assert words in response.json()["error"]


def test_a_body_of_another_type_is_refused(site: DoorsSite, kiosk: requests.Session) -> None:
    for media in ("text/plain", "application/x-www-form-urlencoded", "", "application/jsonp"):
        headers = {"content-type": media}
        response = kiosk.post(f"{site.url}/v1/alerts", data=b"{}", headers=headers, timeout=5)
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
    response = kiosk.send(request, timeout=10, verify=str(site.ca_file), allow_redirects=False)
    assert response.status_code in {404, 405}
    assert "error" in response.json()


@pytest.mark.parametrize(
    "query",
    ["after=x", "wait=26", "wait=-1", "wait=1.5", "wait=", "wait=٣", "after=received%00", "wait=1e1"],
)
def test_a_wrong_question_is_refused(site: DoorsSite, kiosk: requests.Session, query: str) -> None:
    response = kiosk.get(f"{site.url}/v1/alerts/A/replies?{query}", timeout=5)
    assert response.status_code == 400
    assert response.json()["error"].startswith(("after: ", "wait: "))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    body=st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()),
)
def test_no_body_makes_the_doors_fail(site: DoorsSite, kiosk: requests.Session, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    response = kiosk.post(f"{site.url}/v1/alerts", data=body, headers=headers, timeout=10)
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
    response = kiosk.post(f"{site.url}/v1/alerts", json=body, timeout=10)
    assert response.status_code in {200, 400, 403}


def test_the_doors_still_stand(site: DoorsSite, kiosk: requests.Session) -> None:
    health = kiosk.get(f"{site.url}/v1/health", timeout=5).json()
    assert (health["core"], health["store"]) == (True, True)
    assert set(health) == {"core", "store", "at"}
