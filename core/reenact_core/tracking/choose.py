"""Which of the faces found is the one that is asked for."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from reenact_core.errors import FaceError
from reenact_core.timeline.plan import FaceChoice
from reenact_core.timing import FrameRange
from reenact_core.tracking.track import FaceTrack

LEAST_LIKENESS = 0.35
"""Likeness to the reference picture below which no face is the one."""

LEFT = 0.5
"""Share of its frames that a track needs beside higher ones to be chosen too."""

Likeness = Callable[[FaceTrack], float]
"""How much a track's face is like the reference picture's, up to 1 for the same face."""


def choose_face(
    tracks: Sequence[FaceTrack],
    choice: FaceChoice,
    shown: FrameRange,
    *,
    clip: str,
    likeness: Likeness | None = None,
) -> list[FaceTrack]:
    """The tracks of the face that is meant, in order of time; no two share a frame.

    A cut ends tracks, so in each shot of the range the choice is made anew. An id or a point names
    one track.

    `clip` is how messages name the clip; `likeness` is needed for a choice by reference.

    Raises:
        FaceError: no track answers the choice; says what was found instead.
    """
    seen = [track for track in tracks if _seen_frames(track, shown) > 0]
    if not seen:
        raise FaceError(f"{clip}: no face was found in frames {shown.start}-{shown.stop - 1}")
    if choice.track_id is not None:
        return [_with_id(seen, tracks, choice.track_id, shown, clip)]
    if choice.point is not None:
        return _at_point(seen, choice, shown, clip)
    if choice.reference is not None:
        return _like(seen, choice.reference, shown, clip, likeness)
    return _in_turn(seen, shown, _rank(choice.select or "largest", shown))


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


def _in_turn(
    tracks: Sequence[FaceTrack], shown: FrameRange, rank: Callable[[FaceTrack], float]
) -> list[FaceTrack]:
    """The highest track, then the highest of what the others have besides it, and so on.

    A track that shares most of its shown frames with a higher one is another face and left out; one
    that shares few is the same choice before or after, and gives those frames up.
    """
    chosen: list[FaceTrack] = []
    for track in sorted(tracks, key=rank, reverse=True):
        rest = _besides(track, chosen, shown)
        if rest is not None:
            chosen.append(rest)
    return sorted(chosen, key=lambda track: track.frames.start)


def _besides(track: FaceTrack, chosen: Sequence[FaceTrack], shown: FrameRange) -> FaceTrack | None:
    """The part of a track that shares no frame with the chosen; None where little is left."""
    start, stop = track.frames.start, track.frames.stop
    for other in chosen:
        if other.frames.start <= start < other.frames.stop:
            start = other.frames.stop
        if other.frames.start < stop <= other.frames.stop:
            stop = other.frames.start
        if start < other.frames.start and other.frames.stop < stop:
            return None
    before = len(track.frames.intersect(shown))
    if stop <= start or len(FrameRange(start, stop, shown.rate).intersect(shown)) < LEFT * before:
        return None
    return part_of(track, start, stop)


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
) -> list[FaceTrack]:
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
    return [min(inside, key=lambda pair: pair[0])[1]]


def _like(
    tracks: Sequence[FaceTrack],
    reference: Path,
    shown: FrameRange,
    clip: str,
    likeness: Likeness | None,
) -> list[FaceTrack]:
    if likeness is None:
        raise ValueError("a choice by reference needs a likeness")
    alike = {track.face_id: likeness(track) for track in tracks}
    good = [track for track in tracks if alike[track.face_id] >= LEAST_LIKENESS]
    if not good:
        values = ", ".join(f"face {face} {value:.2f}" for face, value in sorted(alike.items()))
        raise FaceError(
            f"{clip}: no face is like {reference} (likeness {values}; {LEAST_LIKENESS} is needed); "
            "choose it by id or by a point instead"
        )
    return _in_turn(good, shown, lambda track: alike[track.face_id])


def _listed(tracks: Sequence[FaceTrack]) -> str:
    parts = [
        f"face {track.face_id} (frames {track.frames.start}-{track.frames.stop - 1})"
        for track in sorted(tracks, key=lambda track: track.face_id)
    ]
    return "found: " + ", ".join(parts)
