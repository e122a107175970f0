"""The real core in virtual time: a clock that only tests move, and surroundings that answer."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
from fakes.kiosk_record import Record

from kiosk import wire
from kiosk.bodies import Alert, Command, Reply, Token
from kiosk.config import Config, Https
from kiosk.config_text import decode
from kiosk.core import Core
from kiosk.effects import Effect, ReadInputs, Save
from kiosk.messages import (
    BoardRead,
    CommandReceived,
    EdgeSeen,
    HttpsAnswered,
    HttpsFailed,
    InputName,
    JournalLoaded,
    KioskEvent,
    LevelRead,
    LinkFell,
    LinkHeard,
    LinkRose,
    Now,
    Published,
    ReplyReceived,
    SmsFailed,
    SmsReceived,
    SmsSent,
    Snapshot,
    Woken,
)
from kiosk.parts import Parts
from kiosk.site import Site
from kiosk.wiring import rules_of
from kiosk.words import load_catalogue

EXAMPLE = Path(__file__).parents[2] / "provisioning" / "site.example.toml"
UTC_MS = 1_790_000_000_000
WORDS = load_catalogue()
KEY = bytes(range(32))
DOORS = Https(centres=("a.example.kz:8443", "b.example.kz:8443"))


def example_config(**changes: Any) -> Config:
    """Give the example site; dotted changes replace fields, e.g. `voice__mode="spoken"`.

    It has no HTTPS unless `https=DOORS` is asked for: one path fewer to think of in most tests.
    """
    config = decode(Config, EXAMPLE.read_text(encoding="utf-8"), str(EXAMPLE.name))
    for path, value in ({"https": None} | changes).items():
        config = _set(config, path.split("__"), value)
    return config


def _set(node: Any, path: list[str], value: Any) -> Any:
    new = value if len(path) == 1 else _set(getattr(node, path[0]), path[1:], value)
    return msgspec.structs.replace(node, **{path[0]: new})


@dataclass
class VirtualKiosk(Record):
    """Drive a core by hand; what it asked for is in the record.

    Its surroundings answer by themselves: levels are read when asked for, and a broker that is up is heard.
    `reads` and `hears` switch that off.
    """

    config: Config = field(default_factory=example_config)
    now_s: float = 1000.0
    utc_ms: int = UTC_MS
    key: bytes = KEY
    safe_start: bool = False
    reads: bool = True
    hears: bool = True
    closed: dict[str, bool] = field(default_factory=dict)
    count: int = 0
    references: int = 0

    def __post_init__(self) -> None:
        self.core = Core(
            Site(
                config=self.config, words=WORDS, key=self.key, version="0.1.0", config_hash="abcd1234",
                safe_start=self.safe_start,
            )
        )  # fmt: skip

    def now(self) -> Now:
        self.count += 1
        return Now(s=self.now_s, utc_ms=self.utc_ms, chance=0.5, fresh_id=f"01TEST{self.count:019d}0")

    def take(self, effects: list[Effect]) -> list[Effect]:
        self.effects += effects
        self.turns.append(effects)
        if ReadInputs() in effects:
            self._surroundings()
        return effects

    def _surroundings(self) -> None:
        for name in self.inputs if self.reads else ():
            self.level(name, pressed=self.closed.get(name, False))
        if self.hears and self.parts.alarm.links.mqtt == "up":
            self.heard()

    def start(self, snapshot: Snapshot | None = None) -> "VirtualKiosk":
        self.begin().feed(JournalLoaded(snapshot or Snapshot()))
        return self

    def begin(self) -> "VirtualKiosk":
        """Start, every contact at rest, the journal still being read."""
        self.take(self.core.start(self.now()))
        for name in self.inputs if self.reads else ():
            self.level(name, pressed=False)
        return self.run(0.1)

    def restart(self, *, off_s: float = 5.0, **changes: Any) -> "VirtualKiosk":
        """Give the kiosk that starts after a power cut, with what was saved last."""
        kept = self.of(Save)[-1].snapshot if self.of(Save) else Snapshot()
        utc_ms = self.utc_ms + round(off_s * 1000)
        again = replace(
            self,
            now_s=20.0,
            utc_ms=utc_ms,
            effects=[],
            turns=[],
            closed={},
            count=self.count + 1000,
            **changes,
        )
        return again.start(kept)

    @property
    def parts(self) -> Parts:
        return self.core.parts

    @property
    def inputs(self) -> list[str]:
        extra = {"tamper": self.config.tamper, "mains_lost": self.config.mains_lost}
        return [button.name for button in self.config.buttons] + [name for name, way in extra.items() if way]

    def feed(self, event: KioskEvent) -> list[Effect]:
        return self.take(self.core.handle(event, self.now()))

    def run(self, seconds: float) -> "VirtualKiosk":
        """Let virtual time pass, waking the core just when it wants."""
        end_s = self.now_s + seconds
        for _ in range(1000 + int(100 * seconds)):
            wake_s = max(self.core.next_wake_s(), self.now_s)
            if wake_s > end_s:
                break
            self.sleep(max(wake_s - self.now_s, 0.0))
            self.feed(Woken())
        else:
            raise AssertionError("the core never sleeps")
        self.sleep(end_s - self.now_s)
        return self

    def sleep(self, seconds: float) -> None:
        """Let time pass without a turn."""
        self.now_s += seconds
        self.utc_ms += round(seconds * 1000)

    def wired(self, name: str, *, pressed: bool) -> bool:
        """Give the electrical level of a contact of this site."""
        extra = {"tamper": self.config.tamper, "mains_lost": self.config.mains_lost}
        wired = next((button for button in self.config.buttons if button.name == name), extra.get(name))
        assert wired is not None, name
        return rules_of(wired).is_down(high=True) == pressed

    def edge(self, name: str, *, pressed: bool) -> list[Effect]:
        self.closed[name] = pressed
        return self.feed(
            EdgeSeen(input=InputName(name), high=self.wired(name, pressed=pressed), at_s=self.now_s)
        )

    def level(self, name: str, *, pressed: bool) -> list[Effect]:
        self.closed[name] = pressed
        return self.feed(
            LevelRead(input=InputName(name), high=self.wired(name, pressed=pressed), at_s=self.now_s)
        )

    def press(self, name: str = "", *, for_s: float = 0.3) -> "VirtualKiosk":
        name = name or self.config.buttons[0].name
        self.edge(name, pressed=True)
        self.run(for_s)
        self.edge(name, pressed=False)
        return self.run(0.1)

    def online(self) -> "VirtualKiosk":
        self.feed(LinkRose("mqtt", "broker:8883"))
        return self.heard()

    def heard(self) -> "VirtualKiosk":
        self.feed(LinkHeard(link="mqtt", at_s=self.now_s, rtt_ms=12))
        return self

    def offline(self) -> "VirtualKiosk":
        self.feed(LinkFell("mqtt", "connection reset"))
        return self

    def modem(self) -> "VirtualKiosk":
        self.feed(LinkRose("sms", "modem"))
        return self

    def board(self, *, synced: bool = True, **changes: Any) -> "VirtualKiosk":
        figures = BoardRead(
            temp_c=50, under_voltage=False, throttled=False, disk_free_mb=9000, mem_free_mb=500,
            clock_synced=synced,
        )  # fmt: skip
        self.feed(replace(figures, **changes))
        return self

    def reply(
        self, stage: str, *, alert: Alert | None = None, by: str = "", presses: int | None = None
    ) -> list[Effect]:
        """Let the centre answer by MQTT, echoing what it has counted."""
        alert = alert or self.alerts[-1]
        body = Reply(
            alert_id=alert.alert_id, stage=stage, at="2026-11-21T10:00:00Z", by=by,
            presses=alert.presses if presses is None else presses,
        )  # type: ignore[arg-type]  # fmt: skip
        return self.feed(ReplyReceived(body, "mqtt"))

    def puback(self, code: int = 0) -> list[Effect]:
        """Let the broker acknowledge the newest alert."""
        return self.feed(Published(token=Token(self.alert_tokens[-1]), code=code))

    def order(self, name: str, number: int = 1, *, for_s: float = 60.0, duty: bool = False) -> list[Effect]:
        """Let the centre order something that expires `for_s` from now."""
        command = Command(
            command_id=f"c{number}", name=name, at=wire.utc_text(self.utc_ms),
            expires_at=wire.utc_text(self.utc_ms + round(for_s * 1000)), by="op-1", duty=duty,
        )  # type: ignore[arg-type]  # fmt: skip
        return self.feed(CommandReceived(command))

    def sms_from(self, number: str, text: str) -> list[Effect]:
        """Let somebody write."""
        return self.feed(SmsReceived(number, text))

    def sms_done(self, *, wrong: str = "") -> "VirtualKiosk":
        """Let the text that is with the modem be sent, or fail."""
        token = self.open_sms
        assert token is not None, "no text is with the modem"
        self.references += 1
        sent = SmsSent(token=token, reference=self.references, parts=1)
        self.feed(SmsFailed(token, wrong) if wrong else sent)
        return self

    def send_all_sms(self) -> "VirtualKiosk":
        """Let the network take every text that is handed over."""
        while self.open_sms:
            self.sms_done()
        return self

    def door_says(self, stage: str = "received", *, poll: bool = False, presses: int = 1) -> list[Effect]:
        """Let a door answer the post (or question) under way with one stage."""
        call = self.parts.alarm.doors.poll if poll else self.parts.alarm.doors.post
        assert call is not None, "nothing is under way"
        reply = Reply(alert_id=call.alert_id, stage=stage, at="2026-11-21T10:00:00Z", presses=presses)  # type: ignore[arg-type]
        return self.feed(HttpsAnswered(token=call.token, replies=(reply,), rtt_ms=30, peer="a.example.kz"))

    def door_fails(self, *, poll: bool = False, reason: str = "refused") -> list[Effect]:
        """Let the call under way fail."""
        call = self.parts.alarm.doors.poll if poll else self.parts.alarm.doors.post
        assert call is not None, "nothing is under way"
        return self.feed(HttpsFailed(call.token, reason))

    @property
    def open_sms(self) -> Token | None:
        with_modem = self.parts.alarm.modem.with_modem
        return with_modem[0] if with_modem else None

    @property
    def code(self) -> str:
        """The SMS code of the newest incident."""
        return self.parts.alarm.cases.open[-1].incident.code

    @property
    def stages(self) -> list[str]:
        return [case.incident.stage for case in self.parts.alarm.cases.open]

    @property
    def faults(self) -> tuple[str, ...]:
        return self.parts.reports.health.faults

    @property
    def lamp(self) -> str:
        return self.parts.lamp
