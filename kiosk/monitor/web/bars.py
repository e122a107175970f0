"""Finishing touches of every SVG plot (no script, a title, a description), and the bars of the statistics."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

import pygal
from pygal.etree import etree as pygal_xml
from pygal.style import Style
from starlette.responses import Response

# pygal leaves a finder behind that Python 3.12 no longer knows; every later import would trip over it.
sys.meta_path[:] = [finder for finder in sys.meta_path if hasattr(finder, "find_spec")]
pygal_xml.to_etree()  # the same SVG whether lxml happens to be installed or not

# pygal styles by a <style> within; an image has no script to run, so that alone is allowed
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def style(colours: tuple[str, ...], **more: str) -> Style:
    """Give the common look: dark letters on white whatever the page's own colours are."""
    return Style(
        font_family="sans-serif", background="#ffffff", plot_background="#ffffff", colors=colours,
        label_font_size=12, major_label_font_size=12, legend_font_size=12, no_data_font_size=18,
        foreground="#333333", foreground_strong="#111111", foreground_subtle="#bbbbbb",
        guide_stroke_color="#cccccc", major_guide_stroke_color="#aaaaaa",
        **more,
    )  # fmt: skip


def draw(names: Sequence[str], series: Mapping[str, Sequence[int]], *, title: str, text: str) -> bytes:
    """Draw bars beside each other; `names` stand below them."""
    chart = pygal.Bar(
        width=900, height=260, js=(), margin=8, spacing=10, legend_at_bottom=True, truncate_legend=-1,
        truncate_label=-1, x_label_rotation=40 if len(names) > 12 else 0, no_data_text="—",
        style=style(("#0b3b4a", "#b58bd9"), opacity="1"),
    )  # fmt: skip
    chart.uuid = "bars"
    chart.x_labels = list(names)
    for name, values in series.items():
        chart.add(name, list(values))
    return finish(chart, title, text)


def finish(chart: Any, title: str, text: str) -> bytes:
    """Take out every script, and say what the picture shows."""
    root = chart.render_tree()
    for parent in root.iter():
        for child in [child for child in parent if _tag(child) == "script"]:
            parent.remove(child)
    for child in [child for child in root if _tag(child) in {"title", "desc"}]:
        root.remove(child)
    for place, (tag, words) in enumerate((("title", title), ("desc", text))):
        made = ElementTree.Element(tag, {"id": f"plot-{tag}"})
        made.text = plain(words)
        root.insert(place, made)
    root.set("role", "img")
    root.set("aria-labelledby", "plot-title plot-desc")
    return bytes(ElementTree.tostring(root, encoding="utf-8"))


def plain(text: str) -> str:
    """Take out what XML does not allow."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def answer(drawn: bytes) -> Response:
    """Answer with a picture."""
    return Response(drawn, media_type="image/svg+xml", headers={"content-security-policy": POLICY})


def _tag(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]
