"""Alive, silent, stopped, doubled: what the centre concludes about one kiosk."""

from fakes.virtual_centre import UTC_MS, a_beat, a_status

from kiosk.bodies import KioskId
from kiosk.messages import Now
from kiosk.monitor import kiosks
from kiosk.monitor.records import Kiosk


def at(seconds: float) -> Now:
    return Now(s=seconds, utc_ms=UTC_MS + round(seconds * 1000), chance=0.0, fresh_id="x")


def new() -> Kiosk:
    return Kiosk(kiosk_id=KioskId("kz-1"))


def status(
    kiosk: Kiosk,
    state: str,
    boot: int,
    conn: int,
    seconds: float = 0.0,
    *,
    retained: bool = False,
    settled: bool = True,
) -> Kiosk:
    return kiosks.on_status(
        kiosk, a_status(state, boot, conn), at(seconds), retained=retained, settled=settled
    )


def beat(kiosk: Kiosk, boot: int, seq: int, seconds: float = 0.0) -> Kiosk:
    return kiosks.on_heartbeat(kiosk, a_beat(boot=boot, seq=seq), at(seconds))


def judge(kiosk: Kiosk, seconds: float, since_s: float = 0.0) -> Kiosk:
    return kiosks.judge(kiosk, at(seconds), since_s=since_s, silent_after_s=80.0)


def online(boot: int = 5, conn: int = 2) -> Kiosk:
    return status(new(), "online", boot, conn)


def test_a_will_makes_a_kiosk_silent_at_once() -> None:
    kiosk = status(online(), "offline", 5, 2, 20)
    assert (kiosk.life, kiosk.why, kiosk.since_ms) == ("silent", "will", UTC_MS + 20_000)


def test_an_orderly_stop_is_not_silence() -> None:
    kiosk = status(online(), "stopped", 5, 2, 20)
    assert (kiosk.life, kiosk.why) == ("stopped", "")
    assert judge(kiosk, 5000) is kiosk


def test_a_will_that_comes_again_changes_nothing() -> None:
    kiosk = status(online(), "offline", 5, 2, 20)
    assert status(kiosk, "offline", 5, 2, 30).since_ms == kiosk.since_ms


def test_an_old_will_never_beats_a_live_kiosk() -> None:
    """Pitfalls 9 and 10: a will of an older connection or run comes minutes late."""
    kiosk = online(5, 2)
    assert status(kiosk, "offline", 5, 1, 20) is kiosk
    assert status(kiosk, "offline", 4, 9, 20) is kiosk
    again = status(kiosk, "online", 6, 1, 30)
    assert status(again, "offline", 5, 2, 40) is again
    assert status(again, "stopped", 5, 2, 40) is again


def test_an_old_will_is_known_even_when_the_kiosk_lost_its_counters() -> None:
    kiosk = status(online(57, 3), "online", 1, 1, 30)
    assert (kiosk.life, kiosk.boot) == ("online", 1)
    assert status(kiosk, "offline", 57, 3, 40) is kiosk
    assert status(kiosk, "offline", 1, 1, 50).life == "silent"


def test_a_will_of_a_run_that_was_never_seen_counts() -> None:
    assert status(online(5, 2), "offline", 6, 1, 20).life == "silent"


def test_a_heartbeat_after_a_will_proves_life() -> None:
    kiosk = beat(status(online(), "offline", 5, 2, 20), 5, 1, 21)
    assert (kiosk.life, kiosk.why, kiosk.since_ms, kiosk.heard_s) == ("online", "", UTC_MS + 21_000, 21)


def test_a_heartbeat_that_was_overtaken_by_the_will_proves_nothing() -> None:
    gone = status(beat(online(), 5, 1, 1.0), "offline", 5, 2, 10.0)
    late = beat(gone, 5, 2, 10.5)
    assert (late.life, late.why) == ("silent", "will")
    assert late.heartbeat == a_beat(boot=5, seq=2)
    assert beat(late, 5, 3, 11.5).life == "online"
    stopped = status(online(), "stopped", 5, 2, 10.0)
    assert beat(stopped, 5, 1, 10.1).life == "stopped"


def test_a_retained_birth_proves_nothing() -> None:
    """Pitfall 9: a retained `online` may belong to a kiosk that died."""
    kiosk = status(new(), "online", 5, 2, 10, retained=True)
    assert (kiosk.life, kiosk.boot, kiosk.connection) == ("unknown", 5, 2)
    assert judge(kiosk, 81).life == "silent"


def test_a_retained_will_tells_of_a_kiosk_that_is_gone() -> None:
    assert status(new(), "offline", 5, 2, 10, retained=True).life == "silent"


def test_an_old_retained_birth_changes_nothing() -> None:
    kiosk = online(5, 2)
    assert status(kiosk, "online", 5, 1, 10, retained=True) is kiosk
    assert status(kiosk, "online", 4, 1, 10, retained=True) is kiosk


def test_what_the_broker_kept_for_us_is_no_sign_of_a_second_device() -> None:
    kiosk = status(online(5, 3), "online", 5, 4, 5, settled=False)
    assert kiosk.life == "online"
    for boot, conn in ((5, 2), (5, 3), (4, 1)):
        assert status(kiosk, "online", boot, conn, 6, settled=False) is kiosk


def test_silence_is_noticed_by_missing_heartbeats_alone_within_90_s() -> None:
    """Pitfall 10: wills come late or never. A beat just before the cut, then a tick each second."""
    kiosk = beat(online(), 5, 1, 30)
    noticed_s = next(second for second in range(30, 500) if judge(kiosk, second).life == "silent")
    assert noticed_s - 30 <= 90
    assert judge(kiosk, noticed_s).why == "heartbeats"


def test_one_lost_heartbeat_is_not_silence() -> None:
    kiosk = beat(online(), 5, 1, 0)
    assert judge(kiosk, 33 + 33 + 10).life == "online"


def test_time_begins_when_the_centre_begins_to_hear() -> None:
    kiosk = beat(online(), 5, 1, 0)
    assert judge(kiosk, 200, since_s=150).life == "online"
    assert judge(kiosk, 231, since_s=150).life == "silent"


def test_lost_heartbeats_are_counted_within_a_run() -> None:
    kiosk = beat(beat(online(), 5, 1), 5, 4)
    assert kiosk.heartbeats_lost == 2
    assert beat(kiosk, 6, 1).heartbeats_lost == 2


def test_a_restart_is_not_a_second_device() -> None:
    kiosk = beat(beat(online(5), 5, 40), 6, 1, 30)
    kiosk = status(kiosk, "online", 6, 1, 31)
    assert not kiosk.twin
    assert kiosk.doubts_ms == ()


def test_two_devices_with_one_name_are_flagged_when_their_runs_alternate() -> None:
    """Pitfall 39: a cloned card."""
    kiosk = online(5)
    for second, boot in enumerate((5, 9, 5, 9, 5), start=1):
        kiosk = beat(kiosk, boot, second, second * 15.0)
    assert kiosk.twin


def test_two_devices_that_share_even_the_run_are_flagged() -> None:
    kiosk = online(5)
    for seq in (10, 500, 11, 501, 12, 502, 13):
        kiosk = beat(kiosk, 5, seq, seq / 10)
    assert kiosk.twin


def test_two_devices_that_kick_each_other_off_are_flagged() -> None:
    kiosk = online(5, 9)
    for number, conn in enumerate((3, 10, 4, 11, 5), start=1):
        kiosk = status(kiosk, "online", 5, conn, number)
    assert kiosk.twin
    assert kiosk.life == "online"


def test_one_late_message_is_not_a_second_device() -> None:
    kiosk = beat(beat(beat(online(5), 5, 2), 6, 1, 1), 5, 3, 2)
    kiosk = judge(beat(kiosk, 6, 2, 3), 4)
    assert not kiosk.twin


def test_a_second_device_is_forgotten_when_it_is_gone_for_an_hour() -> None:
    kiosk = online(5)
    for seq in (10, 9, 8, 7):
        kiosk = beat(kiosk, 5, seq, 10)
    assert judge(beat(kiosk, 5, 11, 3500), 3500).twin
    calm = judge(beat(kiosk, 5, 11, 3700), 3700)
    assert not calm.twin
    assert calm.doubts_ms == ()


def test_runs_that_are_over_are_remembered_only_for_a_while() -> None:
    kiosk = new()
    for boot in range(20):
        kiosk = beat(kiosk, boot, 1)
    assert kiosk.past_boots == (15, 16, 17, 18)


def test_skipped_alert_numbers_are_shown_until_they_come() -> None:
    kiosk = kiosks.on_alert_seq(new(), 7)
    assert kiosk.missing == ()
    kiosk = kiosks.on_alert_seq(kiosk, 10)
    assert kiosk.missing == (8, 9)
    kiosk = kiosks.on_alert_seq(kiosk, 8)
    assert kiosk.missing == (9,)
    assert kiosks.on_alert_seq(kiosk, 10) is kiosk


def test_a_huge_gap_costs_no_memory() -> None:
    kiosk = kiosks.on_alert_seq(kiosks.on_alert_seq(new(), 1), 2**53 - 1)
    assert len(kiosk.missing) == kiosks.MISSING_MAX


def test_a_kiosk_that_lost_its_counters_counts_its_alerts_anew() -> None:
    kiosk = kiosks.on_alert_seq(kiosks.on_alert_seq(online(57, 1), 40), 42)
    kiosk = status(kiosk, "online", 1, 1, 5)
    assert (kiosk.alert_seq, kiosk.missing) == (-1, ())
    assert kiosks.on_alert_seq(kiosk, 1).missing == ()


def test_heartbeats_that_were_passed_over_are_not_lost() -> None:
    kiosk = kiosks.on_heartbeat(Kiosk(kiosk_id=KioskId("kz-1")), a_beat(seq=1), at(0))
    kiosk = kiosks.on_heartbeat(kiosk, a_beat(seq=5), at(1), merged=2)
    assert kiosk.heartbeats_lost == 1
    kiosk = kiosks.on_heartbeat(kiosk, a_beat(seq=6), at(1), merged=9)
    assert kiosk.heartbeats_lost == 1
