"""A face cut out of its frame."""

import numpy as np

from reenact_core.crop.resample import (
    Image,
    Matrix,
    invert,
    region_seen,
    resample,
    shift_source,
)
from reenact_core.frames import Picture
from reenact_core.geometry import Affine, Box
from reenact_core.media.colour import to_rgb


def cut(picture: Picture, to_crop: Matrix, size: int) -> Image:
    """The crop of a face; where it reaches over the frame's edge the edge is repeated.

    Only the part of the frame that the crop sees is converted, and it is averaged where the crop
    is coarser than the frame.

    Convention:
        to_crop: (2, 3), displayed frame pixels to crop pixels
        result: (size, size, 3) float32 R'G'B' in [0, 1]
    """
    whole = Box(0.0, 0.0, float(size), float(size))
    region = region_seen(to_crop, whole, picture.width, picture.height)
    pixels = to_rgb(picture, region.box)
    moved = shift_source(to_crop, region.left, region.top)
    return np.clip(resample(pixels, moved, (size, size), edge="repeat"), 0.0, 1.0)


def inside_frame(to_crop: Matrix, size: int, width: int, height: int) -> Image:
    """Which samples of a crop come from the frame and not from its repeated edge.

    Convention:
        result: (size, size) float32, 1 inside the frame, 0 outside; its mean is the share of the
            crop that the frame fills
    """
    line = np.arange(size, dtype=np.float64) + 0.5
    grid = np.asarray(np.meshgrid(line, line), dtype=np.float64).reshape(2, -1).T[None]
    points = Affine(invert(to_crop)[None]).apply(grid)[0]
    held = ((points >= 0) & (points <= (width, height))).all(axis=1)
    return np.asarray(held, dtype=np.float32).reshape(size, size)
