"""A story is made shorter only while it breaks the same law."""

from types import SimpleNamespace
from typing import Any

from kiosk.simulate.shrink import shrink
from kiosk.simulate.story import Deed, Shop, Story


def test_only_what_the_law_needs_is_left() -> None:
    deeds = tuple(
        Deed(at_s=50.5 + number, what="press", who=f"k{number % 3 + 1}", n=2) for number in range(9)
    )
    fault = Deed(at_s=44.0, what="fault", who="mqtt:k3", how="cut", for_s=80.0)
    story = Story(
        seed="s", shops=(Shop(tamper=True), Shop(), Shop(five=True)), deeds=(fault, *deeds), heal_s=200
    )

    def play(told: Story) -> Any:
        breaks = any(deed.what == "fault" for deed in told.deeds) and len(told.shops) >= 1
        return SimpleNamespace(story=told, law=1 if breaks else 0, at_s=55.0)

    shortest = shrink(play(story), play, 400).story
    assert [deed.what for deed in shortest.deeds] == ["fault"]
    assert (len(shortest.shops), shortest.monitors, shortest.calm) == (1, 1, True)
    assert shortest.deeds[0].for_s < 80.0
    assert shrink(play(story), play, 0).story == story
