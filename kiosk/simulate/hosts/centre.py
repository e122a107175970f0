"""One monitor: the real fleet and desk for one life after the other. Pure.

It stands where `kiosk.monitor.app` stands on a real one: a batch is taken in, committed once, and only then
the promises go out. A crash may fall between any two effects, before a commit and after it.
"""

from collections import deque
from dataclasses import replace
from typing import Any

from kiosk.bodies import Token
from kiosk.messages import Now
from kiosk.monitor import intake, messages
from kiosk.monitor.caseload import KEEP_CLOSED_MS
from kiosk.monitor.desk import Desk, Reply
from kiosk.monitor.effects import Save
from kiosk.monitor.fleet import Fleet, Limits
from kiosk.monitor.messages import Notice
from kiosk.monitor.records import Plan, StoreSpan
from kiosk.simulate import places
from kiosk.simulate.hosts.around import UTC_MS, Audience, Surroundings
from kiosk.simulate.hosts.hands import carry_out, sizes_of
from kiosk.simulate.hosts.neighbours import Neighbours
from kiosk.simulate.hosts.store import SharedStore
from kiosk.simulate.net.texter import Texter
from kiosk.simulate.net.uplink import Uplink

COMMIT_S = (0.004, 0.05)
STORE_MAX_S = 15.0  # a statement's own limit
TICK_S = 1.0
BATCH = 256
RESTART_S = 3.0
PLAN_S = 0.2
Item = Notice | intake.Heard | tuple[dict[str, Any], Reply]


class Centre:
    """One monitor over all its lives; `who` is `a` or `b`."""

    def __init__(
        self, around: Surroundings, audience: "Audience[Centre]", store: SharedStore, plan: Plan, place: int
    ) -> None:
        self.around = around
        self.who = "ab"[place]
        self.name = places.MONITORS[place]
        self.number = places.GATEWAYS[place]
        self._audience = audience
        self._store = store
        self._plan = plan
        self._dice = around.dice(f"centre{self.who}")
        self.life = 0
        self.began_s = 0.0
        self.alive = False
        self.on_duty = True
        self.utc_offset_ms = 0
        self._ids = 0
        self._doom: int | None = None

    # ---- life

    def boot(self) -> None:
        """Start the process."""
        if self.alive:
            return
        self.life += 1
        self.alive = True
        around, agenda = self.around, self.around.agenda
        self.began_s = agenda.now_s
        boot = max(self._utc_ms() // 1000, self._store.boots.get(self.name, 0) + 1)
        self._store.boots[self.name] = boot
        self.fleet = Fleet(Limits(), on_duty=self.on_duty, sms=places.rules_of(around.words))
        self.desk = Desk(self.fleet)
        self.neighbours = Neighbours(agenda, self._store, name=self.name, boot=boot)
        self.uplink = Uplink(
            around.net, around.broker, self.post, name=self.name, stretch=f"mqtt:{self.who}", boot=boot,
            dice=around.dice(f"uplink{self.who}{self.life}"), utc_ms=self._utc_ms,
        )  # fmt: skip
        self.texter = Texter(
            agenda, around.weather, around.gsm, self.post, who=self.who, number=self.number, life=self.life,
            dice=around.dice(f"texter{self.who}{self.life}"),
        )  # fmt: skip
        self._queue: deque[Item] = deque()
        self.saves: list[Save] = []
        self._busy = self._scheduled = False
        self._ticked_s = agenda.now_s
        self.loaded = False
        self._audience.centre_began(self)
        self._load()
        self.uplink.open()
        life = self.life
        agenda.after(
            PLAN_S, lambda: self.post(messages.PlanLoaded(self._plan)) if life == self.life else None
        )
        self._tick(life)

    def _load(self) -> None:
        if not self.works:
            self._handle(messages.SaveFailed("the database: away"))
            return
        cases, kiosks, events = self._store.load(self._utc_ms() - KEEP_CLOSED_MS)
        self.loaded = True
        self._handle(messages.Restored(cases=cases, kiosks=kiosks, events=events))

    def doom(self, effects: int, off_s: float) -> None:
        """Let it die after so many more effects, or soon where there are none."""
        if self.alive:
            self._doom, life = effects, self.life
            self._off_s = max(off_s, RESTART_S)
            self.around.agenda.after(
                1.5, lambda: self._die() if life == self.life and self._doom is not None else None
            )

    def _die(self) -> None:
        self._doom = None
        self.alive = False
        self.uplink.close(vanish=self._dice.yes(0.3))
        self.texter.close()
        self._audience.centre_died(self)
        self.around.agenda.after(self._off_s, self.boot)

    def _utc_ms(self) -> int:
        return UTC_MS + round(self.around.agenda.now_s * 1000) + self.utc_offset_ms

    def _now(self) -> Now:
        self._ids += 1
        fresh_id = f"01MON{self.who.upper()}{self._ids:020d}"
        return Now(s=self.around.agenda.now_s, utc_ms=self._utc_ms(), chance=0.5, fresh_id=fresh_id)

    @property
    def works(self) -> bool:
        """Tell whether the store works for this monitor now."""
        has = self.around.weather.has
        return not (has("store", "down") or has("store", "full") or has(f"store:{self.who}", "down"))

    def sizes(self) -> dict[str, int]:
        """Count what this monitor keeps and owes."""
        return sizes_of(self.fleet) | {"queue": len(self._queue)}

    def set_duty(self, *, on: bool) -> None:
        """Let the last person leave, or somebody come."""
        self.on_duty = on
        self.post(messages.DutySet(Token("duty"), on))

    # ---- turns

    def post(self, item: Item) -> None:
        """Queue what came."""
        if self.alive:
            self._queue.append(item)
            self._soon()

    def ask(self, request: dict[str, Any], reply: Reply) -> None:
        """Ask what people at a terminal, pages and doors ask; nobody answers while the process is gone."""
        self.post((request, reply))

    def _soon(self) -> None:
        if not self._busy and not self._scheduled:
            self._scheduled = True
            life = self.life
            self.around.agenda.after(
                0.001, lambda: self._turn() if life == self.life and self.alive else None
            )

    def _tick(self, life: int) -> None:
        if life == self.life and self.alive:
            self._soon()
            self.around.agenda.after(TICK_S, lambda: self._tick(life))

    def _turn(self) -> None:
        """Take in what waits, commit once, then let the promises out."""
        self._scheduled = False
        items = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
        if self.loaded:
            for notice in self.neighbours.look(link_up=self.fleet.link_up, works=self.works):
                self._handle(notice)
        for item in items:
            if self.alive:
                self._take(item)
        if self.alive and self.around.agenda.now_s - self._ticked_s >= TICK_S - 0.01:
            self._ticked_s = self.around.agenda.now_s
            self._handle(messages.Ticked())
        if self.alive:
            self._commit()

    def _take(self, item: Item) -> None:
        notice: Notice | None
        if isinstance(item, intake.Heard):
            notice = intake.read(item)
        elif isinstance(item, tuple):
            notice = self.desk.ask(*item)
        else:
            notice = item
        if isinstance(notice, messages.AlertArrived) and not self.fleet.caseload.get(notice.alert.alert_id):
            known = self._store.find(notice.alert.alert_id) if self.works else None
            notice = replace(notice, known=known)
        if notice is not None:
            self._handle(notice)

    def _handle(self, notice: Notice) -> None:
        if not self.alive:
            return
        try:
            effects = self.fleet.handle(notice, self._now())
        except Exception as error:  # noqa: BLE001 - a fleet that raises is what is being looked for
            self._audience.centre_raised(self, error)
            return
        for effect in effects:
            if self._doom is not None:
                if self._doom <= 0:
                    self._die()
                    return
                self._doom -= 1
            self._audience.centre_did(self, effect)
            carry_out(self, effect)

    # ---- the store

    def _commit(self) -> None:
        if self.saves:
            self._busy = True
            life, saves = self.life, self.saves
            self.saves = []
            wait_s = self._dice.between(*COMMIT_S)
            if self.around.weather.has("store", "stall"):
                wait_s = self._dice.between(0.5, STORE_MAX_S)
            self.around.agenda.after(wait_s, lambda: self._committed(life, saves))
        elif self._queue:
            self._soon()

    def _committed(self, life: int, saves: list[Save]) -> None:
        if life != self.life or not self.alive:
            return
        self._busy = False
        if not self.loaded and self.works:
            self._load()
        if not self.works:
            self._handle(messages.SaveFailed("the database: does not answer"))
        elif self.alive:
            self._keep(saves)
        if self.alive:
            self._commit()

    def _keep(self, saves: list[Save]) -> None:
        every = [change for save in saves for change in save.changes]
        changes = [one for one in every if self.neighbours.holds or not isinstance(one, StoreSpan)]
        overruled = self._store.commit(changes, self.name)
        self._audience.centre_kept(changes)
        for changed in self.neighbours.confirm():
            self._handle(changed)
        self._handle(messages.Saved(saves[-1].serial, overruled))
