"""The card for the staff of a point, a page of A5 a language: what to do, what is said, whom to phone.

Owns what stands on it. What the kiosk says is quoted from the catalogue of prompts, never written anew; the
QR code holds the point's number and nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from kiosk.messages import Language
from kiosk.paper import drawings, pdf, qr, words
from kiosk.paper.markup import Html, el, join, page
from kiosk.paper.point import Point
from kiosk.paper.record import PaperError
from kiosk.prompts import Catalogue

PIN_SAYS = "«Сенің панаң / Твоё убежище»"  # the pin's own words, the same in every language
LANGUAGES_MAX = 2  # two pages are one sheet of paper
SIZES_PT = (8.8, 8.4, 8.0, 7.6, 7.2, 6.8, 6.5)
PRINT_PT = 6.6  # of an HTML page, which cannot be set smaller by itself; on a screen it is larger
STEPS = ("step_calm", "step_press", "step_danger", "step_silent", "step_stay")
SAID = (
    "pressed", "sending", "trying", "received", "accepted", "en_route", "on_scene", "pressed_again", "closed",
)  # fmt: skip
PHONES = ("112", "102", "103", "111", "150")


def to_html(point: Point, languages: Sequence[Language], prompts: Catalogue, style: str | None = None) -> str:
    """Make the card; raises PaperError for no language, too many, or a missing library."""
    if not 1 <= len(set(languages)) == len(languages) <= LANGUAGES_MAX:
        raise PaperError(f"a card has one or two different languages, not {', '.join(languages) or 'none'}")
    known = words.load("card")
    css = (files("kiosk") / "paper" / "card.css").read_text(encoding="utf-8")
    pages = (_Page(point, language, known, prompts).whole() for language in languages)
    return page(
        language=languages[0],
        title=f"{known.word(languages[0], 'title')} № {point.number}",
        style=(style if style is not None else pdf.style(PRINT_PT)) + css,
        body=join(*pages),
    )


def to_pdf(point: Point, languages: Sequence[Language], prompts: Catalogue) -> bytes:
    """Make the card as PDF, set as large as its page allows; raises PaperError as `pdf.write` does."""
    return pdf.write(
        lambda style: to_html(point, languages, prompts, style),
        sizes_pt=SIZES_PT,
        pages_max=len(languages),
    )


def spaced(phone: str) -> str:
    """Write a number of the country so that it can be read out: +7 701 000 00 01."""
    if not (phone.startswith("+7") and len(phone) == 12):
        return phone
    return " ".join((phone[:2], phone[2:5], phone[5:8], phone[8:10], phone[10:]))


@dataclass(frozen=True, slots=True)
class _Page:
    point: Point
    language: Language
    known: words.Words
    prompts: Catalogue

    def word(self, key: str, **values: object) -> str:
        return self.known.word(self.language, key, **values)

    @property
    def phone(self) -> str:
        phone = self.point.service_phone
        return spaced(phone) if phone else self.word("blank")

    def said(self, key: str) -> str:
        return self.prompts.prompt(self.language, key).text

    def whole(self) -> Html:
        return el(
            "section",
            self.head(),
            el("p", el("b", self.word("means_title"), "."), " ", self.word("means"), cls="means"),
            el("h2", self.word("steps_title")),
            el("ol", *(el("li", self.word(key, **self.how(key))) for key in STEPS)),
            el("p", el("b", self.word("never_title")), " ", self.word("never"), cls="never"),
            el("p", self.word("again"), cls="small"),
            el("h2", self.word("says_title")),
            *self.says(),
            el("div", el("div", *self.phones(), *self.drill()), el("div", *self.lamp()), cls="columns"),
            el("p", self.point.name(self.language), " · ", self.word("keep"), cls="foot"),
            lang=self.language,
        )

    def head(self) -> Html:
        number = el("div", el("b", f"№ {self.point.number}"), el("span", self.word("point")), cls="number")
        title = el("div", el("h1", PIN_SAYS), el("p", self.word("title")), cls="title")
        code = el("div", qr.svg(str(self.point.number)), cls="qr")
        return el("header", drawings.PIN, title, number, code)

    def how(self, key: str) -> dict[str, str]:
        """Say how the buttons of this point are pressed, each by its name where they differ."""
        if key != "step_press":
            return {}
        ways = {press.name: self._way(press.guard, press.hold_s) for press in self.point.presses}
        if len(set(ways.values())) == 1:
            return {"how": next(iter(ways.values()))}
        named = (self.word("how_named", name=name, how=how) for name, how in ways.items())
        return {"how": "; ".join(named)}

    def _way(self, guard: str, hold_s: float) -> str:
        return self.word(f"how_{guard}", **({"seconds": f"{hold_s:g}"} if guard == "hold" else {}))

    def says(self) -> tuple[Html, ...]:
        """Tell what will be heard; only what the kiosk says in this mode."""
        match self.point.mode:
            case "spoken":
                rows = (el("tr", el("th", self.word(f"at_{key}")), el("td", self.said(key))) for key in SAID)
                return el("p", self.word("says_spoken")), el("table", *rows)
            case "cover":
                known = self.point.cover or (self.word("blank") * 2,)  # a line to write it on
                phrases = (el("p", phrase, cls="phrase") for phrase in known)
                return (el("p", self.word("says_cover")), *phrases, el("p", self.word("says_cover_after")))
            case "off":
                return (el("p", self.word("says_off")),)

    def phones(self) -> tuple[Html, ...]:
        rows = (el("tr", el("th", number), el("td", self.word(f"phone_{number}"))) for number in PHONES)
        return (
            el("h2", self.word("phones_title")),
            el("table", *rows, cls="phones"),
            el("p", self.word("no_sms"), cls="small"),
        )

    def drill(self) -> tuple[Html, ...]:
        heard = {"begin": self.said("drill"), "end": self.said("check_ok")}
        spoken = heard if self.point.mode == "spoken" else {}
        return (
            el("h2", self.word("drill_title")),
            el("p", self.word("drill_weekly")),
            el("p", self.word("drill_how", phone=self.phone)),
            el("p", self.word(f"drill_{self.point.mode}", **spoken)),
            el("p", el("b", self.word("drill_never"))),
        )

    def lamp(self) -> tuple[Html, ...]:
        title = el("h2", self.word("lamp_title"))
        if self.point.lamp == "none":
            return title, el("p", self.word("lamp_none", phone=self.phone), cls="call")
        calm = {"lamp_armed": drawings.WINK} if self.point.lamp == "wink" else {"lamp_dark": drawings.DARK}
        shown = calm | {"lamp_alerting": drawings.ALERTING, "lamp_fault": drawings.FAULT}
        shown |= {"lamp_out": drawings.DARK} if self.point.lamp == "wink" else {}
        rows = (el("div", drawings.lamp(rhythm), el("p", self.word(key))) for key, rhythm in shown.items())
        return title, *rows, el("p", self.word("lamp_call", phone=self.phone), cls="call")
