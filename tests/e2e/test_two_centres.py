"""Two centres on one PostgreSQL and one broker: either may die, and neither says what is not so."""

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.centre_site import fresh_alert
from fakes.mqtt_kiosk import MqttKiosk, wait_for
from fakes.two_centres import ASK_S, EVERY_S, NAMES, OFFICERS, TwoCentres
from fakes.virtual_centre import a_status

from kiosk.monitor.store.lease import LIFE_S

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]
ONE, OTHER = NAMES


@pytest.fixture
def pair(tmp_path: Path, postgres_url: str) -> Iterator[TwoCentres]:
    made = TwoCentres(tmp_path, postgres_url)
    try:
        yield made
    finally:
        made.close()


def accept_at_both(pair: TwoCentres, alert_id: str) -> dict[str, dict[str, Any]]:
    answers: dict[str, dict[str, Any]] = {}
    ready = threading.Barrier(2)

    def accept(name: str) -> None:
        ready.wait(30)
        answers[name] = pair.ask(name, {"ask": "accept", "alert": alert_id, "by": f"op-of-{name}"})

    threads = [threading.Thread(target=accept, args=(name,)) for name in NAMES]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * ASK_S)
    return answers


def both_accept(pair: TwoCentres, kiosk: MqttKiosk, alert_id: str, seq: int) -> None:
    kiosk.publish(fresh_alert(alert_id, seq=seq))
    for name in NAMES:
        wait_for(lambda name=name: pair.stage(name, alert_id) == "received", f"the alert at {name}")
    answers = accept_at_both(pair, alert_id)
    (winner,) = [name for name in NAMES if answers[name].get("ok")]
    (loser,) = {*NAMES} - {winner}
    assert answers[loser]["text"] == f"already accepted by op-of-{winner}"

    def said() -> set[str]:
        return {one.by for one in kiosk.replies if (one.alert_id, one.stage) == (alert_id, "accepted")}

    wait_for(said, "the acceptance at the kiosk")
    assert said() == {f"op-of-{winner}"}
    assert {pair.alerts(name)[alert_id]["by"] for name in NAMES} == {f"op-of-{winner}"}


def test_what_is_done_at_one_is_seen_at_the_other_and_one_of_two_acceptances_wins(pair: TwoCentres) -> None:
    pair.spawn_both()
    kiosk = pair.kiosk()
    kiosk.publish(fresh_alert("SEEN"))
    for name in NAMES:
        wait_for(lambda name=name: pair.stage(name, "SEEN") == "received", f"the alert at {name}")
    assert pair.ask(ONE, {"ask": "accept", "alert": "SEEN", "by": "aigerim"})["ok"]
    wait_for(lambda: pair.stage(OTHER, "SEEN") == "accepted", "the acceptance at the other one")
    late = pair.ask(OTHER, {"ask": "accept", "alert": "SEEN", "by": "bolat"})
    assert (late["ok"], late["text"]) == (False, "already accepted by aigerim")
    assert pair.ask(OTHER, {"ask": "close", "alert": "SEEN", "by": "bolat", "outcome": "helped"})["ok"]
    wait_for(lambda: pair.stage(ONE, "SEEN") == "closed", "the end at the first one")
    wait_for(lambda: set(kiosk.stages("SEEN")) == {"received", "accepted", "closed"}, "the kiosk's answers")

    for number in range(5):
        both_accept(pair, kiosk, f"RACE{number}", 2 + number)


def test_one_is_killed_in_the_middle_of_an_alert_and_the_other_calls_the_next_tier(pair: TwoCentres) -> None:
    pair.spawn_both()
    holder = wait_for(pair.holder, "somebody who escalates")
    (heir,) = {*NAMES} - {holder}
    kiosk = pair.kiosk()
    kiosk.publish(fresh_alert("MID"))
    wait_for(lambda: pair.gateway.called() == ["+77010000001"], "the first tier's SMS")
    wait_for(pair.noted_as_sent, "the SMS noted as sent")
    pair.kill(holder)
    kiosk.publish(fresh_alert("AFTER", seq=2))
    wait_for(lambda: "AFTER" in pair.alerts(heir), "the next alert at the one that is left")
    patience_s = LIFE_S + EVERY_S + 15
    wait_for(lambda: pair.holder() == heir, "the lease", patience_s)
    wait_for(lambda: pair.gateway.called().count("+77010000002") >= 2, "the second tier's SMS", patience_s)
    assert pair.ask(heir, {"ask": "accept", "alert": "MID", "by": "bolat"})["ok"]
    assert pair.ask(heir, {"ask": "accept", "alert": "AFTER", "by": "bolat"})["ok"]
    wait_for(lambda: "accepted" in kiosk.stages("MID"), "the acceptance at the kiosk")
    doubled = [text for text, times in Counter(pair.gateway.texts).items() if times > 1]
    assert doubled == []
    pair.spawn(holder)
    pair.wait_until_linked(holder)
    assert {name: view["stage"] for name, view in pair.alerts(holder).items()} == {
        "MID": "accepted", "AFTER": "accepted",
    }  # fmt: skip


def test_a_drill_for_people_calls_them_whichever_centre_ordered_it(pair: TwoCentres) -> None:
    pair.spawn_both()
    holder = wait_for(pair.holder, "somebody who escalates")
    (other,) = {*NAMES} - {holder}
    kiosk = pair.kiosk()
    kiosk.status(a_status())
    order = {"ask": "command", "kiosk": "kz-1", "name": "drill", "by": "aigerim", "duty": True}
    wait_for(lambda: pair.ask(other, order).get("ok"), "the order at the centre that does not escalate")
    (command,) = wait_for(lambda: kiosk.commands, "the order at the kiosk")
    kiosk.publish(fresh_alert("DRILL", kind="drill", duty=command.duty))
    kiosk.publish(fresh_alert("QUIET", kind="drill", seq=2))
    wait_for(lambda: len(pair.gateway.texts) == len(OFFICERS), "both tiers' SMS", EVERY_S + 15)
    assert pair.gateway.called() == [phone for _, phone, _ in OFFICERS]
    assert all(text.startswith("TEST") for _, text, _ in pair.gateway.texts)
