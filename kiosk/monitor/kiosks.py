"""What is known of one kiosk: alive, silent or stopped, and whether it is the only one of its name. Pure.

An old will never beats a live kiosk, and a message that may be old never proves life.
"""

from msgspec.structs import replace

from kiosk.bodies import Heartbeat, Status
from kiosk.messages import Now
from kiosk.monitor.records import Kiosk

PAST_BOOTS = 4
MISSING_MAX = 32
DOUBTS = 3  # one late message makes two: its run comes back, and then the true one does
DOUBT_WINDOW_MS = 600_000
TWIN_FORGET_MS = 3_600_000


LATE_MS = 1_000  # heartbeats have a connection of their own, and may come this long after a will


def hear(kiosk: Kiosk, now: Now) -> Kiosk:
    """Note a sign of life, now."""
    changed = kiosk.life != "online"
    return replace(
        kiosk,
        life="online",
        why="",
        since_ms=now.utc_ms if changed else kiosk.since_ms,
        heard_s=now.s,
        heard_ms=now.utc_ms,
    )


def on_heartbeat(kiosk: Kiosk, heartbeat: Heartbeat, now: Now, *, merged: int = 0) -> Kiosk:
    """Take a heartbeat in; it is never retained or queued, so it proves life.

    `merged` older ones came with it that nobody looked at: those are not lost.
    """
    last = kiosk.heartbeat
    if last is not None and last.boot == heartbeat.boot == kiosk.boot:
        if heartbeat.seq <= last.seq:  # one device counts upwards while it runs
            kiosk = doubt(kiosk, now)
        else:
            lost = kiosk.heartbeats_lost + max(heartbeat.seq - last.seq - 1 - merged, 0)
            if kiosk.life == "online":  # nearly all heartbeats are of this kind: one copy, not three
                return replace(
                    kiosk,
                    heard_s=now.s,
                    heard_ms=now.utc_ms,
                    heartbeat=heartbeat,
                    heartbeats_lost=lost,
                    version=heartbeat.version or kiosk.version,
                )
            kiosk = replace(kiosk, heartbeats_lost=lost)
    kiosk = _boot(kiosk, heartbeat.boot, now)
    gone = kiosk.why == "will" or kiosk.life == "stopped"
    if gone and 0 <= now.utc_ms - kiosk.since_ms < LATE_MS:
        return replace(kiosk, heartbeat=heartbeat)  # sent before; one that is back says so by its birth
    return replace(hear(kiosk, now), heartbeat=heartbeat, version=heartbeat.version or kiosk.version)


def on_status(kiosk: Kiosk, status: Status, now: Now, *, retained: bool, settled: bool) -> Kiosk:
    """Take a birth, stop or will in.

    `settled` is false just after the centre itself connected, when the broker hands over what it
    kept: then a message that looks older than the newest one is old, and no sign of a second device.
    """
    past = status.boot in kiosk.past_boots
    older = past or (status.boot == kiosk.boot and status.conn < kiosk.connection)
    lower = status.boot < kiosk.boot
    if status.state != "online":
        if older or lower:
            return kiosk
        kiosk = replace(_boot(kiosk, status.boot, now), connection=status.conn)
        life, why = ("stopped", "") if status.state == "stopped" else ("silent", "will")
        if kiosk.life == life:
            return kiosk
        return replace(kiosk, life=life, why=why, since_ms=now.utc_ms)
    if retained or not settled:
        if older or lower:
            return kiosk
        kiosk = replace(_boot(kiosk, status.boot, now), connection=status.conn, version=status.version)
        return kiosk if retained else hear(kiosk, now)
    if older and not past:
        kiosk = doubt(kiosk, now)
    kiosk = _boot(kiosk, status.boot, now)
    return hear(replace(kiosk, connection=status.conn, version=status.version), now)


def _boot(kiosk: Kiosk, boot: int, now: Now) -> Kiosk:
    """Follow a kiosk into its next run; a run that had ended and comes back is another device."""
    if boot == kiosk.boot:
        return kiosk
    came_back = boot in kiosk.past_boots
    if kiosk.boot >= 0:
        past = (*(old for old in kiosk.past_boots if old != boot), kiosk.boot)[-PAST_BOOTS:]
        kiosk = replace(kiosk, past_boots=past)
    if boot < kiosk.boot and not came_back:  # its journal was lost, and every counter with it
        kiosk = replace(kiosk, alert_seq=-1, missing=())
    kiosk = replace(kiosk, boot=boot, connection=-1)
    return doubt(kiosk, now) if came_back else kiosk


def doubt(kiosk: Kiosk, now: Now) -> Kiosk:
    """Note a message that one device alone would not send (a cloned card: pitfall 39)."""
    recent = (*(at for at in kiosk.doubts_ms if now.utc_ms - at < DOUBT_WINDOW_MS), now.utc_ms)[-DOUBTS:]
    return replace(kiosk, doubts_ms=recent, twin=kiosk.twin or len(recent) >= DOUBTS)


def on_alert_seq(kiosk: Kiosk, seq: int) -> Kiosk:
    """Follow the alerts' numbers; those that were skipped are shown until they come."""
    if kiosk.alert_seq < 0:
        return replace(kiosk, alert_seq=seq)
    if seq > kiosk.alert_seq:
        first = max(kiosk.alert_seq + 1, seq - MISSING_MAX)
        missing = (*kiosk.missing, *range(first, seq))[-MISSING_MAX:]
        return replace(kiosk, alert_seq=seq, missing=missing)
    if seq in kiosk.missing:
        return replace(kiosk, missing=tuple(number for number in kiosk.missing if number != seq))
    return kiosk


def judge(kiosk: Kiosk, now: Now, *, since_s: float, silent_after_s: float) -> Kiosk:
    """Give the verdict of time; `since_s` is when the centre itself began to hear."""
    if kiosk.twin and now.utc_ms - kiosk.doubts_ms[-1] > TWIN_FORGET_MS:
        kiosk = replace(kiosk, twin=False, doubts_ms=())
    if kiosk.life in {"silent", "stopped"} or now.s - max(kiosk.heard_s, since_s) <= silent_after_s:
        return kiosk
    return replace(kiosk, life="silent", why="heartbeats", since_ms=now.utc_ms)
