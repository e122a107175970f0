"""The core's hold on its store: every Save of a batch in one commit, and what comes of it as notices.

It answers for what is durable and never decides anything.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from kiosk.messages import Now
from kiosk.monitor import messages
from kiosk.monitor.caseload import KEEP_CLOSED_MS
from kiosk.monitor.effects import Save
from kiosk.monitor.records import Change, StoreSpan
from kiosk.monitor.store import Store, StoreBroken

LOG = logging.getLogger(__name__)


class Others(Protocol):
    """What is known of the other monitors."""

    @property
    def holds(self) -> bool:
        """Tell whether this monitor has the lease."""

    def confirm(self) -> Sequence[messages.LeaseChanged]:
        """Ask again for a lease that has run out."""


class Memory:
    """One store; `handle` takes each notice into the fleet, whose Saves come back by `keep`.

    Each of several monitors hears every heartbeat: only the holder of the lease adds them up.
    """

    def __init__(
        self,
        store: Store,
        handle: Callable[[messages.Notice], None],
        now: Callable[[], Now],
        others: Others,
    ) -> None:
        self._store = store
        self._others = others
        self._handle = handle
        self._now = now
        self._saves: list[Save] = []
        self._quarantined = ""
        self.loaded = False

    def keep(self, save: Save) -> None:
        """Take a Save for the next commit."""
        self._saves.append(save)

    def restore(self) -> int:
        """Begin with what the store holds and give the number of this start.

        Without a store alerts reach people, but no receipts go out.
        """
        now = self._now()
        boot = now.utc_ms // 1000
        try:
            self._store.open()
            boot = self._store.next_boot(boot)
            self._load(now)
        except StoreBroken as error:
            self._handle(messages.SaveFailed(str(error)))
        self.commit()
        return boot

    def _load(self, now: Now) -> None:
        cases, kiosks, events = self._store.load(now.utc_ms - KEEP_CLOSED_MS)
        self.loaded = True
        self._quarantined = self._store.quarantined
        self._handle(
            messages.Restored(cases=cases, kiosks=kiosks, events=events, quarantined=self._quarantined)
        )

    def recall(self, notice: messages.AlertArrived) -> messages.AlertArrived:
        """Look an alert up that the fleet has let go of."""
        return replace(notice, known=self._store.find(notice.alert.alert_id))

    def commit(self) -> None:
        """Make everything of this batch durable in one commit and report back to the fleet."""
        while self._saves:
            saves, self._saves = self._saves, []
            try:
                if not self.loaded:
                    self._load(self._now())
                overruled = self._store.commit(self._changes(saves))
            except StoreBroken as error:
                self._handle(messages.SaveFailed(str(error)))
            else:
                for changed in self._others.confirm():  # a commit that stalled may have outlived the lease
                    self._handle(changed)
                self._tell(messages.Saved(saves[-1].serial, overruled))
                if self._store.quarantined != self._quarantined:
                    self._quarantined = self._store.quarantined
                    self._handle(messages.StoreRenewed(self._quarantined))

    def _tell(self, notice: messages.Saved) -> None:
        """Report back. A bug of ours that trips over it must not end the centre: all is written once more."""
        for told in (notice, messages.SaveFailed("a fault of the centre's own: its log says which")):
            try:
                return self._handle(told)
            except Exception:
                LOG.exception("notice=%s failed", type(told).__name__)
        return None

    def _changes(self, saves: list[Save]) -> list[Change]:
        every = (change for save in saves for change in save.changes)
        return [change for change in every if self._others.holds or not isinstance(change, StoreSpan)]

    def close(self) -> None:
        """Close the store; idempotent."""
        self._store.close()
