"""The check's visit to a real Mosquitto over mutual TLS, with the shipped rules."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fakes.check_bench import Responder, changed, only, trial
from fakes.virtual_kiosk import example_config
from kiosk_site import KioskSite
from pki import Authority

from kiosk import wire
from kiosk.bodies import Command
from kiosk.check import alone, broker
from kiosk.check.row import Row
from kiosk.config import Config, Tls
from kiosk.messages import LinkDown
from kiosk.sim.broker import MosquittoBroker
from kiosk.site_files import load_config

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def site() -> Iterator[KioskSite]:
    """A broker; neither centre nor daemon."""
    with KioskSite() as site:
        yield site


@pytest.fixture
def config(site: KioskSite) -> Config:
    return load_config(site.folder / "site.toml")[0]


@pytest.fixture
def centre(site: KioskSite) -> Iterator[Responder]:
    made = Responder(site)
    yield made
    made.close()


def visit(config: Config, *, receipt: bool = True, at: str = "") -> list[Row]:
    where, alert = at or config.mqtt.brokers[0], trial(config).alert()
    return broker.check_broker(where, config.mqtt, alert, time.time, receipt=receipt)


def test_a_broker_is_judged_by_a_round_trip_and_the_centres_own_answer(
    config: Config, centre: Responder
) -> None:
    assert [row.code for row in visit(config)] == ["broker_ok", "receipt_ok", "duty_nobody"]
    topic, body = next(heard for heard in centre.heard if "/alert/" in heard[0])
    assert topic.startswith("pana/v1/k/demo-kiosk/alert/")
    assert b'"kind":"drill"' in body


def test_a_puback_alone_is_not_a_receipt(
    config: Config, centre: Responder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pitfall 5."""
    monkeypatch.setattr(broker, "RECEIPT_S", 0.5)
    centre.answers = False
    assert [row.code for row in visit(config)] == ["broker_ok", "receipt_missing", "duty_nobody"]


def test_a_visit_never_claims_that_the_kiosk_is_online(config: Config, centre: Responder) -> None:
    """Pitfall 9: presence and will belong to the daemon."""
    visit(config)
    assert centre.topics("status") == []


def test_a_visit_leaves_to_the_daemon_what_the_broker_keeps_for_it(
    config: Config, centre: Responder, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit(config)  # the session stands from here on
    order = Command(command_id="c1", name="report", at=wire.utc_text(0), expires_at=wire.utc_text(10**12))
    centre.order(config.kiosk.id, wire.encode(order))
    visit(config)
    kept: list[bytes] = []
    monkeypatch.setattr(broker.Visit, "on_message", lambda _self, _topic, body, **_: kept.append(body))
    monkeypatch.setattr(broker, "RECEIPT_S", 0.5)
    visit(config)
    assert wire.encode(order) in kept


def test_a_broker_that_gets_no_drill_is_only_joined(config: Config, centre: Responder) -> None:
    assert only(visit(config, receipt=False)).code == "broker_joined"
    assert centre.topics("alert") == []


def test_another_authoritys_certificate_opens_no_broker(config: Config, tmp_path: Path) -> None:
    """Pitfall 40: only the pinned private CA counts."""
    other = Authority(tmp_path, name="other")
    pair = other.client(config.kiosk.id)
    files = Tls(ca=str(other.ca), cert=str(pair.cert), key=str(pair.key))
    row = only(visit(changed(config, "mqtt", tls=files)))
    assert row.code == "broker_down"
    assert row.values["reason"]


def test_a_silent_or_absent_broker_ends_in_time(
    config: Config, site: KioskSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "CONNECT_S", 0.5)
    monkeypatch.setattr(broker, "ANSWER_S", 0.5)
    assert only(visit(config, at="localhost:1")).code == "broker_down"
    assert only(visit(config, at="no.such.host.invalid:8883")).code == "broker_down"
    site.broker.freeze(frozen=True)
    try:
        assert only(visit(config)).code == "broker_down"
    finally:
        site.broker.freeze(frozen=False)


def test_a_refusal_is_told_with_the_brokers_reason() -> None:
    seen = broker.Visit(trial(example_config()).alert())
    seen.on_granted((1, 0x80))
    with pytest.raises(LinkDown, match="refuses the subscriptions"):
        broker._demand_granted(seen)
    seen.on_pong(1)
    seen.on_connected("Not authorized")
    seen.on_fault("the socket broke")
    assert seen.ended == "the broker refused: Not authorized"


@pytest.mark.parametrize(("code", "found"), [(0x10, "receipt_nobody"), (0, "receipt_missing")])
def test_nobody_behind_the_broker_is_told_as_such(
    monkeypatch: pytest.MonkeyPatch, code: int, found: str
) -> None:
    """Pitfall 5: PUBACK 0x10 looks like success."""
    monkeypatch.setattr(broker, "RECEIPT_S", 0.0)
    alert = trial(example_config()).alert()
    seen = broker.Visit(alert)
    seen.on_acknowledged(1, code)
    assert [row.code for row in broker._round_trip(_Mute(), _Mute(), seen, alert, "broker")][1] == found  # type: ignore[arg-type]
    seen.on_acknowledged(1, 0x87)
    with pytest.raises(LinkDown, match="0x87"):
        broker._round_trip(_Mute(), _Mute(), seen, alert, "broker")  # type: ignore[arg-type]


class _Mute:
    """A client that sends into the void."""

    def publish(self, *_: object, **__: object) -> None: ...

    def step(self, *_: object) -> None: ...


def test_every_broker_of_the_list_is_visited_and_one_gets_the_drill(
    config: Config, centre: Responder
) -> None:
    good = config.mqtt.brokers[0]
    same = f"127.0.0.1:{good.rpartition(':')[2]}"
    rows: list[Row] = []

    def test(_part: str, _seconds: float, how: Callable[[], list[Row]]) -> list[Row]:
        found = how()
        rows.extend(found)
        return found

    several = changed(config, "mqtt", brokers=("localhost:1", good, same))
    alone._brokers(several, trial(config), time.time, test)
    codes = [row.code for row in rows]
    assert codes == ["broker_down", "broker_ok", "receipt_ok", "duty_nobody", "broker_joined"]
    rows.clear()
    alone._brokers(changed(config, "mqtt", brokers=("localhost:1",)), trial(config), time.time, test)
    assert [row.code for row in rows] == ["broker_down", "untested_broker", "untested_broker"]


def test_a_broker_on_this_machine_may_ask_for_a_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "RECEIPT_S", 0.1)
    config = example_config(mqtt__tls=None, mqtt__user="almaty-0017")
    (tmp_path / "password").write_text("secret\n")
    known = changed(config, "mqtt", password_file=str(tmp_path / "password"))
    with MosquittoBroker(passwords={"almaty-0017": "secret"}) as plain:
        at = f"localhost:{plain.port}"
        assert visit(known, at=at)[0].code == "broker_ok"
        assert only(visit(config, at=at)).code == "broker_down"
