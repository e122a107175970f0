"""Board, speaker, certificate and the cover phrase, through the real core."""

from dataclasses import replace

import pytest
from fakes.virtual_kiosk import UTC_MS, VirtualKiosk, example_config

from kiosk.config_voice import Cover
from kiosk.effects import ProbeVoice, ReadBoard
from kiosk.messages import CertificateRead, VoiceBroke, VoiceRecovered
from kiosk.upkeep import VOICE_EVERY_S

COVER = Cover(kk="Құрметті сатып алушылар.", ru="Уважаемые покупатели.", every_min=5, from_hour=9, to_hour=20)


def kiosk(**config: object) -> VirtualKiosk:
    return VirtualKiosk(config=example_config(**config)).start().board().modem().online()


def test_it_looks_at_board_and_speaker_at_start() -> None:
    effects = VirtualKiosk().begin().effects
    assert ReadBoard() in effects
    assert ProbeVoice() in effects


def test_a_start_after_a_crash_loop_is_told() -> None:
    """Failure policy: repeated fast restarts start without replay and report it."""
    assert VirtualKiosk(safe_start=True).start().faults == ("restart_loop",)


def test_the_board_is_read_with_every_heartbeat() -> None:
    virtual = kiosk().quiet().run(91.0)
    assert len(virtual.of(ReadBoard)) == len(virtual.beats) == 3


@pytest.mark.parametrize(
    ("changes", "code"), [({"under_voltage": True}, "under_voltage"), ({"disk_free_mb": 5}, "disk_low")]
)
def test_the_boards_faults_come_and_go(changes: dict[str, object], code: str) -> None:
    """Pitfall 38."""
    virtual = kiosk().board(**changes)
    assert virtual.faults == (code,)
    assert virtual.board().faults == ()


def test_an_unsynced_clock_is_told_in_the_alert_and_the_heartbeat() -> None:
    """Pitfall 32."""
    virtual = VirtualKiosk().start().online().press()
    assert virtual.alerts[-1].clock == "unsynced"
    virtual.board(synced=True)
    assert virtual.parts.heartbeat(virtual.now()).clock == "synced"
    virtual.board(synced=False)
    assert "clock_unsynced" in virtual.faults


def test_a_certificate_near_its_end_is_told() -> None:
    virtual = kiosk()
    virtual.feed(CertificateRead(61))
    assert virtual.faults == ()
    virtual.feed(CertificateRead(-1))
    assert virtual.faults == ("cert_expiring",)
    assert virtual.parts.heartbeat(virtual.now()).cert_days_left == -1


def test_a_broken_speaker_is_a_fault_and_is_tried_again_every_five_minutes() -> None:
    virtual = kiosk().quiet()
    virtual.feed(VoiceBroke("no card"))
    assert virtual.faults == ("voice_unavailable",)
    assert virtual.run(2 * VOICE_EVERY_S + 1.0).of(ProbeVoice) == [ProbeVoice()] * 2
    virtual.feed(VoiceRecovered())
    assert virtual.faults == ()
    assert virtual.quiet().run(2 * VOICE_EVERY_S).of(ProbeVoice) == []


def test_a_broken_speaker_stops_no_alert() -> None:
    virtual = kiosk()
    virtual.feed(VoiceBroke("no card"))
    assert virtual.press().alerts


# ---- the cover phrase


def at_hour(hour: int, **config: object) -> VirtualKiosk:
    """UTC_MS is 19:13 in Kazakhstan; start at another local hour."""
    config = {"voice__mode": "cover", "voice__cover": COVER} | config
    virtual = VirtualKiosk(config=example_config(**config), utc_ms=UTC_MS + (hour - 19) * 3_600_000)
    return virtual.start().board().modem().online()


def test_the_cover_phrase_plays_at_ordinary_times_so_that_it_means_nothing() -> None:
    assert at_hour(10).run(2 * 300.0 + 1.0).said == ["cover", "cover"]


@pytest.mark.parametrize("hour", [20, 23, 3, 7])
def test_it_does_not_play_outside_its_hours(hour: int) -> None:
    assert at_hour(hour).run(301.0).said == []


def test_it_does_not_play_over_an_alarm() -> None:
    virtual = at_hour(10).press().quiet()
    virtual.run(301.0)
    assert "cover" not in virtual.said


@pytest.mark.parametrize("mode", ["spoken", "off"])
def test_it_plays_in_cover_mode_only(mode: str) -> None:
    assert at_hour(10, voice__mode=mode).run(301.0).said == []


def test_cover_mode_without_a_phrase_plays_nothing() -> None:
    assert at_hour(10, voice__cover=None).run(301.0).said == []


def test_a_clock_that_jumps_ten_years_breaks_no_calendar() -> None:
    virtual = at_hour(10)
    for jump_ms in (-10 * 365 * 86_400_000, 20 * 365 * 86_400_000):
        virtual.utc_ms += jump_ms
        virtual.quiet().run(600.0)
        assert 18 <= len(virtual.beats) <= 23
    assert replace(virtual.now(), utc_ms=0).utc_ms == 0
