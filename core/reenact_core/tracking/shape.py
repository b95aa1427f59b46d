"""How a face fills its place: the box's aspect and where the five points lie in it.

Detectors that see landmarks say it where they look; between their looks it changes steadily. The
others leave it at the square box and the average face.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from reenact_core.tracking.detect import MEAN_FIVE_POINTS, FaceDetection
from reenact_core.tracking.place import Place, place_of

Floats = NDArray[np.float64]

MEAN_SHAPE = np.concatenate([[0.0], (MEAN_FIVE_POINTS - 0.5).ravel()])
"""(11,): logarithm of height over width, then five points in an upright face of size 1."""


def shape_of(face: FaceDetection) -> Floats:
    """The shape (11,) that a detection shows."""
    aspect = float(np.log(max(face.box.height, 1e-3) / max(face.box.width, 1e-3)))
    if face.landmarks is None:
        return np.concatenate([[aspect], MEAN_SHAPE[1:]])
    place = place_of(face.box, roll_of(face))
    return np.concatenate([[aspect], _upright(face.landmarks, place).ravel()])


def roll_of(face: FaceDetection) -> float:
    """Degrees by which the eyes' line is turned; 0 where the detector does not tell."""
    if face.roll is not None:
        return face.roll
    if face.landmarks is None:
        return 0.0
    across = face.landmarks[1] - face.landmarks[0]
    return float(np.degrees(np.arctan2(across[1], across[0])))


def shapes_along(length: int, seen: Mapping[int, FaceDetection]) -> Floats:
    """The shape in every frame (length, 11), led steadily from detection to detection."""
    frames = sorted(seen)
    known = np.array([shape_of(seen[frame]) for frame in frames])
    every = np.arange(length)
    return np.stack([np.interp(every, frames, column) for column in known.T], axis=1)


def edges_of(place: Place, shape: Floats) -> Floats:
    """Left, top, right and bottom (4,) of the box of that shape at a place."""
    size, ratio = float(np.exp(place[2])), float(np.exp(shape[0]))
    width = 2 * size / (1 + ratio)
    half = np.array([width, width * ratio]) / 2
    return np.concatenate([place[:2] - half, place[:2] + half])


def points_of(place: Place, shape: Floats) -> Floats:
    """The five points (5, 2) of that shape at a place."""
    return np.asarray(shape[1:].reshape(5, 2) @ _turn(place[3]).T * np.exp(place[2]) + place[:2])


def _upright(points: Floats, place: Place) -> Floats:
    return np.asarray((points - place[:2]) @ _turn(-place[3]).T / np.exp(place[2]))


def _turn(radians: float) -> Floats:
    cosine, sine = np.cos(radians), np.sin(radians)
    return np.array([[cosine, -sine], [sine, cosine]])
