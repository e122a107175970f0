"""An update from its bundle to its outcome: does what `machine` says, with slots, system and daemon.

Decides nothing itself. Killed at any moment, the next run takes it up: record and slots say how far it was.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from kiosk.bundle import BundleRefused, UnpackingFailed, Verified
from kiosk.messages import DeviceError
from kiosk.update import judging, machine, release, states
from kiosk.update.daemon import Daemon
from kiosk.update.judging import Facts, Refusal
from kiosk.update.machine import POLL_S
from kiosk.update.places import Places, UpdateFailed
from kiosk.update.record import Papers, Record, fresh_id, keep, outcome
from kiosk.update.slots import Slots
from kiosk.update.states import Answered, Broke, Done, Drilled, Ended, Event, Order, State
from kiosk.update.system import System
from kiosk.updates import Ending, UpdateOutcome

Say = Callable[[str, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the person at the site allows."""

    force: bool = False
    downgrade: bool = False
    again: bool = False


@dataclass(kw_only=True)
class Course:
    """One update on one machine."""

    places: Places
    papers: Papers
    daemon: Daemon
    config: Path
    say: Say
    wishes: Wishes = Wishes()
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        self.slots = Slots(self.places)
        self.system = System(self.places)

    def install(
        self, path: Path, *, digest: str | None = None, command_id: str | None = None
    ) -> UpdateOutcome:
        """Install a release from a file, whatever comes of it. Raises BundleRefused and ConfigError."""
        self.say("verify", path.name)
        verified = release.verify(path, self.places, digest)
        running = self.slots.version(self.slots.current())
        version = verified.header.version
        record = Record(
            update_id=command_id or fresh_id(), version=version, before_version=running, slot="",
            release=verified.id, command_id=command_id,
        )  # fmt: skip
        if version == running and not self.wishes.again:
            return self._end(record, "succeeded", Refusal("update_same", version))
        target = self.places.target()
        facts = Facts(
            running=running, version=version, refused=self.slots.refused(), target=target,
            targets=release.targets(verified), free_mb=release.free_mb(self.places),
            needed_mb=release.needed_mb(verified, target), on_trial=bool(self.slots.on_trial()),
            downgrade=self.wishes.downgrade, again=self.wishes.again,
        )  # fmt: skip
        why = judging.refusal(facts)
        if why is not None:
            return self._end(record, "failed", why)
        if version in facts.refused:
            self.slots.allow(version)
        record = msgspec.structs.replace(record, slot=self.slots.spare())
        self.papers.write(record)
        return self._run(record, states.Installing(), verified)

    def resume(self) -> UpdateOutcome | None:
        """Take up what a cut interrupted; None when there is nothing."""
        record, slot = self.papers.record(), self.slots.on_trial()
        if slot:
            if record is None or record.slot != slot:
                record = self._unrecorded(slot)
            return self._run(record, machine.resume(record.standing, self.now()), None)
        if record is None:
            return None
        self.slots.settle()
        current = self.slots.current()
        if current == record.slot and record.switched:
            return self._end(record, "succeeded", Refusal(""))
        if record.version in self.slots.refused():
            why = self._why(record.version)
            return self._run(record, machine.resume_back(why, self.now()), None)
        return self._end(record, "failed", Refusal("update_interrupted"))

    def _why(self, version: str) -> Refusal:
        """Read why a version was taken back: our own code, or the guard's words."""
        code, _, detail = self.slots.why_refused(version).partition(": ")
        return Refusal(code, detail) if code.startswith("update_") else Refusal("update_start", code)

    def _unrecorded(self, slot: str) -> Record:
        other = "b" if slot == "a" else "a"
        return Record(
            update_id=fresh_id(), version=self.slots.version(slot) or "0", release="0" * 64,
            before_version=self.slots.version(other), slot=slot, switched=True,
        )  # fmt: skip

    def _run(self, record: Record, state: State, verified: Verified | None) -> UpdateOutcome:
        order = Order(version=record.version, force=self.wishes.force)
        while (what := machine.action(state)) is not None:
            if what != "ask":
                back = isinstance(state, states.Starting) and isinstance(state.after, states.Settling)
                self.say(what, record.before_version if back else record.version)
            if isinstance(state, states.Switching):
                record = msgspec.structs.replace(record, before=keep(state.before), switched=True)
            event = self._do(what, state, record, verified)
            after = machine.step(state, event, order, self.now())
            if what == "ask" and type(after) is type(state):
                self.sleep(POLL_S)
            state = after
        assert isinstance(state, Ended)  # noqa: S101 - the only state without an action
        return self._end(record, state.ending, state.why)

    def _do(self, what: states.Action, state: State, record: Record, verified: Verified | None) -> Event:
        try:
            match what:
                case "ask":
                    return self._ask()
                case "drill":
                    missing = self.daemon.drill()
                    return Answered(None) if missing is None else Drilled(missing)
                case "install":
                    self._install(record, verified)
                case "prepare":
                    self.system.prepare(self.places.incoming / "release")
                case "switch":
                    self.papers.write(record)
                    self.slots.switch(record.slot)
                case "start":
                    self.system.restart()
                case "confirm":
                    self.slots.confirm()
                case "go_back":
                    self._go_back(record, state)
        except UpdateFailed as error:
            return Broke(Refusal(error.code, error.detail))
        except (BundleRefused, UnpackingFailed, DeviceError) as error:
            return Broke(Refusal("update_disk", str(error)))
        return Done()

    def _ask(self) -> Answered:
        seen = self.daemon.standing()
        absent = seen is None and self.daemon.is_absent()
        return Answered(seen, bool(self.slots.on_trial()), absent=absent)

    def _install(self, record: Record, verified: Verified | None) -> None:
        if verified is None:
            raise UpdateFailed("update_interrupted")
        target = self.places.target()
        folder = release.unpack(verified, self.places, target)
        self.slots.install(record.slot, folder, target)
        self._try_configuration(record.slot)

    def _try_configuration(self, slot: str) -> None:
        """Refuse a version that cannot read the configuration which the running one can."""
        tried = [
            self.places.run(
                self.places.base / "slots" / each / "bin/kiosk", "config", "check", "--config", self.config
            )
            for each in (slot, self.slots.current())
        ]
        if tried[0].returncode and not tried[1].returncode:
            raise UpdateFailed("update_config", tried[0].stderr.strip()[:180])

    def _go_back(self, record: Record, state: State) -> None:
        if self.slots.on_trial() == record.slot:
            why = state.why if isinstance(state, states.GoingBack) else Refusal("update_start")
            self.slots.back(f"{why.code}: {why.detail}" if why.detail else why.code)

    def refuse(self, why: Refusal, *, version: str, digest: str, command_id: str) -> UpdateOutcome:
        """Tell the centre that what it ordered is not done."""
        record = Record(
            update_id=command_id, command_id=command_id, version=version, release=digest, slot="",
            before_version=self.slots.version(self.slots.current()),
        )  # fmt: skip
        return self._end(record, "failed", why)

    def _end(self, record: Record, ending: Ending, why: Refusal) -> UpdateOutcome:
        """Leave the outcome; what was fetched goes first, to make room, but for an order that still waits."""
        release.clear(self.places)
        order = self.papers.order()
        waits = order is not None and order.command_id != record.command_id
        release.forget(self.places.incoming, keep=order.release if order is not None and waits else "")
        ended = outcome(record, ending, why)
        self.papers.finish(ended)
        return ended
