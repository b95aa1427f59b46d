"""What a face detector gives, whatever it is built from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reenact_core.geometry import Box

Pixels = NDArray[np.uint8]

MEAN_FIVE_POINTS = np.array(
    [[0.304, 0.310], [0.696, 0.310], [0.5, 0.537], [0.340, 0.723], [0.660, 0.723]]
)
"""Eyes, nose tip and mouth corners of an upright frontal face, image left first; (5, 2), with
(0, 0) the box's top-left and (1, 1) its bottom-right corner."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceDetection:
    """One face in one picture.

    Convention:
        landmarks: (5, 2) float64, eyes, nose tip, mouth corners, image left first, in pixels
    """

    box: Box
    """Mid-forehead to chin and cheek to cheek, in pixels of the picture that was searched."""
    score: float
    """How sure the detector is, in [0, 1]; 0.5 is as often a face as not."""
    roll: float | None = None
    """Degrees, clockwise as seen; None where the detector cannot tell."""
    landmarks: NDArray[np.float64] | None = None


Detector = Callable[[Pixels], list[FaceDetection]]
"""Faces in an (h, w, 3) R'G'B' picture."""


def box_from_points(points: NDArray[np.float64]) -> Box:
    """The box of a face whose five points (5, 2) are known.

    From the eyes to the mouth is 0.417 of the box's side, whichever way the face is turned
    (measured on 1252 faces: a spread of 8 %); the box lies a little towards the back of the head.
    """
    eyes, nose, mouth = points[:2].mean(axis=0), points[2], points[3:].mean(axis=0)
    down = mouth - eyes
    middle = (eyes + mouth) / 2
    length = max(float(np.hypot(*down)), 1e-3)
    right = np.array([down[1], -down[0]]) / length
    sideways = 0.24 * float((nose - middle) @ right)
    x, y = middle - 0.035 * down - sideways * right
    half = length / 0.417 / 2
    return Box(float(x) - half, float(y) - half, float(x) + half, float(y) + half)


def without_doubles(found: Sequence[FaceDetection], overlap: float) -> list[FaceDetection]:
    """The best-scored detections that overlap each other by less than `overlap` (IoU)."""
    kept: list[FaceDetection] = []
    for face in sorted(found, key=lambda face: -face.score):
        if all(face.box.overlap(other.box) < overlap for other in kept):
            kept.append(face)
    return kept
