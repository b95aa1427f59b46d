"""The media of a clip: which file or image sequence it is, how long, and in what clock."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol, TypeVar

import opentimelineio as otio

from reenact_core.errors import MediaError, TimelineError
from reenact_core.media.sequence import (
    MOST_FRAMES,
    MissingFrames,
    frame_path,
    is_pattern,
)
from reenact_core.timeline.carried import schema_carried
from reenact_core.timeline.media_paths import (
    Places,
    check_inside,
    is_relative,
    locate,
    owner,
    place_of,
    readings,
    windows_path,
)
from reenact_core.timeline.numbered import means_sequence, patterns_of, run_of
from reenact_core.timeline.plan import Source
from reenact_core.timeline.references import original
from reenact_core.timeline.relink import find_by_name, is_edl
from reenact_core.timeline.spans import (
    Span,
    exact_rate,
    seconds,
    span_of,
    to_frames,
    to_uneven_frames,
)
from reenact_core.timing import FrameRange

LONGEST_NAME = 255
"""Characters of a file's name, at most."""

Facts = TypeVar("Facts", covariant=True)


class MediaFacts(Protocol):
    """What a timeline must know about a file; `media.probe.MediaInfo` has it."""

    @property
    def rate(self) -> Fraction: ...
    @property
    def frame_count(self) -> int: ...
    @property
    def timecode(self) -> str | None: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def still(self) -> bool: ...
    @property
    def variable_rate(self) -> bool: ...
    @property
    def times(self) -> Iterable[int]: ...
    @property
    def time_base(self) -> Fraction: ...
    @property
    def absent(self) -> frozenset[int]: ...


class Looking(Protocol[Facts]):
    """Looks at a file, or at an image sequence by a printf pattern."""

    def __call__(
        self, path: Path, *, first_number: int | None = None, number_step: int = 1
    ) -> Facts: ...


Probe = Looking[MediaFacts]


def each_once(probe: Looking[Facts]) -> Looking[Facts]:
    """A probe that looks at every file once and then remembers what it saw."""
    known: dict[tuple[Path, int | None, int], Facts] = {}

    def look(path: Path, *, first_number: int | None = None, number_step: int = 1) -> Facts:
        key = (path, first_number, number_step)
        if key not in known:
            known[key] = probe(path, first_number=first_number, number_step=number_step)
        return known[key]

    return look


@dataclass(frozen=True, slots=True)
class ClipMedia:
    """A clip's media, found and looked at."""

    path: Path
    """A file, or with `first_number` a pattern whose name has one `%04d` or `%d`."""
    rate: Fraction
    """Frames a second of the file."""
    clock: Fraction
    """Frames a second that the timeline counts it in: `rate`, unless it says 24 for 23.976."""
    frame_count: int
    width: int
    height: int
    still: bool
    declared: Span | None
    """The available range, in seconds of the media's clock; None where the timeline has none."""
    stamp: Fraction | None
    """Start timecode in seconds of the media's clock; None where the file has none."""
    first_number: int | None = None
    number_step: int = 1
    times: tuple[Fraction, ...] | None = None
    """When each frame begins, seconds after frame 0, where they are not evenly spaced."""
    missing: MissingFrames = "error"
    """What stands for images of a sequence that are not there."""
    absent: frozenset[int] = frozenset()
    """Frames of a sequence whose images are not there."""
    notes: tuple[str, ...] = ()
    """What a user should know about where it was found, a sentence each."""

    def frames(self, span: Span, origin: Fraction) -> tuple[int, int]:
        """The frames that a span touches, half open, where frame 0 is at `origin` seconds."""
        if self.times is None:
            return to_frames(span, origin, self.clock)
        return to_uneven_frames(span, origin, self.times)

    def span(self, frames: FrameRange, origin: Fraction) -> Span:
        """When frames are shown, in seconds."""
        if self.times is None:
            return Span(origin + frames.start / self.clock, origin + frames.stop / self.clock)
        ends = (*self.times, self.length)
        return Span(origin + ends[frames.start], origin + ends[frames.stop])

    @property
    def length(self) -> Fraction:
        """In seconds of the media's clock."""
        if self.times is None:
            return self.frame_count / self.clock
        return self.times[-1] + 1 / self.rate

    @property
    def origin(self) -> Fraction:
        """Time of frame 0 in the media's clock, in seconds.

        An available range as long as the file is the file; a shorter one may be a part of it.
        """
        if self.declared is None:
            return self._from_zero
        whole = abs(self.declared.length - self.length) * self.clock <= 1
        file = Span(self._from_zero, self._from_zero + self.length)
        part = file.start <= self.declared.start and self.declared.stop <= file.stop
        return file.start if part and not whole else self.declared.start

    @property
    def available(self) -> Span:
        return self.declared or Span(self.origin, self.origin + self.length)

    def source(self, frames: FrameRange) -> Source:
        """Some of the frames, as the engine takes them."""
        return Source(self.path, frames, self.first_number, self.number_step, self.missing)

    @property
    def _from_zero(self) -> Fraction:
        return self.stamp if self.stamp is not None else Fraction(0)


def media_of(clip: Any, places: Places, probe: Probe) -> ClipMedia:
    """The media of a clip, by its original reference.

    Raises:
        TimelineError: no reference to a file, or one that leads nowhere.
        MediaError: a file that cannot be read.
    """
    reference = original(clip)
    if isinstance(reference, otio.schema.ImageSequenceReference):
        return _sequence(clip, reference, places, probe)
    by_name = isinstance(reference, otio.schema.MissingReference) and is_edl(clip)
    if by_name or isinstance(reference, otio.schema.ExternalReference):
        return _named(clip, reference, places, probe)
    if isinstance(reference, otio.schema.GeneratorReference):
        raise TimelineError(
            f'its media is generated ("{reference.generator_kind}"); render it into a file first'
        )
    unknown = schema_carried(reference)
    if unknown is not None:
        raise TimelineError(
            f"its media reference is a {unknown}, which is not known here; relink it"
        )
    if isinstance(reference, otio.schema.MissingReference):
        raise TimelineError("its media is missing; relink the clip in your editor and export again")
    raise TimelineError(f"its media reference ({reference.schema_name()}) is of a kind not known")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the media of a reference is."""

    path: Path
    """A file, or a pattern."""
    first: int | None = None
    """The first number of a pattern, where its notation says it."""
    notes: tuple[str, ...] = ()


def find_media(clip: Any, places: Places) -> Path | None:
    """The file or pattern of a clip's media, not opened; None where there is none to be found."""
    try:
        reference = original(clip)
        if isinstance(reference, otio.schema.ImageSequenceReference):
            return _sequence_place(clip, reference, places).path
        missing = isinstance(reference, otio.schema.MissingReference)
        if missing and not is_edl(clip):
            return None
        if not missing and not isinstance(reference, otio.schema.ExternalReference):
            return None
        return _place(clip, getattr(reference, "target_url", None), places).path
    except (TimelineError, MediaError):
        return None


def _place(clip: Any, url: str | None, places: Places) -> _Place:
    """The file that a reference names, else the one that bears its name.

    Raises:
        TimelineError: there is none.
    """
    wrong: TimelineError | None = None
    unusable = ""
    if url is not None:
        path, wrong = _written(url, places)
        unusable = f"{wrong}; " if wrong is not None else ""
        if path is not None:
            if os.path.isdir(path):
                raise TimelineError(f"its media {path} is a folder; relink the clip to a file")
            if os.path.exists(path):
                return _Place(path)
            pattern = _pattern(url, places)
            if pattern is not None:
                return pattern
            wrong = _lost(path)
    try:
        found = find_by_name(url, places, clip)
    except TimelineError as error:
        raise TimelineError(f"{unusable}{error}") from error
    if found is not None:
        missing = "names no media" if url is None else f"names {url}, which is not here"
        note = f"it {missing}; {found.path} is taken, found by {found.by}"
        return _Place(found.path, notes=(note,))
    raise wrong or TimelineError(
        "no file here bears its name or its reel; put its media beside the timeline, show their "
        "folder by --root, or relink the clip"
    )


def _written(url: str, places: Places) -> tuple[Path | None, TimelineError | None]:
    """The path that is written; or why there is none here, where its name may be searched for.

    Raises:
        TimelineError: a relative path that leaves the folder.
    """
    try:
        path = place_of(url, places.folder, places.exists)
        places.check(path, url)
    except TimelineError as error:
        return None, error
    if is_relative(url):
        check_inside(path, url, places)
    return path, None


def _lost(path: Path) -> TimelineError:
    return TimelineError(
        f"its media {path}{owner(str(path))} is missing; put the file back, show the folder where "
        "it is by --root, or relink the clip"
    )


def _pattern(url: str, places: Places) -> _Place | None:
    """The image sequence that a place means; None where none of its files is there."""
    for reading in readings(url):
        path = places.folder / reading
        for pattern in patterns_of(path.name):
            whole = path.with_name(pattern.name)
            numbers = places.listings.numbers(whole) if places.permits(path.parent) else []
            if numbers:
                first = frame_path(whole, numbers[0])
                places.check(first, url)
                if is_relative(url):
                    check_inside(first, url, places)
                return _Place(whole, pattern.first)
    return None


def counting_rate(clip: Any, reference: Any, rate: Fraction) -> Fraction:
    """The rate that times of the media are counted in.

    Many writers say 24 for 23.976. Their times are frame numbers, so they are read as such: where
    the timeline's rate and the file's round to the same whole number, the timeline's counts.
    """
    written = reference.available_range or clip.source_range
    if written is None:
        return rate
    said = exact_rate(written.start_time.rate)
    return said if round(said) == round(rate) else rate


def timecode_frames(timecode: str, rate: Fraction) -> int | None:
    """The frame number that a timecode means; no colon before the frames is drop frame."""
    match = re.fullmatch(r"(\d+):(\d+):(\d+)([:;.,])(\d+)", timecode.strip())
    if match is None:
        return None
    hours, minutes, whole, frames = (int(match[group]) for group in (1, 2, 3, 5))
    nominal = round(rate)
    total = ((hours * 60 + minutes) * 60 + whole) * nominal + frames
    if match[4] != ":" and nominal % 30 == 0:
        passed = hours * 60 + minutes
        total -= round(nominal / 15) * (passed - passed // 10)
    return total


def _named(clip: Any, reference: Any, places: Places, probe: Probe) -> ClipMedia:
    """Media that are named as one file: a film, a still picture, or an image sequence."""
    place = _place(clip, getattr(reference, "target_url", None), places)
    if is_pattern(place.path) and not os.path.exists(place.path):
        return _run(clip, reference, place, places, probe)
    facts = probe(place.path)
    run = run_of(place.path, places.listings.numbers) if facts.still else None
    if run is not None:
        count = run.last - run.number + 1
        declared, shown = _declared(reference), _declared(clip, "source_range")
        written = reference.available_range or clip.source_range
        rate = exact_rate(written.duration.rate) if written is not None else facts.rate
        if means_sequence(run, declared, shown, rate):
            note = (
                f"{place.path.name} is one of {count} numbered images, and the timeline's range is "
                f"theirs; read as the image sequence {run.pattern.name} from {run.number}"
            )
            sequence = _Place(run.pattern, run.number, (*place.notes, note))
            return _run(clip, reference, sequence, places, probe)
        note = (
            f"{place.path.name} has numbered images beside it, and is read as one still picture; "
            f"to mean them all, name it {run.pattern.name}"
        )
        place = replace(place, notes=(*place.notes, note))
    clock = counting_rate(clip, reference, facts.rate)
    stamp = timecode_frames(facts.timecode, facts.rate) if facts.timecode else None
    return ClipMedia(
        path=place.path,
        rate=facts.rate,
        clock=clock,
        frame_count=facts.frame_count,
        width=facts.width,
        height=facts.height,
        still=facts.still,
        declared=_declared(reference),
        stamp=None if stamp is None else stamp / clock,
        times=_times(facts),
        notes=place.notes,
    )


def _run(clip: Any, reference: Any, place: _Place, places: Places, probe: Probe) -> ClipMedia:
    """An image sequence that is named as one file, counted at the rate of its range."""
    written = reference.available_range or clip.source_range
    if written is None:
        raise TimelineError("its image sequence has no rate; give the clip a source range")
    rate, first = exact_rate(written.duration.rate), place.first
    numbers = places.listings.numbers(place.path)
    if first is None and reference.available_range is not None:
        start = seconds(reference.available_range.start_time) * rate
        first = int(start) if start in numbers else None
    if first is None:
        first = next(iter(numbers), 0)
    facts = probe(place.path, first_number=first)
    return _numbered(facts, place, rate, first, 1, _declared(reference), "error")


def _times(facts: MediaFacts) -> tuple[Fraction, ...] | None:
    if not facts.variable_rate or facts.still:
        return None
    ticks = [int(tick) for tick in facts.times]
    return tuple((tick - ticks[0]) * facts.time_base for tick in ticks) or None


def _sequence(clip: Any, reference: Any, places: Places, probe: Probe) -> ClipMedia:
    step, first = reference.frame_step, reference.start_frame
    if step < 1 or first < 0:
        raise TimelineError(
            f"its image sequence has step {step} and start frame {first}; mend them"
        )
    place = _sequence_place(clip, reference, places)
    facts = probe(place.path, first_number=first, number_step=step)
    rate = exact_rate(reference.rate) / step
    policy: MissingFrames = _POLICIES[reference.missing_frame_policy]
    return _numbered(facts, place, rate, first, step, _declared(reference), policy)


_POLICIES: dict[Any, MissingFrames] = {
    otio.schema.ImageSequenceReference.MissingFramePolicy.error: "error",
    otio.schema.ImageSequenceReference.MissingFramePolicy.hold: "hold",
    otio.schema.ImageSequenceReference.MissingFramePolicy.black: "black",
}


def _numbered(
    facts: MediaFacts,
    place: _Place,
    rate: Fraction,
    first: int,
    step: int,
    declared: Span | None,
    missing: MissingFrames,
) -> ClipMedia:
    """An image sequence; what stands for missing images stands for those at its end, too."""
    count = facts.frame_count
    absent = frozenset((number - first) // step for number in facts.absent)
    if missing != "error" and declared is not None:
        count = max(count, min(round(declared.length * rate), MOST_FRAMES))
        absent |= frozenset(range(facts.frame_count, count))
    return ClipMedia(
        path=place.path,
        rate=rate,
        clock=rate,
        frame_count=count,
        width=facts.width,
        height=facts.height,
        still=False,
        declared=declared,
        stamp=None,
        first_number=first,
        number_step=step,
        missing=missing,
        absent=absent,
        notes=place.notes,
    )


def _sequence_place(clip: Any, reference: Any, places: Places) -> _Place:
    """Where the images of a sequence are: where it says, else where images of that name are."""
    base, name = reference.target_url_base, _pattern_name(reference)
    wrong: TimelineError
    try:
        pattern = locate(base or ".", places) / name
    except TimelineError as error:
        if windows_path(base) is None:
            raise
        wrong = error
    else:
        first = frame_path(pattern, reference.start_frame)
        places.check(first, str(first))
        if is_relative(base):
            check_inside(first, base + name, places)
        if places.listings.numbers(pattern):
            return _Place(pattern)
        wrong = _lost(first)
    width = max(1, reference.frame_zero_padding)
    sign = "#" * width if width > 1 else "@"
    written = f"{base}/{reference.name_prefix}{sign}{reference.name_suffix}"
    found = find_by_name(written, places, clip)
    if found is None or not is_pattern(found.path):
        raise wrong
    note = f"it names {base}, which is not here; {found.path} is taken, found by {found.by}"
    return _Place(found.path, notes=(note,))


def _pattern_name(reference: Any) -> str:
    """The name of an image with `%04d` where the number stands.

    Raises:
        TimelineError: a name that is none.
    """
    prefix, suffix = reference.name_prefix, reference.name_suffix
    for part in (prefix, suffix):
        if "/" in part or re.search(r"%0?\d*d", part):
            raise TimelineError(
                f"{part!r} cannot be part of the name of an image; mend the timeline"
            )
    padding = reference.frame_zero_padding
    if padding > LONGEST_NAME:
        raise TimelineError(
            f"its image sequence has a padding of {padding} digits, and no file's name is longer "
            f"than {LONGEST_NAME}; mend the timeline"
        )
    return f"{prefix}%0{padding}d{suffix}" if padding > 0 else f"{prefix}%d{suffix}"


def _declared(item: Any, name: str = "available_range") -> Span | None:
    """A range of a reference or clip; None where it has none, or one of no length."""
    written = getattr(item, name)
    span = span_of(written) if written is not None else None
    return span if span is not None and span.length > 0 else None
