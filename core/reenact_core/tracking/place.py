"""Where a face is, as four numbers that smooth and add well.

A place is (4,) float64: centre x, centre y, the logarithm of the size (side of the face's box) and
roll in radians, clockwise as seen. A step between two frames is a difference of places, but that
centres move by `step[:2] * size`, so that steps of near and far faces compare.
"""

import numpy as np
from numpy.typing import NDArray

from reenact_core.geometry import Box

Place = NDArray[np.float64]


def place_of(box: Box, roll: float = 0.0) -> Place:
    """The place of a box, with roll in degrees."""
    size = max((box.width + box.height) / 2, 1e-3)
    return np.array([*box.centre, np.log(size), np.radians(roll)])


def box_of(place: Place) -> Box:
    """The square box at a place."""
    half = float(np.exp(place[2])) / 2
    x, y = float(place[0]), float(place[1])
    return Box(x - half, y - half, x + half, y + half)
