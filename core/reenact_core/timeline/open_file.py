"""OTIO's adapters: which file is read by which, and what to say where one fails."""

import importlib.util
import re
from pathlib import Path
from typing import Any

import numpy as np
import opentimelineio as otio

from reenact_core.errors import TimelineError
from reenact_core.timeline import carried

DEEPEST = 5000
"""Levels of brackets; OpenTimelineIO crashes at some ten thousand."""
OWN = ("otio", "otioz", "otiod")
EXTRAS = {
    "edl": ("edl", "otio_cmx3600_adapter"),
    "xml": ("fcp", "otio_fcp_adapter"),
    "fcpxml": ("fcpx", "otio_fcpx_xml_adapter"),
    "aaf": ("aaf", "otio_aaf_adapter"),
}
"""By suffix: the extra of this package that brings the adapter, and the adapter's module."""


def parse(text: bytes, path: Path) -> Any:
    """The OTIO object in JSON.

    Raises:
        TimelineError: no JSON, no OTIO, or written by a newer OpenTimelineIO.
    """
    if not text.strip():
        raise TimelineError(f"{path}: the file is empty; export the timeline again")
    if deepest(text) > DEEPEST:
        raise TimelineError(f"{path}: not a timeline, it is nested too deeply")
    try:
        return _loaded(text.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise TimelineError(f"{path}: not a timeline, it is no UTF-8 text") from error
    except otio.exceptions.UnsupportedSchemaError as error:
        raise TimelineError(
            f"{path}: written by a newer OpenTimelineIO than {otio.__version__}{_schema(text)}; "
            "update opentimelineio, or export for OTIO_CORE 0.17.0"
        ) from error
    except (otio.exceptions.OTIOError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise TimelineError(f"{path}: not a timeline ({_first_line(error)})") from error


def _loaded(text: str) -> Any:
    try:
        return otio.adapters.read_from_string(text, "otio_json")
    except ValueError as error:
        if "type mismatch" not in str(error):
            raise
        return otio.adapters.read_from_string(carried.load(text), "otio_json")


def deepest(text: bytes) -> int:
    """Levels of brackets in JSON, those in its strings counted too."""
    signs = np.frombuffer(text, np.uint8)
    step = np.zeros(len(signs), np.int8)
    for sign in b"[{":
        step[signs == sign] = 1
    for sign in b"]}":
        step[signs == sign] = -1
    return int(np.cumsum(step[step != 0], dtype=np.int64).max(initial=0))


def read_foreign(path: Path, suffix: str) -> Any:
    """What an adapter makes of a file of another format.

    Raises:
        TimelineError: the adapter is not installed, or fails.
    """
    extra, module = EXTRAS[suffix]
    if importlib.util.find_spec(module) is None:
        raise TimelineError(
            f"{path}: reading .{suffix} needs its adapter; pip install 'reenact[{extra}]'"
        )
    arguments: dict[str, Any] = {"rate": edl_rate(_text(path))} if suffix == "edl" else {}
    # Adapters are written by others and let anything through: ParseError, KeyError,
    # AttributeError. All of it means that they could not read this file.
    try:
        found = otio.adapters.read_from_file(str(path), **arguments)
    except Exception as error:
        reason = _first_line(error) or type(error).__name__
        raise TimelineError(f"{path}: cannot be read as .{suffix} ({reason})") from error
    if suffix == "edl" and isinstance(found, otio.schema.Timeline):
        _start_at_zero(found)
    return found


def foreign_notes(path: Path, suffix: str) -> tuple[str, ...]:
    """What a format or its adapter leaves out, a sentence each."""
    if suffix == "edl":
        rate = edl_rate(_text(path))
        return (f"{path.name}: an EDL says no frame rate; {rate:g} is the lowest that fits it",)
    if suffix == "fcpxml" and "<timeMap" in _text(path):
        return (
            f"{path.name}: holds retimes, which the FCPXML adapter drops; "
            "leave out clips that are retimed, or export them as .otio",
        )
    return ()


def _start_at_zero(timeline: Any) -> None:
    """Mend what the EDL adapter makes of record times.

    It writes the record time of a track's first clip, negated, as the start of the track's source
    range, which then touches none of its clips. Here it becomes the start of the timeline, and a
    gap before tracks that begin later.
    """
    zero = otio.opentime.RationalTime()
    tracks = [track for track in timeline.tracks if track.source_range is not None]
    starts = [zero - track.source_range.start_time for track in tracks]
    if len(tracks) < len(timeline.tracks) or any(start < zero for start in starts):
        return
    first = min(starts, default=zero)
    for track, start in zip(tracks, starts, strict=True):
        track.source_range = None
        if start > first:
            track.insert(0, otio.schema.Gap(duration=start - first))
    if timeline.global_start_time is None:
        timeline.global_start_time = first


def edl_rate(text: str) -> float:
    """Frames a second of an EDL, which does not say: the lowest rate that its timecodes allow."""
    timecodes = re.findall(r"\b\d\d:\d\d:\d\d([:;])(\d\d)\b", text)
    highest = max((int(frames) for _, frames in timecodes), default=0)
    if any(mark == ";" for mark, _ in timecodes):
        return 30000 / 1001
    return next((rate for rate in (24.0, 25.0, 30.0, 50.0) if highest < rate), 60.0)


def known_suffixes() -> str:
    """For messages."""
    return ", ".join(f".{suffix}" for suffix in (*OWN, *EXTRAS))


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "replace")


def _first_line(error: BaseException) -> str:
    message = error.args[0] if error.args else ""
    lines = str(message).strip().splitlines()
    return lines[0][:200] if lines else ""


def _schema(text: bytes) -> str:
    """The schemas of a file that are newer than ours, in brackets."""
    known = otio.core.type_version_map()
    versions = {
        (str(name, "ascii"), int(version))
        for name, version in re.findall(rb'"OTIO_SCHEMA"\s*:\s*"(\w+)\.(\d{1,9})"', text)
    }
    newer = sorted(
        f"{name}.{version}" for name, version in versions if version > known.get(name, version)
    )
    return f" ({', '.join(newer)})" if newer else ""
