"""Strips of the sequence editor, under the names that Blender 3.4 to 5 give them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import bpy  # pyright: ignore[reportMissingImports]

_LOOK = (
    "blend_type",
    "blend_alpha",
    "mute",
    "strobe",
    "color_multiply",
    "color_saturation",
    "use_flip_x",
    "use_flip_y",
    "use_float",
    "alpha_mode",
    "color_tag",
)
_COVERING = ("REPLACE", "CROSS", "ALPHA_OVER")
"""Ways of blending by which a strip hides what lies below."""


class StripError(Exception):
    """A strip cannot be rendered as it is; one sentence that says why."""


@dataclass(frozen=True)
class Media:
    """What a strip shows of its file."""

    path: str
    rate: float
    first: int
    stop: int
    """After the last frame that is shown."""
    length: int
    zero: int
    """The frame of the scene where frame 0 of the file lies, or would lie."""


def strip_type() -> Any:
    """The type of all strips: `Strip` from Blender 4.4 on, `Sequence` before."""
    return getattr(bpy.types, "Strip", None) or bpy.types.Sequence


def scene_of(context: Any) -> Any:
    """The scene that the sequence editor shows; Blender 5 lets it be another than the window's."""
    return getattr(context, "sequencer_scene", None) or context.scene


def strips_of(scene: Any) -> list[Any]:
    """All strips of a scene, those inside metas too."""
    editor = scene.sequence_editor
    if editor is None:
        return []
    found = getattr(editor, "strips_all", None)
    return list(editor.sequences_all if found is None else found)


def find(scene: Any, name: str) -> Any | None:
    """The strip of that name."""
    return next((strip for strip in strips_of(scene) if strip.name == name), None)


def active(scene: Any) -> Any | None:
    """The strip that was clicked last."""
    return None if scene.sequence_editor is None else scene.sequence_editor.active_strip


def marked(scene: Any) -> Iterator[Any]:
    """The strips that are to be rendered, in the order of time."""
    found = [strip for strip in strips_of(scene) if strip.reenact.marked]
    yield from sorted(found, key=lambda strip: (strip.frame_final_start, strip.channel))


def media_of(strip: Any) -> Media:
    """The frames of its file that a strip shows.

    Raises:
        StripError: it does not show a file frame by frame.
    """
    if strip.type != "MOVIE":
        raise StripError(f"{strip.name}: only movie strips can be rendered, this is {strip.type}")
    speed = getattr(strip, "speed_factor", 1.0)
    if abs(speed - 1.0) > 1e-6 or len(getattr(strip, "retiming_keys", ())):
        raise StripError(
            f"{strip.name}: is retimed; add it again without `Adjust Playback Rate`, or set the "
            "scene to the rate of the film"
        )
    if strip.use_reverse_frames:
        raise StripError(f"{strip.name}: runs backwards; render the film forwards, then turn it")
    if not strip.fps:
        raise StripError(f"{strip.name}: its file {strip.filepath} cannot be opened")
    before, start = strip.animation_offset_start, round(strip.frame_start)
    first = before + max(0, strip.frame_final_start - start)
    stop = before + min(strip.frame_duration, strip.frame_final_end - start)
    if stop <= first:
        raise StripError(f"{strip.name}: shows no frame of its film")
    length = before + strip.frame_duration + strip.animation_offset_end
    path = bpy.path.abspath(strip.filepath)
    return Media(path, float(strip.fps), first, stop, length, start - before)


def media_frame(strip: Any, media: Media, frame: int) -> int:
    """The frame of the file that is seen in a frame of the scene.

    Raises:
        StripError: the strip is not there.
    """
    if not strip.frame_final_start <= frame < strip.frame_final_end:
        raise StripError(f"{strip.name}: is not under the playhead; move it over the strip")
    return min(max(frame - media.zero, media.first), media.stop - 1)


def put_above(scene: Any, strip: Any, path: str, first: int) -> Any:
    """Lay a film over a strip with the same cut; its frame 0 is frame `first` of the strip's film.

    Raises:
        StripError: no channel above is free.
    """
    level, channel = _level(scene, strip), _free_channel(scene, strip)
    zero = media_of(strip).zero
    new = level.new_movie(f"{strip.name} reenact", path, channel, zero + first)
    new.frame_final_start, new.frame_final_end = strip.frame_final_start, strip.frame_final_end
    new.channel = channel
    _copy_look(strip, new)
    if strip.blend_type not in _COVERING or strip.blend_alpha < 1:
        strip.mute = True  # or both would be seen
    return new


def _level(scene: Any, strip: Any) -> Any:
    """The strips among which a strip lies: those of the editor, or of a meta."""
    owner = strip.parent_meta() or scene.sequence_editor
    found = getattr(owner, "strips", None)
    return owner.sequences if found is None else found


def _free_channel(scene: Any, strip: Any) -> int:
    start, end = strip.frame_final_start, strip.frame_final_end
    taken = {
        other.channel
        for other in _level(scene, strip)
        if other.frame_final_start < end and start < other.frame_final_end
    }
    most = int(strip.bl_rna.properties["channel"].hard_max)
    for channel in range(strip.channel + 1, most + 1):
        if channel not in taken:
            return channel
    raise StripError(f"{strip.name}: no channel above it is free")


def _copy_look(old: Any, new: Any) -> None:
    """Everything that changes how a strip looks, but not what it plays."""
    for name in _LOOK:
        if hasattr(old, name):
            setattr(new, name, getattr(old, name))
    new.colorspace_settings.name = old.colorspace_settings.name
    for part in ("transform", "crop"):
        _copy_values(getattr(old, part), getattr(new, part))
    for modifier in old.modifiers:
        made = new.modifiers.new(modifier.name, modifier.type)
        if made is not None:
            _copy_values(modifier, made)


def _copy_values(old: Any, new: Any) -> None:
    for prop in old.bl_rna.properties:
        if prop.identifier in ("rna_type", "name", "type"):
            continue
        value = getattr(old, prop.identifier)
        if prop.type == "POINTER" and prop.is_readonly and value is not None:
            if value.bl_rna.identifier == "CurveMapping":
                _copy_curves(value, getattr(new, prop.identifier))
            else:
                _copy_values(value, getattr(new, prop.identifier))
        elif prop.type != "COLLECTION" and not prop.is_readonly:
            setattr(new, prop.identifier, value)


def _copy_curves(old: Any, new: Any) -> None:
    for before, after in zip(old.curves, new.curves, strict=True):
        for index, point in enumerate(before.points):
            if index < len(after.points):
                after.points[index].location = point.location
            else:
                after.points.new(*point.location)
            after.points[index].handle_type = point.handle_type
    new.update()
