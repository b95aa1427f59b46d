"""What a user can do, in the editor and from scripts alike.

In a Blender with windows every operator returns at once, and the timer goes on with what it began.
Without windows (`blender --background`) it returns when that has ended.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy  # pyright: ignore[reportMissingImports]

from . import strips
from .properties import preferences
from .session import SESSION
from .talks import Shown, faces, preview
from .timeline import Asked, write

if TYPE_CHECKING:
    from reenact_bridge.client import BridgeError, PathMap
else:
    from .client import BridgeError, PathMap

PICTURE = "reenact preview"
"""The image that shows a preview."""
_P = bpy.props
_STRIP = _P.StringProperty(name="Strip", description="Its name; empty: the active one")
Done = set[str]
_ALONE: Done = {"REGISTER"}
_UNDONE: Done = {"REGISTER", "UNDO"}


class _Operator(bpy.types.Operator):
    """An operator that says why it could not do what it was asked."""

    bl_options = _ALONE

    def execute(self, context: Any) -> Done:
        try:
            self.act(context)
        except (strips.StripError, BridgeError, OSError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if SESSION.failure:
            self.report({"ERROR"}, SESSION.failure)
            return {"CANCELLED"}
        return {"FINISHED"}

    def act(self, context: Any) -> None:
        """Do it; every operator has its own."""

    def strip(self, context: Any) -> Any:
        """The strip that is meant."""
        scene = strips.scene_of(context)
        found = strips.find(scene, self.strip_name) if self.strip_name else strips.active(scene)
        if found is None:
            raise strips.StripError("click a movie strip first")
        return found


class _Connected(_Operator):
    """One that needs the server."""

    @classmethod
    def poll(cls, context: Any) -> bool:
        return SESSION.connected


class Connect(_Operator):
    """Connect to the reenact server of a connection file"""

    bl_idname, bl_label = "reenact.connect", "Connect"
    __annotations__ = {
        "connection_file": _P.StringProperty(subtype="FILE_PATH"),
        "key_file": _P.StringProperty(subtype="FILE_PATH"),
        "path_map": _P.StringProperty(),
    }

    def act(self, context: Any) -> None:
        kept = preferences(context)
        names = ("connection_file", "key_file", "path_map")
        where, key, paths = (getattr(self, name) or getattr(kept, name, "") for name in names)
        if not where:
            raise strips.StripError("give the server's connection file in the preferences")
        SESSION.connect(bpy.path.abspath(where), key and bpy.path.abspath(key), read_map(paths))


class Disconnect(_Operator):
    """Let the server go; renders go on and are taken up at the next connection"""

    bl_idname, bl_label = "reenact.disconnect", "Disconnect"

    def act(self, context: Any) -> None:
        SESSION.failure = ""
        SESSION.close()


class Faces(_Connected):
    """List the faces of the strip in the current frame"""

    bl_idname, bl_label = "reenact.faces", "Find Faces"
    __annotations__ = {"strip_name": _STRIP}

    def act(self, context: Any) -> None:
        scene, strip = strips.scene_of(context), self.strip(context)
        media = strips.media_of(strip)
        frame = strips.media_frame(strip, media, scene.frame_current)
        of, place = strip.name, scene.name

        def found(body: dict[str, Any]) -> None:
            kept = bpy.data.scenes[place].reenact
            kept.faces.clear()
            kept.faces_of, kept.faces_frame = of, frame
            for face in body["faces"]:
                row, pose = kept.faces.add(), face.get("pose") or {}
                row.box, row.confidence = face["box"], face["confidence"]
                row.pose = [pose.get(name, 0.0) for name in ("yaw", "pitch", "roll")]
                row.label = f"Face {len(kept.faces)} ({face['confidence']:.0%})"
            SESSION.said = f"{of}: {len(kept.faces)} faces in frame {frame} of its film"

        SESSION.go(faces(SESSION.paths.there(media.path), frame, found))


class PickFace(_Operator):
    """Take this one of the faces that were found as the strip's face"""

    bl_idname, bl_label = "reenact.pick_face", "Take This Face"
    bl_options = _UNDONE
    __annotations__ = {"index": _P.IntProperty(min=0)}

    def act(self, context: Any) -> None:
        SESSION.failure = ""
        scene = strips.scene_of(context)
        kept = scene.reenact
        strip = strips.find(scene, kept.faces_of)
        if strip is None or self.index >= len(kept.faces):
            raise strips.StripError("find the faces of a strip first")
        left, top, right, bottom = kept.faces[self.index].box
        strip.reenact.face_chosen = True
        strip.reenact.face_point = ((left + right) / 2, (top + bottom) / 2)
        strip.reenact.face_frame = kept.faces_frame


class Mark(_Operator):
    """Mark the selected strips to be rendered, with what the active one asks for; or unmark them"""

    bl_idname, bl_label = "reenact.mark", "Mark"
    bl_options = _UNDONE
    __annotations__ = {"marked": _P.BoolProperty(default=True)}

    def act(self, context: Any) -> None:
        SESSION.failure = ""
        scene = strips.scene_of(context)
        first = strips.active(scene)
        chosen = [each for each in strips.strips_of(scene) if each.select and each.type == "MOVIE"]
        if not chosen:
            raise strips.StripError("select movie strips first")
        for strip in chosen:
            strip.reenact.marked = self.marked
            if self.marked and first is not None and strip != first:
                _copy_wish(first.reenact, strip.reenact)


class Preview(_Connected):
    """Show the current frame of the strip with the new face, in the image `reenact preview`"""

    bl_idname, bl_label = "reenact.preview", "Preview Frame"
    __annotations__ = {"strip_name": _STRIP}

    def act(self, context: Any) -> None:
        scene, strip = strips.scene_of(context), self.strip(context)
        media, wish = strips.media_of(strip), strip.reenact
        if wish.mode != "recast":
            raise strips.StripError(
                f"{strip.name}: only Recast has a preview, since Redirect needs its film in time"
            )
        frame = strips.media_frame(strip, media, scene.frame_current)
        opened: dict[str, Any] = {
            "source": _there(wish.source, strip, "source"),
            "clip_frames": [media.first, media.stop],
            "scheme": wish.scheme,
            "strength": round(wish.strength, 6),
            "rate": media.rate,
        }
        given = _options(scene)
        opened.update({key: given[key] for key in ("checkpoint", "precision") if key in given})
        SESSION.go(preview(SESSION.paths.there(media.path), frame, opened, show))


class Render(_Connected):
    """Render the strip, or all that are marked, and lay the result above when it is done"""

    bl_idname, bl_label = "reenact.render", "Render Strip"
    __annotations__ = {"strip_name": _STRIP, "marked": _P.BoolProperty(name="All marked strips")}

    def act(self, context: Any) -> None:
        scene = strips.scene_of(context)
        chosen = list(strips.marked(scene)) if self.marked else [self.strip(context)]
        if not chosen:
            raise strips.StripError("mark strips first")
        key = uuid.uuid4().hex
        asked = [_asked(strip) for strip in chosen]
        folder = _new_folder(scene, chosen[0].name, key)
        timeline = folder / "asked.otio"
        timeline.write_text(write(folder.name, asked), "utf-8")
        for strip in chosen:
            strip.reenact.token = strip.reenact.token or uuid.uuid4().hex
        options = {**_options(scene), "handles": scene.reenact.handles, "relink": "add"}
        body = {
            "idempotency_key": key,
            "timeline": {"path": SESSION.paths.there(timeline)},
            "out": {"dir": SESSION.paths.there(folder / "out")},
            "options": options,
        }
        names = [{"name": strip.name, "token": strip.reenact.token} for strip in chosen]
        SESSION.render(scene, body, json.dumps(names))


class Cancel(_Connected):
    """Stop a render"""

    bl_idname, bl_label = "reenact.cancel", "Stop"
    __annotations__ = {
        "job": _P.StringProperty(description="Its id; empty: all that have not ended"),
        "now": _P.BoolProperty(description="At once, not at the next frame"),
    }

    def act(self, context: Any) -> None:
        mode = "now" if self.now else "graceful"
        open_ones = [job.job for job in SESSION.jobs.values() if job.job and not job.placed]
        for job in [self.job] if self.job else open_ones:
            SESSION.cancel(job, mode)


class Clear(_Operator):
    """Take renders that have ended off the list; their films stay"""

    bl_idname, bl_label = "reenact.clear", "Clear List"

    def act(self, context: Any) -> None:
        SESSION.failure = ""
        rows = strips.scene_of(context).reenact.jobs
        for index in reversed(range(len(rows))):
            if rows[index].placed or rows[index].state == "failed":
                SESSION.jobs.pop(rows[index].name, None)
                rows.remove(index)


CLASSES = (Connect, Disconnect, Faces, PickFace, Mark, Preview, Render, Cancel, Clear)


def show(shown: Shown) -> None:
    """Put a frame into the preview's image, and that into every image editor that is open."""
    image = bpy.data.images.get(PICTURE)
    if image is None or tuple(image.size) != (shown.width, shown.height):
        if image is not None:
            bpy.data.images.remove(image)
        image = bpy.data.images.new(PICTURE, shown.width, shown.height)
    row = 16 * shown.width
    rows = range((shown.height - 1) * row, -1, -row)  # Blender's bottom row is the first
    image.pixels.foreach_set(array("f", b"".join(shown.rgba[at : at + row] for at in rows)))
    image.update()
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "IMAGE_EDITOR":
                area.spaces.active.image = image
    found = "no face found" if not shown.said["faces"] else f"{shown.said['ms']:.0f} ms"
    SESSION.said = f"Frame {shown.said['frame']} is in the image `{PICTURE}` ({found})"


def read_map(text: str) -> PathMap:
    r"""The pairs of `P:\show = /show; Q:\ = /mnt/q`.

    Raises:
        StripError: a pair without its two sides.
    """
    pairs = []
    for part in filter(None, (part.strip() for part in text.split(";"))):
        here, equals, there = (side.strip() for side in part.partition("="))
        if not (here and equals and there):
            raise strips.StripError(f"path map: write {part} as FOLDER HERE = FOLDER THERE")
        pairs.append((here, there))
    return PathMap(tuple(pairs))


def _asked(strip: Any) -> Asked:
    media, wish = strips.media_of(strip), strip.reenact
    effect: dict[str, Any] = {
        "mode": wish.mode,
        "scheme": wish.scheme,
        "strength": round(wish.strength, 6),
    }
    if wish.mode == "recast":
        effect["source"] = _there(wish.source, strip, "source")
    else:
        effect["driving"] = _there(wish.driving, strip, "driving")
    if wish.face_chosen:
        point = [round(value, 2) for value in wish.face_point]
        effect["face"] = {"point": point, "frame": wish.face_frame}
    path = SESSION.paths.there(media.path)
    return Asked(strip.name, path, media.rate, media.first, media.stop, media.length, effect)


def _there(path: str, strip: Any, what: str) -> str:
    if not path:
        raise strips.StripError(f"{strip.name}: has no {what}; choose a file")
    return SESSION.paths.there(bpy.path.abspath(path))


def _options(scene: Any) -> dict[str, Any]:
    assert SESSION.controls is not None  # operators that come here need a connection
    return SESSION.controls.options(scene)


def _new_folder(scene: Any, name: str, key: str) -> Path:
    """A folder for one render."""
    base = scene.reenact.folder
    if base.startswith("//") and not bpy.data.filepath:
        raise strips.StripError("save the file first, or choose an output folder")
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_") or "strip"
    folder = Path(bpy.path.abspath(base)) / f"{plain}-{time.strftime('%Y%m%d-%H%M%S')}-{key[:6]}"
    folder.mkdir(parents=True)
    return folder


def _copy_wish(old: Any, new: Any) -> None:
    for name in ("mode", "source", "driving", "scheme", "strength"):
        setattr(new, name, getattr(old, name))
