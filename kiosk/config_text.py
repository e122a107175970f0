"""TOML text <-> checked configuration values, and the effective values for people's eyes.

Owns every message about a wrong configuration: file, line, key, what is wrong and what is allowed, all of
them at once. Never opens a file and never shows a phone number or a secret.
"""

import difflib
import math
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import inspect

from kiosk.bodies import (
    Alert,
    Command,
    CommandResult,
    Event,
    Heartbeat,
    MonitorStatus,
    Reply,
    Status,
)
from kiosk.config import Config
from kiosk.limits import allowed, mask_text, shown
from kiosk.messages import ConfigError
from kiosk.toml_lines import KeyPath, key_lines, line_of

T = TypeVar("T")
Fault = tuple[KeyPath, str]
PUBLISHED = (Config, Alert, Reply, Status, MonitorStatus, Heartbeat, Event, Command, CommandResult)
_AT = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def decode(kind: type[T], text: str, file: str) -> T:
    """Decode TOML text into `kind`, a msgspec Struct.

    Raises ConfigError with one line a problem: `file:line: key: what is wrong; what is allowed`.
    """
    data = _toml(text, file)
    faults = list(_faults(kind, data, ()))
    if not faults:
        try:
            return msgspec.convert(data, kind)
        except msgspec.ValidationError as error:
            faults = [((), str(error))]
    lines = key_lines(text)
    placed = sorted((line_of(path, lines), path_text(path), what) for path, what in faults)
    raise ConfigError("\n".join(_message(file, line, key, what) for line, key, what in placed))


def mask(config: msgspec.Struct) -> dict[str, Any]:
    """Give the effective configuration as plain data, unset keys left out, numbers and secrets hidden."""
    plain: dict[str, Any] = _masked("", msgspec.to_builtins(config))
    return plain


def json_schemas() -> dict[str, dict[str, Any]]:
    """Give a JSON Schema (2020-12) of the configuration and of each body of the contract, by name."""
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {kind.__name__: dialect | msgspec.json.schema(kind) for kind in PUBLISHED}


def path_text(path: KeyPath) -> str:
    """Write a key's path: buttons[0].pin."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def _toml(text: str, file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _AT.search(str(error))
        what = _AT.sub("", str(error))
        line, column = (found[1], found[2]) if found and found[1] else (str(text.count("\n") + 1), "1")
        raise ConfigError(f"{file}:{line}:{column}: not valid TOML: {what}") from error
    except (ValueError, RecursionError) as error:  # a number of 5000 digits, brackets 1000 deep
        raise ConfigError(f"{file}: not usable TOML: {error}") from error


def _message(file: str, line: int, key: str, what: str) -> str:
    place = f"{file}:{line}" if line else file
    return f"{place}: {key}: {what}" if key else f"{place}: {what}"


def _faults(hint: Any, value: Any, path: KeyPath) -> Iterator[Fault]:
    """Walk type and data together; yields every fault, not only the first."""
    hint = _without_none(hint)
    inner = get_args(get_args(hint)[0] if get_origin(hint) is Annotated else hint)
    match _type_info(hint):
        case inspect.StructType() as table if isinstance(value, dict):
            yield from _table_faults(table, value, path)
        case (inspect.VarTupleType() | inspect.ListType()) as array if isinstance(value, list):
            if not (array.min_length or 0) <= len(value) <= (array.max_length or math.inf):
                yield path, _wrong(hint, value, path)
            for index, item in enumerate(value):
                yield from _faults(inner[0], item, (*path, index))
        case inspect.DictType() if isinstance(value, dict):
            for key, item in value.items():
                yield from _faults(inner[1], item, (*path, key))
        case _:
            if not _fits(hint, value):
                yield path, _wrong(hint, value, path)


@cache
def _type_info(hint: Any) -> inspect.Type:
    return inspect.type_info(hint)


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


def _table_faults(table: inspect.StructType, value: dict[str, Any], path: KeyPath) -> Iterator[Fault]:
    hints = _hints(table.cls)
    names = [field.encode_name for field in table.fields]
    for key in value:
        if key not in names:
            yield (*path, key), f"unknown key; {_meant(key, names)}"
    for field in table.fields:
        where = (*path, field.encode_name)
        if field.encode_name in value:
            yield from _faults(hints[field.name], value[field.encode_name], where)
        elif field.required:
            yield where, f"missing; needed: {allowed(field.type, field.encode_name)}"


def _without_none(hint: Any) -> Any:
    """Take `None` out of a union: TOML has no null, so nobody can write it."""
    if get_origin(hint) in {Union, UnionType}:
        return Union[tuple(one for one in get_args(hint) if one is not NoneType)]  # noqa: UP007 - built at run time
    return hint


def _fits(hint: Any, value: Any) -> bool:
    if isinstance(value, float) and not math.isfinite(value):
        return False
    try:
        msgspec.convert(value, hint)
    except msgspec.ValidationError:
        return False
    return True


def _wrong(hint: Any, value: Any, path: KeyPath) -> str:
    key = _key(path)
    return f"is {shown(key, value)}; allowed: {allowed(_type_info(hint), key)}"


def _meant(key: str, names: list[str]) -> str:
    close = difflib.get_close_matches(key, names, n=1)
    return f"did you mean {close[0]}?" if close else f"allowed: {', '.join(names)}"


def _key(path: KeyPath) -> str:
    """Give the last name of a path: an array's items go by the array's name."""
    return next((part for part in reversed(path) if isinstance(part, str)), "")


def _masked(key: str, value: Any) -> Any:
    match value:
        case dict():
            return {name: _masked(name, item) for name, item in value.items() if item is not None}
        case list() | tuple():
            return [_masked(key, item) for item in value]
        case str():
            return mask_text(key, value)
        case _:
            return value
