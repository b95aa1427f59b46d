"""Mouth and eyes as soft masks from their landmarks, for networks that must know where they are."""

import torch
from torch import Tensor

from reenact_core.head.sampling import pixel_grid

REGIONS: tuple[slice, ...] = (slice(60, 68), slice(36, 42), slice(42, 48))
"""Landmarks of the inner mouth, the image-left and the image-right eye (`face_points`)."""


def region_masks(points: Tensor, side: int) -> Tensor:
    """How much of every pixel lies in the inner mouth and in either eye, (B, 3, side, side).

    Convention:
        points: (B, 79, 2) in [-1, 1]
    """
    return torch.stack([polygon_mask(points[:, region], side) for region in REGIONS], 1)


def polygon_mask(corners: Tensor, side: int) -> Tensor:
    """The part of every pixel inside a polygon (B, N, 2), (B, side, side), by 2 x 2 samples.

    Inside by the even-odd rule: a ray to the left crosses an odd number of edges.
    """
    line = pixel_grid(side * 2, corners)[0, :, 0]
    start, stop = corners[..., None, :], corners.roll(-1, 1)[..., None, :]
    spans = (start[..., 1] > line) != (stop[..., 1] > line)  # edges, rows
    rise = stop[..., 1] - start[..., 1]
    slope = (stop[..., 0] - start[..., 0]) / torch.where(rise == 0, 1.0, rise)
    crossing = start[..., 0] + slope * (line - start[..., 1])
    inside = (spans[..., None] & (crossing[..., None] < line)).sum(1) % 2
    fine = inside.to(corners.dtype)[:, None]
    return torch.nn.functional.avg_pool2d(fine, 2)[:, 0]
