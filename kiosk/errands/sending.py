"""What the centre should have of an installation: the installer's record, and the log of the set-up.

Each is sent until the centre says that it has it, and then not again. On a line that is too slow for the
whole log, less of it is tried each time.
"""

import hashlib

import msgspec

from kiosk import wire
from kiosk.check.install.record import read_record
from kiosk.commissioning import LOG_MAX_CHARS, Kept, ProvisionLog, clean, masked
from kiosk.errands.desk import Desk
from kiosk.errands.outcome import Outcome
from kiosk.messages import LinkDown
from kiosk.net.call import Answered, Caller, Question, demand_ok
from kiosk.net.papers import look

RECORD, LOG = "commissioning", "provision-log"
CALL_S = 30.0
LOG_LEAST_CHARS = 4096
TAIL_BYTES = 4 * LOG_MAX_CHARS


def send_record(desk: Desk) -> Outcome:
    """Send the newest record of an installer's check. Raises KioskError, OSError."""
    record = read_record(desk.state)
    if record is None or desk.mark(f"{RECORD}.sent") == record.record_id:
        return Outcome(errand=RECORD, ended="nothing")
    wait = _not_yet(desk, RECORD)
    if wait is not None:
        return wait
    kept = _post(desk, f"/v1/{RECORD}", msgspec.json.encode(record))
    if kept.id != record.record_id:
        raise LinkDown("the centre speaks of another record")
    desk.set_mark(f"{RECORD}.sent", record.record_id)
    return Outcome(errand=RECORD, ended="done", detail=record.record_id)


def send_log(desk: Desk) -> Outcome:
    """Send the newest part of the set-up's log. Raises KioskError, OSError."""
    text = _log(desk)
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
    if not text or desk.mark(f"{LOG}.sent") == digest:
        return Outcome(errand=LOG, ended="nothing")
    wait = _not_yet(desk, LOG)
    if wait is not None:
        return wait
    size = _size(desk)
    desk.set_mark(
        f"{LOG}.tried", str(max(LOG_LEAST_CHARS, size // 2))
    )  # for the next time, if this one fails
    body = ProvisionLog(
        kiosk_id=desk.config.kiosk.id,
        at=wire.utc_text(int(desk.trusted_utc_s() * 1000)),
        text=clean(text, size),
    )
    _post(desk, f"/v1/{LOG}", msgspec.json.encode(body))
    desk.set_mark(f"{LOG}.sent", digest)
    desk.set_mark(f"{LOG}.tried", str(LOG_MAX_CHARS))
    return Outcome(errand=LOG, ended="done", detail=f"{len(body.text)} letters")


def _not_yet(desk: Desk, errand: str) -> Outcome | None:
    if desk.files() is None or "cert_missing" in look(desk.config).missing:
        return Outcome(errand=errand, ended="later", detail="no certificate yet")
    if not desk.doors():
        return Outcome(errand=errand, ended="nothing", detail="this site has no door of the centre")
    return None


def _log(desk: Desk) -> str:
    """Read the end of the log, clean and without numbers or secrets; empty where there is none."""
    try:
        with desk.log.open("rb") as file:
            end = file.seek(0, 2)
            file.seek(max(0, end - TAIL_BYTES))
            data = file.read(TAIL_BYTES)
    except FileNotFoundError:
        return ""
    return clean(masked(data.decode("utf-8", "replace")))


def _size(desk: Desk) -> int:
    told = desk.mark(f"{LOG}.tried")
    return min(LOG_MAX_CHARS, max(LOG_LEAST_CHARS, int(told))) if told.isdecimal() else LOG_MAX_CHARS


def _post(desk: Desk, path: str, body: bytes) -> Kept:
    """Ask the doors in turn until one has it. Raises LinkDown with what each said."""
    files = desk.config.identity()
    assert files is not None  # noqa: S101 - asked before
    caller = Caller(files, desk.trusted_utc_s)
    refusals = []
    for door in desk.doors():
        try:
            return _kept(caller.call(door, Question(path=path, deadline_s=CALL_S, body=body)))
        except LinkDown as error:
            refusals.append(f"{door}: {error}")
    raise LinkDown("; ".join(refusals))


def _kept(answer: Answered) -> Kept:
    demand_ok(answer)
    kept = wire.parse(Kept, answer.body)
    if isinstance(kept, wire.Rejected):
        raise LinkDown(f"an answer that cannot be used: {kept.reason}")
    return kept
