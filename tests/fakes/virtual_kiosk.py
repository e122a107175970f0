"""The real core in virtual time: a clock that only tests move, a list of what it asked for."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kiosk.bodies import Alert, Heartbeat, Reply, Token
from kiosk.config import Config
from kiosk.config_text import decode
from kiosk.core import Core
from kiosk.effects import Effect, Publish, Say, SendSms, Tell
from kiosk.messages import (
    BoardRead,
    EdgeSeen,
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
    SmsSent,
    Snapshot,
)
from kiosk.site import Site
from kiosk.words import load_catalogue

EXAMPLE = Path(__file__).parents[2] / "provisioning" / "site.example.toml"
UTC_MS = 1_790_000_000_000
WORDS = load_catalogue()
KEY = bytes(range(32))


def example_config(**changes: Any) -> Config:
    """Give the example site; dotted changes replace fields, e.g. `voice__mode="spoken"`."""
    config = decode(Config, EXAMPLE.read_text(encoding="utf-8"), str(EXAMPLE.name))
    for path, value in changes.items():
        config = _set(config, path.split("__"), value)
    return config


def _set(node: Any, path: list[str], value: Any) -> Any:
    import msgspec

    new = value if len(path) == 1 else _set(getattr(node, path[0]), path[1:], value)
    return msgspec.structs.replace(node, **{path[0]: new})


@dataclass
class VirtualKiosk:
    """Drive a core by hand; `said`, `published`, `texts` and `told` look at what it asked for."""

    config: Config = field(default_factory=example_config)
    now_s: float = 1000.0
    utc_ms: int = UTC_MS
    key: bytes = KEY
    safe_start: bool = False
    effects: list[Effect] = field(default_factory=list)
    turns: list[list[Effect]] = field(default_factory=list)
    count: int = 0

    def __post_init__(self) -> None:
        self.core = Core(
            Site(
                config=self.config, words=WORDS, key=self.key, version="0.1.0", config_hash="abcd1234",
                safe_start=self.safe_start,
            )
        )  # fmt: skip

    def now(self) -> Now:
        self.count += 1
        return Now(s=self.now_s, utc_ms=self.utc_ms, chance=0.5, fresh_id=f"01TEST{self.count:020d}")

    def take(self, effects: list[Effect]) -> list[Effect]:
        self.effects += effects
        self.turns.append(effects)
        return effects

    def start(self, snapshot: Snapshot | None = None) -> "VirtualKiosk":
        self.take(self.core.start(self.now()))
        for button in self.config.buttons:
            self.level(button.name, pressed=False)
        self.run(0.1)
        self.feed(JournalLoaded(snapshot or Snapshot()))
        return self

    def feed(self, event: KioskEvent) -> list[Effect]:
        return self.take(self.core.handle(event, self.now()))

    def run(self, seconds: float) -> "VirtualKiosk":
        """Let virtual time pass, waking the core just when it wants."""
        end_s = self.now_s + seconds
        for _ in range(100_000):
            wake_s = max(self.core.next_wake_s(), self.now_s)
            if wake_s > end_s:
                break
            self._pass(max(wake_s - self.now_s, 0.0))
            from kiosk.messages import Woken

            self.feed(Woken())
        else:
            raise AssertionError("the core never sleeps")
        self._pass(end_s - self.now_s)
        return self

    def _pass(self, seconds: float) -> None:
        self.now_s += seconds
        self.utc_ms += round(seconds * 1000)

    def wired(self, name: str, *, pressed: bool) -> bool:
        """Give the electrical level of a contact of this site."""
        from kiosk.wiring import rules_of

        extra = {"tamper": self.config.tamper, "mains_lost": self.config.mains_lost}
        wired = next((button for button in self.config.buttons if button.name == name), extra.get(name))
        assert wired is not None, name
        return rules_of(wired).is_down(high=True) == pressed

    def edge(self, name: str, *, pressed: bool) -> list[Effect]:
        return self.feed(
            EdgeSeen(input=InputName(name), high=self.wired(name, pressed=pressed), at_s=self.now_s)
        )

    def level(self, name: str, *, pressed: bool) -> list[Effect]:
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
        self, stage: str, *, alert: Alert | None = None, by: str = "", presses: int = 0
    ) -> list[Effect]:
        alert = alert or self.alerts[-1]
        body = Reply(
            alert_id=alert.alert_id, stage=stage, at="2026-11-21T10:00:00Z", by=by,
            presses=presses or alert.presses,
        )  # type: ignore[arg-type]  # fmt: skip
        return self.feed(ReplyReceived(body, "mqtt"))

    def puback(self, code: int = 0) -> list[Effect]:
        token = next(
            e.token for e in reversed(self.effects) if isinstance(e, Publish) and isinstance(e.body, Alert)
        )
        return self.feed(Published(token=token, code=code))

    def send_all_sms(self) -> "VirtualKiosk":
        """Let the network take every text that is handed over."""
        done = {getattr(e, "token", None) for e in self.effects if isinstance(e, Tell)}
        for _ in range(50):
            token = self.open_sms
            if token is None or token in done:
                break
            done.add(token)
            self.feed(SmsSent(token=token, reference=len(done), parts=1))
        return self

    @property
    def open_sms(self) -> Token | None:
        return self.core.parts.alarm.modem.with_modem[0] if self.core.parts.alarm.modem.with_modem else None

    @property
    def alerts(self) -> list[Alert]:
        return [e.body for e in self.effects if isinstance(e, Publish) and isinstance(e.body, Alert)]

    @property
    def beats(self) -> list[Heartbeat]:
        return [e.body for e in self.effects if isinstance(e, Publish) and isinstance(e.body, Heartbeat)]

    @property
    def said(self) -> list[str]:
        return [e.key for e in self.effects if isinstance(e, Say)]

    @property
    def texts(self) -> list[SendSms]:
        return [e for e in self.effects if isinstance(e, SendSms)]

    @property
    def told(self) -> list[str]:
        return [e.what for e in self.effects if isinstance(e, Tell)]

    def of(self, kind: type) -> list[Any]:
        return [e for e in self.effects if isinstance(e, kind)]
