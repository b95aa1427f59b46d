"""Frozen dataclasses as JSON values and back, by their type hints; for the farm's own files."""

import types
import typing
from dataclasses import MISSING, fields, is_dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


def to_plain(value: Any) -> Any:
    """A dataclass as a table, paths and fractions as text, tuples as lists."""
    if is_dataclass(value) and not isinstance(value, type):
        return {part.name: to_plain(getattr(value, part.name)) for part in fields(value)}
    if isinstance(value, dict):
        return {str(key): to_plain(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return [to_plain(inner) for inner in value]
    return str(value) if isinstance(value, Path | Fraction) else value


def from_plain(kind: type[T], table: Any, where: str) -> T:
    """The dataclass that `to_plain` made a table of.

    A key that is missing has its field's default, so that files of before the field can be read.

    Raises:
        ValueError: a key is missing or a value is of another type; begins with `where`.
    """
    if not isinstance(table, dict):
        raise ValueError(f"{where} must be a table, got {type(table).__name__}")
    values: dict[str, Any] = {}
    for name, hint, is_needed in _parts(typing.cast(Any, kind)):
        if name in table:
            values[name] = _read(hint, table[name], f"{where}.{name}")
        elif is_needed:
            raise ValueError(f"{where} has no {name}")
    return kind(**values)


@cache
def _parts(kind: type[Any]) -> list[tuple[str, Any, bool]]:
    """Names and type hints of a dataclass's fields, and whether they have no default."""
    hints = typing.get_type_hints(kind)
    return [
        (part.name, hints[part.name], part.default is MISSING and part.default_factory is MISSING)
        for part in fields(kind)
    ]


def _read(hint: Any, value: Any, where: str) -> Any:
    origin, inner = _shape(hint)
    if origin is None and not is_dataclass(hint):
        return _read_simple(hint, value, where)
    if origin in (types.UnionType, typing.Union):
        if value is None and types.NoneType in inner:
            return None
        return _read(next(one for one in inner if one is not types.NoneType), value, where)
    if origin is tuple:
        return _read_tuple(inner, value, where)
    if origin is dict:
        return value if isinstance(value, dict) else _refuse("a table", value, where)
    if origin is typing.Literal:
        return value if value in inner else _refuse(f"one of {', '.join(inner)}", value, where)
    return from_plain(typing.cast(Any, hint), value, where)


@cache
def _shape(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    return typing.get_origin(hint), typing.get_args(hint)


def _read_tuple(inner: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        return typing.cast(tuple[Any, ...], _refuse("a list", value, where))
    kinds = inner[:1] * len(value) if inner[-1:] == (Ellipsis,) else inner
    if len(kinds) != len(value):
        _refuse(f"a list of {len(kinds)}", value, where)
    pairs = enumerate(zip(kinds, value, strict=True))
    return tuple(_read(kind, item, f"{where}[{number}]") for number, (kind, item) in pairs)


def _read_simple(hint: Any, value: Any, where: str) -> Any:
    if hint is Any:
        return value
    if hint is Path and isinstance(value, str):
        return Path(value)
    if hint is Fraction and isinstance(value, str):
        try:
            return Fraction(value)
        except (ValueError, ZeroDivisionError):
            return _refuse("a fraction", value, where)
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, hint) and (hint is bool or not isinstance(value, bool)):
        return value
    return _refuse(f"{hint.__name__}", value, where)


def _refuse(wanted: str, value: Any, where: str) -> Any:
    raise ValueError(f"{where} must be {wanted}, got {value!r}")
