"""What a thread has gathered, settled into a track: its path, its points, how sure it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from reenact_core.timing import FrameRange
from reenact_core.tracking.associate import Thread, confidences
from reenact_core.tracking.detect import FaceDetection
from reenact_core.tracking.place import Place, place_of
from reenact_core.tracking.points import PointReading
from reenact_core.tracking.shape import (
    along,
    aspect_of,
    edges_of,
    five_of,
    placed,
    relative,
    roll_of,
    spread,
)
from reenact_core.tracking.smooth import Move, Sighting, smooth_path, solve_path
from reenact_core.tracking.track import FaceTrack

Floats = NDArray[np.float64]
Look = Callable[[list[tuple[int, Place]]], Mapping[int, PointReading]]
"""Reads the points of a face in frames in which its place is known."""

ROLL_ERROR = 0.07
"""Standard error of the roll that the points of one frame show, in radians."""
ANY = 1e6
"""Standard error of what a sighting says nothing about."""
READ_EVERY = 2
"""Points are read in every so many frames; between them they move steadily."""
MOSTLY = 0.5
"""Share of readings that have to be good for a track to be a face."""
NO_TRUST, FULL_TRUST = 0.5, 2.5
"""Confidence (logit) of a reading up to which it counts nothing, and from which it counts fully.
Hidden faces are read with -2.5 to 0, clear ones of 25 pixels and more with 3 and more."""


@dataclass(frozen=True, slots=True)
class Settling:
    """How tracks are settled."""

    tremor: float
    """Frames; quicker changes of the path are taken out."""
    memory: float
    """Frames over which a detection's word fades."""
    least: float
    """Confidence below which the face counts as not seen."""


def settled(
    thread: Thread, start: int, rate: Fraction, how: Settling, look: Look
) -> FaceTrack | None:
    """A thread as a track, its unsure ends cut off; None where nothing of it is sure.

    Where points are read, a frame is as sure as its reading: a thread that waits for a face behind
    something, or went away with what hid it, lies on no face. A thread whose readings are mostly
    bad never was one.

    `start` is the number in the file of the clip's first frame.
    """
    sure = confidences(thread, how.memory)
    seen = np.flatnonzero(sure >= how.least)
    if len(seen) == 0:
        return None
    first = solve(thread, {})
    chosen = sorted({*seen[::READ_EVERY].tolist(), int(seen[-1])})
    readings = look([(thread.first + index, first[index]) for index in chosen])
    good = {frame - thread.first: read for frame, read in readings.items() if read.good}
    if readings:
        if len(good) < MOSTLY * len(readings):
            return None
        sure = sure * _trust(len(sure), chosen, good)
        seen = np.flatnonzero(sure >= how.least)
        if len(seen) == 0:
            return None
    path = smooth_path(solve(thread, good), how.tremor)
    points = smooth_path(_points(path, good, thread), how.tremor)
    part = slice(int(seen[0]), int(seen[-1]) + 1)
    begin = start + thread.first + part.start
    frames = FrameRange(begin, begin + part.stop - part.start, rate)
    aspects = along(len(path), _hits(thread), aspect_of)
    shown = np.where(sure >= how.least, sure, 0.0)
    return _track(path[part], points[part], aspects[part, 0], shown[part], frames)


def _trust(length: int, looked_at: list[int], good: Mapping[int, PointReading]) -> Floats:
    """How far the readings bear out that a face is there: (length,) in [0, 1]."""
    values = [
        np.clip((good[at].confidence - NO_TRUST) / (FULL_TRUST - NO_TRUST), 0.0, 1.0)
        if at in good
        else 0.0
        for at in looked_at
    ]
    return np.asarray(np.interp(np.arange(length), looked_at, values))


def solve(thread: Thread, readings: Mapping[int, PointReading]) -> Floats:
    """The thread's path (T, 4), from its hits, its steps and the rolls that were read."""
    hits = _hits(thread)
    sightings = {index: _sighting(face) for index, face in hits.items()}
    for index, reading in readings.items():
        sightings[index] = _with_roll(sightings.get(index), reading.roll)
    moves = {
        frame - thread.first: [_move(change, quality, thread, frame) for change, quality in steps]
        for frame, steps in thread.steps.items()
    }
    return solve_path(len(thread.places), sightings, moves)


def _hits(thread: Thread) -> dict[int, FaceDetection]:
    """The thread's detections by the number of the frame in the thread."""
    return {frame - thread.first: face for frame, face in thread.hits.items()}


def _sighting(face: FaceDetection) -> Sighting:
    place = place_of(face.box, roll_of(face))
    size = float(np.exp(place[2]))
    far = 0.05 / max(face.score, 0.1)
    # Cascades find faces that are turned by up to twenty degrees, and do not say by how much.
    roll = 0.25 if face.roll is None and face.landmarks is None else 0.05
    return Sighting(place, np.array([far * size, far * size, 1.2 * far, roll]))


def _with_roll(sighting: Sighting | None, roll: float) -> Sighting:
    if sighting is None:
        return Sighting(np.array([0.0, 0.0, 0.0, roll]), np.array([ANY, ANY, ANY, ROLL_ERROR]))
    return Sighting(np.append(sighting.place[:3], roll), np.append(sighting.error[:3], ROLL_ERROR))


def _move(change: Place, quality: float, thread: Thread, frame: int) -> Move:
    size = float(np.exp(thread.places[frame - thread.first][2]))
    doubt = 1.0 - min(1.0, quality)
    far = 0.006 + 0.15 * doubt**2
    return Move(change, np.array([far * size, far * size, far, far]))


def _points(path: Floats, good: Mapping[int, PointReading], thread: Thread) -> Floats:
    """Points relative to the path (T, 2 N): the 79 that were read, or the detector's five."""
    if not good:
        return along(len(path), _hits(thread), five_of)
    shapes = {index: relative(reading.points, path[index]) for index, reading in good.items()}
    return spread(len(path), shapes)


def _track(
    path: Floats, points: Floats, aspects: Floats, sure: Floats, frames: FrameRange
) -> FaceTrack:
    boxes = np.full((len(path), 4), np.nan)
    landmarks = np.full((len(path), points.shape[1] // 2, 2), np.nan)
    for index in np.flatnonzero(sure > 0):
        boxes[index] = edges_of(path[index], aspects[index])
        landmarks[index] = placed(points[index], path[index])
    return FaceTrack(1, frames, boxes, landmarks, sure)
