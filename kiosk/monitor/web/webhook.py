"""`POST /v1/sms`: an operator hands over an SMS that came in. Needs the webhook's bearer token, no session.

It answers 2xx only once the centre has the text on disk, so an operator that gets anything else sends it
again; `id` makes that harmless. It never tells what the text was worth.
"""

import hmac
import logging
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from kiosk.control import DaemonAway
from kiosk.monitor.web.site import Site, site_of

LOG = logging.getLogger(__name__)
BODY_MAX = 8192
TOKEN_MIN = 16
ASK_S = 8.0
PER_S, BURST = 50.0, 200.0  # a whole region that presses at once stays below


class Inbound(Struct, frozen=True):
    """One SMS as an operator tells it; `at` is theirs and is not believed."""

    id: Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[\x21-\x7e]+\Z")]
    sender: Annotated[str, Meta(min_length=1, max_length=64)] = msgspec.field(name="from")
    text: Annotated[str, Meta(max_length=1000)]
    at: Annotated[str, Meta(max_length=40)] = ""


@dataclass(slots=True)
class Bucket:
    """How many texts may come now; refilled by time (s)."""

    left: float = BURST
    at_s: float = field(default_factory=time.monotonic)

    def take(self, now_s: float) -> bool:
        """Take one; False when there is none."""
        self.left = min(BURST, self.left + (now_s - self.at_s) * PER_S)
        self.at_s = now_s
        if self.left < 1:
            return False
        self.left -= 1
        return True


async def sms(request: Request) -> Response:
    """Take one SMS in."""
    site = site_of(request)
    if not await run_in_threadpool(_is_allowed, request, site):
        return _answer(401, "the webhook's bearer token is needed", {"www-authenticate": "Bearer"})
    if not _bucket(request).take(time.monotonic()):
        return _answer(429, "too many at once; send it again", {"retry-after": "1"})
    body = await _body(request)
    if body is None:
        return _answer(413, f"at most {BODY_MAX} bytes")
    try:
        inbound = msgspec.json.decode(body, type=Inbound)
    except (msgspec.DecodeError, UnicodeError) as error:
        return _answer(422, str(error)[:200])
    return await _hand_over(site, inbound)


async def _hand_over(site: Site, inbound: Inbound) -> Response:
    question = {
        "ask": "sms",
        "message_id": f"webhook-{inbound.id}",
        "door": "webhook",
        "number": inbound.sender,
        "text": inbound.text,
    }
    try:
        answer = await site.feed.ask(question, ASK_S)
    except DaemonAway:
        return _answer(503, "the centre does not answer; send it again", {"retry-after": "2"})
    if "error" in answer or str(answer.get("text", "")).startswith("not on disk"):
        return _answer(503, "not on disk yet; send it again", {"retry-after": "2"})
    return _answer(200, "taken")


async def _body(request: Request) -> bytes | None:
    body = b""
    try:
        async for part in request.stream():
            body += part
            if len(body) > BODY_MAX:
                return None
    except ClientDisconnect:
        return None
    return body


def _bucket(request: Request) -> Bucket:
    state = request.app.state
    if not hasattr(state, "webhook_bucket"):
        state.webhook_bucket = Bucket()
    bucket: Bucket = state.webhook_bucket
    return bucket


def _is_allowed(request: Request, site: Site) -> bool:
    """Compare the token in constant time; without a configured one nobody is let in."""
    sms = site.config.sms
    if sms is None or sms.webhook_token_file is None:
        return False
    try:
        token = Path(sms.webhook_token_file).read_bytes().strip()
    except OSError as error:
        LOG.warning("webhook token=unreadable reason=%s", error.strerror)
        return False
    told = request.headers.get("authorization", "").encode("latin-1", "replace")
    return len(token) >= TOKEN_MIN and hmac.compare_digest(told, b"Bearer " + token)


def _answer(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"taken": status == 200, "text": text}, status, headers)


routes = [Route("/v1/sms", sms, methods=["POST"])]
