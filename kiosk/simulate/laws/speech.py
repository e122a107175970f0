"""Law 3: nothing is spoken before it holds; `trying` never aloud outside `spoken`. Pure."""

from kiosk.bodies import Alert
from kiosk.effects import Effect, Say
from kiosk.simulate.hosts.box import Box
from kiosk.simulate.laws.fact import Fact
from kiosk.simulate.laws.truth import Broken, Truth

STAGES = frozenset({"received", "accepted", "en_route", "on_scene", "closed"})
DRILLS = frozenset({"drill", "check_ok", "check_failed"})


class Speech:
    """Judges every prompt twice: when the core asks for it, and when a sentence of it begins to sound."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self._last: dict[str, Fact | None] = {}  # the newest press at the end of the turn before
        self._about: dict[tuple[str, str], Fact] = {}  # what a prompt was asked for last

    def turned(self, box: Box, effects: list[Effect], now_s: float) -> None:
        """Judge what a core wants said; every turn's facts are known by now.

        What ended in this very turn is the newest no more, but what was said was said of it.
        """
        newest = self._truth.newest(box.who)
        before = self._last.get(box.who)
        fresh = newest is not None and newest.opened_s == now_s
        ended = before is not None and not before.on_kiosk and not fresh
        about = before if ended else newest
        for effect in effects:
            if not isinstance(effect, Say):
                continue
            if about is not None:
                self._about[box.who, effect.key] = about
            self._judge(box, effect.key, about, now_s, "asked for")
            if effect.key in DRILLS and newest is not None:
                raise Broken(3, f"{effect.key} was asked for during an alarm")
        self._last[box.who] = newest

    def died(self, box: Box) -> None:
        """Forget what a process that is gone was speaking of."""
        self._last.pop(box.who, None)

    def told(self, alert: Alert) -> None:
        """Judge what a kiosk tells the centre: it is as true as what it says aloud."""
        fact = self._truth.facts.get(alert.alert_id)
        if fact is not None and alert.stage in STAGES and alert.stage not in fact.said:
            raise Broken(3, f"{alert.stage} was told, which nobody had said of {fact.alert_id}")

    def sounded(self, box: Box, key: str, now_s: float) -> None:
        """Judge what can be heard."""
        mode = box.shop.mode
        if mode == "off":
            raise Broken(3, f"{key} sounded at a site that is silent")
        if mode == "cover":
            if key != "cover":
                raise Broken(3, f"{key} sounded where others listen")
            return
        newest = self._truth.newest(box.who)
        self._judge(box, key, self._about.get((box.who, key)), now_s, "sounded")
        if key in DRILLS and newest is not None:
            raise Broken(3, f"{key} sounded during an alarm")

    @staticmethod
    def _judge(box: Box, key: str, fact: Fact | None, now_s: float, how: str) -> None:
        if key == "cover" or key in DRILLS:
            return
        if fact is None:
            raise Broken(3, f"{key} was {how} and nobody had pressed")
        heard = {stage for stage, at_s in fact.said.items() if at_s <= now_s}
        if key == "trying" and (
            box.shop.mode != "spoken" or (how == "asked for" and STAGES & {fact.kiosk_knows})
        ):
            raise Broken(
                3, f"trying was {how} in mode {box.shop.mode}, {fact.alert_id} being {fact.kiosk_knows}"
            )
        if key == "sending" and fact.sent_s < 0 and how == "sounded":
            raise Broken(3, f"sending was {how} and nothing had been sent")
        if key == "pressed_again" and fact.most < 2:
            raise Broken(3, f"pressed_again was {how} after one press")
        if key in STAGES and how == "asked for" and fact.anew_s >= 0:
            raise Broken(3, f"{key} was {how}, and nobody has the newest press of {fact.alert_id}")
        if key in STAGES and key not in heard:
            raise Broken(3, f"{key} was {how}, which nobody had said of {fact.alert_id}")
