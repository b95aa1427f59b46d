"""Which of the faces found is the one that is asked for, through gaps and cuts.

One track answers the choice. Other tracks are the same person if their faces are alike beyond
doubt; where they are is no evidence. Two tracks that are seen apart in one frame are two people.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from reenact_core.errors import FaceError
from reenact_core.timeline.plan import FaceChoice
from reenact_core.timing import FrameRange, runs_of, said
from reenact_core.tracking.track import FaceTrack

AHEAD = 0.05
"""By so much a track must be more like the chosen face than like anybody else's."""
LEADS = 0.15
"""By so much the face most like a reference picture must lead where likeness alone is no proof."""
LIES_ON = 0.3
"""Boxes that overlap so much (IoU) may be one face, found twice."""
BRIEF_SECONDS = 0.5
BRIEF_SHARE = 0.25
"""A track shorter than this, and than this share of the longest, is nobody's `left` or `right`."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """How much faces are alike: 1 for the same picture, about 0 for two people."""

    between: Callable[[FaceTrack, FaceTrack], float]
    """Of two tracks' faces."""
    same: float
    """From here on they are one person."""
    maybe: float
    """Below, they are two."""
    to_reference: Callable[[FaceTrack], float] | None = None
    """Of a track's face and the one in the reference picture."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was chosen."""

    tracks: tuple[FaceTrack, ...]
    """Of one person, in order of time; no two share a frame."""
    notes: tuple[str, ...] = ()
    """Where the person is not seen, and where it is not sure who is."""


def choose_face(
    tracks: Sequence[FaceTrack],
    choice: FaceChoice,
    shown: FrameRange,
    *,
    clip: str,
    likeness: Likeness | None = None,
) -> Chosen:
    """The tracks of the person who is meant.

    `clip` is how messages name the clip. Without `likeness` one track alone is chosen; a choice by
    reference needs it.

    Raises:
        FaceError: no track answers the choice; says what was found instead.
    """
    seen = [track for track in tracks if _seen_frames(track, shown) > 0]
    if not seen:
        raise FaceError(f"{clip}: no face was found in frames {shown.start}-{shown.stop - 1}")
    first = _first(seen, tracks, choice, shown, clip, likeness)
    person, unsure = [first], list[tuple[FaceTrack, float]]()
    if likeness is not None:
        person, unsure = _followed(first, seen, shown, likeness)
    person.sort(key=lambda track: track.frames.start)
    return Chosen(tuple(person), tuple(_notes(first, person, unsure, shown, likeness)))


def _first(
    seen: Sequence[FaceTrack],
    tracks: Sequence[FaceTrack],
    choice: FaceChoice,
    shown: FrameRange,
    clip: str,
    likeness: Likeness | None,
) -> FaceTrack:
    """The track that answers the choice by itself."""
    if choice.track_id is not None:
        return _with_id(seen, tracks, choice.track_id, shown, clip)
    if choice.point is not None:
        return _at_point(seen, choice, shown, clip)
    if choice.reference is not None:
        return _like(seen, choice.reference, clip, likeness)
    select = choice.select or "largest"
    lasting = seen if select == "largest" else _without_brief(seen, shown)
    return max(lasting, key=_rank(select, shown))


def _without_brief(seen: Sequence[FaceTrack], shown: FrameRange) -> list[FaceTrack]:
    lengths = [_seen_frames(track, shown) for track in seen]
    least = min(BRIEF_SECONDS * float(shown.rate), BRIEF_SHARE * max(lengths))
    return [track for track, length in zip(seen, lengths, strict=True) if length >= least]


def _followed(
    first: FaceTrack, seen: Sequence[FaceTrack], shown: FrameRange, likeness: Likeness
) -> tuple[list[FaceTrack], list[tuple[FaceTrack, float]]]:
    """All tracks of the first one's person, and those that may be: with their likeness."""
    person = [first]
    left = {track.face_id: track for track in seen if track is not first}
    alike: dict[int, float] = {}
    while True:
        left = {n: one for n, one in left.items() if not _apart_from_any(one, person)}
        others = [one for one in seen if one is not first and _apart_from_any(one, person)]
        alike = {n: _alike(one, person, likeness) for n, one in left.items()}
        sure = [n for n in left if _is_sure(left[n], alike[n], left, alike, others, likeness)]
        if not sure:
            break
        best = left.pop(max(sure, key=lambda n: alike[n]))
        rest = _besides(best, person)
        if rest is not None and _seen_frames(rest, shown):
            person.append(rest)
    return person, [(left[n], alike[n]) for n in left if alike[n] >= likeness.maybe]


def _alike(track: FaceTrack, person: Sequence[FaceTrack], likeness: Likeness) -> float:
    values = [likeness.between(track, one) for one in person]
    if likeness.to_reference is not None:
        values.append(likeness.to_reference(track))
    return max(values)


def _is_sure(
    track: FaceTrack,
    value: float,
    left: dict[int, FaceTrack],
    alike: dict[int, float],
    others: Sequence[FaceTrack],
    likeness: Likeness,
) -> bool:
    """Whether a track is the person's: alike, and more so than any rival for it."""
    if value < likeness.same:
        return False
    if any(
        likeness.between(track, other) > value - AHEAD
        for other in others
        if not are_apart(track, other)
    ):
        return False  # as much like somebody who was seen beside the person
    return all(
        alike[n] < value - AHEAD
        for n, other in left.items()
        if other is not track and are_apart(track, other)
    )


def _apart_from_any(track: FaceTrack, person: Sequence[FaceTrack]) -> bool:
    return any(are_apart(track, one) for one in person)


def are_apart(one: FaceTrack, other: FaceTrack) -> bool:
    """Whether two tracks are seen in one frame at two places: then they are two people."""
    for frame in range(
        max(one.frames.start, other.frames.start), min(one.frames.stop, other.frames.stop)
    ):
        here, there = one.box_at(frame), other.box_at(frame)
        if here is not None and there is not None and here.overlap(there) < LIES_ON:
            return True
    return False


def _notes(
    first: FaceTrack,
    person: Sequence[FaceTrack],
    unsure: Sequence[tuple[FaceTrack, float]],
    shown: FrameRange,
    likeness: Likeness | None,
) -> Iterator[str]:
    """What a user should know of the frames that keep the clip's own picture."""
    known = {frame for track in person for frame in range(track.frames.start, track.frames.stop)}
    for track, value in unsure:
        frames = [f for f in range(track.frames.start, track.frames.stop) if f in shown]
        assert likeness is not None
        known.update(frames)
        yield (
            f"Face {track.face_id} in {said(runs_of(frames))} may be the chosen face "
            f"{first.face_id} (likeness {value:.2f}, {likeness.same:g} is needed) and "
            "stays as it is; if it is, join the two in a tracks file."
        )
    missed = [frame for frame in range(shown.start, shown.stop) if frame not in known]
    if missed:
        yield f"The chosen face {first.face_id} is not seen in {said(runs_of(missed))}."


def _seen(track: FaceTrack, shown: FrameRange) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which of the track's frames are shown and show the face: (T,)."""
    frames = np.arange(track.frames.start, track.frames.stop)
    inside = (frames >= shown.start) & (frames < shown.stop)
    return np.asarray(inside & ~np.isnan(track.boxes[:, 0]))


def _seen_frames(track: FaceTrack, shown: FrameRange) -> int:
    return int(_seen(track, shown).sum())


def _rank(select: str, shown: FrameRange) -> Callable[[FaceTrack], float]:
    """What a track has to be high in."""

    def size(track: FaceTrack) -> float:
        """Area summed over the shown frames: large faces that stay."""
        boxes = track.boxes[_seen(track, shown)]
        return float(((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).sum())

    def place(track: FaceTrack) -> float:
        boxes = track.boxes[_seen(track, shown)]
        return float((boxes[:, 0] + boxes[:, 2]).mean() / 2)

    return {"largest": size, "left": lambda track: -place(track), "right": place}[select]


def _besides(track: FaceTrack, chosen: Sequence[FaceTrack]) -> FaceTrack | None:
    """The part of a track that shares no frame with the chosen; None where there is none."""
    start, stop = track.frames.start, track.frames.stop
    for other in chosen:
        if other.frames.start <= start < other.frames.stop:
            start = other.frames.stop
        if other.frames.start < stop <= other.frames.stop:
            stop = other.frames.start
        if start < other.frames.start and other.frames.stop < stop:
            return None
    return part_of(track, start, stop) if stop > start else None


def part_of(track: FaceTrack, start: int, stop: int) -> FaceTrack:
    """The track from frame `start` up to, not including, `stop`."""
    rows = slice(start - track.frames.start, stop - track.frames.start)
    return replace(
        track,
        frames=FrameRange(start, stop, track.frames.rate),
        boxes=track.boxes[rows],
        landmarks=track.landmarks[rows],
        confidence=track.confidence[rows],
    )


def _with_id(
    seen: Sequence[FaceTrack],
    tracks: Sequence[FaceTrack],
    wanted: int,
    shown: FrameRange,
    clip: str,
) -> FaceTrack:
    for track in seen:
        if track.face_id == wanted:
            return track
    elsewhere = next((track for track in tracks if track.face_id == wanted), None)
    if elsewhere is not None:
        frames = elsewhere.frames
        raise FaceError(
            f"{clip}: face {wanted} is in frames {frames.start}-{frames.stop - 1}, "
            f"the clip shows {shown.start}-{shown.stop - 1}"
        )
    raise FaceError(f"{clip}: there is no face {wanted}; {_listed(seen)}")


def _at_point(
    tracks: Sequence[FaceTrack], choice: FaceChoice, shown: FrameRange, clip: str
) -> FaceTrack:
    assert choice.point is not None
    frame = shown.start if choice.frame is None else choice.frame
    x, y = choice.point
    there = [(track, box) for track in tracks if (box := track.box_at(frame)) is not None]
    inside = [
        (box.area, track)
        for track, box in there
        if box.left <= x < box.right and box.top <= y < box.bottom
    ]
    if not inside:
        found = "; ".join(
            f"face {track.face_id} at ({box.centre[0]:.0f}, {box.centre[1]:.0f})"
            for track, box in there
        )
        raise FaceError(
            f"{clip}: no face at ({x:g}, {y:g}) in frame {frame}; "
            + (f"found there: {found}" if found else "no face was found in that frame")
        )
    # Of faces one before the other, the smaller is the one that was aimed at.
    return min(inside, key=lambda pair: pair[0])[1]


def _like(
    tracks: Sequence[FaceTrack], reference: Path, clip: str, likeness: Likeness | None
) -> FaceTrack:
    if likeness is None or likeness.to_reference is None:
        raise ValueError("a choice by reference needs a likeness")
    alike = {track.face_id: likeness.to_reference(track) for track in tracks}
    best = max(tracks, key=lambda track: alike[track.face_id])
    value = alike[best.face_id]
    rivals = [
        alike[track.face_id]
        for track in tracks
        if track is not best and likeness.between(track, best) < likeness.same
    ]
    leads = value >= max([-1.0, *rivals]) + (AHEAD if value >= likeness.same else LEADS)
    if value < (likeness.same + likeness.maybe) / 2 or not leads:
        values = ", ".join(
            f"face {track.face_id} (frames {track.frames.start}-{track.frames.stop - 1}) "
            f"{alike[track.face_id]:.2f}"
            for track in sorted(tracks, key=lambda track: track.face_id)
        )
        raise FaceError(
            f"{clip}: no face is like {reference} beyond doubt (likeness {values}; "
            f"{likeness.same:g} is needed, or a clear lead); choose it by id or by a point instead"
        )
    return best


def _listed(tracks: Sequence[FaceTrack]) -> str:
    parts = [
        f"face {track.face_id} (frames {track.frames.start}-{track.frames.stop - 1})"
        for track in sorted(tracks, key=lambda track: track.face_id)
    ]
    return "found: " + ", ".join(parts)
