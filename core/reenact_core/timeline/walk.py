"""Every video clip of an edit with what is seen of it: nests walked, their trims intersected.

OTIO's own transforms neither clip to the source range of a nest nor follow its retime; this does
both, in exact seconds.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import opentimelineio as otio

from reenact_core.errors import TimelineError
from reenact_core.timeline.effects import ours
from reenact_core.timeline.references import original
from reenact_core.timeline.retime import content, speed_of
from reenact_core.timeline.spans import Span, seconds, span_of

DEEPEST = 50
"""Levels of nests; more is a damaged timeline."""

LengthOf = Callable[[Any], Span | None]
"""The whole range of a clip that says none itself, from its media; None where that is unknown."""


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A video clip, where it is, and what is seen of it. All spans are in seconds."""

    clip: Any
    """OTIO `Clip`."""
    path: tuple[int, ...]
    """Indices from the top stack down."""
    track: str
    """Name of the innermost track."""
    enabled: bool
    """The clip and everything around it is enabled."""
    own: Span | None
    """The clip's range in the clock of its media, before retimes; None where unknown."""
    speed: Fraction
    seen: Span | None
    """The media that the edit shows, transitions included; None where nothing of it is seen."""
    cut: Span | None
    """The same from cut to cut, transitions not included."""
    record: Span | None
    """Where `cut` is shown, in the time of the top stack."""
    fault: str | None
    """Why nothing can be said about this clip: a time effect that is not supported."""

    @property
    def where(self) -> str:
        """The clip and its track, for messages."""
        return f'clip "{self.clip.name}" on track {self.track}'


@dataclass(frozen=True, slots=True)
class _Window:
    """What is seen of a composition."""

    path: tuple[int, ...]
    track: str
    seen: Span | None
    """In the composition's time, transitions around it included."""
    cut: Span | None
    record: Span | None
    backwards: bool
    enabled: bool
    fault: str | None


@dataclass(frozen=True, slots=True)
class _Seat:
    """An item's place in its composition."""

    start: Fraction
    own: Span
    head: Fraction = Fraction(0)
    """Seconds that a transition shows before the cut."""
    tail: Fraction = Fraction(0)


def walk(timeline: Any, length_of: LengthOf) -> list[Place]:
    """The clips of all video tracks, in the order of their paths; earlier results left out.

    Raises:
        TimelineError: nests deeper than `DEEPEST`, times that are no numbers.
    """
    top = timeline.tracks
    whole = _own(top, length_of)
    window = _Window((), "", whole, whole, whole, False, top.enabled, None)
    return list(_composition(top, window, length_of))


def holds_results(track: Any) -> bool:
    """Whether a track was made by an earlier run with `--relink track`."""
    table = ours(track)
    return isinstance(table, dict) and table.get("relink") == "track"


def _composition(parent: Any, window: _Window, length_of: LengthOf) -> Iterator[Place]:
    if len(window.path) > DEEPEST:
        raise TimelineError(f"nests are deeper than {DEEPEST} levels; flatten some of them")
    for index, (child, seat) in enumerate(_seats(parent, length_of)):
        if seat is None or not _is_picture(child):
            continue
        track = _track_name(child, index) if _is_track(child) else window.track
        inner = _look_into(child, seat, window, (*window.path, index), track)
        if isinstance(child, otio.schema.Clip):
            yield _place(child, seat, inner, length_of)
        elif isinstance(child, otio.core.Composition):
            yield from _composition(child, inner, length_of)


def _is_track(item: Any) -> bool:
    return isinstance(item, otio.schema.Track)


def _is_picture(item: Any) -> bool:
    """Anything but a track of sound, and a track that we wrote ourselves."""
    if not _is_track(item):
        return True
    return item.kind == otio.schema.TrackKind.Video and not holds_results(item)


def _track_name(track: Any, index: int) -> str:
    return str(track.name) or f"number {index + 1}"


def _seats(parent: Any, length_of: LengthOf) -> Iterator[tuple[Any, _Seat | None]]:
    """The children with their places; a transition has none."""
    children, start = list(parent), Fraction(0)
    for index, child in enumerate(children):
        if isinstance(child, otio.schema.Transition):
            yield child, None
            continue
        own = _own(child, length_of)
        if not _is_track(parent):
            yield child, _Seat(Fraction(0), own)
            continue
        head = _offset(children, index - 1, "in_offset")
        tail = _offset(children, index + 1, "out_offset")
        yield child, _Seat(start, own, head, tail)
        start += own.length


def _offset(children: list[Any], index: int, name: str) -> Fraction:
    if not 0 <= index < len(children):
        return Fraction(0)
    offset = getattr(children[index], name, None)
    return max(Fraction(0), seconds(offset)) if offset is not None else Fraction(0)


def _own(item: Any, length_of: LengthOf) -> Span:
    """An item's range in its own time; empty where nobody knows it."""
    try:
        if item.source_range is not None:
            return span_of(item.source_range)
        if isinstance(item, otio.schema.Clip):
            return clip_range(item, length_of) or Span(Fraction(0), Fraction(0))
    except TimelineError as error:
        raise TimelineError(f'{item.schema_name()} "{item.name}": {error}') from error
    if not isinstance(item, otio.core.Composition):
        return Span(Fraction(0), Fraction(0))
    lengths = [
        _own(child, length_of).length
        for child in item
        if not isinstance(child, otio.schema.Transition)
    ]
    whole = sum(lengths, Fraction(0)) if _is_track(item) else max(lengths, default=Fraction(0))
    return Span(Fraction(0), whole)


def clip_range(clip: Any, length_of: LengthOf) -> Span | None:
    """A clip's range in the clock of its media: its own, else that of all its media."""
    if clip.source_range is not None:
        return span_of(clip.source_range)
    try:
        available = original(clip).available_range
    except TimelineError:
        return None
    return span_of(available) if available is not None else length_of(clip)


def _look_into(
    item: Any, seat: _Seat, window: _Window, path: tuple[int, ...], track: str
) -> _Window:
    """What is seen of an item, in its own time, through the window of its composition."""
    outer = replace(
        window, path=path, track=track, enabled=window.enabled and getattr(item, "enabled", True)
    )
    try:
        speed = speed_of(item)
    except TimelineError as error:
        return replace(outer, seen=None, cut=None, record=None, fault=window.fault or str(error))
    inside = Span(seat.start, seat.start + seat.own.length)
    wide = Span(inside.start - seat.head, inside.stop + seat.tail)
    seen, cut = _meet(wide, window.seen), _meet(inside, window.cut)
    return replace(
        outer,
        seen=seen and content(seen.moved(-seat.start), seat.own, speed),
        cut=cut and content(cut.moved(-seat.start), seat.own, speed),
        record=cut and _record(cut, window),
        backwards=window.backwards != (speed < 0),
    )


def _meet(item: Span, window: Span | None) -> Span | None:
    return item.meet(window) if window is not None and item.length > 0 else None


def _record(cut: Span, window: _Window) -> Span | None:
    """Where a part of a composition is shown: the same share of its record time."""
    if window.cut is None or window.record is None or window.cut.length == 0:
        return window.record
    scale = window.record.length / window.cut.length
    head, tail = cut.start - window.cut.start, window.cut.stop - cut.stop
    if window.backwards:
        head, tail = tail, head
    return Span(window.record.start + head * scale, window.record.stop - tail * scale)


def _place(clip: Any, seat: _Seat, inner: _Window, length_of: LengthOf) -> Place:
    known = clip_range(clip, length_of) is not None
    speed = Fraction(1) if inner.fault else speed_of(clip)
    return Place(
        clip=clip,
        path=inner.path,
        track=inner.track,
        enabled=inner.enabled,
        own=seat.own if known else None,
        speed=speed,
        seen=inner.seen if known else None,
        cut=inner.cut if known else None,
        record=inner.record if known else None,
        fault=inner.fault,
    )
