"""Fonts are looked for on the machine, never shipped; what is missing is a sentence."""

import sys
from pathlib import Path

import pytest
from fakes.paper_record import sheets

from kiosk.paper import fonts, pdf, sheet
from kiosk.paper.record import PaperError


def test_the_condensed_family_wins_where_both_are_installed(tmp_path: Path) -> None:
    for pair in fonts.KNOWN[1::-1]:
        for name in pair:
            (tmp_path / name).touch()
    assert fonts.find([tmp_path]).regular.name == "DejaVuSansCondensed.ttf"


def test_half_a_family_is_none(tmp_path: Path) -> None:
    (tmp_path / "DejaVuSans.ttf").touch()
    with pytest.raises(PaperError, match="fonts-dejavu"):
        fonts.find([tmp_path, tmp_path / "missing"])


def test_a_missing_library_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(PaperError, match=r"pip install 'pana-kiosk\[paper\]'"):
        sheet.to_pdf(sheets(("ru",)))


def test_a_missing_system_library_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    class Finder:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "weasyprint":
                raise OSError("cannot load library 'libpango-1.0-0'")

    monkeypatch.delitem(sys.modules, "weasyprint", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    with pytest.raises(PaperError, match="libpango"):
        sheet.to_pdf(sheets(("ru",)))


def test_what_cannot_fit_is_refused_and_never_cut_off() -> None:
    def make(style: str) -> str:
        return f"<style>{style}</style>" + "<p>қ</p>" * 500

    with pytest.raises(PaperError, match="do not fit on 2 pages"):
        pdf.write(make, sizes_pt=(9.0, 8.0), pages_max=2)


def test_a_paper_that_wants_something_from_outside_is_refused() -> None:
    with pytest.raises(PaperError, match=r"fetch nothing.*https://example\.kz"):
        pdf.write(lambda _: '<img src="https://example.kz/a.png">', sizes_pt=(9.0,))
