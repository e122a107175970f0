"""QR codes as SVG: the only file that loads the library for them."""

from io import BytesIO
from typing import Any

from kiosk.paper.markup import Html
from kiosk.paper.record import PaperError

QUIET_ZONE = 2  # modules; the paper around it is white too


def svg(content: str) -> Html:
    """Draw the code of `content` as an SVG element that grows with its box."""
    out = BytesIO()
    _library().make(content, micro=False, error="q").save(
        out, kind="svg", border=QUIET_ZONE, xmldecl=False, svgns=True, omitsize=True, nl=False
    )
    return Html(out.getvalue().decode("utf-8"))


def _library() -> Any:
    try:
        import segno  # noqa: PLC0415 - an extra of its own
    except ModuleNotFoundError as error:
        raise PaperError(f"the QR code needs {error.name}: pip install 'pana-kiosk[paper]'") from error
    return segno
