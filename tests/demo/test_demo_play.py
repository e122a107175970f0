"""A play with a shop in memory: cuts, clicks and restores come when they should."""

from typing import Any

import pytest
from fakes.shop import ALERT, FakeShop

from kiosk.demo import play as playing
from kiosk.demo.judge import Plan
from kiosk.demo.play import Play
from kiosk.messages import LinkDown

ID = ALERT["alert_id"]


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playing, "REST_S", 0.0)
    monkeypatch.setattr(playing, "QUIET_S", 0.0)
    monkeypatch.setattr(playing, "PLAY_S", 20.0)


class Story(FakeShop):
    """A shop whose kiosk and centre answer at once, and speak."""

    def __init__(self, *, spoken: bool = True) -> None:
        super().__init__()
        self.spoken = spoken
        self.on_press = lambda: self.reach("pressed", "received")
        self.on_ask = self.answer

    def reach(self, *stages: str) -> None:
        for stage in stages:
            self.tell(stage, alert_id=ID)
            if self.spoken:
                self.tell("said", key=stage, lang="kk")
                self.tell("said", key=stage, lang="ru")
        self.alerts = [{**ALERT, "stage": stages[-1]}]

    def answer(self, ask: str, fields: dict[str, Any]) -> None:
        if ask == "accept":
            self.reach("accepted")
        elif ask in ("advance", "close"):
            self.reach(fields.get("stage", "closed"))


def play(shop: FakeShop, plan: Plan) -> tuple[Any, list[dict[str, Any]]]:
    lines: list[dict[str, Any]] = []
    return Play(shop, plan, lines.append).run(), lines  # type: ignore[arg-type]


@pytest.mark.parametrize("spoken", [True, False])
def test_the_officer_clicks_through_one_whole_incident(spoken: bool) -> None:
    shop = Story(spoken=spoken)
    plan = Plan(voice="spoken" if spoken else "off")
    outcome, lines = play(shop, plan)
    assert outcome.faults(plan) == []
    assert outcome.stages == ["pressed", "received", "accepted", "en_route", "on_scene", "closed"]
    assert [done.split()[1] for done in shop.done if "centre" in done] == [
        "accept",
        "advance",
        "advance",
        "close",
    ]
    assert all(set(line) >= {"t_s", "what"} and "from" not in line for line in lines)


def test_without_a_person_it_ends_soon_after_the_receipt() -> None:
    outcome, _ = play(Story(), Plan(accept="none"))
    assert outcome.stages == ["pressed", "received"]


def test_what_is_cut_is_cut_before_the_press_and_restored_in_time() -> None:
    shop = Story()
    shop.state = {**shop.state}
    cut = shop.cut

    def cutting(network: str) -> None:
        cut(network)
        shop.state["mqtt"] = "down" if network == "mqtt" else shop.state["mqtt"]

    shop.cut = cutting  # type: ignore[method-assign]
    shop.on_press = lambda: shop.tell("pressed", alert_id=ID)
    restored = shop.restore

    def restoring(network: str) -> None:
        restored(network)
        if network == "mqtt":
            shop.reach("received")

    shop.restore = restoring  # type: ignore[method-assign]
    plan = Plan(cut=("mqtt", "gsm"), restore_after_s=0.05, accept="none")
    outcome, _ = play(shop, plan)
    assert shop.done == ["cut mqtt", "cut gsm", "press", "restore gsm", "restore mqtt"]
    assert outcome.stages == ["pressed", "received"]


def test_by_sms_the_networks_come_back_once_the_acceptance_was_told() -> None:
    shop = Story()
    shop.cut = lambda _network: shop.state.update(mqtt="down")  # type: ignore[method-assign]

    def pressed() -> None:
        shop.tell("pressed", alert_id=ID)
        shop.tell("sent", path="sms")
        shop.tell("sms_sent", parts=1)
        shop.reach("accepted")

    shop.on_press = pressed
    plan = Plan(cut=("mqtt",), accept="sms")
    outcome, _ = play(shop, plan)
    assert "restore mqtt" in shop.done
    assert outcome.faults(plan) == []


def test_events_before_the_press_and_of_others_are_no_part_of_the_story() -> None:
    shop = Story()
    shop.tell("link_up", link="mqtt")
    shop.tell("phone_rang", source="phone", text="SOS")
    _, lines = play(shop, Plan(accept="none"))
    assert "link_up" not in {line["what"] for line in lines}
    assert "phone_rang" not in {line["what"] for line in lines}


def test_parts_that_do_not_come_up_are_told_with_their_log() -> None:
    shop = Story()
    shop.ready = False
    with pytest.raises(LinkDown, match="the log of the kiosk"):
        play(shop, Plan())


def test_a_play_ends_even_when_nothing_ever_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playing, "PLAY_S", 0.3)
    shop = Story()
    shop.on_press = lambda: None
    outcome, _ = play(shop, Plan())
    assert outcome.faults(Plan())
