"""The sheet of an installation: every word of the record on it, every Kazakh letter right."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fakes.paper_record import PLACES, ROWS, an_installation, sheets
from fakes.pdf import A4, letters, read

from kiosk.commissioning import Verdict
from kiosk.messages import Language
from kiosk.paper import sheet, words
from kiosk.paper.record import PaperError, Sheet, sheet_of, tell
from kiosk.words import load_catalogue

KAZAKH = "ӘҒҚҢӨҰҮҺІәғқңөұүһі"


def one(**changes: Any) -> str:
    return sheet.to_html(sheets(("ru",), **changes))


def shown(made: Mapping[Language, Sheet]) -> list[str]:
    """Give every text that must stand on the paper."""
    known = words.load("sheet")
    texts = []
    for language, part in made.items():
        texts += [known.word(language, key) for key in ("title", "parts", "leave", f"verdict_{part.verdict}")]
        texts += [known.word(language, key) for key in (*sheet.LEAVE, "sign_by", "sign_shop")]
        texts += [part.kiosk_id, part.place, part.by, part.version, part.imei]
        texts += [text for row in (*part.rows, *part.drill) for text in (row.title, row.found, row.do)]
    return texts


@pytest.mark.real
def test_the_pdf_holds_every_word_of_both_languages_on_a4_with_its_fonts(tmp_path: Path) -> None:
    made = sheets(by=KAZAKH)
    file = tmp_path / "sheet.pdf"
    file.write_bytes(sheet.to_pdf(made))
    pdf = read(file)
    found = letters(pdf.text)
    assert [text for text in shown(made) if letters(text) not in found] == []
    assert (pdf.size, pdf.pages, pdf.not_embedded) == (A4, 2, ())
    assert pdf.fonts


@pytest.mark.real
def test_a_site_with_many_parts_takes_more_pages_and_loses_no_row(tmp_path: Path) -> None:
    rows = [msgspec.structs.replace(row, part=f"{row.part}-{n}") for n in range(5) for row in ROWS]
    made = sheets(("kk",), rows=tuple(rows))
    file = tmp_path / "sheet.pdf"
    file.write_bytes(sheet.to_pdf(made))
    pdf = read(file)
    found = letters(pdf.text)
    assert pdf.pages > 1
    assert len(made["kk"].rows) + len(made["kk"].drill) == len(rows)
    assert [row.title for row in made["kk"].rows if letters(row.title) not in found] == []


def test_a_record_is_told_in_each_language_and_its_paths_stand_apart() -> None:
    made = sheets()
    assert made["kk"].place == PLACES["kk"]
    assert [line.part for line in made["ru"].drill] == ["path:mqtt", "path:sms"]
    assert made["ru"].rows[4].found == "Kcell, слабый или неизвестный сигнал (-101 дБм)"
    assert made["kk"].rows[4].found == "Kcell, сигнал әлсіз не белгісіз (-101 дБм)"
    assert made["ru"].rows[0].do == ""
    assert made["ru"].rows[2].do


def test_a_place_that_is_named_in_russian_only_is_named_so_in_every_language() -> None:
    made = tell(an_installation(), number=17, places={"ru": "Аптека"}, words=load_catalogue())
    assert made["kk"].place == "Аптека"


def test_the_html_escapes_what_people_wrote() -> None:
    made = one(by='<script>alert("1")</script>')
    assert "<script>" not in made
    assert "&lt;script&gt;alert(&quot;1&quot;)" in made


def test_the_html_asks_for_nothing_from_outside() -> None:
    assert not any(word in one() for word in ("http:", "https:", "src=", "url(", "@import", "href="))


def test_the_time_is_shown_as_the_country_reads_it() -> None:
    assert "28.11.2026 01:30" in one()
    assert "28.11.2026 01:30, часы киоска не сверены" in one(clock="unsynced")
    assert "noon" in one(at="noon")
    assert "9999-12-31T23:59:59Z" in one(at="9999-12-31T23:59:59Z")


def test_a_kiosk_without_a_modem_says_that_nothing_is_known() -> None:
    assert one(imei="", signal_dbm=None, balance_kzt=None).count("нет данных") == 3


@pytest.mark.parametrize(
    ("verdict", "told"),
    [("passed", ">ПРИНЯТ: "), ("waiting", ">РАБОТАЕТ ПО SMS: "), ("failed", ">НЕ ПРИНЯТ: ")],
)
def test_the_verdict_stands_on_top(verdict: Verdict, told: str) -> None:
    assert told in one(verdict=verdict)


def test_without_paths_there_is_no_table_of_them() -> None:
    assert "Учебный сигнал" in one()
    assert "Учебный сигнал" not in one(rows=ROWS[:3])


def test_a_balance_is_shown_with_its_unit_and_a_signal_with_its_network() -> None:
    assert "1200.5 тенге" in one()
    assert "Kcell -101 дБм" in one()


def test_no_record_is_a_sentence() -> None:
    with pytest.raises(PaperError, match="at least one language"):
        sheet.to_html({})


def test_a_plain_mapping_is_read_too() -> None:
    made = sheets()["kk"]
    assert sheet_of(msgspec.to_builtins(made)) == made


def test_a_mapping_of_the_wrong_form_is_a_sentence_that_names_the_key() -> None:
    with pytest.raises(PaperError, match="verdict"):
        sheet_of(msgspec.to_builtins(sheets()["kk"]) | {"verdict": "maybe"})
