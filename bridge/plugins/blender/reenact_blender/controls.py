"""Controls drawn from what the server says it can do: its options and settings, by their schema.

New options of a server appear here without a new add-on. Only values that differ from the server's
defaults are sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import bpy  # pyright: ignore[reportMissingImports]

_OWN = frozenset(
    {"clips", "source", "source_time", "driving", "mode", "face", "tracks", "relink", "handles"}
    | {"scheme", "strength", "settings", "restart", "overwrite"}
)
"""Options that a strip or the add-on itself says."""
_MOST = 1 << 30


class Controls:
    """One property group with a property for each option and setting."""

    def __init__(self, capabilities: dict[str, Any]) -> None:
        self.fields = dict(_fields(capabilities))
        made = {name: _property(said) for name, said in self.fields.items()}
        self._group = type("ReenactOptions", (bpy.types.PropertyGroup,), {"__annotations__": made})
        bpy.utils.register_class(self._group)
        bpy.types.Scene.reenact_options = bpy.props.PointerProperty(type=self._group)

    def close(self) -> None:
        """Take the properties away; values stay in the file."""
        del bpy.types.Scene.reenact_options
        bpy.utils.unregister_class(self._group)

    def options(self, scene: Any) -> dict[str, Any]:
        """The options that differ from the server's defaults, as `submit` takes them."""
        found: dict[str, Any] = {}
        for name, said in self.fields.items():
            value = getattr(scene.reenact_options, name)
            if isinstance(value, float):
                value = round(value, 6)  # Blender keeps single precision
            if value == said["default"]:
                continue
            table, _, key = name.rpartition("__")
            place = found.setdefault("settings", {}).setdefault(table, {}) if table else found
            place[key] = value
        return found


def _fields(capabilities: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and schema of everything that one control can say; settings as `table__key`."""
    for name, said in capabilities["options"]["properties"].items():
        if name == "checkpoint":
            ids = [model["id"] for model in capabilities["models"]]
            yield name, {**said, "enum": ["default", *ids], "default": "default"}
        elif name not in _OWN:
            said = {"default": "", **said} if said.get("type") == "string" else said
            if _is_simple(said):
                yield name, said
    for table, part in capabilities["settings"]["properties"].items():
        for key, said in part.get("properties", {}).items():
            if _is_simple(said):
                yield f"{table}__{key}", said


def _is_simple(said: dict[str, Any]) -> bool:
    known = "enum" in said or said.get("type") in ("boolean", "integer", "number", "string")
    return known and said.get("default") is not None


def _property(said: dict[str, Any]) -> Any:
    props, kind = bpy.props, said.get("type")
    about = {"description": said.get("description", ""), "default": said["default"]}
    if "enum" in said:
        return props.EnumProperty(items=_items(said["enum"]), **about)
    low, high = said.get("minimum", -_MOST), said.get("maximum", _MOST)
    if kind == "boolean":
        return props.BoolProperty(**about)
    if kind == "integer":
        return props.IntProperty(min=int(low), max=int(min(high, _MOST)), **about)
    if kind == "number":
        about["default"] = float(about["default"])
        return props.FloatProperty(min=low, max=high, precision=3, **about)
    return props.StringProperty(**about)


def _items(values: list[Any]) -> list[tuple[str, str, str]]:
    return [(str(value), str(value), "") for value in values]
