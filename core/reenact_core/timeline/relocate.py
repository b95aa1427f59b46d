"""Relative paths when a timeline is written to another folder than it was read from.

What was rendered names its original by its absolute place from then on. What was not rendered is
left as it is; the old folder is kept in the timeline's metadata, for our own next run.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import opentimelineio as otio

from reenact_core.errors import TimelineError
from reenact_core.media.sequence import is_pattern
from reenact_core.timeline.effects import NAME, VERSION, asks_of
from reenact_core.timeline.media_paths import is_relative, place_of
from reenact_core.timeline.plan import RenderedShot, Shot
from reenact_core.timeline.references import result_of

KEY = "media_root"
"""In the timeline's metadata `reenact`: a URL of the folder that relative paths start from."""


def pin(clip: Any, shot: Shot, folder: Path, *, leaves: bool) -> None:
    """Name a clip's original by its absolute place, where the timeline's words do not lead there.

    They do not where a relative path `leaves` the folder that it starts from, and where the media
    were found by name.
    """
    reference, media = clip.media_reference, shot.target.path.absolute()
    sequence = isinstance(reference, otio.schema.ImageSequenceReference)
    url = _url(reference)
    led = url is not None and _leads(url or ".", media, folder, sequence=sequence)
    if led and not (leaves and is_relative(url or ".")):
        return
    if sequence:
        reference.target_url_base = media.parent.as_uri() + "/"
    elif isinstance(reference, otio.schema.MissingReference):
        found = otio.schema.ExternalReference(media.as_uri(), reference.available_range)
        references, active = clip.media_references(), clip.active_media_reference_key
        references[active] = found
        clip.set_media_references(references, active)
    else:
        reference.target_url = media.as_uri()


def _leads(url: str, media: Path, folder: Path, *, sequence: bool) -> bool:
    """Whether a place that is written is that of the media; for a sequence, of its folder."""
    try:
        place = place_of(url, folder).absolute()
    except TimelineError:
        return False
    if sequence or is_pattern(media):
        return (place if sequence else place.parent) == media.parent
    return place == media or place.exists()


def remember(timeline: Any, folder: Path) -> bool:
    """Keep the folder that relative paths start from, if there are any left; whether there are."""
    forget(timeline)
    clips = list(timeline.find_clips())
    relative = any(True for _ in _relative_references(clips))
    if not relative and not any(_asks_relative(clip) for clip in clips):
        return False
    if not isinstance(timeline.metadata.get(NAME), Mapping):
        timeline.metadata[NAME] = {"version": VERSION}
    timeline.metadata[NAME][KEY] = folder.resolve().as_uri()
    return relative


def forget(timeline: Any) -> None:
    """Drop the folder: relative paths start where the timeline is."""
    table = timeline.metadata.get(NAME)
    if isinstance(table, Mapping):
        timeline.metadata[NAME].pop(KEY, None)


def mistaken(timeline: Any, rendered: Sequence[RenderedShot], folder: Path) -> list[str]:
    """A sentence for every clip whose relative path would mean a new file in the new folder."""
    new = {shot.output.path.absolute() for shot in rendered}
    return [
        f'clip "{clip.name}" names its media as {url}, which in {folder} is a new file; '
        "write the timeline to another folder, or name the media by its absolute place"
        for clip, url in _relative_references(list(timeline.find_clips()))
        if place_of(url, folder).absolute() in new
    ]


def _relative_references(clips: Sequence[Any]) -> Iterator[tuple[Any, str]]:
    """Those of the originals; results lie beside the timeline and are named so."""
    for clip in clips:
        for reference in clip.media_references().values():
            url = _url(reference)
            if url and is_relative(url) and result_of(reference) is None:
                yield clip, url


def _asks_relative(clip: Any) -> bool:
    try:
        asks = asks_of(clip, str(clip.name))
    except TimelineError:
        return False  # it was refused, and stays as it is
    written = [path for ask in asks for path in (ask.source, ask.driving, ask.reference)]
    return any(isinstance(path, str) and is_relative(path) for path in written)


def _url(reference: Any) -> str | None:
    url = getattr(reference, "target_url", None)
    return url if url is not None else getattr(reference, "target_url_base", None)
