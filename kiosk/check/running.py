"""The parts that a running daemon owns, judged by what it tells and by a drill that it sends.

Asks over the local socket only; never touches a device.
"""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from kiosk.check.board import judge_days
from kiosk.check.daemon import MARGIN_S, STATUS, Refused, drill_events, question
from kiosk.check.inputs import simulated
from kiosk.check.modem import PARTS as MODEM_PARTS
from kiosk.check.modem import judge_balance, judge_modem
from kiosk.check.row import Row, Why, fault, ok, untested, unused, warning
from kiosk.commissioning import Level
from kiosk.config import Config
from kiosk.drill import WHOLE_MORE_S
from kiosk.health import MILD
from kiosk.messages import BalanceRead, ModemStatus

PENDING_S = 75.0  # the balance is asked a minute after the modem was opened
GLANCE_S = 1.0

Object = dict[str, Any]
Test = Callable[[str, float, Callable[[], list[Row]]], list[Row]]
# Faults that a row of their own tells already; every other one is listed as it is.
SHOWN = frozenset(
    {
        "mqtt_down", "https_down", "modem_down", "sim_missing", "sim_locked", "gsm_unregistered",
        "balance_unknown", "voice_unavailable", "button_lost", "button_unread", "button_stuck",
        "clock_unsynced", "disk_low", "balance_low",
        "under_voltage", "throttled", "cert_expiring", "nobody_on_duty", "ca_missing", "cert_missing",
        "sms_key_missing",
    }
)  # fmt: skip


def test_parts(config: Config, socket: Path, test: Test, *, whole: bool) -> str:
    """Let the daemon send a drill, then ask how it is; `test(part, seconds, how)` keeps the rows of each.

    Gives the drill's alert id, empty where there was none. A `whole` one is judged path by path too.
    """
    events: list[Object] = []
    drill_s = config.timing.drill_s + (WHOLE_MORE_S if whole else 0.0)

    def drill() -> list[Row]:
        try:
            events.extend(drill_events(socket, duty=False, drill_s=drill_s, whole=whole))
        except Refused as error:
            parts = ("receipt", "sms", *(paths_of(config) if whole else ()))
            return [untested(part, "refused", reason=str(error)) for part in parts]
        return judge_drill(config, events) + (judge_paths(config, events) if whole else [])

    test("receipt", drill_s + 2 * MARGIN_S, drill)
    test("daemon", PENDING_S + MARGIN_S, lambda: _look(config, socket, patient=whole))
    return str(next((event["alert_id"] for event in events if "alert_id" in event), ""))


def _look(config: Config, socket: Path, *, patient: bool = False) -> list[Row]:
    """Ask how it is; wait for what a daemon that just started does not know yet.

    Where anything is wrong already only a `patient` one waits: an installer's sheet has every figure.
    """
    end_s = time.monotonic() + PENDING_S
    while True:
        state = question(socket, STATUS)
        rows = judge_state(config, state)
        pending = any(row.code == "untested_pending" for row in rows)
        wrong = any(row.level == "fault" for row in rows) and not patient
        hopeless = state["incidents"] or wrong
        if not pending or hopeless or time.monotonic() >= end_s:
            return rows
        time.sleep(GLANCE_S)


def judge_silence(config: Config, reason: str) -> list[Row]:
    """Judge a daemon that holds the devices and does not answer: nothing else can be known."""
    parts = [f"input:{name}" for name in config.inputs()]
    parts += ["speaker", "broker", "door", "receipt", "duty", "certificate", *MODEM_PARTS]
    return [fault("daemon", "daemon_hung", reason=reason), *(untested(part, "hung") for part in parts)]


def judge_daemon(state: Object, config_hash: str) -> list[Row]:
    """Judge the daemon itself: which configuration and version it runs with."""
    beat = state["heartbeat"]
    if beat.get("config_hash", "") != config_hash:
        return [warning("daemon", "daemon_stale")]
    return [ok("daemon", "daemon_up", version=beat.get("version", "?"))]


def judge_state(config: Config, state: Object) -> list[Row]:
    """Judge inputs, speaker, modem, link and certificate by the daemon's own words; then its other faults."""
    beat: Object = state["heartbeat"]
    links = beat.get("links", {})
    rows = [_input(name, way.pin, state) for name, way in config.inputs().items()]
    rows += simulated(config)
    rows.append(_speaker(config, beat, state))
    rows += _modem(config, state, links.get("sms", {}))
    rows.append(_link(config, state, links.get("mqtt", {})))
    rows.append(_door(config, state, links.get("https", {})))
    rows.append(ok("duty", "duty_listened") if state["listened"] else warning("duty", "duty_nobody"))
    tls = config.identity() is not None
    rows.append(_certificate(state, beat) if tls else unused("certificate"))
    return rows + _others(state)


def _certificate(state: Object, beat: Object) -> Row:
    for code in ("ca_missing", "cert_missing"):
        if code in state["faults"]:
            return fault("certificate", f"fault_{code}")
    return judge_days(beat.get("cert_days_left"))


def _why(state: Object, code: str) -> str:
    reasons: Object = state.get("reasons", {})
    return str(reasons.get(code, "")) or "journalctl -u kiosk"


def _input(name: str, pin: int, state: Object) -> Row:
    part = f"input:{name}"
    for lost in (f"button_lost:{name}", f"button_unread:{name}"):
        if lost in state["faults"]:
            return fault(part, "input_lost", pin=pin, reason=_why(state, lost))
    match state["levels"].get(name, "unknown"):
        case "released":
            return ok(part, "input_released", pin=pin)
        case "pressed":
            return warning(part, "input_pressed", pin=pin)
        case "stuck":
            return fault(part, "input_stuck", pin=pin)
        case _:
            return untested(part, "pending")


def _speaker(config: Config, beat: Object, state: Object) -> Row:
    device = config.voice.device
    if config.voice.mode == "off":
        return unused("speaker")
    if beat.get("voice", {}).get("ok", True):
        return ok("speaker", "speaker_ok", device=device)
    return fault("speaker", "speaker_broken", device=device, reason=_why(state, "voice_unavailable"))


def _modem(config: Config, state: Object, link: Object) -> list[Row]:
    """Judge modem, SIM, network and balance; the texts are the drill's."""
    if config.sms is None:
        return [unused(part) for part in MODEM_PARTS[:-1]]
    told = state.get("modem")
    rows = judge_modem(ModemStatus(**told)) if told else []
    if "modem_down" in state["faults"]:
        reason = _why(state, "modem_down")
        rows = [fault("modem", "modem_silent", device=config.sms.device, reason=reason), *rows[1:]]
    known = {row.part for row in rows}
    why: Why = "modem" if "modem_down" in state["faults"] else "pending"
    rows += [untested(part, why) for part in MODEM_PARTS[:3] if part not in known]
    return [*rows, _balance(config, state, link.get("balance_kzt"))]


def _balance(config: Config, state: Object, kzt: float | None) -> Row:
    if config.sms is None or config.sms.balance is None:
        return unused("balance")
    if "balance_unknown" in state["faults"]:
        return judge_balance(config.sms, BalanceRead(None, _why(state, "balance_unknown")))
    if kzt is None:
        return untested("balance", "modem" if "modem_down" in state["faults"] else "pending")
    return judge_balance(config.sms, BalanceRead(kzt))


def _link(config: Config, state: Object, link: Object) -> Row:
    part = f"broker:{config.mqtt.brokers[0]}" if len(config.mqtt.brokers) == 1 else "broker"
    if state["mqtt"] != "up":
        return fault(part, "broker_down", reason=_why(state, "mqtt_down"))
    return ok(part, "broker_ok", ms=link.get("rtt_ms", 0))


def _door(config: Config, state: Object, link: Object) -> Row:
    if config.https is None:
        return unused("door")
    match state.get("https"):
        case "up":
            return ok("door", "door_ok", ms=link.get("rtt_ms", 0))
        case "down":
            return fault("door", "door_down", reason=_why(state, "https_down"))
        case _:
            return untested("door", "pending")


def _others(state: Object) -> list[Row]:
    """List the faults that no other row tells."""
    rows = []
    for code in state["faults"]:
        name, _, what = code.partition(":")
        if name not in SHOWN:
            rows.append(
                Row(part=f"fault:{code}", level=_grave(name), code=f"fault_{name}", values={"name": what})
            )
    return rows


def _grave(name: str) -> Level:
    return "warning" if name in MILD else "fault"


def judge_drill(config: Config, events: Iterable[Object]) -> list[Row]:
    """Judge the centre's receipt and the texts by what the daemon told of its drill."""
    told = list(events)
    began_s = next((event["t_s"] for event in told if event["what"] == "drill"), None)
    missing = {name.strip() for event in told[-1:] for name in str(event.get("missing", "")).split(",")}
    receipt = fault("receipt", "receipt_missing", seconds=f"{config.timing.drill_s:g}")
    for event in told:
        if event["what"] == "received" and event.get("path") == "mqtt":
            ms = round((event["t_s"] - began_s) * 1000) if began_s is not None else 0
            receipt = ok("receipt", "receipt_ok", ms=ms)
    if config.sms is None or not config.sms.gateways:
        return [receipt, unused("sms")]
    if "sms_key" in missing:
        return [receipt, fault("sms", "fault_sms_key_missing")]
    unsent = sorted(name for name in missing if name and name not in ("mqtt", "https"))
    sent = sum(event["what"] == "sms_sent" for event in told)
    if unsent or not sent:
        failed = [str(event.get("reason", "")) for event in told if event["what"] == "sms_failed"]
        reason = failed[-1] if failed else ", ".join(unsent) or "not sent"
        return [receipt, fault("sms", "sms_failed", count=len(unsent), reason=reason)]
    return [receipt, ok("sms", "sms_ok", count=sent)]


def paths_of(config: Config) -> list[str]:
    """Name the paths by which the centre can answer this kiosk."""
    paths = ["path:mqtt"]
    paths += ["path:https"] if config.https else []
    return paths + (["path:sms"] if config.sms and config.sms.gateways else [])


def judge_paths(config: Config, events: Iterable[Object]) -> list[Row]:
    """Judge by which paths the centre itself answered a whole drill, and how soon."""
    told = list(events)
    began_s = next((event["t_s"] for event in told if event["what"] == "drill"), 0.0)
    lasted_s = max((event["t_s"] - began_s for event in told), default=0.0)
    answered = {event["path"]: event["t_s"] - began_s for event in told if event["what"] == "answered"}
    rows = []
    for part in paths_of(config):
        seconds = answered.get(part.partition(":")[2])
        if seconds is None:
            rows.append(fault(part, "path_silent", seconds=f"{lasted_s:.0f}"))
        else:
            rows.append(ok(part, "path_ok", seconds=f"{seconds:.1f}"))
    return rows
