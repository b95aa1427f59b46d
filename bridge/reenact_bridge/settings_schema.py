"""The settings as a JSON schema, so that editors can draw controls for them."""

import ast
import inspect
import itertools
import types
import typing
from dataclasses import fields, is_dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from reenact_core.settings import Settings, to_table

_SIMPLE: dict[Any, dict[str, Any]] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    Path: {"type": "string"},
    Fraction: {"type": ["string", "number"]},
}


def settings_schema(settings: Any = None) -> dict[str, Any]:
    """The schema of a table of settings with its defaults, part by part."""
    settings = Settings() if settings is None else settings
    hints, said = typing.get_type_hints(type(settings)), _field_texts(type(settings))
    defaults, properties = to_table(settings), dict[str, Any]()
    for part in fields(settings):
        value = getattr(settings, part.name)
        if is_dataclass(value):
            made = settings_schema(value)
        else:
            made = {**_of_hint(hints[part.name]), "default": defaults[part.name]}
        properties[part.name] = {**made, "description": said.get(part.name, "")}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _of_hint(hint: Any) -> dict[str, Any]:
    if hint in _SIMPLE:
        return dict(_SIMPLE[hint])
    kind, members = typing.get_origin(hint), typing.get_args(hint)
    if kind is typing.Literal:
        return {"enum": list(members)}
    if kind in (types.UnionType, typing.Union):
        return {"anyOf": [_of_hint(member) for member in members]}
    if hint is types.NoneType:
        return {"type": "null"}
    if kind is tuple:
        items = _of_hint(members[0])
        if members[-1:] == (Ellipsis,):
            return {"type": "array", "items": items}
        return {
            "type": "array",
            "items": items,
            "minItems": len(members),
            "maxItems": len(members),
        }
    return {}


def _field_texts(kind: type) -> dict[str, str]:
    """The docstring under each field."""
    body = typing.cast(ast.ClassDef, ast.parse(inspect.getsource(kind)).body[0]).body
    return {
        before.target.id: " ".join(str(after.value.value).split())
        for before, after in itertools.pairwise(body)
        if isinstance(before, ast.AnnAssign)
        and isinstance(before.target, ast.Name)
        and isinstance(after, ast.Expr)
        and isinstance(after.value, ast.Constant)
    }
