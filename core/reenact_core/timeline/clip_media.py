"""The media of a clip: which file or image sequence it is, how long, and in what clock."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import opentimelineio as otio

from reenact_core.errors import TimelineError
from reenact_core.timeline.carried import schema_carried
from reenact_core.timeline.media_paths import Places, check_inside, is_relative, locate
from reenact_core.timeline.plan import Source
from reenact_core.timeline.references import original
from reenact_core.timeline.spans import Span, exact_rate, span_of, to_frames, to_uneven_frames
from reenact_core.timing import FrameRange

LONGEST_NAME = 255
"""Characters of a file's name, at most."""


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


class Probe(Protocol):
    """Looks at a file, or at an image sequence by a printf pattern."""

    def __call__(
        self, path: Path, *, first_number: int | None = None, number_step: int = 1
    ) -> MediaFacts: ...


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
        return Source(self.path, frames, self.first_number, self.number_step)

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
        return _sequence(reference, places, probe)
    if isinstance(reference, otio.schema.ExternalReference):
        return _file(clip, reference, places, probe)
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


def _file(clip: Any, reference: Any, places: Places, probe: Probe) -> ClipMedia:
    path = locate(reference.target_url, places)
    _check_there(path, places)
    facts = probe(path)
    clock = counting_rate(clip, reference, facts.rate)
    stamp = timecode_frames(facts.timecode, facts.rate) if facts.timecode else None
    return ClipMedia(
        path=path,
        rate=facts.rate,
        clock=clock,
        frame_count=facts.frame_count,
        width=facts.width,
        height=facts.height,
        still=facts.still,
        declared=_declared(reference),
        stamp=None if stamp is None else stamp / clock,
        times=_times(facts),
    )


def _times(facts: MediaFacts) -> tuple[Fraction, ...] | None:
    if not facts.variable_rate or facts.still:
        return None
    ticks = [int(tick) for tick in facts.times]
    return tuple((tick - ticks[0]) * facts.time_base for tick in ticks) or None


def _sequence(reference: Any, places: Places, probe: Probe) -> ClipMedia:
    step, first = reference.frame_step, reference.start_frame
    if step < 1 or first < 0:
        raise TimelineError(
            f"its image sequence has step {step} and start frame {first}; mend them"
        )
    path = sequence_pattern(reference, places)
    _check_there(image_path(path, first), places)
    facts = probe(path, first_number=first, number_step=step)
    rate = exact_rate(reference.rate) / step
    return ClipMedia(
        path=path,
        rate=rate,
        clock=rate,
        frame_count=facts.frame_count,
        width=facts.width,
        height=facts.height,
        still=False,
        declared=_declared(reference),
        stamp=None,
        first_number=first,
        number_step=step,
    )


def sequence_pattern(reference: Any, places: Places) -> Path:
    """An image sequence as a path whose name has `%04d` where the number stands.

    Raises:
        TimelineError: a name that is none, or a folder that may not be read.
    """
    base, prefix, suffix = reference.target_url_base, reference.name_prefix, reference.name_suffix
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
    pattern = locate(base or ".", places) / (
        f"{prefix}%0{padding}d{suffix}" if padding > 0 else f"{prefix}%d{suffix}"
    )
    if places.allowed is None and is_relative(base):
        check_inside(image_path(pattern, reference.start_frame), base + prefix, places)
    return pattern


def image_path(pattern: Path, number: int) -> Path:
    """The image of one number."""
    field = re.compile(r"%0?\d*d")
    return pattern.with_name(field.sub(lambda match: match[0] % number, pattern.name, count=1))


def _declared(reference: Any) -> Span | None:
    available = reference.available_range
    return span_of(available) if available is not None else None


def _check_there(path: Path, places: Places) -> None:
    places.check(path, str(path))
    if not os.path.exists(path):
        raise TimelineError(f"its media {path} is missing; put the file back, or relink the clip")
    if path.is_dir():
        raise TimelineError(f"its media {path} is a folder; relink the clip to a file")
