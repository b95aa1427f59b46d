"""The faces of a clip: cuts, detections, association, smoothing."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from reenact_core.frames import Picture
from reenact_core.geometry import Box
from reenact_core.media.colour import to_rgb8
from reenact_core.timing import FrameRange
from reenact_core.tracking.associate import Patience, Thread, grow_threads
from reenact_core.tracking.cuts import find_cuts, signature
from reenact_core.tracking.detect import Detector, Pixels
from reenact_core.tracking.follow import Step, follow
from reenact_core.tracking.identity import one_person_each
from reenact_core.tracking.likeness import PLAIN
from reenact_core.tracking.place import Place, place_of
from reenact_core.tracking.points import network_reader, read_points
from reenact_core.tracking.reduced import ReducedFrames, reduced_frames
from reenact_core.tracking.settle import Look, Settling, settled
from reenact_core.tracking.track import FaceTrack

BEST_MOMENTS = 3
"""The best detections of a track decide whether it is a face: at least so many,"""
BEST_SHARE = 0.15
"""and this share of the frames searched, since who tries often is lucky at times."""
OPINION = 0.15
"""By so much the network that reads points can raise or lower a score that decides nothing."""
USUAL = 4.0
"""Confidence (logit) of the network that speaks neither for nor against a face."""
ASKED = 6
"""Detections about which it is asked."""


@dataclass(frozen=True, slots=True)
class TrackSettings:
    """How faces are found and followed."""

    work_side: int = 640
    """Longer side, in pixels, of the reduced frames that are searched; 160 to 4096."""
    points: Literal["network", "average"] = "network"
    """Landmarks: 79, read by the face points network, or five of the average face in the box."""
    detect_every: int = 4
    """Every so many frames are searched for faces; flow leads between them."""
    smooth_seconds: float = 0.04
    """Tremor faster than this is taken out of boxes and roll; 0 leaves them as found."""
    unseen_seconds: float = 2.0
    """A face is followed by flow alone for at most so long."""
    lost_seconds: float = 0.4
    """A face behind something is waited for so long."""
    least_score: float = 0.9
    """Mean score of a track's best detections below which it is no face."""
    least_confidence: float = 0.12
    """Below, the face counts as not seen."""

    def __post_init__(self) -> None:
        if not 160 <= self.work_side <= 4096:
            raise ValueError(f"work_side must be 160 to 4096, got {self.work_side}")
        if self.detect_every < 1:
            raise ValueError(f"detect_every must be 1 or more, got {self.detect_every}")
        for name in ("smooth_seconds", "unseen_seconds", "lost_seconds"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, got {getattr(self, name)}")
        for name in ("least_score", "least_confidence"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be in [0, 1], got {getattr(self, name)}")


def find_faces(
    pictures: Iterable[Picture], frames: FrameRange, settings: TrackSettings, detector: Detector
) -> list[FaceTrack]:
    """Every face of a range of frames, followed between cuts; ids from 1 by first appearance.

    Convention:
        pictures: the frames of `frames`, in order; taken one by one, none is kept
        result: boxes and landmarks in pixels of the displayed frame

    Memory does not grow with the number of pictures: reduced frames lie in a temporary file.

    Raises:
        OutputError: the folder for temporary files is full.
    """
    scale = 1.0
    with reduced_frames() as store:
        signatures = []
        for picture in pictures:
            pixels = to_rgb8(picture, max_side=settings.work_side)
            scale = picture.width / pixels.shape[1]
            store.append(pixels)
            signatures.append(signature(pixels))
        shots = shots_between(find_cuts(signatures), len(store))
        tracks = [
            track
            for shot in shots
            for track in find_in_shot(store, shot, frames, settings, detector)
        ]
    return numbered([scaled(track, scale) for track in tracks])


def shots_between(cuts: Sequence[int], count: int) -> list[range]:
    """The ranges between cuts."""
    edges = [0, *cuts, count]
    return [range(start, stop) for start, stop in itertools.pairwise(edges) if stop > start]


def find_in_shot(
    store: ReducedFrames,
    shot: range,
    frames: FrameRange,
    settings: TrackSettings,
    detector: Detector,
) -> list[FaceTrack]:
    """The faces of one shot, in pixels of the reduced frames."""
    searched = searched_frames(shot, settings.detect_every)
    detections = {index: detector(store.rgb(index)) for index in searched}

    def follow_in_store(here: int, there: int, place: Place) -> Step:
        return follow(store.grey(here), store.grey(there), place)

    rate = float(frames.rate)
    patience = Patience(
        max(2, round(settings.lost_seconds * rate)), max(2, round(settings.unseen_seconds * rate))
    )
    threads = grow_threads(shot, detections, follow_in_store, patience)
    look = _look_in(store, settings)
    believed = [thread for thread in threads if is_believed(thread, searched, settings, look)]
    how = Settling(
        settings.smooth_seconds * rate,
        max(1.0, settings.unseen_seconds * rate / 2),
        settings.least_confidence,
    )
    tracks = [settled(thread, frames.start, frames.rate, how, look) for thread in believed]

    def pixels(frame: int) -> Pixels:
        return store.rgb(frame - frames.start)

    parts = [
        part
        for track in tracks
        if track is not None
        for part in one_person_each(track, pixels, PLAIN)
    ]
    return without_shadows(parts)


def _look_in(store: ReducedFrames, settings: TrackSettings) -> Look:
    """What reads the points of faces in a store."""
    if settings.points == "average":
        return lambda places: {}
    return lambda places: read_points(store.rgb, places, network_reader()) if places else {}


def searched_frames(shot: range, every: int) -> list[int]:
    """The frames of a shot that are searched: every so many, the first and the last."""
    regular = (frame for frame in shot if frame % every == 0)
    return sorted({shot.start, *regular, shot.stop - 1})


def is_believed(
    thread: Thread, searched: Sequence[int], settings: TrackSettings, look: Look
) -> bool:
    """Whether enough was seen of a face to call it one.

    Cascades fire on patterns too, and always on the same ones in a still background, so many weak
    hits prove little. A face is, at its best moments, beyond doubt; where the detector is almost
    sure, the network that reads the points is asked too.
    """
    score, least = best_score(thread, searched), settings.least_score
    if not least - OPINION <= score < least + OPINION / 5:
        return score >= least
    best = sorted(thread.hits, key=lambda frame: -thread.hits[frame].score)[:ASKED]
    readings = look([(frame, place_of(thread.hits[frame].box)) for frame in sorted(best)])
    if not readings:
        return score >= least
    sure = float(np.median([reading.confidence for reading in readings.values()]))
    agreed = float(np.clip((sure - USUAL) / 2, -1, 1))
    # A pattern can look like a face to the network too, but seldom in the right place.
    if sum(reading.good for reading in readings.values()) < max(3, 0.8 * len(readings)):
        agreed = min(agreed, 0.0)
    return score + OPINION * agreed >= least


def best_score(thread: Thread, searched: Sequence[int]) -> float:
    """The mean score of a thread's best detections; 0 where there are too few."""
    first, last = min(thread.hits), max(thread.hits)
    chances = sum(first <= frame <= last for frame in searched)
    count = max(BEST_MOMENTS, round(BEST_SHARE * chances))
    best = sorted((face.score for face in thread.hits.values()), reverse=True)[:count]
    return sum(best) / len(best) if len(best) >= min(2, len(searched)) else 0.0


def without_shadows(tracks: Sequence[FaceTrack]) -> list[FaceTrack]:
    """Tracks that lie on a surer track most of their time are left out."""
    kept: list[FaceTrack] = []
    for track in sorted(tracks, key=lambda track: -float(track.confidence.sum())):
        if all(_shared(track, other) < 0.5 for other in kept):
            kept.append(track)
    return kept


def _shared(track: FaceTrack, other: FaceTrack) -> float:
    """Share of a track's frames that lie on another."""
    on = 0
    for frame in range(track.frames.start, track.frames.stop):
        here, there = track.box_at(frame), other.box_at(frame)
        on += here is not None and there is not None and _lies_on(here, there)
    return on / max(1, len(track.frames))


def _lies_on(here: Box, there: Box) -> bool:
    """Whether most of a box, or as much of both, is shared."""
    both = here.overlap(there) * (here.area + there.area) / (1 + here.overlap(there))
    return both > 0.6 * min(here.area, there.area)


def scaled(track: FaceTrack, factor: float) -> FaceTrack:
    """The track in a frame that is larger by a factor."""
    return replace(track, boxes=track.boxes * factor, landmarks=track.landmarks * factor)


def numbered(tracks: Sequence[FaceTrack]) -> list[FaceTrack]:
    """The tracks with ids from 1, by first frame, then from left to right."""

    def place(track: FaceTrack) -> tuple[int, float]:
        return track.frames.start, float(track.boxes[0, 0])

    return [
        replace(track, face_id=number) for number, track in enumerate(sorted(tracks, key=place), 1)
    ]
