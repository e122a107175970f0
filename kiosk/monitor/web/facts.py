"""What a kiosk's last heartbeat tells, as label and words. Owns the words' choice only."""

from dataclasses import dataclass

from kiosk.bodies import Board, Heartbeat, SmsHealth
from kiosk.monitor.records import Kiosk
from kiosk.monitor.web import times
from kiosk.monitor.web.health import Tone, Word, lasting

WEAK_DBM, POOR_DBM = -85, -100  # RSSI of GSM: below the first texts get slow, below the second they fail
HOT_C = 75  # a Raspberry Pi throttles at 80 °C
CERT_SOON_DAYS = 30


@dataclass(frozen=True, slots=True)
class Fact:
    """One line: what, how it stands, and how serious that is."""

    label: str
    text: str
    tone: Tone = "note"


def of_kiosk(known: Kiosk, word: Word) -> tuple[Fact, ...]:
    """Say everything that is known beside life and faults."""
    found: list[Fact] = []
    if known.heartbeat is not None:
        found += _of_heartbeat(known.heartbeat, word)
    found.append(Fact(word("kiosk.lost"), str(known.heartbeats_lost)))
    if known.refused:
        found.append(Fact(word("kiosk.refused"), str(known.refused), "warn"))
    return tuple(found)


def _of_heartbeat(beat: Heartbeat, word: Word) -> list[Fact]:
    state: Tone = "good" if beat.state == "armed" else "bad"
    found = [
        Fact(word("kiosk.state"), word(f"kiosk.state_{beat.state}"), state),
        Fact(word("kiosk.uptime"), lasting(beat.uptime_s * 1000, word)),
        Fact(
            word("kiosk.button"),
            word(f"kiosk.button_{beat.button.level}"),
            "good" if beat.button.level == "released" else "warn",
        ),
        Fact(word("kiosk.last_press"), _when(beat.button.last_press_at, word)),
        Fact(word("kiosk.last_test"), _when(beat.button.last_test_at, word)),
    ]
    if beat.links.mqtt is not None:
        mqtt = beat.links.mqtt
        text = word("kiosk.mqtt_told", rtt=mqtt.rtt_ms, drops=mqtt.drops)
        found.append(Fact(word("kiosk.mqtt"), text, "good" if mqtt.up else "bad"))
    if beat.links.https is not None:
        https = beat.links.https
        text = word("kiosk.mqtt_told", rtt=https.rtt_ms, drops=https.drops)
        found.append(Fact(word("kiosk.https"), text, "good" if https.up else "bad"))
    if beat.links.sms is not None:
        found += _of_sms(beat.links.sms, word)
    found += _of_board(beat.board, word)
    found.append(Fact(word("kiosk.voice"), _voice(beat, word), "note" if beat.voice.ok else "warn"))
    found.append(
        Fact(
            word("kiosk.power"),
            word(f"kiosk.power_{beat.power}"),
            "warn" if beat.power == "battery" else "note",
        )
    )
    clock = word(f"kiosk.clock_{beat.clock}")
    found.append(Fact(word("kiosk.clock"), clock, "good" if beat.clock == "synced" else "warn"))
    if beat.cert_days_left is not None:
        tone: Tone = "warn" if beat.cert_days_left < CERT_SOON_DAYS else "good"
        found.append(Fact(word("kiosk.cert"), word("kiosk.cert_days", n=beat.cert_days_left), tone))
    found.append(Fact(word("kiosk.version"), beat.version or word("spoken.none")))
    found.append(Fact(word("kiosk.config"), beat.config_hash or word("spoken.none")))
    return found


def _when(at_s: int, word: Word) -> str:
    """Show a time that the kiosk told, which may be nonsense."""
    if not 0 < at_s < 4_102_444_800:  # 2100-01-01
        return word("spoken.never") if at_s == 0 else word("spoken.none")
    return times.local(at_s * 1000)


def _of_sms(sms: SmsHealth, word: Word) -> list[Fact]:
    found = [
        Fact(
            word("kiosk.modem"),
            word(
                "kiosk.modem_told",
                operator=sms.operator or word("spoken.none"),
                registered=_registered(sms, word),
            ),
            "good" if sms.up else "bad",
        )
    ]
    if sms.signal_dbm is not None:
        grade = "poor" if sms.signal_dbm < POOR_DBM else "weak" if sms.signal_dbm < WEAK_DBM else "good"
        tone: Tone = "good" if grade == "good" else "warn"
        text = word("kiosk.dbm", n=sms.signal_dbm, grade=word(f"kiosk.signal_{grade}"))
        found.append(Fact(word("kiosk.plot_signal"), text, tone))
    if sms.balance_kzt is not None:
        found.append(Fact(word("kiosk.plot_balance"), word("kiosk.tenge", n=f"{sms.balance_kzt:.0f}")))
    return found


REGISTRATIONS = frozenset({"home", "roaming", "searching", "denied", "unknown"})


def _registered(sms: SmsHealth, word: Word) -> str:
    """Name a registration in words; one that we do not know is shown as it is."""
    return word(f"kiosk.registered_{sms.registered}") if sms.registered in REGISTRATIONS else sms.registered


def _of_board(board: Board, word: Word) -> list[Fact]:
    found: list[Fact] = []
    if board.temp_c is not None:
        hot: Tone = "warn" if board.temp_c >= HOT_C else "note"
        found.append(Fact(word("kiosk.plot_temperature"), f"{board.temp_c} °C", hot))
    if board.disk_free_mb is not None:
        found.append(Fact(word("kiosk.disk"), word("kiosk.megabytes", n=board.disk_free_mb)))
    if board.mem_free_mb is not None:
        found.append(Fact(word("kiosk.memory"), word("kiosk.megabytes", n=board.mem_free_mb)))
    return found


def _voice(beat: Heartbeat, word: Word) -> str:
    text = word(f"kiosk.voice_{beat.voice.mode}")
    return text if beat.voice.ok else f"{text}: {word('faults.voice_unavailable')}"
