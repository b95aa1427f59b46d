"""A timeline written back: the same edit, with the rendered shots in it."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio
from opentimelineio.opentime import RationalTime, TimeRange

from reenact_core.errors import TimelineError
from reenact_core.files import Admit, written_whole
from reenact_core.timeline import carried
from reenact_core.timeline.effects import NAME, VERSION
from reenact_core.timeline.media_paths import url_beside
from reenact_core.timeline.overlay import add_overlay
from reenact_core.timeline.plan import RenderedShot, Shot
from reenact_core.timeline.read import Edit
from reenact_core.timeline.references import Relink, add, restore, swap
from reenact_core.timeline.relocate import forget, mistaken, pin, remember

Results = Mapping[str, Mapping[str, Any]]
"""By shot id: what the run has to say about a shot (checkpoint, seconds, ...), JSON values."""


def write_timeline(
    edit: Edit,
    rendered: Sequence[RenderedShot],
    path: Path,
    relink: Relink = "add",
    results: Results | None = None,
    *,
    admit: Admit | None = None,
) -> tuple[str, ...]:
    """Write the edit as `.otio` with the rendered shots in it, whole or not at all.

    Source ranges never change, and clips that were not rendered are left as they are. Gives back
    what a user should know, a sentence each. `admit` guards the name, as in `files.written_whole`.

    Raises:
        TimelineError: a name that does not end in `.otio`.
        OutputError: the folder cannot be written.
    """
    if path.suffix.lower() != ".otio":
        raise TimelineError(f"{path}: a timeline is written as .otio; give it that suffix")
    timeline = edit.timeline.clone()
    pairs = [(shot, _reference(shot, path, relink, results or {})) for shot in rendered]
    notes: list[str] = []
    for shot, reference in pairs:
        clip = clip_at(timeline, shot.shot)
        restore(clip)
        if relink != "track":
            pin(clip, shot.shot, edit.folder, leaves=_leaves(edit, path))
            (add if relink == "add" else swap)(clip, reference)
    if relink == "track":
        notes += add_overlay(timeline, pairs)
    notes += _settle(timeline, edit, path, rendered)
    with written_whole(path, admit=admit) as partial:
        text = otio.adapters.write_to_string(timeline, "otio_json")
        partial.write_text(carried.unload(text) + "\n", "utf-8")
    return tuple(notes)


def clip_at(timeline: Any, shot: Shot) -> Any:
    """The clip of a shot.

    Raises:
        ValueError: the timeline is not the one that the shot was planned from.
    """
    item: Any = timeline.tracks
    for index in shot.clip_path:
        inside = isinstance(item, otio.core.Composition) and index < len(item)
        item = item[index] if inside else None
    if not isinstance(item, otio.schema.Clip) or item.name != shot.clip_name:
        raise ValueError(f"shot {shot.shot_id} is not of this timeline: no clip at its place")
    return item


def _reference(rendered: RenderedShot, path: Path, relink: Relink, results: Results) -> Any:
    """The new file as a media reference, in the clock of the clip's source range."""
    shot, output = rendered.shot, rendered.output
    record = {
        **results.get(shot.shot_id, {}),
        "version": VERSION,
        "shot": shot.shot_id,
        "frames": [shot.target.frames.start, shot.target.frames.stop],
        "relink": relink,
        "synthetic": True,
    }
    metadata = {NAME: json.loads(json.dumps(record, allow_nan=False))}
    available = _available(rendered)
    if output.first_number is None:
        url = url_beside(output.path, path.parent)
        return otio.schema.ExternalReference(url, available, metadata)
    return _sequence(rendered, path.parent, available, metadata)


def _available(rendered: RenderedShot) -> Any:
    """The range of the new file, in the clock of the clip's source range."""
    shot = rendered.shot
    clock = shot.clock or shot.target.frames.rate
    start, length = (
        shot.start_time + shot.target.frames.start,
        Fraction(len(rendered.output.frames)),
    )
    if shot.uneven is not None:
        start, length = shot.uneven[0] * clock, (shot.uneven[1] - shot.uneven[0]) * clock
    rate = float(clock)
    return TimeRange(RationalTime(float(start), rate), RationalTime(float(length), rate))


def _sequence(rendered: RenderedShot, folder: Path, available: Any, metadata: Any) -> Any:
    output = rendered.output
    match = re.fullmatch(r"(.*?)%0?(\d*)d(.*)", output.path.name)
    if match is None:
        raise ValueError(f"{output.path} has a first number and no place for numbers, as %04d")
    base = url_beside(output.path.parent, folder)
    return otio.schema.ImageSequenceReference(
        target_url_base="" if base == "." else base.rstrip("/") + "/",
        name_prefix=match[1],
        name_suffix=match[3],
        start_frame=output.first_number,
        frame_step=output.number_step,
        rate=available.duration.rate * output.number_step,
        frame_zero_padding=int(match[2] or 0),
        available_range=available,
        metadata=metadata,
    )


def _settle(
    timeline: Any, edit: Edit, path: Path, rendered: Sequence[RenderedShot]
) -> Iterator[str]:
    """See that relative paths keep their meaning; sentences for those that lose it elsewhere."""
    if not _leaves(edit, path):
        forget(timeline)
        return
    if remember(timeline, edit.folder):
        yield (
            f"{path.name}: some clips name their media relative to {edit.folder}; other programs "
            "find them when the new timeline is moved there, or when they are shown that folder"
        )
    yield from mistaken(timeline, rendered, path.parent)


def _leaves(edit: Edit, path: Path) -> bool:
    """Whether the timeline goes to another folder than its relative paths start from."""
    return edit.folder.resolve() != path.parent.resolve()
