"""HTML to PDF: the only file that loads the PDF library. Fonts are embedded; nothing is fetched.

A paper with a fixed number of pages is set as large as it fits; it is never cut off.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any

from kiosk.paper.fonts import Font, find
from kiosk.paper.record import PaperError

FAMILY = "Paper"
Make = Callable[[str], str]  # from the style that goes before its own to a whole document


def write(make: Make, *, sizes_pt: Sequence[float], pages_max: int | None = None) -> bytes:
    """Set a paper in the largest of the falling `sizes_pt` that keeps to `pages_max` pages; give the PDF.

    Raises PaperError where the library or a font is missing, or where even the smallest size is too large.
    """
    library, font = _library(), find()
    fitting: Any = None
    first, last = 0, len(sizes_pt)  # the largest that fits is among these
    while first < last:
        middle = (first + last) // 2
        document = _render(library, make(style(sizes_pt[middle], font)))
        if pages_max is None or len(document.pages) <= pages_max:
            fitting, last = document, middle
        else:
            first = middle + 1
    if fitting is None:
        raise PaperError(
            f"the texts of this site do not fit on {pages_max} pages: shorten the cover phrase or the name"
        )
    made: bytes = fitting.write_pdf()
    return made


def style(size_pt: float, font: Font | None = None) -> str:
    """Give the style that names font and size; without a font the reader's own is taken."""
    if font is None:
        return f"html{{font:{size_pt:g}pt 'DejaVu Sans Condensed','DejaVu Sans','Noto Sans',sans-serif}}\n"
    faces = "".join(
        f"@font-face{{font-family:{FAMILY};font-weight:{weight};src:url({path.as_uri()})}}\n"
        for weight, path in (("normal", font.regular), ("bold", font.bold))
    )
    return f"{faces}html{{font:{size_pt:g}pt {FAMILY}}}\n"


def _library() -> Any:
    try:
        import weasyprint  # noqa: PLC0415 - large, and an extra of its own
    except ModuleNotFoundError as error:
        raise PaperError(
            f"PDF needs {error.name}, which is missing: pip install 'pana-kiosk[paper]'"
        ) from error
    except OSError as error:  # the library is there, the system's Pango is not
        raise PaperError("PDF needs Pango: sudo apt-get install libpango-1.0-0 libpangoft2-1.0-0") from error
    for name in ("weasyprint", "fontTools"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return weasyprint


def _render(library: Any, html: str) -> Any:
    fetcher = library.urls.URLFetcher(allowed_protocols={"file"}, allow_redirects=False, fail_on_errors=True)
    try:
        return library.HTML(string=html, url_fetcher=fetcher).render()
    except library.urls.FatalURLFetchingError as error:
        raise PaperError(f"a paper may fetch nothing but its fonts: {error}") from error
