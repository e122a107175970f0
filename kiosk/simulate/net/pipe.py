"""One connection to the broker: in order both ways, until one end lets go of it. Pure.

Faults of its stretch: `cut` resets and refuses, `flaky` resets now and then, `hang` (`mute`: only what goes
up, `deaf`: only what comes down) holds everything back as TCP does, `slow`, `shuffle` (topics overtake each
other). The broker's `freeze` hangs all.
"""

from collections.abc import Callable

from kiosk.simulate.agenda import Agenda, Do
from kiosk.simulate.dice import Dice
from kiosk.simulate.weather import HEALED, Weather

LATENCY_S = (0.002, 0.05)
SLOW_S = (0.3, 4.0)
AGAIN_S = (0.05, 2.0)  # TCP's own retransmission after a hole
RESET_P = 0.08  # of a flaky stretch, each packet
BROKER = "broker"


class Pipe:
    """`open` is the client's end, `served` the broker's; what is on its way to an end that let go is lost."""

    def __init__(self, net: "Net", stretch: str, dice: Dice, on_reset: Do) -> None:
        self._net = net
        self.stretch = stretch
        self._dice = dice
        self._on_reset = on_reset
        self.open = self.served = True
        self.on_broken: Do = lambda: None  # the broker's view of the connection's end
        self.heard_s = net.agenda.now_s  # when the broker heard the client last
        self._order_s: dict[tuple[str, str], float] = {}
        self._held: list[tuple[str, Do, str]] = []

    def up(self, do: Do, topic: str = "") -> None:
        """Carry something from the client to the broker."""
        self._carry("mute", do, topic)

    def down(self, do: Do, topic: str = "") -> None:
        """Carry something from the broker to the client."""
        self._carry("deaf", do, topic)

    def _carry(self, way: str, do: Do, topic: str, more_s: float = 0.0) -> None:
        agenda, dice = self._net.agenda, self._dice
        if self._net.is_held(self.stretch, way):
            self._held.append((way, do, topic))
            return
        wait_s = more_s + dice.between(*LATENCY_S)
        faults = self._net.weather.on(self.stretch)
        if faults:
            if "flaky" in faults and dice.yes(RESET_P):
                self.reset()
                return
            if "slow" in faults:
                wait_s += dice.between(*SLOW_S)
            if topic and "shuffle" in faults:
                wait_s += dice.between(0.0, 3.0)
        order_s = self._order_s
        at_s = max(agenda.now_s + wait_s, order_s.get((way, topic), 0.0))
        if topic and "shuffle" in faults:
            order_s[way, topic] = at_s  # a broker may mix topics, but keeps the order of each
        else:
            at_s = max(at_s, order_s.get((way, ""), 0.0))
            order_s[way, ""] = at_s
        agenda.at(at_s, lambda: self._arrive(way, do, topic))

    def _arrive(self, way: str, do: Do, topic: str) -> None:
        if self._net.is_held(self.stretch, way):
            self._held.append((way, do, topic))
        elif self.served if way == "mute" else self.open:
            do()

    def release(self) -> None:
        """Let what a hole held back arrive after all."""
        held, self._held = self._held, []
        for way, do, topic in held:
            self._carry(way, do, topic, self._dice.between(*AGAIN_S))

    def reset(self) -> None:
        """Break it: both ends hear of it soon."""
        if self.open or self.served:
            wait_s = self._dice.between(*LATENCY_S)
            self._net.agenda.after(wait_s, self._broken)

    def _broken(self) -> None:
        if self.open:
            self.open = False
            self._on_reset()
        if self.served:
            self.let_go()

    def let_go(self) -> None:
        """Close the broker's end."""
        self.served = False
        self._net.forget(self)
        self.on_broken()

    def hang_up(self, *, orderly: bool = False) -> None:
        """Close the client's end; the broker hears of it if anything still gets through."""
        self.open = False
        if not orderly:
            self._carry("mute", lambda: self.let_go() if self.served else None, "")

    def vanish(self) -> None:
        """Close the client's end without a word, as a power cut does."""
        self.open = False


class Net:
    """All connections by their stretches."""

    def __init__(self, agenda: Agenda, weather: Weather) -> None:
        self.agenda = agenda
        self.weather = weather
        self._pipes: dict[str, list[Pipe]] = {}
        weather.watch(BROKER, lambda how: self._changed(None, how))

    def connect(self, stretch: str, dice: Dice, on_reset: Do) -> Pipe:
        """Open a connection over a stretch that is there."""
        if stretch not in self._pipes:
            self._pipes[stretch] = []
            self.weather.watch(stretch, lambda how: self._changed(stretch, how))
        pipe = Pipe(self, stretch, dice, on_reset)
        self._pipes[stretch].append(pipe)
        return pipe

    def forget(self, pipe: Pipe) -> None:
        """Let go of a connection that the broker has let go of."""
        self._pipes[pipe.stretch].remove(pipe)

    def is_held(self, stretch: str, way: str) -> bool:
        """Tell whether nothing gets through that way now."""
        faults = self.weather.on(stretch)
        if faults and ("hang" in faults or way in faults):
            return True
        return "freeze" in self.weather.on(BROKER)

    def is_refused(self, stretch: str) -> bool:
        """Tell whether no connection can be made now."""
        return self.weather.has(stretch, "cut") or self.weather.has(BROKER, "down")

    def each(self, do: Callable[[Pipe], None], stretch: str | None = None) -> None:
        """Do something with every connection (of a stretch)."""
        for name, pipes in self._pipes.items():
            if stretch in {None, name}:
                for pipe in tuple(pipes):
                    do(pipe)

    def _changed(self, stretch: str | None, how: str) -> None:
        if how == HEALED:
            self.each(Pipe.release, stretch)
        elif how in {"cut", "down"}:
            self.each(Pipe.reset, stretch)
