"""What the add-on keeps: in the preferences, with each strip, and with the scene."""

from __future__ import annotations

from typing import Any

import bpy  # pyright: ignore[reportMissingImports]

from .strips import strip_type

_P = bpy.props
MODES = (
    ("recast", "Recast", "The person of the source picture acts as the strip's person does"),
    ("redirect", "Redirect", "The strip's person acts as the driving film does"),
)
SCHEMES = (
    ("subtle", "Subtle", "The full method"),
    ("global", "Global", "The global integrator alone"),
    ("local", "Local", "The local integrator alone"),
)


class ReenactPreferences(bpy.types.AddonPreferences):
    """Where the server is."""

    bl_idname = __package__
    __annotations__ = {
        "connection_file": _P.StringProperty(
            name="Connection file",
            subtype="FILE_PATH",
            description="What `reenact serve --connection-file` writes",
        ),
        "key_file": _P.StringProperty(
            name="Key file",
            subtype="FILE_PATH",
            description="What `reenact keygen` wrote; for servers that ask for keys",
        ),
        "path_map": _P.StringProperty(
            name="Path map",
            description=r"Folders that lie elsewhere on the server, as P:\show = /show; more by ;",
        ),
    }

    def draw(self, context: Any) -> None:
        for name in ("connection_file", "key_file", "path_map"):
            self.layout.prop(self, name)


class ReenactStrip(bpy.types.PropertyGroup):
    """What is asked of a strip."""

    __annotations__ = {
        "marked": _P.BoolProperty(name="Marked", description="Render Marked renders this strip"),
        "mode": _P.EnumProperty(name="Mode", items=MODES),
        "source": _P.StringProperty(
            name="Source",
            subtype="FILE_PATH",
            description="Recast: a picture or film of the new face",
        ),
        "driving": _P.StringProperty(
            name="Driving", subtype="FILE_PATH", description="Redirect: a film of the performance"
        ),
        "scheme": _P.EnumProperty(name="Scheme", items=SCHEMES),
        "strength": _P.FloatProperty(name="Strength", default=1.0, min=0.0, max=1.0),
        "face_chosen": _P.BoolProperty(name="This face", description="Off: the largest face"),
        "face_point": _P.FloatVectorProperty(name="Point", size=2, description="Pixels"),
        "face_frame": _P.IntProperty(name="Frame", description="Of the film, from 0"),
        "token": _P.StringProperty(description="Finds the strip again when it was renamed"),
    }


class ReenactFace(bpy.types.PropertyGroup):
    """A face that was found in a frame of a strip."""

    __annotations__ = {
        "label": _P.StringProperty(),
        "box": _P.FloatVectorProperty(size=4, description="Left, top, right, bottom in pixels"),
        "confidence": _P.FloatProperty(),
        "pose": _P.FloatVectorProperty(size=3, description="Yaw, pitch, roll in degrees"),
    }


class ReenactJob(bpy.types.PropertyGroup):
    """A render that was asked for; kept in the file, so that it is taken up again."""

    __annotations__ = {
        "job": _P.StringProperty(description="Its id at the server"),
        "strips": _P.StringProperty(description="JSON: name and token of each strip"),
        "state": _P.StringProperty(),
        "fraction": _P.FloatProperty(min=0.0, max=1.0, subtype="FACTOR"),
        "message": _P.StringProperty(),
        "placed": _P.BoolProperty(description="Its films were laid above their strips"),
    }


class ReenactScene(bpy.types.PropertyGroup):
    """Of a scene."""

    __annotations__ = {
        "folder": _P.StringProperty(
            name="Output folder",
            subtype="DIR_PATH",
            default="//reenact/",
            description="Where renders go; the server must be able to write there",
        ),
        "handles": _P.IntProperty(
            name="Handles",
            default=8,
            min=0,
            max=1000,
            description="Frames rendered before and after the cut, so that it can be trimmed",
        ),
        "faces": _P.CollectionProperty(type=ReenactFace),
        "faces_of": _P.StringProperty(description="Name of the strip that the faces are of"),
        "faces_frame": _P.IntProperty(description="Frame of its film that they were found in"),
        "jobs": _P.CollectionProperty(type=ReenactJob),
    }


CLASSES = (ReenactPreferences, ReenactStrip, ReenactFace, ReenactJob, ReenactScene)


def register() -> None:
    """Give strips and scenes their properties."""
    for each in CLASSES:
        bpy.utils.register_class(each)
    strip_type().reenact = _P.PointerProperty(type=ReenactStrip)
    bpy.types.Scene.reenact = _P.PointerProperty(type=ReenactScene)


def unregister() -> None:
    """Take them away; what is saved in a file stays there."""
    del bpy.types.Scene.reenact
    del strip_type().reenact
    for each in reversed(CLASSES):
        bpy.utils.unregister_class(each)


def preferences(context: Any) -> Any:
    """The add-on's preferences; None where it runs without being enabled there."""
    found = context.preferences.addons.get(__package__)
    return None if found is None else found.preferences
