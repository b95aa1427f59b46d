"""The sidebar of the sequence editor."""

from __future__ import annotations

from typing import Any

import bpy  # pyright: ignore[reportMissingImports]

from . import strips
from .session import SESSION

_CLOSED: set[str] = {"DEFAULT_CLOSED"}


class _Panel(bpy.types.Panel):
    bl_space_type, bl_region_type, bl_category = "SEQUENCE_EDITOR", "UI", "reenact"


class ServerPanel(_Panel):
    """The connection and its last news."""

    bl_idname, bl_label = "REENACT_PT_server", "Server"

    def draw(self, context: Any) -> None:
        layout = self.layout
        if SESSION.link is None:
            layout.operator("reenact.connect", icon="LINKED")
        else:
            layout.operator("reenact.disconnect", icon="UNLINKED")
        layout.label(text=SESSION.said)


class StripPanel(_Panel):
    """What is asked of the active strip."""

    bl_idname, bl_label = "REENACT_PT_strip", "Strip"

    @classmethod
    def poll(cls, context: Any) -> bool:
        strip = strips.active(strips.scene_of(context))
        return strip is not None and strip.type == "MOVIE"

    def draw(self, context: Any) -> None:
        scene = strips.scene_of(context)
        layout, strip = self.layout, strips.active(scene)
        if strip is None:
            return
        wish = strip.reenact
        layout.prop(wish, "mode", expand=True)
        layout.prop(wish, "source" if wish.mode == "recast" else "driving")
        layout.prop(wish, "scheme")
        layout.prop(wish, "strength", slider=True)
        self._draw_faces(scene, strip)
        layout.operator("reenact.preview", icon="IMAGE_DATA")
        row = layout.row(align=True)
        row.prop(wish, "marked", toggle=True)
        row.operator("reenact.mark", text="Mark Selected")

    def _draw_faces(self, scene: Any, strip: Any) -> None:
        wish, kept, layout = strip.reenact, scene.reenact, self.layout
        row = layout.row(align=True)
        row.operator("reenact.faces", icon="VIEWZOOM")
        row.prop(wish, "face_chosen")
        if kept.faces_of == strip.name:
            for index, face in enumerate(kept.faces):
                yaw = face.pose[0]
                text = f"{face.label}, at {face.box[0]:.0f}, {face.box[1]:.0f}, turned {yaw:.0f}°"
                layout.operator("reenact.pick_face", text=text).index = index


class RenderPanel(_Panel):
    """Renders, and how far they are."""

    bl_idname, bl_label = "REENACT_PT_render", "Render"

    def draw(self, context: Any) -> None:
        layout, kept = self.layout, strips.scene_of(context).reenact
        layout.prop(kept, "folder")
        layout.prop(kept, "handles")
        row = layout.row(align=True)
        row.operator("reenact.render", icon="RENDER_ANIMATION").marked = False
        row.operator("reenact.render", text="Render Marked").marked = True
        for job in kept.jobs:
            box = layout.box()
            row = box.row()
            row.label(text=job.state)
            row.prop(job, "fraction", text="", slider=True)
            if job.job and not job.placed:
                row.operator("reenact.cancel", text="", icon="X").job = job.job
            if job.message:
                box.label(text=job.message)
        if len(kept.jobs):
            layout.operator("reenact.clear")


class OptionsPanel(_Panel):
    """What the server says that it can be told."""

    bl_idname, bl_label = "REENACT_PT_options", "Options"
    bl_options = _CLOSED

    @classmethod
    def poll(cls, context: Any) -> bool:
        return SESSION.connected

    def draw(self, context: Any) -> None:
        assert SESSION.controls is not None
        layout, scene, last = self.layout, strips.scene_of(context), ""
        layout.use_property_split = True
        for name in SESSION.controls.fields:
            table, _, key = name.rpartition("__")
            if table != last:
                layout.label(text=table.capitalize())
                last = table
            layout.prop(scene.reenact_options, name, text=key.replace("_", " ").capitalize())


CLASSES = (ServerPanel, StripPanel, RenderPanel, OptionsPanel)
