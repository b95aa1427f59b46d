"""Averages over few pixels of many pictures, each by a Gaussian of its own."""

import torch
from torch import Tensor

REACH = 4
"""Pixels around what is averaged that are looked at."""


def span(places: Tensor, size: int) -> slice:
    """From the first to the last of some rows or columns, and what blurring adds."""
    first, last = int(places.min()), int(places.max())
    return slice(max(0, first - REACH), min(size, last + REACH + 1))


def averaged(values: Tensor, sigma: Tensor) -> Tensor:
    """Values (N, C, H, W), 0 outside, each picture averaged by a Gaussian of its own (N,), or all
    by one (1,)."""
    down, across = (_averaging(length, sigma) for length in values.shape[2:])
    return down[:, None] @ values @ across[:, None]


def _averaging(length: int, sigma: Tensor) -> Tensor:
    """Symmetric matrices (N, L, L) that average lines: faster than a convolution on few pixels."""
    place = torch.arange(length, device=sigma.device, dtype=sigma.dtype)
    step_2 = (place[:, None] - place).square()
    kernel = torch.exp(-0.5 * step_2 / sigma[:, None, None].square())
    tail = torch.arange(-12, 13, device=sigma.device, dtype=sigma.dtype).square()
    return kernel / torch.exp(-0.5 * tail / sigma[:, None].square()).sum(1)[:, None, None]
