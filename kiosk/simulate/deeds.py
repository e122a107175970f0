"""What each deed of a story does to the world. Pure.

A deed that makes no sense any more (its target is gone, or was shrunk away) does nothing.
"""

from typing import Any

from kiosk.bodies import Token
from kiosk.messages import DrillAsked
from kiosk.simulate.hosts.box import Box
from kiosk.simulate.hosts.centre import Centre
from kiosk.simulate.hosts.pins import COUNTER, TAMPER
from kiosk.simulate.net.pipe import BROKER
from kiosk.simulate.story import Deed
from kiosk.simulate.world import World

ARMED_AFTER_S = 0.3  # the inputs of a process that began are open and at rest by then
OPENED_S = 6.0  # an input that came back is open again by then
SEEN_S = 0.25  # a press counts so soon after it met its guard
HOUR_MS = 3_600_000


class Deeds:
    """Does deeds; the one expectation that belongs to a deed is that a good press counts."""

    def __init__(self, world: World) -> None:
        self._world = world

    def do(self, deed: Deed) -> None:
        """Do one deed."""
        doing = getattr(self, f"_do_{deed.what}")
        words = " ".join(str(word) for word in (deed.what, deed.how, deed.n or "") if word)
        self._world.court.note(
            deed.who or "-", f"* {words}" + (f" for {deed.for_s:g} s" if deed.for_s else "")
        )
        doing(deed)

    def _box(self, deed: Deed) -> Box | None:
        return self._world.boxes.get(deed.who)

    def _centre(self, name: str) -> Centre | None:
        return next((centre for centre in self._world.centres if centre.who == name), None)

    # ---- at the counter

    def _do_press(self, deed: Deed) -> None:
        """Press and let go after `for_s`; `n` more times where the guard wants two taps."""
        box, agenda = self._box(deed), self._world.agenda
        if box is None or agenda.now_s < box.pins.busy_until_s:
            return
        taps, gap_s = (2, 0.4) if box.shop.guard == "double" else (1, 0.0)
        held_s = (
            max(deed.for_s, 1.3)
            if box.shop.guard == "hold"
            else min(deed.for_s, 0.3)
            if taps == 2
            else deed.for_s
        )
        began_s = agenda.now_s
        for tap in range(taps):
            at_s = began_s + tap * (held_s + gap_s)
            agenda.at(at_s, lambda: box.pins.move(COUNTER, closed=True))
            agenda.at(at_s + held_s, lambda: box.pins.move(COUNTER, closed=False))
        over_s = began_s + taps * (held_s + gap_s) + 0.1
        box.pins.busy_until_s = over_s + SEEN_S
        self._expect(box, began_s, over_s)

    def _expect(self, box: Box, began_s: float, over_s: float) -> None:
        """Demand that a press at an armed kiosk counts, whatever else goes on."""
        counts, life = self._world.truth.pressed, box.life
        before = counts.get(box.who, 0)
        watched_s = box.pins.watched_since_s
        clear_s = self._world.weather.clear_since(f"pins:{box.who}")
        armed = watched_s is not None and watched_s + ARMED_AFTER_S <= began_s and box.core is not None
        if not armed or clear_s is None or box.pins.is_closed(COUNTER):
            return
        # a process that is frozen opens and reads no input that came back meanwhile
        able_s = clear_s if box.pins.is_watched(COUNTER) else max(clear_s, box.frozen_until_s)
        if able_s + OPENED_S > began_s:
            return

        def demand() -> None:
            thawed_s = (
                box.frozen_until_s + SEEN_S
            )  # what happened meanwhile waits in the queue, with its time
            if self._world.agenda.now_s < thawed_s:
                self._world.agenda.at(thawed_s, demand)
                return
            same = box.life == life and box.core is not None and box.pins.watched_since_s == watched_s
            clear = self._world.weather.clear_since(f"pins:{box.who}") == clear_s
            if same and clear and counts.get(box.who, 0) <= before:
                self._world.court.miss(f"a press at {box.who} while armed, at {began_s:.1f} s, did not count")

        self._world.agenda.at(over_s + SEEN_S, demand)

    def _do_tamper(self, deed: Deed) -> None:
        box = self._box(deed)
        if box is not None and box.shop.tamper:
            box.pins.move(TAMPER, closed=True)
            self._world.agenda.after(deed.for_s, lambda: box.pins.move(TAMPER, closed=False))

    def _do_drill(self, deed: Deed) -> None:
        box = self._box(deed)
        if box is not None and box.core is not None:
            self._world.truth.drill_duty[box.who] = deed.how == "duty"
            how = deed.how
            box.post(
                DrillAsked(
                    token=Token("ask"), duty=how == "duty", silent=how == "silent", whole=how == "whole"
                )
            )

    # ---- at the centre

    def _do_order(self, deed: Deed) -> None:
        """Order something of a kiosk, by the monitor whose place is `n`; `duty` is a drill for people too."""
        box, centres = self._box(deed), self._world.centres
        if box is None:
            return
        centre = centres[deed.n % len(centres)]
        if not centre.alive:
            return
        duty = deed.how == "duty"
        name = "drill" if duty else deed.how
        if name == "drill":
            self._world.truth.drill_ordered(box.who, duty=duty)
        request: dict[str, Any] = {
            "ask": "command", "kiosk": box.kiosk_id, "name": name, "by": "chief", "duty": duty,
        }  # fmt: skip
        centre.ask(request, lambda _: None)

    def _do_officer(self, deed: Deed) -> None:
        if deed.who in self._world.phones:
            self._world.people.act(deed)

    def _do_forge(self, deed: Deed) -> None:
        self._world.people.forge(deed)

    def _do_duty(self, deed: Deed) -> None:
        centre = self._centre(deed.who)
        if centre is not None:
            centre.set_duty(on=False)
            self._world.agenda.after(deed.for_s, lambda: centre.set_duty(on=True))

    # ---- faults

    def _do_fault(self, deed: Deed) -> None:
        """Let a fault lie on a stretch for a while."""
        weather = self._world.weather
        weather.begin(deed.who, deed.how)
        if deed.who == BROKER and deed.how == "lose":
            weather.begin(BROKER, "down")
            self._world.agenda.after(deed.for_s, lambda: weather.end(BROKER, "down"))
        self._world.agenda.after(deed.for_s, lambda: weather.end(deed.who, deed.how))

    def _do_crash(self, deed: Deed) -> None:
        """Let a process die after `n` more effects; `power`: with the machine."""
        box, centre = self._box(deed), self._centre(deed.who)
        if box is not None:
            box.doom(deed.n, power=deed.how == "power", off_s=deed.for_s)
        elif centre is not None:
            centre.doom(deed.n, deed.for_s)

    def _do_freeze(self, deed: Deed) -> None:
        box = self._box(deed)
        if box is not None:
            box.freeze(deed.for_s)

    def _do_clock(self, deed: Deed) -> None:
        """Let a wall clock jump by `n` hours until it is set again."""
        whose, weather = self._box(deed) or self._centre(deed.who), self._world.weather
        if whose is None:
            return
        jump_ms = (-1 if deed.how == "back" else 1) * deed.n * HOUR_MS
        whose.utc_offset_ms += jump_ms
        where = f"clock:{deed.who}"
        weather.begin(where, "unsynced")

        def heal() -> None:
            whose.utc_offset_ms -= jump_ms
            weather.end(where, "unsynced")

        self._world.agenda.after(deed.for_s, heal)
