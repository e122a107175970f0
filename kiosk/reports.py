"""The kiosk's health, and what of it the centre is owed: faults raised and cleared, results. Pure.

Owns the one `Health` value that all watches write to. None of it may come before an alert.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from kiosk import health, wire
from kiosk.bodies import CommandResult, Event, Token
from kiosk.effects import Effect, Publish, Tell
from kiosk.health import Health
from kiosk.messages import Now, Snapshot
from kiosk.site import Site
from kiosk.wire import bounded_utc_ms


class Reports:
    """Faults become events for the centre, kept until the broker has them."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.health = Health()
        self._count = 0
        self._reasons: dict[str, str] = {}

    def fault(self, code: str, now: Now, *, wrong: bool, detail: str = "") -> list[Effect]:
        """Raise or clear a fault; a change becomes an event for the centre, a new reason does not."""
        self.health, change = health.set_fault(self.health, code, wrong=wrong)
        if change is None:
            if wrong and code in self._reasons:
                self._reasons[code] = detail[:160]
            return []
        self._reasons.pop(code, None)
        if wrong:
            self._reasons[code] = detail[:160]
        self.tell_centre(code, now, state="raised" if wrong else "cleared", detail=detail)
        what = "fault_raised" if wrong else "fault_cleared"
        return [Tell(what, (("code", code), ("reason", detail[:160])), "warning" if wrong else "info")]

    def reasons(self) -> dict[str, str]:
        """Give why each fault that stands was raised."""
        return dict(self._reasons)

    def judge(self, faults: Mapping[str, bool], now: Now) -> list[Effect]:
        """Raise or clear several faults."""
        return [effect for code, wrong in faults.items() for effect in self.fault(code, now, wrong=wrong)]

    def tell_centre(
        self,
        code: str,
        now: Now,
        *,
        state: Literal["raised", "cleared", "info"] = "info",
        detail: str = "",
        event_id: str = "",
    ) -> None:
        """Queue an event for the centre; by its own `event_id` it may be told again."""
        self._count += 1
        body = Event(
            event_id=event_id or f"{now.fresh_id}-{self._count}",
            kiosk_id=self.site.config.kiosk.id,
            at=wire.utc_text(now.utc_ms),
            code=code[:60],
            state=state,
            detail=detail[:280],
        )
        self.health = health.post(self.health, body)

    def result(self, body: CommandResult) -> None:
        """Queue a command's result for the centre."""
        self.health = health.post(self.health, body)

    def remember(self, kept: Snapshot) -> None:
        """Take up the times that the journal kept."""
        self.health = replace(
            self.health,
            last_press_utc_ms=max(self.health.last_press_utc_ms, bounded_utc_ms(kept.last_press_utc_ms)),
            last_test_utc_ms=max(self.health.last_test_utc_ms, bounded_utc_ms(kept.last_test_utc_ms)),
        )

    def settled(self, token: Token) -> None:
        """Forget what the broker has."""
        self.health = health.settle(self.health, token)

    def owe_again(self) -> None:
        """Let all that was not acknowledged be published again."""
        self.health = health.hand_again(self.health)

    def hand_over(self) -> list[Effect]:
        """Publish what the centre is owed."""
        self.health, due = health.hand_over(self.health)
        return [Publish(out.token, out.body) for out in due]
