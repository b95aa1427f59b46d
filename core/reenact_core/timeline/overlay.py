"""`--relink track`: the rendered shots on new video tracks above all others."""

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import opentimelineio as otio
from opentimelineio.opentime import RationalTime, TimeRange

from reenact_core.timeline.effects import NAME, VERSION
from reenact_core.timeline.plan import RenderedShot
from reenact_core.timeline.references import result_of
from reenact_core.timeline.spans import Span, exact_rate, span_of
from reenact_core.timeline.walk import Place, holds_results, walk


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """A clip of the new tracks, and where it goes."""

    place: Place
    clip: Any
    record: Span
    rate: float
    """Of the edit, that record times are written in."""
    before: Any
    """The transition into the clip, or None."""
    after: Any


def add_overlay(timeline: Any, pairs: Sequence[tuple[RenderedShot, Any]]) -> list[str]:
    """Put the shots on new video tracks at the top of a timeline, with gaps between them.

    A clip of the top level keeps its source range, its effects and its transitions; one in a nest
    is shown by its visible part, with the retimes of the nest. Shots that lie over each other get
    a track each, in the same order. Gives back what a user should know.
    """
    _drop_replaced(timeline, {rendered.shot.shot_id for rendered, _ in pairs})
    places = {place.path: place for place in walk(timeline, lambda _: None)}
    references = {rendered.shot.clip_path: reference for rendered, reference in pairs}
    made = [_piece(timeline, places[path], references[path]) for path in sorted(references)]
    pieces = [piece for piece in made if piece is not None]
    lanes, notes = _lanes(pieces), _covered(pieces, places.values())
    for number, lane in enumerate(lanes):
        timeline.tracks.append(_track(lane, NAME if number == 0 else f"{NAME} {number + 1}"))
    return notes


def _drop_replaced(timeline: Any, shot_ids: set[str]) -> None:
    """Remove tracks of earlier runs that hold nothing but what is new now."""
    for index in reversed(range(len(timeline.tracks))):
        track = timeline.tracks[index]
        if holds_results(track) and _shots_on(track) <= shot_ids:
            del timeline.tracks[index]


def _shots_on(track: Any) -> set[str]:
    records = [result_of(clip.media_reference) for clip in track.find_clips()]
    return {str(record["shot"]) for record in records if record is not None}


def _piece(timeline: Any, place: Place, reference: Any) -> _Piece | None:
    if place.record is None or place.cut is None:
        return None
    chain = _chain(timeline, place.path)
    clip, nested = chain[-1], len(place.path) > 2
    copied = clip.clone()
    copied.set_media_references({otio.schema.Clip.DEFAULT_MEDIA_KEY: reference}, "DEFAULT_MEDIA")
    copied.effects[:] = [effect for effect in copied.effects if effect.effect_name != NAME]
    copied.markers[:] = [marker for marker in copied.markers if NAME not in marker.metadata]
    rate = _rate(clip, reference)
    if nested or clip.source_range is None or span_of(clip.source_range) != _uncut(place):
        copied.source_range = _time_range(place.cut.start, place.record.length, rate)
    if nested:
        retimes = [e.clone() for item in chain[1:-1] for e in item.effects if _is_retime(e)]
        copied.effects.extend(retimes)
    before, after = (None, None) if nested else _transitions(chain[-2], place.path[-1])
    return _Piece(place, copied, place.record, rate, before, after)


def _uncut(place: Place) -> Span | None:
    """The clip's own range where all of it is shown."""
    if place.own is None or place.record is None or place.record.length != place.own.length:
        return None
    return place.own


def _chain(timeline: Any, path: Sequence[int]) -> list[Any]:
    """The items from the top stack down to a clip."""
    chain = [timeline.tracks]
    for index in path:
        chain.append(chain[-1][index])
    return chain


def _is_retime(effect: Any) -> bool:
    return isinstance(effect, otio.schema.TimeEffect) and effect.enabled


def _rate(clip: Any, reference: Any) -> float:
    written = clip.source_range or reference.available_range
    return float(written.duration.rate)


def _transitions(track: Any, index: int) -> tuple[Any, Any]:
    """Copies of the transitions on both sides of a clip."""
    sides = []
    for at in (index - 1, index + 1):
        item: Any = track[at] if 0 <= at < len(track) else None
        sides.append(item.clone() if isinstance(item, otio.schema.Transition) else None)
    return sides[0], sides[1]


def _lanes(pieces: Sequence[_Piece]) -> list[list[_Piece]]:
    """Pieces on as few tracks as keep those that overlap apart, lower ones below.

    The pieces come in the order of their paths, lower tracks first; each lane is in record order.
    """
    lanes: list[list[_Piece]] = []
    for piece in pieces:
        below = [number for number, lane in enumerate(lanes) if not _fits(piece, lane)]
        number = below[-1] + 1 if below else 0
        if number == len(lanes):
            lanes.append([])
        insort(lanes[number], piece, key=_start)
    return lanes


def _fits(piece: _Piece, lane: Sequence[_Piece]) -> bool:
    """Whether a lane, whose pieces do not overlap, has room for one more."""
    at = bisect_left(lane, _start(piece), key=_start)
    room_after = at == len(lane) or piece.record.stop <= lane[at].record.start
    return room_after and (at == 0 or lane[at - 1].record.stop <= piece.record.start)


def _start(piece: _Piece) -> Fraction:
    return piece.record.start


def _track(lane: Sequence[_Piece], name: str) -> Any:
    track = otio.schema.Track(
        name=name,
        kind=otio.schema.TrackKind.Video,
        metadata={NAME: {"version": VERSION, "relink": "track"}},
    )
    at, last = Fraction(0), None
    for piece in lane:
        touches = piece.record.start == at and last is not None
        if last is not None and last.after is not None:
            track.append(last.after)
        if piece.record.start > at:
            track.append(otio.schema.Gap(source_range=_gap(piece, at)))
        if piece.before is not None and not (touches and last is not None and last.after):
            track.append(piece.before)
        track.append(piece.clip)
        at, last = piece.record.stop, piece
    if last is not None and last.after is not None:
        track.append(last.after)
    return track


def _gap(piece: _Piece, at: Fraction) -> Any:
    return _time_range(Fraction(0), piece.record.start - at, piece.rate)


def _time_range(start: Fraction, length: Fraction, rate: float) -> Any:
    exact = exact_rate(rate)
    return TimeRange(
        RationalTime(float(start * exact), rate), RationalTime(float(length * exact), rate)
    )


def _covered(pieces: Sequence[_Piece], places: Iterable[Place]) -> list[str]:
    """A sentence for every shot that other picture lay over, which it hides now."""
    ours = {piece.place.path for piece in pieces}
    others = [
        (place.path[0], float(place.record.start), float(place.record.stop), place)
        for place in places
        if place.enabled and place.record is not None and place.path not in ours
    ]
    notes = []
    for piece in pieces:
        start, stop = float(piece.record.start), float(piece.record.stop)
        track = piece.place.path[0]
        above = (
            place for on, begin, end, place in others if on > track and begin < stop and start < end
        )
        over = next(above, None)
        if over is not None:
            notes.append(
                f"{piece.place.where}: {over.where} lay over it; on its new track it is on top"
            )
    return notes
