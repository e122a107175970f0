"""The installer's check from its first question to the record: who, when, what was found, and the verdict.

Owns the order: what needs a person first, then the parts, then a drill by every path. What passed before an
interruption is not asked again; parts and drill always are.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ulid import ULID

import kiosk
from kiosk import wire
from kiosk.check.daemon import STATUS, question
from kiosk.check.install.people import Person
from kiosk.check.install.progress import Kept, Progress, now_s
from kiosk.check.install.record import write_record
from kiosk.check.install.steps import Steps
from kiosk.check.plan import Check
from kiosk.check.row import Row, finding
from kiosk.commissioning import ROWS_MAX, Commissioning, Finding, judge
from kiosk.messages import Language
from kiosk.prompts import Catalogue
from kiosk.site import Site
from kiosk.site_files import load_config

Object = dict[str, Any]


@dataclass(kw_only=True)
class Visit:
    """One installer's check of one kiosk, beside its running daemon."""

    file: Path
    by: str
    words: Catalogue
    language: Language
    person: Person
    again: bool = False
    allow_mock: bool = False
    rows: list[Finding] = field(default_factory=list)

    def run(self) -> Commissioning:
        """Go through every step and keep the record.

        Raises ConfigError, DaemonAway, Refused, and AlarmOpen once a real alarm is open.
        """
        config, config_hash = load_config(self.file)
        site = Site(config=config, words=self.words, version=kiosk.__version__, config_hash=config_hash)
        state, socket = Path(config.paths.state), Path(config.paths.run) / "kiosk.sock"
        steps = Steps(site, socket, self.person, self.language)
        steps.demand_peace()
        done = self._progress(state, config_hash)
        self._tell("begin", kiosk=config.kiosk.id, by=self.by)
        if done.count:
            self._tell("resumed", count=done.count)
        for name in steps.buttons():
            self._step(done, f"button:{name}", lambda name=name: steps.press(name))  # type: ignore[misc]
        keys = steps.prompts()
        for key in keys:
            self._step(done, f"heard:{key}", lambda key=key: steps.hear(key))  # type: ignore[misc]
        if not keys:
            self.rows.append(finding(steps.silent()))
        steps.demand_peace()
        self._tell("drill")
        check = Check(file=self.file, words=self.words, allow_mock=self.allow_mock, whole=True)
        check.run()
        steps.demand_peace()
        self.rows += [finding(row) for row in check.rows]
        record = self._record(
            config.kiosk.id, config_hash, done.begun_at, question(socket, STATUS), check.drill_id
        )
        self._tell("stored", file=str(write_record(state, record)))
        done.end()
        return record

    def _progress(self, state: Path, config_hash: str) -> Progress:
        fresh = Kept(
            config_hash=config_hash, version=kiosk.__version__, by=self.by, begun_at=_utc(), begun_s=now_s(),
            rows={},
        )  # fmt: skip
        if self.again:
            Progress(state, fresh).end()
        return Progress(state, fresh)

    def _step(self, done: Progress, part: str, how: Callable[[], Row]) -> None:
        row = done.done(part)
        if row is None:
            row = finding(how())
            if row.level == "ok":
                done.keep(row)
        self.rows.append(row)

    def _record(
        self, kiosk_id: str, config_hash: str, begun_at: str, state: Object, drill_id: str
    ) -> Commissioning:
        beat: Object = state.get("heartbeat", {})
        modem: Object = state.get("modem") or {}
        imei = str(modem.get("imei", ""))
        return Commissioning(
            record_id=str(ULID()),
            kiosk_id=kiosk_id,
            by=self.by,
            begun_at=begun_at,
            at=_utc(),
            clock="synced" if beat.get("clock") == "synced" else "unsynced",
            version=kiosk.__version__,
            config_hash=config_hash,
            verdict=judge(self.rows),
            drill_id=drill_id,
            imei=imei if imei.isdigit() and len(imei) in range(14, 17) else "",
            operator=str(modem.get("operator", ""))[:60],
            signal_dbm=modem.get("signal_dbm"),
            balance_kzt=beat.get("links", {}).get("sms", {}).get("balance_kzt"),
            cert_days_left=beat.get("cert_days_left"),
            rows=tuple(self.rows[:ROWS_MAX]),
        )

    def _tell(self, key: str, **values: object) -> None:
        self.person.tell(self.words.word(self.language, "install", key, **values))


def _utc() -> str:
    return wire.utc_text(time.time_ns() // 1_000_000)
