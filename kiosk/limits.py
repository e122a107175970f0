"""What a type allows, in words a shop's installer understands.

Owns the wording of limits and of wrong values; takes the limits from the types. Never shows a number that
may be somebody's phone.
"""

import re
from collections.abc import Sequence
from typing import Any

from msgspec import inspect

UNITS = {
    "_s": " s", "_ms": " ms", "_min": " min", "_h": " h", "_hour": " o'clock", "_m": " m", "_db": " dB",
    "_kzt": " tenge", "lat": " degrees", "lon": " degrees",
}  # fmt: skip
PHONE_KEYS = frozenset({"phone", "number", "gateways", "smsc"})
SECRET_KEYS = frozenset({"password", "secret", "token", "passphrase"})
HIDDEN = "•••••"
_PHONE = re.compile(r"\+[0-9][0-9 ()-]{5,}[0-9]")


def mask_phone(number: str) -> str:
    """Hide the middle of a phone number: +77271234512 becomes +7727•••••12."""
    head, tail = (5, 2) if len(number) >= 11 else (3, 0)
    hidden = len(number) - head - tail
    return number[:head] + "•" * max(hidden, 3) + number[len(number) - tail :]


def mask_text(key: str, text: str) -> str:
    """Hide what a text of this key must not show: phones anywhere, secrets by their key."""
    if key in SECRET_KEYS:
        return HIDDEN
    if key in PHONE_KEYS:
        return mask_phone(text)
    return _PHONE.sub(lambda found: mask_phone(found.group()), text)


def unit(key: str) -> str:
    """Give the unit that a key's name carries, with a space before it; empty for none."""
    ends = [end for end in UNITS if key == end or (end.startswith("_") and key.endswith(end))]
    return UNITS[max(ends, key=len)] if ends else ""


def shown(key: str, value: object) -> str:
    """Show a wrong value in short."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"{value}{unit(key)}"
        case str():
            text = mask_text(key, value)
            return f'"{text[:60]}…"' if len(text) > 60 else f'"{text}"'
        case dict():
            return "a table"
        case list() | tuple():
            return f"a list of {len(value)}"
        case _:
            return f"a {type(value).__name__}"


def allowed(kind: inspect.Type, key: str) -> str:  # noqa: PLR0911 - one return a type
    """Say what a type allows."""
    match kind:
        case inspect.Metadata():
            words = (kind.extra_json_schema or {}).get("description")
            return f"a text: {words}" if words else allowed(kind.type, key)
        case inspect.UnionType():
            return _either([allowed(one, key) for one in kind.types if not isinstance(one, inspect.NoneType)])
        case inspect.LiteralType():
            return _either([f'"{one}"' if isinstance(one, str) else str(one) for one in kind.values])
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return f"a whole number{_between(kind, key)}"
        case inspect.FloatType():
            return f"a number{_between(kind, key)}"
        case inspect.StrType():
            return f"a text{_length(kind, 'letters')}" + (f" matching {kind.pattern}" if kind.pattern else "")
        case inspect.VarTupleType() | inspect.ListType():
            return f"a list{_length(kind, 'items')}, each {allowed(kind.item_type, key)}"
        case inspect.DictType():
            return f"a table{_length(kind, 'keys')} of names, each {allowed(kind.value_type, key)}"
        case inspect.StructType():
            return f"a table with {', '.join(field.encode_name for field in kind.fields)}"
        case _:
            return type(kind).__name__.removesuffix("Type").lower()


def _either(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _between(kind: inspect.IntType | inspect.FloatType, key: str) -> str:
    low = _bound(kind.ge, "", kind.gt, "more than ")
    high = _bound(kind.le, "", kind.lt, "less than ")
    if low and high:
        return f" from {low} to {high}{unit(key)}"
    if low or high:
        return f", at {'least' if low else 'most'} {low or high}{unit(key)}"
    return f" in{unit(key)}" if unit(key) else ""


def _bound(inclusive: float | None, word: str, exclusive: float | None, strict_word: str) -> str:
    if inclusive is not None:
        return f"{word}{inclusive:.10g}"
    return f"{strict_word}{exclusive:.10g}" if exclusive is not None else ""


def _length(kind: Any, what: str) -> str:
    low, high = kind.min_length, kind.max_length
    if low and high:
        return f" of {low} to {high} {what}"
    if low or high:
        return f" of at {'least' if low else 'most'} {low or high} {what}"
    return ""
