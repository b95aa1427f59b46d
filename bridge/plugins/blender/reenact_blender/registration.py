"""Everything that Blender is told of, in its order."""

from __future__ import annotations

from typing import Any

import bpy  # pyright: ignore[reportMissingImports]

from . import operators, panel, properties
from .session import SESSION


def after_undo(*_: Any) -> None:
    """Undo takes back what scenes were told of jobs; tell them again."""
    SESSION.write_all()


def after_load(*_: Any) -> None:
    """Another file is open: take up its jobs."""
    SESSION.greeted = SESSION.connected
    if SESSION.connected and not bpy.app.background:
        SESSION.take_up()


def register() -> None:
    """Add everything."""
    properties.register()
    for each in (*operators.CLASSES, *panel.CLASSES):
        bpy.utils.register_class(each)
    for handler in (after_undo, after_load):
        bpy.app.handlers.persistent(handler)  # or they go when a file is opened
    bpy.app.handlers.undo_post.append(after_undo)
    bpy.app.handlers.redo_post.append(after_undo)
    bpy.app.handlers.load_post.append(after_load)


def unregister() -> None:
    """Take everything away."""
    SESSION.close()
    bpy.app.handlers.load_post.remove(after_load)
    bpy.app.handlers.redo_post.remove(after_undo)
    bpy.app.handlers.undo_post.remove(after_undo)
    for each in reversed((*operators.CLASSES, *panel.CLASSES)):
        bpy.utils.unregister_class(each)
    properties.unregister()
