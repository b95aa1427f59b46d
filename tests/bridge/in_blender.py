"""Run inside Blender: the add-on's operators on a strip, and what came of them as JSON.

blender --background --factory-startup --python in_blender.py -- CONNECTION ADDONS CLIP FACE FOLDER
"""

import json
import sys
from pathlib import Path
from typing import Any

import bpy  # pyright: ignore[reportMissingImports]

connection, addons, clip, face, folder = sys.argv[sys.argv.index("--") + 1 :]
sys.path.insert(0, addons)

import reenact_blender  # noqa: E402

START, FIRST, COUNT = 11, 2, 4
said: dict[str, Any] = {"version": list(bpy.app.version)}


def refused(operator: Any, **given: Any) -> str:
    """The sentence by which an operator refuses."""
    try:
        operator(**given)
    except RuntimeError as error:
        return str(error).removeprefix("Error: ").strip()
    raise AssertionError("it was not refused")


def look() -> list[dict[str, Any]]:
    """The strips from below, and what they play."""
    found = []
    for strip in sorted(bpy.context.scene.sequence_editor.sequences, key=lambda each: each.channel):
        names = ("name", "channel", "frame_start", "frame_final_start", "frame_final_end", "mute")
        told = {name: getattr(strip, name) for name in names}
        told["file"] = bpy.path.abspath(getattr(strip, "filepath", ""))
        told["marked"], told["offset"] = strip.reenact.marked, strip.transform.offset_x
        told["modifiers"] = [modifier.type for modifier in strip.modifiers]
        found.append(told)
    return found


def see(name: str) -> None:
    """What the sequence editor shows in the middle of the strip, as a picture in the folder."""
    scene.frame_set(START + 2)
    scene.render.filepath = str(Path(folder) / name)
    bpy.ops.render.render(write_still=True)


reenact_blender.register()
scene = bpy.context.scene
scene.render.resolution_x, scene.render.resolution_y = 320, 180
scene.render.image_settings.file_format = "PNG"
bpy.ops.wm.save_as_mainfile(filepath=str(Path(folder) / "edit.blend"))
editor = scene.sequence_editor_create()
strip = editor.sequences.new_movie("close up", clip, 2, START - FIRST)
strip.frame_final_start, strip.frame_final_end = START, START + COUNT
strip.transform.offset_x = 7
strip.modifiers.new("bright", "BRIGHT_CONTRAST").bright = 3.0
in_the_way = editor.sequences.new_effect("title", "COLOR", 3, START + 2, frame_end=START + 4)
in_the_way.blend_alpha = 0.0
editor.active_strip = strip

said["unconnected"] = refused(bpy.ops.reenact.faces)
said["no server"] = refused(bpy.ops.reenact.connect, connection_file=connection + ".none")
bpy.ops.reenact.connect(connection_file=connection)
scene.frame_set(START + COUNT)
said["off the strip"] = refused(bpy.ops.reenact.faces)
scene.frame_set(START + 1)
bpy.ops.reenact.faces(strip_name="close up")
kept = scene.reenact
said["faces"] = [list(face.box) for face in kept.faces]
said["faces frame"] = kept.faces_frame
bpy.ops.reenact.pick_face(index=0)

said["no source"] = refused(bpy.ops.reenact.preview)
strip.reenact.source = face
bpy.ops.reenact.preview()
image = bpy.data.images["reenact preview"]
image.filepath_raw, image.file_format = str(Path(folder) / "preview.png"), "PNG"
image.save()

scene.reenact_options.codec = "ffv1"
kept.handles = 1
strip.reenact.marked = True
bpy.ops.ed.undo_push(message="before")
before = [each["name"] for each in look()]
bpy.ops.reenact.render(marked=True)
said["jobs"] = [
    {name: getattr(job, name) for name in ("state", "fraction", "message", "placed")}
    for job in kept.jobs
]
said["after"] = look()
see("with.png")
above = next(each for each in editor.sequences if each.channel == 4)
above.mute = True
see("without.png")
above.mute = False
bpy.ops.wm.save_mainfile()
bpy.ops.ed.undo()
said["undone"] = [each["name"] for each in look()] == before
said["job after undo"] = [job.placed for job in bpy.context.scene.reenact.jobs]
bpy.ops.ed.redo()
said["redone"] = len(look()) == len(before) + 1
bpy.ops.reenact.disconnect()
reenact_blender.unregister()
Path(folder, "said.json").write_text(json.dumps(said))
