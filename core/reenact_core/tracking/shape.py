"""How a face fills its place: the box's aspect and where its points lie, relative to the place.

What is known in some frames is led steadily from one to the next.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from reenact_core.tracking.detect import MEAN_FIVE_POINTS, FaceDetection
from reenact_core.tracking.place import Place, place_of

Floats = NDArray[np.float64]

MEAN_FIVE = (MEAN_FIVE_POINTS - 0.5).ravel()
"""(10,) the five points of the average face, relative to its place."""


def aspect_of(face: FaceDetection) -> Floats:
    """The logarithm (1,) of a detected box's height over its width."""
    return np.array([np.log(max(face.box.height, 1e-3) / max(face.box.width, 1e-3))])


def five_of(face: FaceDetection) -> Floats:
    """The five points (10,) that a detection shows, relative to its place."""
    if face.landmarks is None:
        return MEAN_FIVE
    return relative(face.landmarks, place_of(face.box, roll_of(face)))


def roll_of(face: FaceDetection) -> float:
    """Degrees by which the eyes' line is turned; 0 where the detector does not tell."""
    if face.roll is not None:
        return face.roll
    if face.landmarks is None:
        return 0.0
    across = face.landmarks[1] - face.landmarks[0]
    return float(np.degrees(np.arctan2(across[1], across[0])))


def along(
    length: int, seen: Mapping[int, FaceDetection], value: Callable[[FaceDetection], Floats]
) -> Floats:
    """What detections show, in every frame: (length, K)."""
    return spread(length, {frame: value(face) for frame, face in seen.items()})


def spread(length: int, known: Mapping[int, Floats]) -> Floats:
    """Values (K,) known in some frames, led steadily from one to the next: (length, K)."""
    frames = sorted(known)
    columns = np.array([known[frame] for frame in frames]).T
    every = np.arange(length)
    return np.stack([np.interp(every, frames, column) for column in columns], axis=1)


def relative(points: Floats, place: Place) -> Floats:
    """Points (N, 2) in pixels as (2 N,) in sizes of the face, upright, from its centre."""
    return np.asarray(((points - place[:2]) @ _turn(-place[3]).T / np.exp(place[2])).ravel())


def placed(points: Floats, place: Place) -> Floats:
    """Relative points (2 N,) as (N, 2) in pixels."""
    return np.asarray(points.reshape(-1, 2) @ _turn(place[3]).T * np.exp(place[2]) + place[:2])


def edges_of(place: Place, aspect: float) -> Floats:
    """Left, top, right and bottom (4,) of the box at a place; see `aspect_of`."""
    size, ratio = float(np.exp(place[2])), float(np.exp(aspect))
    width = 2 * size / (1 + ratio)
    half = np.array([width, width * ratio]) / 2
    return np.concatenate([place[:2] - half, place[:2] + half])


def _turn(radians: float) -> Floats:
    cosine, sine = np.cos(radians), np.sin(radians)
    return np.array([[cosine, -sine], [sine, cosine]])
