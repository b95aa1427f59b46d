"""Noise in three dimensions, sampled where it is wanted."""

from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

CELLS = 32
"""After so many cells the noise repeats."""
CHANNELS = 3


@cache
def _volume() -> Tensor:
    values = torch.rand(CHANNELS, CELLS, CELLS, CELLS, generator=torch.Generator().manual_seed(5))
    for axis in (1, 2, 3):
        values = torch.cat([values, values.narrow(axis, 0, 1)], axis)
    return values[None]


def noise_at(places: Tensor) -> Tensor:
    """Smooth noise (N, P, 3), three of a kind from 0 to 1, at places (N, P, 3) in cells."""
    inside = torch.remainder(places, CELLS) * (2 / CELLS) - 1
    values = grid_sample(_volume().to(places), inside[None, :, :, None], align_corners=True)
    return values[0, ..., 0].permute(1, 2, 0)


def ramp(values: Tensor, low: float | Tensor, high: float | Tensor) -> Tensor:
    """From 0 at `low` to 1 at `high`, smooth at both ends."""
    share = ((values - low) / (high - low)).clamp(0, 1)
    return share * share * (3 - 2 * share)
