"""Keeps every part well and tells the centre how it is: faults, polls, recovery, heartbeats. Pure.

Owns the calendar of everything that is not an alert. None of it may come before one.
"""

from collections.abc import Mapping
from dataclasses import replace

from kiosk import health, recovery, wire
from kiosk.bodies import CommandResult, Event, Heartbeat, KioskState, Token
from kiosk.effects import (
    CyclePower,
    DropMqtt,
    Effect,
    OpenInput,
    OpenModem,
    PollModem,
    ProbeVoice,
    Publish,
    ReadBoard,
    ReadInputs,
    Say,
    Tell,
)
from kiosk.health import Health
from kiosk.messages import BalanceRead, BoardRead, InputName, ModemStatus, Now, Snapshot
from kiosk.site import Site
from kiosk.sms_text import LOCAL_OFFSET_MS

INPUTS_EVERY_S = 5.0  # level re-check: a lost edge is noticed within one period (pitfall 15, 16)
MODEM_EVERY_S = 60.0  # pitfall 24: an unplugged modem is seen only by asking it
VOICE_EVERY_S = 300.0
FIRST_BEAT_S = 1.0
DEAF_KEEPALIVES = 2.5  # nothing heard for that long: the link can only talk
DAY_MS = 86_400_000


class Upkeep:
    """Health, its calendar and the modem's recovery. Methods give effects; `run` gives what is due."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.health = Health()
        self.modem: recovery.State = recovery.Well()
        self.heard_s: float | None = None
        self.mqtt_up = False
        self.boot = 0
        self._started_s = 0.0
        self._beat_seq = 0
        self._event_count = 0
        self._due: dict[str, float] = {}
        self._lost: tuple[InputName, ...] = ()
        self._dropped = False

    def start(self, now: Now) -> list[Effect]:
        """Begin: open the modem, look at the board and the speaker."""
        self._started_s = now.s
        self._due = {"beat": now.s + FIRST_BEAT_S, "inputs": now.s + INPUTS_EVERY_S}
        out: list[Effect] = [ReadBoard(), ProbeVoice()]
        if self.site.config.sms:
            out.insert(0, OpenModem("none"))
        voice = self.site.config.voice
        if voice.mode == "cover" and voice.cover:
            self._due["cover"] = now.s + voice.cover.every_min * 60
        if self.site.safe_start:
            out += self.fault("restart_loop", now, wrong=True)
        return out

    # ---- faults

    def fault(self, code: str, now: Now, *, wrong: bool, detail: str = "") -> list[Effect]:
        """Raise or clear a fault; a change becomes an event for the centre."""
        self.health, change = health.set_fault(self.health, code, wrong=wrong)
        if change is None:
            return []
        self.tell_centre(code, now, state="raised" if wrong else "cleared", detail=detail)
        what = "fault_raised" if wrong else "fault_cleared"
        return [Tell(what, (("code", code), ("reason", detail[:160])), "warning" if wrong else "info")]

    def tell_centre(self, code: str, now: Now, *, state: str = "info", detail: str = "") -> None:
        """Queue an event for the centre."""
        self._event_count += 1
        body = Event(
            event_id=f"{now.fresh_id}-{self._event_count}",
            kiosk_id=self.site.config.kiosk.id,
            at=wire.utc_text(now.utc_ms),
            code=code[:60],
            state=state,  # type: ignore[arg-type]
            detail=detail[:280],
        )
        self.health = health.post(self.health, body)

    def result(self, body: CommandResult) -> None:
        """Queue a command's result for the centre."""
        self.health = health.post(self.health, body)

    # ---- what happened

    def mqtt_rose(self, now: Now) -> list[Effect]:
        """Take up what the centre has not heard: events, and a heartbeat soon."""
        self.mqtt_up, self.heard_s, self._dropped = True, now.s, False
        self.health = health.hand_again(self.health)
        self._due["beat"] = now.s
        return self.fault("mqtt_down", now, wrong=False)

    def mqtt_fell(self, reason: str, now: Now) -> list[Effect]:
        """Note a lost link."""
        drops = self.health.drops + (1 if self.mqtt_up else 0)
        self.mqtt_up = False
        self.health = replace(self.health, drops=drops)
        return self.fault("mqtt_down", now, wrong=True, detail=reason)

    def heard(self, at_s: float, rtt_ms: int | None) -> None:
        """Note that the receiving side of MQTT is alive."""
        self.heard_s = max(self.heard_s or at_s, at_s)
        if rtt_ms is not None:
            self.health = replace(self.health, rtt_ms=max(0, rtt_ms))

    def modem_rose(self, now: Now) -> list[Effect]:
        """Note an open modem session."""
        self.modem = recovery.Well()
        self.health = replace(self.health, modem_up=True)
        self._due["modem"] = now.s + MODEM_EVERY_S
        if self.site.config.sms and self.site.config.sms.balance and "balance" not in self._due:
            self._due["balance"] = now.s + FIRST_BEAT_S
        return self.fault("modem_down", now, wrong=False)

    def modem_fell(self, reason: str, now: Now) -> list[Effect]:
        """Note a lost modem session; the recovery ladder takes over."""
        self.modem = recovery.fell(self.modem, now.s)
        self.health = replace(self.health, modem_up=False)
        self._due.pop("modem", None)
        return self.fault("modem_down", now, wrong=True, detail=reason)

    def modem_read(self, status: ModemStatus, now: Now) -> list[Effect]:
        """Judge what the modem told of itself."""
        self.health = replace(self.health, modem=status)
        return self._judge(health.modem_faults(status), now)

    def balance_read(self, read: BalanceRead, now: Now) -> list[Effect]:
        """Judge the balance."""
        sms = self.site.config.sms
        if sms is None or sms.balance is None:
            return []
        if read.balance_kzt is None:
            return self.fault("balance_unknown", now, wrong=True, detail=read.reason)
        self.health = replace(self.health, balance_kzt=read.balance_kzt)
        low = read.balance_kzt < sms.balance.low_kzt
        return [
            *self.fault("balance_unknown", now, wrong=False),
            *self.fault("balance_low", now, wrong=low, detail=f"{read.balance_kzt:.0f} KZT"),
        ]

    def board_read(self, read: BoardRead, now: Now) -> list[Effect]:
        """Judge the board."""
        self.health = replace(self.health, board=read)
        return self._judge(health.board_faults(read), now)

    def _judge(self, faults: Mapping[str, bool], now: Now) -> list[Effect]:
        out: list[Effect] = []
        for code, wrong in faults.items():
            out += self.fault(code, now, wrong=wrong)
        return out

    def certificate(self, days_left: int, now: Now) -> list[Effect]:
        """Judge the client certificate's remaining life."""
        self.health = replace(self.health, cert_days_left=days_left)
        soon = days_left < health.CERT_SOON_DAYS
        return self.fault("cert_expiring", now, wrong=soon, detail=f"{days_left} days")

    def input_lost(self, name: InputName, reason: str, now: Now) -> list[Effect]:
        """Note an input that cannot be read; it is opened again with every level re-check."""
        if name not in self._lost:
            self._lost = (*self._lost, name)
        return self.fault(f"button_lost:{name}", now, wrong=True, detail=reason)

    def input_read(self, name: InputName, now: Now) -> list[Effect]:
        """Note an input that can be read."""
        if name not in self._lost:
            return []
        self._lost = tuple(lost for lost in self._lost if lost != name)
        return self.fault(f"button_lost:{name}", now, wrong=False)

    def settled(self, token: Token) -> None:
        """Forget what the broker has."""
        self.health = health.settle(self.health, token)

    def mains(self, now: Now, *, lost: bool) -> list[Effect]:
        """Note whether the board runs from the mains or from its battery."""
        self.health = replace(self.health, power="battery" if lost else "mains")
        return self.fault("mains_lost", now, wrong=lost)

    def voice(self, *, ok: bool) -> None:
        """Note whether sound works."""
        self.health = replace(self.health, voice_ok=ok)

    def remember(self, kept: Snapshot) -> None:
        """Take up the times that the journal kept."""
        self.health = replace(
            self.health,
            last_press_utc_ms=max(self.health.last_press_utc_ms, kept.last_press_utc_ms),
            last_test_utc_ms=max(self.health.last_test_utc_ms, kept.last_test_utc_ms),
        )

    def contacts(self, levels: Mapping[str, str]) -> None:
        """Note the buttons' levels for the heartbeat."""
        self.health = replace(self.health, contacts=levels)

    def pressed(self, now: Now) -> None:
        """Note when somebody last pressed."""
        self.health = replace(self.health, last_press_utc_ms=now.utc_ms)

    def tested(self, now: Now) -> None:
        """Note when a drill last passed."""
        self.health = replace(self.health, last_test_utc_ms=now.utc_ms)

    def beat_soon(self, now: Now) -> None:
        """Let the next heartbeat go at once: somebody asked."""
        self._due["beat"] = now.s

    # ---- what is due

    def run(self, now: Now, *, alerting: bool, open_alerts: int, modem_free: bool) -> list[Effect]:
        """Give everything that is due now."""
        out = self._recover(now)
        for name in [name for name, at_s in self._due.items() if now.s >= at_s]:
            match name:
                case "beat":
                    out += self._beat(now, alerting=alerting, open_alerts=open_alerts)
                case "inputs":
                    self._due[name] = now.s + INPUTS_EVERY_S
                    out += [ReadInputs(), *(OpenInput(lost) for lost in self._lost)]
                case "modem" | "balance":
                    out += self._poll(name, now, modem_free=modem_free)
                case "cover":
                    out += self._cover(now, alerting=alerting)
                case _:
                    self._due[name] = now.s + VOICE_EVERY_S
                    out += [] if self.health.voice_ok else [ProbeVoice()]
        return out + self._hand_over()

    def _beat(self, now: Now, *, alerting: bool, open_alerts: int) -> list[Effect]:
        every_s = self.site.config.heartbeat.every_s
        self._due["beat"] = now.s + every_s * (0.9 + 0.2 * now.chance)
        self._due.setdefault("voice", now.s + VOICE_EVERY_S)
        self.health = health.hand_again(self.health)
        out: list[Effect] = [ReadBoard()]
        if not self.mqtt_up:
            return out
        if self._deaf(now):
            if not self._dropped:
                out.append(DropMqtt("nothing heard from the broker"))
                self._dropped = True
            return out
        self._beat_seq += 1
        out.append(Publish(Token("hb"), self.heartbeat(now, alerting=alerting, open_alerts=open_alerts)))
        return out

    def _deaf(self, now: Now) -> bool:
        limit_s = DEAF_KEEPALIVES * self.site.config.mqtt.keepalive_s
        return self.heard_s is None or now.s - self.heard_s > limit_s

    def heartbeat(self, now: Now, *, alerting: bool, open_alerts: int) -> Heartbeat:
        """Compose the heartbeat of this moment."""
        beat = health.Beat(
            seq=self._beat_seq,
            boot=self.boot,
            at_s=now.utc_ms // 1000,
            uptime_s=int(now.s - self._started_s),
            alerting=alerting,
            open_alerts=open_alerts,
            mode=self.site.config.voice.mode,
            has_sms=self.site.config.sms is not None,
            mqtt_up=self.mqtt_up,
            config_hash=self.site.config_hash,
            version=self.site.version,
        )
        return health.heartbeat(self.health, beat)

    def state(self, *, alerting: bool) -> KioskState:
        """Name the kiosk's state in one word."""
        if alerting:
            return "alerting"
        return "faulty" if health.serious(self.health) else "armed"

    def _recover(self, now: Now) -> list[Effect]:
        sms, due_s = self.site.config.sms, recovery.due_s(self.modem)
        if sms is None or due_s is None or now.s < due_s:
            return []
        if isinstance(self.modem, recovery.Trying):
            return self.modem_fell("no outcome of the last attempt", now)
        if not isinstance(self.modem, recovery.Ill):
            return []
        self.modem, rung = recovery.climb(self.modem, now.s, powered=sms.power_pin is not None)
        told = Tell("modem_recovery", (("rung", rung),), "warning")
        if rung == "power":
            self.tell_centre("modem_reset", now, detail="power cycled")
            return [told, CyclePower(sms.power_off_s), OpenModem("none")]
        return [told, OpenModem("cfun" if rung == "cfun" else "none")]

    def _poll(self, name: str, now: Now, *, modem_free: bool) -> list[Effect]:
        balance = self.site.config.sms.balance if self.site.config.sms else None
        if name == "balance" and balance:
            self._due[name] = now.s + balance.every_h * 3600 if modem_free else now.s + MODEM_EVERY_S
        else:
            self._due[name] = now.s + MODEM_EVERY_S
        if not modem_free or not self.health.modem_up:
            return []
        return [PollModem("balance" if name == "balance" else "status")]

    def _cover(self, now: Now, *, alerting: bool) -> list[Effect]:
        cover = self.site.config.voice.cover
        if cover is None:
            return []
        self._due["cover"] = now.s + cover.every_min * 60
        hour = (now.utc_ms + LOCAL_OFFSET_MS) % DAY_MS // 3_600_000
        ordinary = cover.from_hour <= hour < cover.to_hour and not alerting
        return [Say("cover")] if ordinary else []

    def _hand_over(self) -> list[Effect]:
        if not self.mqtt_up:
            return []
        self.health, due = health.hand_over(self.health)
        return [Publish(out.token, out.body) for out in due]

    def wake_s(self) -> float:
        """Give the next monotonic time at which `run` has something to do."""
        recover_s = recovery.due_s(self.modem)
        times = [*self._due.values(), *([recover_s] if recover_s is not None else [])]
        return min(times, default=self._started_s)
