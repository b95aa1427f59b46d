"""Dense optical flow in torch alone, for training where OpenCV is not installed or frames are many.

Lucas and Kanade's least squares in a Gaussian window around every pixel, from coarse to fine. It
stands in for the engine's DIS: about as good on subtle motion, weaker on large turns.
"""

import torch
from torch import Tensor
from torch.nn import functional

from reenact_core.models.flow_prior import warp

ROUNDS = 3
"""Corrections a level."""
WINDOW = 2.0
"""Sigma of the window in pixels of the level."""
COARSEST = 16
"""Side of the coarsest level in pixels."""


def lucas_kanade(new: Tensor, old: Tensor) -> Tensor:
    """The field from new to old frames (B, 1, S, S), see `reenact_core.models.flow_prior`."""
    levels = [(new, old)]
    while levels[-1][0].shape[-1] > COARSEST:
        levels.append(tuple(functional.avg_pool2d(x, 2) for x in levels[-1]))  # type: ignore[arg-type]
    field = torch.zeros_like(levels[-1][0]).repeat(1, 2, 1, 1)
    for fine_new, fine_old in reversed(levels):
        field = functional.interpolate(field, fine_new.shape[-2:], mode="bilinear")
        for _ in range(ROUNDS):
            field = field + _correction(fine_new, warp(fine_old, field))
    return field


def _correction(new: Tensor, found: Tensor) -> Tensor:
    """The shift that explains what differs, in [-1, 1] units; at most a pixel."""
    mean = (new + found) / 2
    padded = functional.pad(mean, (1, 1, 1, 1), mode="replicate")
    x = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
    y = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
    difference = new - found
    products = torch.cat([x * x, x * y, y * y, x * difference, y * difference], 1)
    xx, xy, yy, xd, yd = _windowed(products).unbind(1)
    xx, yy = xx + 1e-4, yy + 1e-4
    determinant = xx * yy - xy * xy
    shift = torch.stack([yy * xd - xy * yd, xx * yd - xy * xd], 1) / determinant[:, None]
    return shift.clamp(-1, 1) * (2 / new.shape[-1])


def _windowed(values: Tensor) -> Tensor:
    reach = round(2 * WINDOW)
    line = torch.arange(-reach, reach + 1, device=values.device, dtype=values.dtype)
    kernel = torch.exp(-0.5 * (line / WINDOW) ** 2)
    kernel = (kernel / kernel.sum()).view(1, 1, 1, -1).expand(values.shape[1], 1, 1, -1)
    padded = functional.pad(values, (reach,) * 4, mode="replicate")
    across = functional.conv2d(padded, kernel, groups=values.shape[1])
    return functional.conv2d(across, kernel.mT, groups=values.shape[1])
