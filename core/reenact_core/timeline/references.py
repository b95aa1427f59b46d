"""A clip's media references: which one is the original, and how a new one is put beside it.

add     the new file under `reenact`, active; the original stays under its key
swap    the new file is `DEFAULT_MEDIA`, active; the original is under `reenact_original`
"""

from collections.abc import Mapping
from typing import Any, Literal

import opentimelineio as otio

from reenact_core.errors import TimelineError
from reenact_core.timeline.effects import NAME, ours

Relink = Literal["add", "swap", "track"]

DEFAULT = str(otio.schema.Clip.DEFAULT_MEDIA_KEY)
NEW = NAME
ORIGINAL = f"{NAME}_original"
DISPLACED = f"{NAME}_default"
"""swap: where a `DEFAULT_MEDIA` goes that was not the active one."""


def original_key(clip: Any) -> str:
    """The key of what was shot: the active reference, or the one that our output stands in for.

    Raises:
        TimelineError: no reference is active, or the active one is our output, whose original is
            gone.
    """
    references, active = clip.media_references(), str(clip.active_media_reference_key)
    if active not in references:
        raise TimelineError(
            f'its active media reference "{active}" is not among the ones it has; relink the clip'
        )
    record = result_of(references.get(active))
    if record is not None:
        key = str(record.get("original_key", ORIGINAL if active == DEFAULT else DEFAULT))
    elif active == NEW:
        key = DEFAULT
    elif active == DEFAULT and ORIGINAL in references:
        key = ORIGINAL
    else:
        return active
    if key not in references:
        raise TimelineError(
            f'its media is an earlier result of reenact, whose original "{key}" is gone; '
            "relink the clip to what was shot"
        )
    return key


def original(clip: Any) -> Any:
    """The reference to what was shot; `TimelineError` as `original_key`."""
    return clip.media_references()[original_key(clip)]


def result_of(reference: Any) -> dict[str, Any] | None:
    """What an earlier run wrote about a reference; None where it is none of ours."""
    record = ours(reference) if reference is not None else None
    return record if isinstance(record, dict) and "shot" in record else None


def restore(clip: Any) -> None:
    """Undo what an earlier run did to the clip's references."""
    key = original_key(clip)
    references, active = clip.media_references(), str(clip.active_media_reference_key)
    if key != active:
        back = _own_key(references, active, key)
        held = references.pop(key)
        references.pop(active)
        if DISPLACED in references:
            references[DEFAULT] = references.pop(DISPLACED)
        references[back] = held
        active = back
    references.pop(NEW, None) if active != NEW else None
    clip.set_media_references(references, active)


def _own_key(references: Mapping[str, Any], active: str, key: str) -> str:
    """The key that the original had before any run."""
    record = result_of(references[active]) or {}
    return str(record.get("from_key", DEFAULT)) if key == ORIGINAL else key


def add(clip: Any, new: Any) -> None:
    """The new file beside the original, active."""
    references = clip.media_references()
    _record(new, clip.active_media_reference_key, clip.active_media_reference_key)
    references[NEW] = new
    clip.set_media_references(references, NEW)


def swap(clip: Any, new: Any) -> None:
    """The new file in the place that every host reads, the original beside it."""
    references, active = clip.media_references(), str(clip.active_media_reference_key)
    _record(new, ORIGINAL, active)
    references[ORIGINAL] = references.pop(active)
    if DEFAULT in references:
        references[DISPLACED] = references.pop(DEFAULT)
    references[DEFAULT] = new
    clip.set_media_references(references, DEFAULT)


def _record(new: Any, original_key: str, from_key: str) -> None:
    new.metadata[NAME]["original_key"] = original_key
    new.metadata[NAME]["from_key"] = from_key
