"""Makes stories up: shops, presses, people and faults, in moods that mix them differently. Pure."""

from collections.abc import Callable
from typing import Literal

from kiosk.simulate import places
from kiosk.simulate.dice import Dice
from kiosk.simulate.moods import mood_of
from kiosk.simulate.story import Deed, Guard, Mode, Shop, Story

BEGIN_S = 12.0  # kiosks and monitors are up by then
MODES: tuple[Mode, ...] = ("spoken", "spoken", "cover", "off")
GUARDS: tuple[Guard, ...] = ("single", "single", "hold", "double")
WAYS = ("web-a", "web-b", "sms", "web-a+web-b", "web-a+sms", "sms+sms", "web-b+sms")
FORGERIES = ("unlisted", "wrong code", "close", "unsigned", "name", "long", "machine")
LINK = ("cut", "hang", "mute", "deaf", "slow", "flaky", "shuffle", "twice", "corrupt")
DOOR = ("cut", "hang", "deaf", "slow", "lie", "corrupt", "portal")
MODEM = ("hang", "mute", "absent", "refuse", "lie", "question", "sim", "denied")
GSM = ("lose", "late", "twice", "shuffle", "question", "cut")
BROKER = ("down", "lose", "freeze", "forget", "deny", "twice")
DISK = ("full", "stall", "worn")
STORE = ("down", "full", "stall")
KIOSK_HOURS = (1, 5, 24 * 400, 24 * 3650)  # a board without a battery begins anywhere
CENTRE_HOURS = (1, 5)  # what a server's clock may be wrong by; a text of more than 6 h ago is refused
TIERS = ((1,), (1, 1), (2, 1), (1, 1, 1), (1, 2), (3, 3))
GATEWAY = ("refuse", "hang", "lie", "twice")


class Author:
    """Writes one story of a seed."""

    def __init__(self, seed: str, dice: Dice) -> None:
        self._seed = seed
        self._dice = dice
        self._mood = mood_of(dice)
        self._deeds: list[Deed] = []
        self._minutes = dice.pick((4, 8, 12, 16, 24))
        self._end_s = BEGIN_S + 60.0 * self._minutes
        self._shops = tuple(self._shop() for _ in range(dice.pick((1, 2, 3, 4, 5, 6, 12))))
        self._monitors = dice.pick((1, 2, 2, 2))
        people = [person for tier in places.plan_of(self._shops).tiers for person in tier]
        self._people = tuple(person.person_id for person in people) or ("officer-11",)

    def write(self) -> Story:
        """Make the whole story up."""
        for number, shop in enumerate(self._shops, 1):
            self._of_kiosk(f"k{number}", shop)
        self._of_all()
        deeds = tuple(sorted(self._deeds, key=lambda deed: deed.at_s))
        heal_s = max([self._end_s, *(deed.at_s + deed.for_s for deed in deeds)]) + 1.0
        return Story(
            seed=self._seed, shops=self._shops, deeds=deeds, monitors=self._monitors, heal_s=round(heal_s)
        )

    def _shop(self) -> Shop:
        dice = self._dice
        https, sms = dice.pick(((True, True), (True, True), (True, True), (True, False), (False, True)))
        return Shop(
            mode=dice.pick(MODES), guard=dice.pick(GUARDS), https=https, sms=sms,
            tiers=dice.pick(TIERS), gateways=dice.pick((1, 1, 2)),
            five=dice.yes(0.3), power=dice.yes(0.3), balance=dice.yes(0.2), tamper=dice.yes(0.3),
            max_s=dice.pick((21_600.0, 21_600.0, 21_600.0, 600.0)),
        )  # fmt: skip

    # ---- when

    def _each(self, rate: float, do: Callable[[float], None]) -> None:
        """Let something happen at random times, `rate` a minute on average."""
        at_s = BEGIN_S
        while rate > 0:
            at_s += self._dice.between(0.0, 2.0) * 60.0 / rate
            if at_s >= self._end_s:
                return
            do(round(at_s, 2))

    def _add(  # noqa: PLR0917 - a deed is one line where it is made up
        self, at_s: float, what: str, who: str = "", how: str = "", for_s: float = 0.0, n: int = 0
    ) -> None:
        self._deeds.append(Deed(at_s=round(at_s, 2), what=what, who=who, how=how, for_s=round(for_s, 2), n=n))

    def _while_s(self) -> float:
        """Give how long a fault lasts: seconds as likely as minutes."""
        return self._dice.pick((1.0, 4.0, 12.0, 30.0, 80.0, 200.0)) * self._dice.between(0.5, 1.5)

    def _fault(self, at_s: float, where: str, hows: tuple[str, ...]) -> None:
        _, _, who = where.partition(":")
        if who and self._dice.yes(0.3):
            at_s = self._moment(at_s, who, 1.0)
        self._add(at_s, "fault", where, self._dice.pick(hows), self._while_s())

    # ---- one kiosk

    def _of_kiosk(self, who: str, shop: Shop) -> None:
        mood, dice = self._mood, self._dice
        self._each(mood.presses, lambda at_s: self._press(at_s, who))
        self._each(mood.abuse, lambda at_s: self._abuse(at_s, who))
        self._each(mood.links, lambda at_s: self._fault(at_s, f"mqtt:{who}", LINK))
        if shop.https:
            self._each(mood.links * 0.7, lambda at_s: self._fault(at_s, f"https:{who}", DOOR))
        if shop.sms:
            self._each(mood.modems, lambda at_s: self._fault(at_s, f"modem:{who}", MODEM))
            self._each(mood.modems * 0.3, lambda at_s: self._fault(at_s, f"sms:{who}", ("lose",)))
        if shop.tamper:
            self._each(0.1, lambda at_s: self._tear(at_s, who))
        self._each(mood.crashes, lambda at_s: self._crash(at_s, who))
        self._each(mood.freezes, lambda at_s: self._freeze(at_s, who))
        self._each(mood.disks, lambda at_s: self._fault(at_s, f"disk:{who}", DISK))
        self._each(mood.clocks, lambda at_s: self._clock(at_s, who, KIOSK_HOURS))
        self._each(mood.pins, lambda at_s: self._fault(at_s, f"pins:{who}", ("lost", "deaf")))
        self._each(mood.disks * 0.3, lambda at_s: self._fault(at_s, f"voice:{who}", ("broken",)))
        self._each(mood.drills, lambda at_s: self._drill(at_s, who))
        self._each(
            0.03, lambda at_s: self._order(at_s, who, dice.pick(("report", "restart", "refresh-voice")))
        )

    def _press(self, at_s: float, who: str) -> None:
        dice = self._dice
        held_s = dice.pick((0.05, 0.2, 0.2, 0.6, 3.0))
        self._add(at_s, "press", who, for_s=held_s)
        if dice.yes(0.25):
            self._add(at_s + dice.between(1.5, 12.0), "press", who, for_s=0.2)
        if dice.yes(0.1):
            self._step_in(self._moment(at_s, who, 1.5))
        if dice.yes(0.1):  # once more, long after somebody may have answered
            self._add(at_s + dice.between(100.0, 700.0), "press", who, for_s=0.2)
        self._react(at_s)

    def _step_in(self, at_s: float) -> None:
        """Let somebody end or take an older alert just when something else happens."""
        dice = self._dice
        how = f"{dice.pick(('close', 'accept'))} {dice.pick(WAYS)}"
        self._add(at_s, "officer", dice.pick(self._people), how, n=self._which())

    def _react(self, at_s: float) -> None:
        """Let people do what people do about an alert, sooner or later, once or twice, or not at all."""
        dice = self._dice
        if dice.yes(self._mood.asleep):
            return
        slow = dice.yes(self._mood.slow_people)
        at_s += dice.between(60.0, 240.0) if slow else dice.pick((3.0, 8.0, 20.0, 45.0)) * dice.random()
        self._add(at_s, "officer", dice.pick(self._people), f"accept {dice.pick(WAYS)}", n=self._which())
        if dice.yes(0.15):  # a second one, who has not heard of the first
            late_s = at_s + dice.between(0.0, 30.0)
            self._add(
                late_s, "officer", dice.pick(self._people), f"accept {dice.pick(WAYS)}", n=self._which()
            )
        for action, probability in (("en_route", 0.4), ("on_scene", 0.3), ("close", 0.85)):
            if dice.yes(probability):
                at_s += dice.pick((0.5, 4.0, 15.0, 30.0)) * dice.random()
                way = dice.pick(("web-a", "web-b", "web-a+web-b", "sms" if action == "en_route" else "web-a"))
                self._add(at_s, "officer", dice.pick(self._people), f"{action} {way}", n=self._which())

    def _which(self) -> int:
        return self._dice.pick((0, 0, 0, 0, 1, 2))

    def _abuse(self, at_s: float, who: str) -> None:
        """Press again and again, or hold it for ever."""
        dice = self._dice
        if dice.yes(0.2):
            self._add(at_s, "press", who, for_s=dice.between(20.0, 60.0))
            return
        for number in range(dice.whole(4, 20)):
            self._add(at_s + number * dice.between(0.6, 2.5), "press", who, for_s=0.15)
        self._react(at_s)

    def _crash(self, at_s: float, who: str) -> None:
        dice = self._dice
        how: Literal["kill", "power"] = "kill" if dice.yes(0.6) else "power"
        off_s = dice.pick((2.0, 2.0, 5.0, 5.0, 30.0, 30.0, 120.0, 700.0)) * dice.between(0.5, 1.5)
        at_s = self._moment(at_s, who, 0.4)
        self._add(at_s, "crash", who, how, off_s, dice.whole(0, 9))

    def _freeze(self, at_s: float, who: str) -> None:
        at_s = self._moment(at_s, who, 1.0)
        for_s = self._dice.between(0.5, self._dice.pick((5.0, 20.0, 45.0)))
        self._add(at_s, "freeze", who, for_s=for_s)
        if self._dice.yes(0.3):
            self._step_in(at_s + self._dice.between(0.0, self._dice.pick((1.0, for_s))))

    def _tear(self, at_s: float, who: str) -> None:
        self._add(self._moment(at_s, who, 0.4), "tamper", who, for_s=self._dice.between(1.0, 60.0))

    def _moment(self, at_s: float, who: str, within_s: float) -> float:
        """Move what happens to a press, often: it is worst just then, or within moments of it.

        Of a monitor every press is one.
        """
        dice = self._dice
        presses = [deed.at_s for deed in self._deeds if deed.what == "press" and who in (deed.who, "a", "b")]
        if not presses or dice.yes(0.4):
            return at_s
        return dice.pick(presses) + dice.pick((0.0, dice.between(0.0, within_s)))

    def _clock(self, at_s: float, who: str, hours: tuple[int, ...]) -> None:
        dice = self._dice
        self._add(at_s, "clock", who, dice.pick(("back", "ahead")), self._while_s(), dice.pick(hours))

    def _drill(self, at_s: float, who: str) -> None:
        dice = self._dice
        at_s = self._moment(at_s, who, 0.4) if dice.yes(0.3) else at_s
        if dice.yes(0.5):
            self._add(at_s, "drill", who, dice.pick(("drill", "duty", "silent", "whole")))
        else:
            self._order(at_s, who, dice.pick(("drill", "drill", "duty")))
        if dice.yes(0.3):
            self._add(at_s + dice.between(0.0, 20.0), "press", who, for_s=0.2)

    def _order(self, at_s: float, who: str, how: str) -> None:
        self._add(at_s, "order", who, how, n=self._dice.whole(0, 1))

    # ---- all together

    def _of_all(self) -> None:
        mood, dice = self._mood, self._dice
        self._each(mood.broker, lambda at_s: self._fault(at_s, "broker", BROKER))
        self._each(mood.gsm, lambda at_s: self._fault(at_s, "gsm", GSM))
        self._each(mood.store, lambda at_s: self._fault(at_s, "store", STORE))
        self._each(
            mood.forgeries,
            lambda at_s: self._add(at_s, "forge", self._any_kiosk(), dice.pick(FORGERIES)),
        )
        for who in "ab"[: self._monitors]:
            self._of_monitor(who)

    def _any_kiosk(self) -> str:
        return f"k{self._dice.whole(1, len(self._shops))}"

    def _of_monitor(self, who: str) -> None:
        mood = self._mood
        self._each(mood.links * 0.4, lambda at_s: self._fault(at_s, f"mqtt:{who}", LINK))
        self._each(mood.links * 0.3, lambda at_s: self._fault(at_s, f"door:{who}", ("down", "hang")))
        self._each(mood.store * 0.5, lambda at_s: self._fault(at_s, f"store:{who}", ("down",)))
        self._each(mood.modems * 0.5, lambda at_s: self._fault(at_s, f"modem:{who}", MODEM))
        self._each(mood.modems * 0.5, lambda at_s: self._fault(at_s, f"gateway:{who}", GATEWAY))
        self._each(mood.crashes * 0.5, lambda at_s: self._crash(at_s, who))
        self._each(mood.clocks * 0.5, lambda at_s: self._clock(at_s, who, CENTRE_HOURS))
        self._each(0.03, lambda at_s: self._add(at_s, "duty", who, for_s=self._while_s()))
