"""Laws 7 and 8 of the simulation: each way of ending by itself, or of not ending, is caught."""

from types import SimpleNamespace
from typing import Any

import pytest

from kiosk.effects import Tell
from kiosk.simulate.laws.ends import Ends
from kiosk.simulate.laws.truth import Broken


def a_fact(**changes: Any) -> Any:
    known = {"alert_id": "A1", "kind": "press", "said": {}, "last_s": 0.0, "reached_s": 1.0}
    return SimpleNamespace(**(known | {"forgotten_s": -1.0, "expired": False} | changes))


def ends(*facts: Any, rows: tuple[Any, ...] = (), centres: tuple[Any, ...] = ()) -> Ends:
    truth: Any = SimpleNamespace(
        facts={fact.alert_id: fact for fact in facts}, open={"k1": {fact.alert_id: fact for fact in facts}},
        presses=lambda: list(facts),
    )  # fmt: skip
    store: Any = SimpleNamespace(rows=dict(enumerate(rows)))
    return Ends(truth, store, list(centres))


def a_box(**status: Any) -> Any:
    told = {"incidents": [], "unsent_events": 0} | status
    faults = told.pop("faults", [])
    parts = SimpleNamespace(
        alarm=SimpleNamespace(cases=SimpleNamespace(open=[])),
        reports=SimpleNamespace(health=SimpleNamespace(faults=faults)),
    )
    core = SimpleNamespace(status=lambda _now: told, parts=parts)
    return SimpleNamespace(
        who="k1", core=core, loaded=True, now=lambda: None, shop=SimpleNamespace(max_s=600.0)
    )


def a_centre(*, alive: bool = True, fault: str = "", link_up: bool = True, life: str = "online",
             **sizes: int) -> Any:  # fmt: skip
    roster = SimpleNamespace(all=lambda: [SimpleNamespace(kiosk_id="kz-1", life=life)])
    owed = {"unsaved": 0, "texts": 0, "untold": 0, "queue": 0} | sizes
    fleet = SimpleNamespace(store_fault=fault, link_up=link_up, roster=roster)
    return SimpleNamespace(who="a", alive=alive, fleet=fleet, sizes=lambda: owed)


def told(what: str) -> list[Any]:
    return [Tell(what=what, detail=(("alert_id", "A1"),))]


@pytest.mark.parametrize(
    ("what", "facts", "at_s", "said"),
    [
        ("closed", [], 5.0, "never began"),
        ("closed", [a_fact()], 5.0, "no person had closed it"),
        ("expired", [a_fact()], 500.0, "expired 500 s after its last press"),
    ],
)
def test_nothing_ends_by_itself(what: str, facts: list[Any], at_s: float, said: str) -> None:
    with pytest.raises(Broken, match=said):
        ends(*facts).turned(a_box(), told(what), at_s)


def test_what_a_person_closed_and_what_is_six_hours_old_may_end() -> None:
    ends(a_fact(said={"closed": 4.0})).turned(a_box(), told("closed"), 5.0)
    ends(a_fact()).turned(a_box(), told("expired"), 600.0)


def test_a_kiosk_may_not_lose_what_is_open() -> None:
    with pytest.raises(Broken, match="nobody ended it"):
        ends(a_fact()).tick({"k1": a_box()})


@pytest.mark.parametrize(
    ("box", "said"),
    [
        (SimpleNamespace(who="k1", core=None), "did not come back"),
        (a_box(incidents=["A1"]), "still has an open incident"),
        (a_box(faults=["mqtt_down"]), "still tells mqtt_down"),
        (a_box(unsent_events=3), "still owes 3 events"),
    ],
)
def test_every_kiosk_is_quiet_at_the_end(box: Any, said: str) -> None:
    with pytest.raises(Broken, match=said):
        ends().at_the_end({"k1": box})


@pytest.mark.parametrize(
    ("centre", "said"),
    [
        (a_centre(alive=False), "did not come back"),
        (a_centre(fault="disk full"), "is not well: disk full"),
        (a_centre(link_up=False), "is not well: no link"),
        (a_centre(life="lost"), "shows kz-1 as lost"),
        (a_centre(untold=1), "still has {'untold': 1}"),
    ],
)
def test_every_monitor_is_quiet_at_the_end(centre: Any, said: str) -> None:
    with pytest.raises(Broken, match=said):
        ends(centres=(centre,)).at_the_end({"k1": a_box()})


def test_a_press_that_never_reached_the_centre_is_told_at_the_end() -> None:
    with pytest.raises(Broken, match="never reached the centre"):
        ends(a_fact(reached_s=-1.0)).at_the_end({"k1": a_box()})


@pytest.mark.parametrize(
    "why", [{}, {"reached_s": -1.0, "forgotten_s": 2.0}, {"reached_s": -1.0, "expired": True}]
)
def test_a_quiet_end_is_what_it_should_be(why: dict[str, Any]) -> None:
    ends(a_fact(**why), centres=(a_centre(),)).at_the_end({"k1": a_box(faults=["balance_low"])})
