"""Paint that is no more colourful than the picture it goes into: none in black and white."""

import torch
from torch import Tensor
from torch.nn import functional

CELLS = 32
"""The picture is looked at in so many cells a side, so that grain does not count as colour."""


def within_colours(paint: Tensor, source: Tensor) -> Tensor:
    """Paint (B, 3, H, W) in [0, 1], greyer where it is more colourful than any part of a source.

    Convention:
        source: (B, 3, S, S) in [0, 1]
    """
    _, most = _colour(functional.adaptive_avg_pool2d(source, CELLS))
    limit = most.amax((2, 3), keepdim=True)
    colour, strength = _colour(paint)
    return paint - colour * (1 - limit / strength.clamp_min(1e-4)).clamp_min(0)


def _colour(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """What sets pixels (B, 3, H, W) apart from grey, and how much of that there is (B, 1, H, W)."""
    colour = pixels - pixels.mean(1, keepdim=True)
    return colour, torch.linalg.vector_norm(colour, dim=1, keepdim=True)
