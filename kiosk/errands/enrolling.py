"""The first certificate, for the token that the set-up left: asked for until it is there.

Never logs the token. The file goes once the certificate stands; a token that the centre refuses is asked
again each hour only.
"""

import hashlib
import time
from collections.abc import Mapping
from pathlib import Path

from kiosk.check.daemon import imei_of
from kiosk.errands.desk import Desk
from kiosk.errands.outcome import Outcome
from kiosk.messages import DeviceError, LinkDown
from kiosk.net.enrol import Enrolment, Papers
from kiosk.net.papers import look

NAME = "enrol"
REFUSED_MARK = "token.refused"
REFUSED_REST_S = 3600
REFUSED = "refused with status 403"


def run(desk: Desk) -> Outcome:
    """Enrol where there is no certificate yet. Raises KioskError, OSError."""
    files = desk.files()
    if files is None:
        return Outcome(errand=NAME, ended="nothing", detail="this site needs no certificate")
    missing = look(desk.config).missing
    if "cert_missing" not in missing:
        return _tidied(desk)
    token = _token(desk, missing)
    if _refused_lately(desk, token):
        return Outcome(errand=NAME, ended="later", detail="the centre refused this token; ask for a new one")
    enrolment = Enrolment(desk.config.kiosk.id, files, desk.trusted_utc_s, state=desk.state)
    return _enrolled(desk, _ask(desk, enrolment, token))


def _token(desk: Desk, missing: Mapping[str, str]) -> str:
    if "ca_missing" in missing:
        raise DeviceError(missing["ca_missing"])
    try:
        token = desk.token.read_text(encoding="ascii").strip()
    except FileNotFoundError as error:
        raise DeviceError(f"no certificate, and no token at {desk.token}") from error
    except UnicodeDecodeError as error:
        raise DeviceError(f"{desk.token}: this is no token") from error
    if not token:
        raise DeviceError(f"{desk.token}: it is empty")
    return token


def _ask(desk: Desk, enrolment: Enrolment, token: str) -> Papers:
    """Ask the doors in turn; the centre forgives a question that is asked twice."""
    config = desk.config
    files = config.identity()
    ca = Path(files.ca if files else "")
    sms_key = Path(config.sms.key_file) if config.sms else None
    imei, refusals = imei_of(config), []
    for door in desk.doors():
        try:
            return enrolment.enrol(door, token, ca=ca, imei=imei, sms_key=sms_key)
        except LinkDown as error:
            refusals.append(f"{door}: {error}")
            if REFUSED in str(error):
                desk.set_mark(REFUSED_MARK, f"{_digest(token)} {int(time.time())}")
    raise LinkDown("; ".join(refusals) or "no door to ask: neither `door` nor [https]")


def _enrolled(desk: Desk, papers: Papers) -> Outcome:
    _tidied(desk)
    if papers.number is not None and papers.number != desk.config.kiosk.number:
        told = (
            f"enrolled, but the centre says kiosk.number {papers.number}: write that, or its SMS are refused"
        )
        return Outcome(errand=NAME, ended="failed", detail=told)
    return Outcome(errand=NAME, ended="done", detail=papers.kiosk_id)


def _tidied(desk: Desk) -> Outcome:
    """Take away a token that has served."""
    try:
        desk.token.unlink()
    except FileNotFoundError:
        return Outcome(errand=NAME, ended="nothing")
    except OSError as error:
        raise DeviceError(f"{desk.token}: cannot be deleted: {error.strerror}") from error
    return Outcome(errand=NAME, ended="done", detail="the token is deleted")


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()[:16]


def _refused_lately(desk: Desk, token: str) -> bool:
    digest, _, at_s = desk.mark(REFUSED_MARK).partition(" ")
    if digest != _digest(token) or not at_s.isdecimal():
        return False
    return 0 <= time.time() - int(at_s) < REFUSED_REST_S
