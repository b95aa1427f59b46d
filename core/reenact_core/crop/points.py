"""Which landmark is which, for the schemes of 79 (`models.face_points`) and of 5 points."""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from reenact_core.crop.smooth import Floats, smooth_in_time

LEFT_EYE, RIGHT_EYE = slice(36, 42), slice(42, 48)  # left and right in the image
MOUTH_CORNERS = [48, 54]
CHIN, HAIRLINE_MIDDLE = 8, 72
BROWS, HAIRLINE = slice(17, 27), slice(68, 77)


def eyes_and_mouth(points: Floats) -> tuple[Floats, Floats, Floats]:
    """Middle of the image-left eye, of the image-right eye, and of the mouth.

    Convention:
        points: (..., N, 2), N = 79 or 5
        result: three of (..., 2)
    """
    count = points.shape[-2]
    if count == 79:
        left, right = points[..., LEFT_EYE, :].mean(-2), points[..., RIGHT_EYE, :].mean(-2)
        return left, right, points[..., MOUTH_CORNERS, :].mean(-2)
    if count == 5:
        return points[..., 0, :], points[..., 1, :], points[..., 3:5, :].mean(-2)
    raise ValueError(f"a face has 79 or 5 points, got {count}")


def roll_of(points: Floats) -> Floats:
    """Roll in radians, clockwise as seen.

    Convention:
        points: (..., N, 2), N = 79 or 5
        result: (...), in [-pi, pi]; NaN where a point is NaN

    The line between the eyes and the line from eyes to mouth, each counting by its length, so that
    a profile, whose eyes lie behind each other, is held by the second.
    """
    left, right, mouth = eyes_and_mouth(points)
    across, down = right - left, mouth - (left + right) / 2
    return np.arctan2(across[..., 1] - down[..., 0], across[..., 0] + down[..., 1])


def smooth_points(points: Floats, *, seconds: float, rate: Fraction) -> Floats:
    """Landmarks evened out in time in two passes, frames without a face filled in.

    Convention:
        points: (T, N, 2), NaN where the face is not seen
        result: (T, N, 2), finite; all NaN when no frame shows the face
    """
    seen: NDArray[np.bool_] = np.asarray(np.isfinite(points).all(axis=(1, 2)))
    if not seen.any():
        return np.full_like(points, np.nan)
    return smooth_in_time(points, seen, seconds=seconds, rate=rate)
