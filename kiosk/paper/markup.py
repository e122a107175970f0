"""HTML out of values: everything is escaped unless it was made here."""

from html import escape


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


VOID = frozenset({"br", "meta", "hr"})


def el(name: str, /, *inner: str, cls: str = "", **attributes: str) -> Html:
    """Make one element; `inner` is escaped unless it is Html."""
    given = {"class": cls, **attributes} if cls else attributes
    head = "".join(f' {key}="{escape(value)}"' for key, value in given.items())
    if name in VOID:
        return Html(f"<{name}{head}>")
    return Html(f"<{name}{head}>{join(*inner)}</{name}>")


def join(*parts: str) -> Html:
    """Put parts one behind the other, each escaped unless it is Html."""
    return Html("".join(part if isinstance(part, Html) else escape(part) for part in parts))


def page(*, language: str, title: str, style: str, body: str) -> str:
    """Make a whole document that asks for nothing from outside itself."""
    head = join(
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("title", title),
        el("style", Html(style)),
    )
    return f"<!doctype html>\n{el('html', el('head', head), el('body', body), lang=language)}\n"
