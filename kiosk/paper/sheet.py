"""The sheet of an installation, A4: what was tested, what was found, whether it passed, who signs."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib.resources import files

from kiosk.messages import Language
from kiosk.paper import pdf, words
from kiosk.paper.markup import Html, el, join, page
from kiosk.paper.record import Line, PaperError, Sheet

SIZES_PT = (9.0,)
SHOWN_OFFSET = timedelta(hours=5)  # Kazakhstan is one zone since 2024-03-01
LEAVE = ("leave_card", "leave_lamp", "leave_phone", "leave_pin", "leave_tidy")


def to_html(records: Mapping[Language, Sheet], style: str | None = None) -> str:
    """Make the sheet, one part a language; each record holds that language's words."""
    if not records:
        raise PaperError("a sheet needs a record in at least one language")
    known = words.load("sheet")
    css = (files("kiosk") / "paper" / "sheet.css").read_text(encoding="utf-8")
    first = next(iter(records))
    return page(
        language=first,
        title=f"{known.word(first, 'title')}: {records[first].kiosk_id}",
        style=(style if style is not None else pdf.style(SIZES_PT[0])) + css,
        body=join(*(_part(known, language, record) for language, record in records.items())),
    )


def to_pdf(records: Mapping[Language, Sheet]) -> bytes:
    """Make the sheet as PDF; raises PaperError where library or font is missing."""
    return pdf.write(lambda style: to_html(records, style), sizes_pt=SIZES_PT)


def _part(known: words.Words, language: Language, record: Sheet) -> Html:
    def word(key: str, **values: object) -> str:
        return known.word(language, key, **values)

    def table(rows: tuple[Line, ...], cls: str) -> Html:
        head = el("tr", *(el("th", word(f"head_{name}")) for name in ("part", "level", "found", "do")))
        lines = (
            el("tr",
               el("td", row.title), el("td", word(f"level_{row.level}"), cls="level"),
               el("td", row.found), el("td", row.do), cls=row.level)
            for row in rows
        )  # fmt: skip
        return el("table", el("thead", head), el("tbody", *lines), cls=cls)

    return el(
        "section",
        el("h1", word("title")),
        el("p", word(f"verdict_{record.verdict}"), cls=f"verdict {record.verdict}"),
        _facts(known, language, record),
        el("h2", word("parts")),
        table(record.rows, "parts"),
        *((el("h2", word("drill")), table(record.drill, "drill")) if record.drill else ()),
        el(
            "div",
            el("h2", word("leave")),
            el("ul", *(el("li", el("span", cls="box"), " ", word(key)) for key in LEAVE), cls="leave"),
            el("p", *(el("span", word(key), cls="sign") for key in ("sign_by", "sign_shop")), cls="signs"),
            cls="end",
        ),
        lang=language,
    )


def _facts(known: words.Words, language: Language, record: Sheet) -> Html:
    none = known.word(language, "unknown")
    signal = balance = none
    if record.signal_dbm is not None:
        signal = f"{record.operator} {known.word(language, 'dbm', value=record.signal_dbm)}".strip()
    if record.balance_kzt is not None:
        balance = known.word(language, "kzt", value=f"{record.balance_kzt:g}")
    at = _shown(record.at)
    if record.clock == "unsynced":
        at = known.word(language, "clock_unsynced", at=at)
    facts = {
        "kiosk": record.kiosk_id, "number": str(record.number), "place": record.place, "by": record.by,
        "at": at, "version": record.version, "imei": record.imei or none, "signal": signal,
        "balance": balance,
    }  # fmt: skip
    pairs = (el("div", el("dt", known.word(language, key)), el("dd", text)) for key, text in facts.items())
    return el("dl", *pairs)


def _shown(at: str) -> str:
    """Show a time in UTC as people here read it; what is no time is shown as it is."""
    try:
        return f"{datetime.fromisoformat(at).astimezone(UTC) + SHOWN_OFFSET:%d.%m.%Y %H:%M}"
    except (ValueError, OverflowError):
        return at
