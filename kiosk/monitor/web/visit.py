"""One request of one person, and the answers that it may get. Owns no page and no check."""

import base64
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import anyio.from_thread
import msgspec
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from kiosk.monitor.crowd import network_of
from kiosk.monitor.store import audit
from kiosk.monitor.web import session
from kiosk.monitor.web.session import Signed
from kiosk.monitor.web.site import Site, View, word_of
from kiosk.monitor.web.words import LANGUAGES, Language

FLASH, FLASH_S = "flash", 60


class Refused(Exception):
    """The answer is no: an HTTP status and the word that says why."""

    def __init__(self, status: int, word: str, **values: object) -> None:
        super().__init__(word)
        self.status, self.word, self.values = status, word, values


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request of one person (None: nobody has signed in) and the answers that it may get."""

    request: Request
    site: Site
    person: Signed | None
    language: Language
    form: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # fields that were sent many times
    files: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def who(self) -> str:
        """Give the id of the person, for the centre and the audit log."""
        return "" if self.person is None else self.person.person_id

    @property
    def posted(self) -> bool:
        """Tell whether a form was sent."""
        return self.request.method == "POST"

    def query(self, name: str) -> str:
        """Give a parameter of the address, or an empty text."""
        return self.request.query_params.get(name, "")[:200]

    def path(self, name: str) -> str:
        """Give a part of the path."""
        return str(self.request.path_params[name])

    def word(self, key: str, **values: object) -> str:
        """Give a word in the person's language."""
        return self.site.words.word(self.language, key, **values)

    def reading(self) -> AbstractContextManager[Connection]:
        """Open a transaction that reads."""
        return self.site.engine.connect()

    def writing(self) -> AbstractContextManager[Connection]:
        """Open a transaction that writes and is committed at its end."""
        return session.writing(self.site)

    def audit(self, connection: Connection, what: str, subject: str = "", detail: str = "") -> None:
        """Keep in the audit log what this person does, in the transaction that does it."""
        audit.write(
            connection, at_ms=self.site.now_ms(), who=self.who, what=what, subject=subject, detail=detail
        )

    def ask(self, question: View, timeout_s: float = 5.0) -> View:
        """Ask the centre one thing; raises DaemonAway. Only from a handler's own thread."""
        return anyio.from_thread.run(self._asked, question, timeout_s)

    async def _asked(self, question: View, timeout_s: float) -> View:
        return await self.site.feed.ask(question, timeout_s)

    def render(self, template: str, status: int = 200, **values: object) -> Response:
        """Answer with a page."""
        text = self.fragment(template, **values)
        response = HTMLResponse(text, status)
        if FLASH in self.request.cookies:
            response.delete_cookie(FLASH, path="/")
        return response

    def fragment(self, template: str, **values: object) -> str:
        """Render a template to text."""
        site = self.site
        return site.templates.get_template(template).render(
            word=word_of(site, self.language),
            raw=lambda key: site.words.texts[self.language, key],  # for scripts, which fill in themselves
            language=self.language,
            languages=LANGUAGES,
            person=self.person,
            csrf="" if self.person is None else self.person.csrf,
            here=self.request.url.path,
            navigation=[
                entry
                for entry in site.navigation
                if self.person is not None and self.person.role in entry.roles
            ],
            flash=_flash(self),
            ending=site.lookout.look(site.now_ms()) if self._is_admin else (),
            now_ms=site.now_ms(),
            **values,
        )

    @property
    def network(self) -> str:
        """Name where the browser is, as closely as somebody can be told from others."""
        client = self.request.client
        return network_of(client.host) if client else "?"

    @property
    def _is_admin(self) -> bool:
        return self.person is not None and self.person.role == "admin"

    @property
    def by_script(self) -> bool:
        """Tell whether a script asks, which needs a status and no page."""
        return "text/html" not in self.request.headers.get("accept", "")

    def told(self, path: str, word: str = "", **values: object) -> Response:
        """Answer a form: a script gets the sentence that says why not, a browser is sent on with it."""
        if self.by_script:
            text = self.word(word, **values) if word else ""
            return JSONResponse({"text": text}, 409 if word else 200)
        return self.redirect(path, word, good=False, **values)

    def redirect(self, path: str, word: str = "", *, good: bool = True, **values: object) -> Response:
        """Send the browser on (303), with a sentence to be shown there once."""
        response = RedirectResponse(path, 303)
        if word:
            kept = msgspec.json.encode(
                [good, word, {name: str(value)[:200] for name, value in values.items()}]
            )
            response.set_cookie(
                FLASH,
                base64.urlsafe_b64encode(kept).decode(),
                max_age=FLASH_S,
                httponly=True,
                samesite="strict",
                secure=self.site.secure,
            )
        return response


def _flash(visit: Visit) -> tuple[bool, str] | None:
    """Read the sentence that the last answer left; a browser may send anything here."""
    kept = visit.request.cookies.get(FLASH)
    if not kept:
        return None
    try:
        found = msgspec.json.decode(base64.urlsafe_b64decode(kept), type=tuple[bool, str, dict[str, str]])
        return found[0], visit.word(found[1], **found[2])
    except (ValueError, KeyError, IndexError, msgspec.MsgspecError):
        return None
