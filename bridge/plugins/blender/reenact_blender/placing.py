"""A job's films laid above their strips, as one step of undo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy  # pyright: ignore[reportMissingImports]

from . import strips

if TYPE_CHECKING:
    from reenact_bridge.client import PathMap
else:
    from .client import PathMap


def place(scene: Any, asked: list[dict[str, str]], result: dict[str, Any], paths: PathMap) -> str:
    """Lay what a job made above the strips that it was asked for; what became of it, in words."""
    laid, said = 0, [f"{item['clip']}: {item['reason']}" for item in result["refused"]]
    for shot in result["shots"]:
        if shot["status"] == "failed":
            said.append(f"{shot['clip']}: {shot['error']['message']}")
            continue
        wanted = next((item for item in asked if item["name"] == shot["clip"]), None)
        strip = None if wanted is None else _find(scene, wanted)
        if strip is None:
            said.append(f"{shot['clip']}: the strip is gone; its film is {shot['file']}")
            continue
        try:
            new = strips.put_above(scene, strip, paths.here(shot["file"]), shot["range"]["start"])
        except strips.StripError as error:
            said.append(f"{error}; its film is {shot['file']}")
            continue
        new.filepath = _as_blender_writes(new.filepath)
        strip.reenact.marked = False
        laid += 1
    if laid:
        _remember(f"Lay {laid} reenacted strip{'s' if laid > 1 else ''}")
    return "; ".join([f"{laid} laid above", *said])


def _find(scene: Any, wanted: dict[str, str]) -> Any | None:
    """The strip that was asked for, by its token; a copy of it has the same one, so by name too."""
    same = [each for each in strips.strips_of(scene) if each.reenact.token == wanted["token"]]
    named = [each for each in same if each.name == wanted["name"]]
    return next(iter(named or same), None) or strips.find(scene, wanted["name"])


def _as_blender_writes(path: str) -> str:
    """A path relative to the saved file where the user has them so."""
    if not bpy.data.filepath or not bpy.context.preferences.filepaths.use_relative_paths:
        return path
    try:
        return str(bpy.path.relpath(path))
    except ValueError:  # another drive of Windows
        return path


def _remember(what: str) -> None:
    """One step of undo; a timer has no window of its own, so it borrows one."""
    windows = bpy.context.window_manager.windows
    if bpy.app.background or not windows:
        bpy.ops.ed.undo_push(message=what)
        return
    with bpy.context.temp_override(window=windows[0]):
        bpy.ops.ed.undo_push(message=what)
