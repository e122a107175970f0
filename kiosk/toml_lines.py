"""Where each key of a TOML text stands.

Owns line numbers for error messages, as tomllib gives none; best effort, and only for texts that tomllib
has already accepted. Never decides whether a text is valid.
"""

import re
from collections.abc import Iterator

KeyPath = tuple[str | int, ...]

_PIECE = re.compile(
    r'"""(?:\\.|(?!""").)*"{3,5}'  # the closing quotes may follow one or two that belong to the text
    r"|'''(?:(?!''').)*'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*"
    r"|\n|[\[\]{}]|[^\"'\#\n\[\]{}]+",
    re.DOTALL,
)
_KEY_PART = re.compile(r"""\s*(?:"((?:\\.|[^"\\])*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*""")


def key_lines(text: str) -> dict[KeyPath, int]:
    """Map the path of every table and key to its line, counted from 1; array items count from 0."""
    lines: dict[KeyPath, int] = {}
    counts: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for number, statement in _statements(text):
        if statement.startswith("[["):
            table = _item(_key(statement[2:]), counts)
        elif statement.startswith("["):
            table = _resolve(_key(statement[1:]), counts)
        else:
            path = table
            for part in _key(statement):
                path = (*path, part)
                lines.setdefault(path, number)
            continue
        lines.setdefault(table, number)
    return lines


def line_of(path: KeyPath, lines: dict[KeyPath, int]) -> int:
    """Give the line of a key, or of the nearest thing around it that has one; 0 when nothing has."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return 0


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield each statement with its first line; strings and brackets may span lines."""
    number, begun, depth, statement = 1, 1, 0, ""
    for found in _PIECE.finditer(text.replace("\r\n", "\n") + "\n"):
        piece = found.group()
        if piece == "\n" and depth == 0:
            if statement.strip():
                yield begun, statement.strip()
            statement = ""
        elif not piece.startswith("#"):
            if not statement.strip():
                begun, statement = number, ""
            depth += (piece in {"[", "{"}) - (piece in {"]", "}"})
            statement += piece
        number += piece.count("\n")


def _key(text: str) -> tuple[str, ...]:
    """Read a dotted key from the beginning of `text`."""
    parts: list[str] = []
    at = 0
    while found := _KEY_PART.match(text, at):
        parts.append(next(part for part in found.groups() if part is not None))
        at = found.end()
        if text[at : at + 1] != ".":
            break
        at += 1
    return tuple(parts)


def _resolve(key: tuple[str, ...], counts: dict[KeyPath, int]) -> KeyPath:
    """Turn a header's key into a path: an array of tables on the way means its newest item."""
    path: KeyPath = ()
    for part in key:
        path = (*path, part)
        if path in counts:
            path = (*path, counts[path] - 1)
    return path


def _item(key: tuple[str, ...], counts: dict[KeyPath, int]) -> KeyPath:
    """Begin a new item of an array of tables."""
    array = (*_resolve(key[:-1], counts), *key[-1:])
    counts[array] = counts.get(array, 0) + 1
    return (*array, counts[array] - 1)
