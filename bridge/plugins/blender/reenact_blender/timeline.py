"""The timeline that asks a server for strips: OpenTimelineIO's JSON, written by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Asked:
    """A strip whose face is to be another one."""

    name: str
    """Of the strip; the result names it by this."""
    media: str
    """The file, as the server sees it."""
    rate: float
    """Frames a second of the file."""
    first: int
    """The first frame of the file that the strip shows."""
    stop: int
    """After the last one that it shows."""
    length: int
    """Frames that the file has."""
    effect: dict[str, Any]
    """What is asked, as docs/reference/timeline-metadata.md has it."""


def write(name: str, strips: Sequence[Asked]) -> str:
    """A timeline that shows the strips one after another."""
    track = {
        "OTIO_SCHEMA": "Track.1",
        "name": "V1",
        "kind": "Video",
        "children": [_clip(strip) for strip in strips],
    }
    stack = {"OTIO_SCHEMA": "Stack.1", "name": "tracks", "children": [track]}
    return json.dumps({"OTIO_SCHEMA": "Timeline.1", "name": name, "tracks": stack}, indent=1)


def _clip(strip: Asked) -> dict[str, Any]:
    media = {
        "OTIO_SCHEMA": "ExternalReference.1",
        "target_url": strip.media,
        "available_range": _range(0, strip.length, strip.rate),
    }
    effect = {
        "OTIO_SCHEMA": "Effect.1",
        "name": "reenact",
        "effect_name": "reenact",
        "metadata": {"reenact": {"version": 1, **strip.effect}},
    }
    return {
        "OTIO_SCHEMA": "Clip.2",
        "name": strip.name,
        "source_range": _range(strip.first, strip.stop - strip.first, strip.rate),
        "effects": [effect],
        "media_references": {"DEFAULT_MEDIA": media},
        "active_media_reference_key": "DEFAULT_MEDIA",
    }


def _range(start: int, count: int, rate: float) -> dict[str, Any]:
    return {
        "OTIO_SCHEMA": "TimeRange.1",
        "start_time": {"OTIO_SCHEMA": "RationalTime.1", "value": start, "rate": rate},
        "duration": {"OTIO_SCHEMA": "RationalTime.1", "value": count, "rate": rate},
    }
