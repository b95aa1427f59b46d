"""How many samples a new face has: as many as will be seen of it, where its source has them."""

from math import ceil
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from reenact_core.crop.align import CropSettings
from reenact_core.crop.resample import Image

STEP = 64
"""Sizes are multiples of this."""
FINER = 1.1
"""Samples for one pixel that will be seen: faces are sampled twice, and none too many are lost."""


def own_sides(to_crop: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """The side of each crop in pixels of its frame: as many samples lose nothing of it.

    Convention:
        to_crop: (T, 2, 3), frame pixels to pixels of a crop of `size` samples a side
        result: (T,), the longer side where pixels are not square
    """
    across = np.linalg.norm(to_crop[:, :, :2], axis=1)
    return np.asarray(size / across.min(axis=1))


def full_size(seen: float, shown: float, settings: CropSettings) -> int:
    """Samples along each side of a new face, `settings.size` at least.

    Args:
        seen: side in pixels at which it will be seen.
        shown: side in pixels at which the source picture shows the face.
    """
    wanted = STEP * ceil(min(FINER * seen, shown) / STEP - 1e-6)
    return max(settings.size, min(wanted, settings.largest))


def at_size(to_crop: NDArray[np.float64], size: int, wanted: int) -> NDArray[np.float64]:
    """A map (..., 2, 3) to the pixels of a crop of another size."""
    return to_crop * (wanted / size)


def resized(image: Image, size: int) -> Image:
    """A square image (S, S[, C]) with `size` samples a side; averaged where they are fewer."""
    if len(image) == size:
        return image
    how = cv2.INTER_AREA if size < len(image) else cv2.INTER_LINEAR
    made: Any = cv2.resize(image, (size, size), interpolation=how)
    return np.asarray(made, dtype=np.float32)
