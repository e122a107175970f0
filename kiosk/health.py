"""What is wrong, what was last seen of every part, and the heartbeat that says so. Pure.

Faults are codes (`modem_down`, `button_lost:counter`); each raise and clear becomes one Event for the
centre, kept (at most `OUTBOX_MAX`) until the broker has it. Telemetry never holds up an alert.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, assert_never, get_args

from kiosk.bodies import (
    Board,
    ButtonHealth,
    Clock,
    CommandResult,
    Event,
    Heartbeat,
    KioskState,
    Links,
    MqttHealth,
    Power,
    SmsHealth,
    Token,
    VoiceHealth,
)
from kiosk.messages import BoardRead, ModemStatus

OUTBOX_MAX = 32
FAULTS_MAX = 64
TOLD_FAULTS = 12  # of them stand in a heartbeat, to bound its size
FIGURE_MAX = 2**31 - 1  # of bodies.Figure and bodies.Small
DISK_LOW_MB = 100  # a journal and logs of years fit in far less
CERT_SOON_DAYS = 14  # renewal at two thirds of its life has failed daily by then
MILD = frozenset(
    {
        "clock_unsynced", "balance_low", "balance_unknown", "cert_expiring", "mains_lost",
        "nobody_on_duty", "restart_loop",
    }
)  # fmt: skip


Level = Literal["released", "unknown", "pressed", "stuck", "lost"]
LEVELS: tuple[Level, ...] = get_args(Level)  # the later, the worse


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A body that the broker has not acknowledged; `handed` while a publish is under way."""

    token: Token
    body: Event | CommandResult
    handed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The newest of every part. `balance_kzt` in tenge, times monotonic seconds unless named utc.

    `https_up` is None until a door was tried.
    """

    faults: tuple[str, ...] = ()
    outbox: tuple[Outgoing, ...] = ()
    dropped_events: int = 0
    rtt_ms: int = 0
    drops: int = 0
    https_up: bool | None = None
    https_rtt_ms: int = 0
    https_drops: int = 0
    modem: ModemStatus | None = None
    modem_up: bool = False
    balance_kzt: float | None = None
    board: BoardRead | None = None
    voice_ok: bool = True
    power: Power = "unknown"
    cert_days_left: int | None = None
    last_press_utc_ms: int = 0
    last_test_utc_ms: int = 0
    contacts: Mapping[str, Level] = field(default_factory=dict)

    @property
    def clock(self) -> Clock:
        """Tell whether the wall clock is known to be right."""
        return "synced" if self.board and self.board.clock_synced else "unsynced"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault that was just raised or cleared."""

    code: str
    raised: bool


def set_fault(health: Health, code: str, *, wrong: bool) -> tuple[Health, Fault | None]:
    """Raise or clear one fault; give the change, or None when nothing changed."""
    there = code in health.faults
    if wrong == there or (wrong and len(health.faults) >= FAULTS_MAX):
        return health, None
    faults = (*health.faults, code) if wrong else tuple(old for old in health.faults if old != code)
    return replace(health, faults=faults), Fault(code=code, raised=wrong)


def serious(health: Health) -> bool:
    """Tell whether staff should see that something is wrong."""
    return not all(_is_mild(code) for code in health.faults)


def _is_mild(code: str) -> bool:
    return code.partition(":")[0] in MILD


def post(health: Health, body: Event | CommandResult) -> Health:
    """Queue an event or a command's result for the centre; the oldest goes when there are too many."""
    match body:
        case Event():
            token = Token(f"event.{body.event_id}")
        case CommandResult():
            token = Token(f"result.{body.command_id}.{body.state}")
        case _:
            assert_never(body)
    outbox = (*health.outbox, Outgoing(token, body))
    extra = max(0, len(outbox) - OUTBOX_MAX)
    return replace(health, outbox=outbox[extra:], dropped_events=health.dropped_events + extra)


def hand_over(health: Health) -> tuple[Health, tuple[Outgoing, ...]]:
    """Give the bodies that are to be published now."""
    due = tuple(out for out in health.outbox if not out.handed)
    if not due:
        return health, ()
    return replace(health, outbox=tuple(replace(out, handed=True) for out in health.outbox)), due


def settle(health: Health, token: Token) -> Health:
    """Forget a body that the broker has."""
    return replace(health, outbox=tuple(out for out in health.outbox if out.token != token))


def hand_again(health: Health) -> Health:
    """Let every body that was not acknowledged be tried again: the connection is new, or time passed."""
    return replace(health, outbox=tuple(replace(out, handed=False) for out in health.outbox))


def board_faults(read: BoardRead) -> Mapping[str, bool]:
    """Judge the board's figures."""
    return {
        "under_voltage": read.under_voltage,
        "throttled": read.throttled,
        "disk_low": read.disk_free_mb is not None and read.disk_free_mb < DISK_LOW_MB,
        "clock_unsynced": not read.clock_synced,
    }


def modem_faults(status: ModemStatus) -> Mapping[str, bool]:
    """Judge what the modem tells of itself."""
    return {
        "sim_missing": status.sim == "missing",
        "sim_locked": status.sim in ("pin_needed", "puk_needed"),
        "gsm_unregistered": status.registration not in ("home", "roaming"),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """What a heartbeat needs beside the health: identity, time and counts."""

    seq: int
    boot: int
    at_s: int
    uptime_s: int
    alerting: bool
    open_alerts: int
    mode: Literal["spoken", "cover", "off"]
    has_sms: bool
    mqtt_up: bool
    config_hash: str
    version: str


def heartbeat(health: Health, beat: Beat) -> Heartbeat:
    """Compose the newest heartbeat; <= 400 B as JSON when all is well."""
    state: KioskState = "alerting" if beat.alerting else "faulty" if serious(health) else "armed"
    board = health.board
    return Heartbeat(
        seq=beat.seq,
        boot=beat.boot,
        at=max(0, beat.at_s),
        uptime_s=max(0, beat.uptime_s),
        state=state,
        faults=tuple(code[:60] for code in sorted(health.faults, key=_is_mild)[:TOLD_FAULTS]),
        button=_button(health),
        links=Links(
            mqtt=_link(beat.mqtt_up, health.rtt_ms, health.drops),
            https=_https(health),
            sms=_sms(health) if beat.has_sms else None,
        ),
        voice=VoiceHealth(mode=beat.mode, ok=health.voice_ok),
        power=health.power,
        board=Board(
            temp_c=None if board.temp_c is None else _figure(board.temp_c),
            under_voltage=board.under_voltage,
            throttled=board.throttled,
            disk_free_mb=board.disk_free_mb,
            mem_free_mb=board.mem_free_mb,
        )
        if board
        else Board(),
        clock=health.clock,
        open_alerts=beat.open_alerts,
        cert_days_left=health.cert_days_left,
        config_hash=beat.config_hash,
        version=beat.version,
    )


def _button(health: Health) -> ButtonHealth:
    levels: tuple[Level, ...] = tuple(health.contacts.values()) or ("unknown",)
    return ButtonHealth(
        level=max(levels, key=LEVELS.index),
        last_press_at=max(0, health.last_press_utc_ms // 1000),
        last_test_at=max(0, health.last_test_utc_ms // 1000),
    )


def _https(health: Health) -> MqttHealth | None:
    if health.https_up is None:
        return None
    return _link(health.https_up, health.https_rtt_ms, health.https_drops)


def _link(up: bool, rtt_ms: int, drops: int) -> MqttHealth:
    return MqttHealth(up=up, rtt_ms=_figure(rtt_ms), drops=_figure(drops))


def _figure(value: int) -> int:
    """Bring a figure within the contract: a sensor that lies must not silence its kiosk."""
    return max(-FIGURE_MAX, min(value, FIGURE_MAX))


def _sms(health: Health) -> SmsHealth:
    modem = health.modem
    return SmsHealth(
        up=health.modem_up,
        registered=modem.registration if modem else "",
        operator=modem.operator[:24] if modem else "",
        signal_dbm=_figure(modem.signal_dbm) if modem and modem.signal_dbm is not None else None,
        balance_kzt=health.balance_kzt,
    )
