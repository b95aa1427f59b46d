"""Edit decision lists (CMX 3600): their text, and the frame rate that they do not say.

What a list says is read by OpenTimelineIO's adapter (otio-cmx3600-adapter 1.0.0 was tried), which
wants UTF-8, colons where frames are not dropped, and the rate.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import opentimelineio as otio

from reenact_core.errors import TimelineError
from reenact_core.timeline.plain_text import decoded
from reenact_core.timeline.relink import EDL
from reenact_core.wording import amount

COUNTED = (Fraction(24), Fraction(25), Fraction(30), Fraction(50), Fraction(60))
"""Rates that are guessed, the lowest first."""
DROPPING = (Fraction(30000, 1001), Fraction(60000, 1001))
"""Rates at which timecode leaves out numbers."""
TIMECODE = r"\d\d[:;.,]\d\d[:;.,]\d\d[:;.,]\d\d"
EVENT = re.compile(rf"(\d.*?)((?:\s+{TIMECODE}){{4}})\s*")

MediaRates = Callable[[Any], list[Fraction]]
"""The rates of the media of a timeline's clips, as far as they can be found."""


@dataclass(frozen=True, slots=True, eq=False)
class EdlRead:
    """A list that was read."""

    timeline: Any
    rate: Fraction
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Reading:
    """A rate that a list may have, and why."""

    rate: Fraction
    why: str
    """Of the note that says it; empty where there is nothing to say."""


@dataclass(frozen=True, slots=True)
class _Text:
    """A list in lines that the adapter takes, but for the sign before the frames."""

    lines: tuple[str, ...]
    drops: bool
    """Whether its timecodes leave out numbers."""
    said: bool
    """Whether `FCM` says so."""
    highest: int
    """The highest frame number in a timecode."""

    def at(self, rate: Fraction) -> str:
        """For the adapter: semicolons where numbers are left out, which other rates do not do."""
        if rate in DROPPING:
            return "\n".join(self.lines)
        return "\n".join(
            re.sub(TIMECODE, lambda code: re.sub("[:;.,]", ":", code[0]), line)
            if EVENT.match(line)
            else line
            for line in self.lines
        )


def read_edl(path: Path, asked: Fraction | None, media_rates: MediaRates) -> EdlRead:
    """A list at the rate that is asked for, else by its `FCM`, else by its media, else guessed.

    Raises:
        TimelineError: no list, or one that cannot be read at that rate.
    """
    text, encoding = decoded(path.read_bytes())
    ready = _ready(text)
    notes = []
    if encoding == "windows-1252":
        notes.append(f"{path.name}: is not UTF-8; read as Latin-1 (Windows-1252)")
    media = media_rates(_timeline(path, ready, _lowest(ready), lenient=True))
    wrong: TimelineError | None = None
    for reading in _readings(path, ready, asked, media):
        if round(reading.rate) <= ready.highest:
            wrong = wrong or TimelineError(
                f"{path}: cannot be read at {amount(shown(reading.rate), 'frame')} a second, it "
                f"has a frame {ready.highest} in a timecode; give the rate of the edit by --rate"
            )
            continue
        try:
            timeline = _timeline(path, ready, reading.rate)
        except TimelineError as error:
            wrong = wrong or error
            continue
        said = [f"{path.name}: {reading.why}"] if reading.why else []
        return EdlRead(timeline, reading.rate, (*notes, *said))
    raise wrong or TimelineError(f"{path}: cannot be read as .edl")


def shown(rate: Fraction) -> str:
    """A rate for people."""
    return f"{float(rate):.3f}".rstrip("0").rstrip(".")


def _readings(
    path: Path, text: _Text, asked: Fraction | None, media: list[Fraction]
) -> Iterator[_Reading]:
    """Rates to read a list at, in order; where one is asked for, no other."""
    common = [rate for rate, _ in Counter(media).most_common()]
    theirs = " and ".join(shown(rate) for rate in common)
    if asked is not None:
        yield _asked(text, asked, common, theirs)
        return
    if text.drops:
        by = "FCM says drop frame" if text.said else "its timecodes are drop frame"
        rate = next((rate for rate in common if rate in DROPPING), _lowest(text))
        against = f", though its media have {theirs}" if common and rate not in common else ""
        yield _Reading(rate, f"{by}: read at {amount(shown(rate), 'frame')} a second{against}")
        return
    for rate in common:
        others = f" (they have {theirs}; this is the commonest)" if len(common) > 1 else ""
        why = f"says no frame rate; read at the {shown(rate)} of its media{others}"
        yield _Reading(rate, why)
    against = f"that of its media ({theirs}) does not fit, and " if common else ""
    for rate in COUNTED:
        if rate > text.highest:
            yield _Reading(
                rate,
                f"says no frame rate; {against}{shown(rate)} is the lowest that fits its "
                "timecodes; if it is another, give it by --rate",
            )


def _asked(text: _Text, asked: Fraction, common: list[Fraction], theirs: str) -> _Reading:
    rate, against = asked, []
    if text.drops and rate not in DROPPING:
        by = "its FCM says" if text.said else "its timecodes are"
        if rate in (30, 60):
            rate = rate * 1000 / 1001
            against.append(f"{by} drop frame, which is {shown(rate)}, not {shown(asked)}")
        else:
            against.append(f"{by} drop frame, which {shown(rate)} does not have")
    if common and rate not in common:
        against.append(f"its media have {theirs}")
    frames = amount(shown(rate), "frame")
    why = f"read at {frames} a second as asked, though {', and '.join(against)}"
    return _Reading(rate, why if against else "")


def _lowest(text: _Text) -> Fraction:
    if text.drops:
        return DROPPING[0] if text.highest < 30 else DROPPING[1]
    return next((rate for rate in COUNTED if text.highest < rate), COUNTED[-1])


def _ready(text: str) -> _Text:
    """The lines of a list: timecodes with the sign that their frame count has.

    `FCM` at the head is that of the record times; before an event it is that of the sources from
    there on. What comes before the first event and is no title is left out.
    """
    lines, highest = [], 0
    source: bool | None = None
    record: bool | None = None
    said = any_drop = False
    began = False
    for raw in text.split("\n"):
        line = raw.strip()
        code = re.match(r"FCM\s*:\s*(.*)", line, re.IGNORECASE)
        event = EVENT.match(line)
        if code is not None:
            source = not re.search(r"\bNON\b", code[1].upper().replace("-", " "))
            record = source if record is None else record
            said = said or source
            continue
        if event is not None:
            codes = event[2].split()
            modes = (source, source, record, record)
            drops = [
                bool(mode) or re.search("[;,]", written) is not None
                for written, mode in zip(codes, modes, strict=True)
            ]
            any_drop = any_drop or any(drops)
            highest = max(highest, *(int(written[-2:]) for written in codes))
            signed = [_signed(written, drop) for written, drop in zip(codes, drops, strict=True)]
            line = f"{event[1]} {' '.join(signed)}{line[event.end() :]}"
            began = True
        elif not began and not re.match(r"TITLE:|SPLIT|\d", line):
            continue
        elif re.match(r"M2\b", line):
            line = re.sub(rf"{TIMECODE}$", lambda found: _signed(found[0], False), line)
        lines.append(line)
    return _Text(tuple(lines), any_drop, said, highest)


def _signed(timecode: str, drop: bool) -> str:
    hours, minutes, seconds, frames = re.split("[:;.,]", timecode)
    return f"{hours}:{minutes}:{seconds}{';' if drop else ':'}{frames}"


def _timeline(path: Path, text: _Text, rate: Fraction, *, lenient: bool = False) -> Any:
    """What the adapter makes of a list, its record times mended.

    Raises:
        TimelineError: it cannot read it.
    """
    # Adapters are written by others and let anything through: ValueError, KeyError,
    # AttributeError. All of it means that they could not read this file.
    try:
        found = otio.adapters.read_from_string(
            text.at(rate), "cmx_3600", rate=float(rate), ignore_timecode_mismatch=lenient
        )
    except Exception as error:
        lines = str(error.args[0] if error.args else "").strip().splitlines()
        reason = lines[0][:200] if lines else type(error).__name__
        raise TimelineError(f"{path}: cannot be read as .edl ({reason})") from error
    if not isinstance(found, otio.schema.Timeline) or not len(found.tracks):
        raise TimelineError(f"{path}: cannot be read as .edl (it holds no event)")
    for clip in found.find_clips():
        clip.metadata.setdefault(EDL, {})
        for effect in clip.effects:
            if type(effect) is otio.schema.LinearTimeWarp:
                effect.time_scalar = _speed(effect.time_scalar, rate)
    for track in found.tracks:
        for before, clip in pairwise(track):
            if isinstance(before, otio.schema.Transition) and isinstance(clip, otio.schema.Clip):
                _name_incoming(clip)
    _start_at_zero(found)
    return found


def _name_incoming(clip: Any) -> None:
    """Give a clip that is faded in its own media: the adapter gives it those it is faded from."""
    comments = clip.metadata[EDL].get("comments", [])
    named = (re.match(r"TO (?:CLIP|FILE)\s*:\s*(.+)", str(text)) for text in comments)
    url = next((match[1].strip() for match in named if match), None)
    kinds = otio.schema
    clip.media_reference = kinds.ExternalReference(url) if url else kinds.MissingReference()


def _speed(scalar: float, rate: Fraction) -> float:
    """A retime, given the adapter's: `M2` says 48 where it means twice 23.976."""
    by_whole = scalar * float(rate) / round(rate)
    return min((scalar, by_whole), key=lambda speed: abs(speed * 100 - round(speed * 100)))


def _start_at_zero(timeline: Any) -> None:
    """Mend what the adapter makes of record times.

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
