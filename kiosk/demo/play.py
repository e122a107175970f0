"""Play one whole incident in the simulated shop and give its story line by line."""

import time
from collections.abc import Callable
from queue import Empty
from typing import Any

from kiosk.demo.judge import Outcome, Plan
from kiosk.demo.shop import Shop
from kiosk.messages import LinkDown

READY_S = 30.0
PLAY_S = 120.0  # on a PC with sound each prompt takes some ten seconds in two languages
SMS_PLAY_S = 130.0  # with the Internet up, the first text to a person goes 60 s after the press
REST_S = 0.3  # an officer needs a moment between two clicks
QUIET_S = 3.0
OFFICER = "demo-officer"
LAST_LANGUAGE = "ru"  # the shop speaks Kazakh, then Russian
STEPS = ("en_route", "on_scene")
Emit = Callable[[dict[str, Any]], None]


class Play:
    """One incident: cuts, presses, answers as the plan says, and watches."""

    def __init__(self, shop: Shop, plan: Plan, emit: Emit) -> None:
        self._shop = shop
        self._plan = plan
        self._emit = emit
        self._pressed_s = 0.0
        self._cut = set(plan.cut)
        self._clicks: list[str] = []
        self._next_click_s = 0.0
        self.outcome = Outcome()

    def run(self) -> Outcome:
        """Play to the end; raises LinkDown when the parts do not come up."""
        shop = self._shop
        if not shop.wait(self._ready, READY_S):
            raise LinkDown(f"the shop did not get ready: {shop.log('kiosk')[-800:]}")
        for network in self._plan.cut:
            shop.cut(network)  # type: ignore[arg-type]
        shop.wait(lambda: "mqtt" not in self._plan.cut or self._status()["mqtt"] != "up", READY_S)
        self._drain()
        self._pressed_s = time.monotonic()
        shop.press()
        limit_s = SMS_PLAY_S if self._plan.accept == "sms" and not self._cut else PLAY_S
        while time.monotonic() < self._pressed_s + limit_s and not self._done():
            self._step()
        self._drain()
        self.outcome.at_centre = self._alerts()
        return self.outcome

    def _status(self) -> dict[str, Any]:
        return self._shop.ask_kiosk(ask="status")

    def _ready(self) -> bool:
        state = self._status()
        return bool(state["mqtt"] == "up" and state["sms"] == "up")

    def _alerts(self) -> list[dict[str, Any]]:
        return list(self._shop.ask_centre(ask="alerts", closed=True)["alerts"])

    def _drain(self) -> None:
        while self._take(0.0):
            pass

    def _take(self, within_s: float) -> bool:
        try:
            event = self._shop.events.get(timeout=within_s) if within_s else self._shop.events.get_nowait()
        except Empty:
            return False
        if self._pressed_s and event["from"] == "kiosk":
            told = {key: value for key, value in event.items() if key not in ("from", "at_s", "t_s")}
            line = {"t_s": round(event["at_s"] - self._pressed_s, 3), **told}
            self.outcome.take(line)
            self._emit(line)
        return True

    def _step(self) -> None:
        self._take(0.1)
        now_s = time.monotonic()
        self._restore(now_s - self._pressed_s)
        if now_s >= self._next_click_s and self._plan.accept != "none":
            self._click()

    def _restore(self, since_s: float) -> None:
        after_s = self._plan.restore_after_s
        due = since_s >= after_s if after_s is not None else self.outcome.told("accepted", self._plan)
        if self._cut and due:
            for network in sorted(self._cut):
                self._shop.restore(network)  # type: ignore[arg-type]
            self._cut.clear()

    def _click(self) -> None:
        """Let the officer at the centre do the next thing, when the last one has arrived at the kiosk."""
        stages = self.outcome.stages
        if "mqtt" in self._cut or not self._known_at_centre():
            return
        if "accepted" not in stages:
            if self._plan.accept == "console" and "accept" not in self._clicks and self._settled():
                self._ask("accept", alert=self.outcome.alert_id)
            return
        for step in STEPS:
            if step not in stages:
                if step not in self._clicks and self._settled():
                    self._ask("advance", alert=self.outcome.alert_id, stage=step)
                return
        if "closed" not in stages and "close" not in self._clicks and self._settled():
            self._ask("close", alert=self.outcome.alert_id)

    def _settled(self) -> bool:
        """Tell whether the newest stage was said, so that the play shows every prompt."""
        if self._plan.voice != "spoken":
            return True
        said = [event for event in self.outcome.events if event["what"] == "said"]
        return bool(said) and (said[-1]["key"], said[-1]["lang"]) == (self.outcome.stages[-1], LAST_LANGUAGE)

    def _ask(self, question: str, **fields: str) -> None:
        self._clicks.append(fields.get("stage", question))
        self._shop.ask_centre(ask=question, by=OFFICER, **fields)
        self._next_click_s = time.monotonic() + REST_S

    def _known_at_centre(self) -> bool:
        return any(alert["alert_id"] == self.outcome.alert_id for alert in self._alerts())

    def _done(self) -> bool:
        stages = self.outcome.stages
        if self._plan.accept == "none":
            quiet_s = (self._plan.restore_after_s or 0.0) + QUIET_S
            heard = "received" in stages or bool(self._cut and self._plan.restore_after_s is None)
            return heard and time.monotonic() > self._pressed_s + quiet_s
        return "closed" in stages and (self._plan.voice != "spoken" or self._settled())
