"""Makes a story that breaks a law as short as it can be while it still breaks that law. Pure."""

from collections.abc import Callable, Iterator
from math import ceil

from msgspec import structs

from kiosk.simulate.performance import Outcome
from kiosk.simulate.story import Deed, Shop, Story

Play = Callable[[Story], Outcome]


def shrink(found: Outcome, play: Play, plays_max: int) -> Outcome:
    """Give the shortest outcome of the same law that so many plays find."""
    return _Shrinker(found, play, plays_max).run()


class _Shrinker:
    def __init__(self, found: Outcome, play: Play, plays_max: int) -> None:
        self._best = found
        self._play = play
        self._left = plays_max

    @property
    def _story(self) -> Story:
        return self._best.story

    def _try(self, story: Story) -> bool:
        """Keep a shorter story if it breaks the same law."""
        if self._left <= 0 or story == self._story:
            return False
        self._left -= 1
        outcome = self._play(story)
        if outcome.law != self._best.law:
            return False
        self._best = outcome
        return True

    def run(self) -> Outcome:
        """Shrink until nothing helps any more."""
        before: Story | None = None
        while self._left > 0 and before != self._story:
            before = self._story
            self._cut_tail()
            self._fewer_deeds()
            self._fewer_shops()
            self._plainer()
            self._shorter_deeds()
        return self._best

    def _cut_tail(self) -> None:
        """Drop what had not happened yet when the law broke."""
        story = self._story
        deeds = tuple(deed for deed in story.deeds if deed.at_s <= self._best.at_s)
        self._try(_healed(structs.replace(story, deeds=deeds)))

    def _fewer_deeds(self) -> None:
        """Drop deeds, many at once and then fewer."""
        size = max(1, len(self._story.deeds) // 2)
        while self._left > 0:
            start = 0
            while start < len(self._story.deeds):
                deeds = self._story.deeds
                fewer = deeds[:start] + deeds[start + size :]
                if not self._try(_healed(structs.replace(self._story, deeds=fewer))):
                    start += size
            if size == 1:
                return
            size = ceil(size / 2)

    def _fewer_shops(self) -> None:
        for number in range(len(self._story.shops), 0, -1):
            if len(self._story.shops) > 1:
                self._try(_without_shop(self._story, number))
        self._try(structs.replace(self._story, monitors=1))

    def _plainer(self) -> None:
        """Give shops as few features as possible, and everything an even pace."""
        self._try(structs.replace(self._story, calm=True))
        for number, shop in enumerate(self._story.shops):
            for plainer in _plainer_shops(shop):
                shops = list(self._story.shops)
                shops[number] = plainer
                self._try(structs.replace(self._story, shops=tuple(shops)))

    def _shorter_deeds(self) -> None:
        for place in range(len(self._story.deeds)):
            for shorter in _shorter(self._story.deeds[place]):
                deeds = list(self._story.deeds)
                deeds[place] = shorter
                ordered = tuple(sorted(deeds, key=lambda deed: deed.at_s))
                self._try(_healed(structs.replace(self._story, deeds=ordered)))


def _healed(story: Story) -> Story:
    """Let a story heal just after its last deed."""
    heal_s = max((deed.at_s + deed.for_s for deed in story.deeds), default=1.0) + 1.0
    return structs.replace(story, heal_s=float(ceil(heal_s)))


def _without_shop(story: Story, number: int) -> Story:
    """Take a shop away, and call those behind it by their new numbers."""

    def renamed(who: str) -> str | None:
        stretch, _, name = who.rpartition(":")
        if not (name.startswith("k") and name[1:].isdigit()):
            return who
        old = int(name[1:])
        if old == number:
            return None
        return f"{stretch}{':' if stretch else ''}k{old - (old > number)}"

    deeds = tuple(
        structs.replace(deed, who=who) for deed in story.deeds if (who := renamed(deed.who)) is not None
    )
    shops = story.shops[: number - 1] + story.shops[number:]
    return _healed(structs.replace(story, shops=shops, deeds=deeds))


def _plainer_shops(shop: Shop) -> Iterator[Shop]:
    plain = Shop()
    for name in shop.__struct_fields__:
        if getattr(shop, name) != getattr(plain, name):
            yield structs.replace(shop, **{name: getattr(plain, name)})
    if shop.https:
        yield structs.replace(shop, https=False)
    if shop.sms:
        yield structs.replace(shop, sms=False)


def _shorter(deed: Deed) -> Iterator[Deed]:
    for for_s in (0.2, 5.0, 20.0, float(ceil(deed.for_s / 2))):
        if for_s < deed.for_s:
            yield structs.replace(deed, for_s=for_s)
            break
    if deed.n:
        yield structs.replace(deed, n=0)
    if deed.at_s != round(deed.at_s):
        yield structs.replace(deed, at_s=float(round(deed.at_s)))
    if deed.at_s > 40.0:
        yield structs.replace(deed, at_s=float(round(20.0 + deed.at_s / 2)))
