"""What protects the pages whatever a handler does: headers, the size of what comes in, the Origin check."""

from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kiosk.monitor.web.site import Site
from kiosk.monitor.web.visit import Refused

BODY_MAX = 4 * 1024 * 1024  # the largest list that is imported stays far below
STRANGER_MAX = 16 * 1024  # a sign-in needs less, and anybody may have hundreds of connections
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # with no-referrer browsers send `Origin: null` with our own forms
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "cache-control": "no-store",
}
HSTS = "max-age=31536000"


class Shield:
    """Adds the headers to every answer and refuses what is too large."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self._app = app
        self._secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        taken = 0

        async def limited() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > BODY_MAX:
                return {"type": "http.disconnect"}
            return message

        async def shielded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if self._secure:
                    headers["strict-transport-security"] = HSTS
            await send(message)

        if _declared(scope) > BODY_MAX:
            await shielded(
                {"type": "http.response.start", "status": 413, "headers": [(b"connection", b"close")]}
            )
            await shielded({"type": "http.response.body", "body": b"too large\n"})
            return
        await self._app(scope, limited, shielded)


def bounded(request: Request) -> Request:
    """Give a stranger's request, whose reading ends with Refused beyond STRANGER_MAX; so does this."""
    if _declared(request.scope) > STRANGER_MAX:
        raise Refused(413, "base.too_large")
    taken = 0

    async def limited() -> Message:
        nonlocal taken
        message = await request.receive()
        taken += len(message.get("body", b""))
        if taken > STRANGER_MAX:
            raise Refused(413, "base.too_large")
        return message

    return Request(request.scope, limited)


def is_own_origin(request: Request, site: Site) -> bool:
    """Tell whether a form was sent by a page of ours; a browser says so, a script of another site cannot."""
    told = request.headers.get("origin")
    if told is None:
        parts = urlsplit(request.headers.get("referer", ""))
        told = f"{parts.scheme}://{parts.netloc}"
    own = {f"{request.url.scheme}://{request.headers.get('host', '')}"}
    if site.web.origin is not None:
        own = {site.web.origin.rstrip("/")}
    return told in own


def _declared(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0
