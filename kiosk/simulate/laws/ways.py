"""Which ways lead from a kiosk to the centre's disk, and since when each has been whole. Pure.

A way is up while every part of it is: the kiosk's process, its stretch, one monitor with its link and store.
"""

from typing import NamedTuple

from kiosk.monitor import cases
from kiosk.simulate.hosts.box import Box
from kiosk.simulate.hosts.centre import Centre
from kiosk.simulate.net.gsm import GSM
from kiosk.simulate.net.pipe import BROKER
from kiosk.simulate.weather import Weather

FOREVER = float("inf")
LOOK_S = 2.5  # a monitor that is able to looks each second, and a commit takes 0.05 s


class Bound(NamedTuple):
    """A press is at the centre `x_s` after its way has been up for `y_s`, both in seconds.

    `well_s` is how long it takes where the way had been up for `y_s` before the press.
    """

    y_s: float
    x_s: float
    well_s: float


# Derived in docs/simulation.md, part by part; the runs' own maxima stand beside them there.
BOUNDS = {
    "mqtt": Bound(y_s=40.0, x_s=65.0, well_s=3.0),
    "https": Bound(y_s=15.0, x_s=45.0, well_s=16.0),
    "sms": Bound(y_s=170.0, x_s=330.0, well_s=100.0),
}


class Ways:
    """The ways of all kiosks of one story."""

    def __init__(self, weather: Weather, centres: list[Centre]) -> None:
        self._weather = weather
        self._centres = centres
        self.moved_s = 0.0  # when a monitor began or ended last
        self._calling: set[tuple[str, int]] = set()  # the lives of monitors that were seen to escalate last
        self._store_s = 0.0  # when a fault of the store began or ended last
        for part in ("store", *(f"store:{centre.who}" for centre in centres)):
            weather.watch(part, self._store_turned)

    def _store_turned(self, _how: str) -> None:
        self._store_s = self._centres[0].around.agenda.now_s

    def up_since(self, box: Box, way: str) -> float:
        """Give since when a way has been up; infinity while it is not."""
        if box.core is None or box.around.agenda.now_s < box.frozen_until_s:
            return FOREVER
        far: list[tuple[str, ...]]
        since_s = max(box.began_s, box.frozen_until_s, self._clear(f"disk:{box.who}"))
        match way:
            case "mqtt":
                parts = [f"mqtt:{box.who}", BROKER]
                far = [(f"mqtt:{centre.who}",) for centre in self._centres]
            case "https":
                if not box.shop.https:
                    return FOREVER
                parts = [f"https:{box.who}"]
                far = [(f"door:{centre.who}",) for centre in self._centres]
            case _:
                if not box.shop.sms:
                    return FOREVER
                parts = [f"modem:{box.who}", f"sms:{box.who}", GSM, f"clock:{box.who}"]
                far = [
                    (f"modem:{centre.who}", f"sms:{centre.who}", f"clock:{centre.who}")
                    for centre in self._centres
                ]
                far = far[: box.shop.gateways]
        since_s = max([since_s, *(self._clear(part) for part in parts)])
        return max(
            since_s, min((self._far(*one) for one in zip(self._centres, far, strict=False)), default=FOREVER)
        )

    def _far(self, centre: Centre, parts: tuple[str, ...]) -> float:
        if not centre.alive:
            return FOREVER
        store = max(self._clear("store"), self._clear(f"store:{centre.who}"))
        return max([centre.began_s, store, *(self._clear(part) for part in parts)])

    def modem_since(self, box: Box) -> float:
        """Give since when a kiosk's own modem has been well; infinity while it is not."""
        if box.core is None or box.around.agenda.now_s < box.frozen_until_s:
            return FOREVER
        parts = (f"modem:{box.who}", f"sms:{box.who}", f"disk:{box.who}")
        return max([box.began_s, box.frozen_until_s, *(self._clear(part) for part in parts)])

    def escalates_since(self) -> float:
        """Give since when monitors and store are as they are, and one has to escalate; infinity if none has.

        A store that is away keeps nobody from it who did before; one that stalls holds everything up.
        """
        alive = [centre for centre in self._centres if centre.alive]
        calling = {(centre.who, centre.life) for centre in alive if centre.neighbours.escalates}
        self._calling = calling or self._calling & {(centre.who, centre.life) for centre in alive}
        if self._weather.has("store", "stall") or not self._calling:
            return FOREVER
        return max([self.moved_s, self._store_s, *(centre.began_s for centre in alive)])

    def waits(self, alert_id: str) -> bool:
        """Tell whether a monitor that has to escalate can know of an alert, and that nobody took it.

        While the store is away no other monitor tells it of either.
        """
        calling = [one for one in self._centres if (one.who, one.life) in self._calling]
        if any(self._far(centre, ()) != FOREVER for centre in calling):
            return True
        known = (centre.fleet.caseload.get(alert_id) for centre in calling)
        return any(case is not None and cases.is_waiting(case) for case in known)

    def reads_since(self, centre: Centre) -> float:
        """Give since when a monitor has been able to read the store; infinity while it is not.

        It is not while a commit hangs, and what it had planned before goes out at that commit's end, unread.
        """
        far_s = self._far(centre, ())
        hangs = far_s != FOREVER and centre.around.agenda.now_s - centre.neighbours.looked_s > LOOK_S
        return FOREVER if hangs else far_s

    def _clear(self, part: str) -> float:
        since_s = self._weather.clear_since(part)
        return FOREVER if since_s is None else since_s
