"""Pictures and fields sampled at places between their pixels, carried on, and averaged."""

from math import ceil

import torch
from torch import Tensor
from torch.nn import functional

REACH, REACHES = 4, 2.5
"""Pixels around what is averaged that are looked at, at least, and sigmas."""


def pixel_grid(size: int, like: Tensor) -> Tensor:
    """The centres of all pixels of a square picture, (size, size, 2) in [-1, 1]."""
    line = (torch.arange(size, device=like.device, dtype=like.dtype) + 0.5) * (2 / size) - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x, y], -1)


def sample(picture: Tensor, places: Tensor) -> Tensor:
    """A picture (B, C, H, W) at places (B, h, w, 2) in [-1, 1]; edges are replicated."""
    return functional.grid_sample(picture, places, padding_mode="border", align_corners=False)


def extended(values: Tensor, known: Tensor) -> Tensor:
    """Values (B, C, S, S) carried on smoothly to where they are not known, by a pyramid of means
    (Gortler et al., "The Lumigraph", 1996: pull-push).

    Convention:
        known: (B, 1, S, S) in [0, 1], how far a value is; what is wholly known stays as it is
    """
    weighted, weights = [values * known], [known]
    while weighted[-1].shape[-1] > 2:
        weighted.append(functional.avg_pool2d(weighted[-1], 2))
        weights.append(functional.avg_pool2d(weights[-1], 2))
    coarse = weighted[-1].sum((2, 3), keepdim=True) / weights[-1].sum((2, 3), keepdim=True).clamp(
        min=1e-9
    )
    coarse = coarse.expand_as(weighted[-1])
    for value, weight in zip(reversed(weighted[1:]), reversed(weights[1:]), strict=True):
        # A pixel of which a part is known is made up of that part and of what is around it.
        share = (weight * 4).clamp(max=1)
        coarse = torch.lerp(_grown(coarse, value), value / weight.clamp(min=1e-9), share)
    return torch.lerp(_grown(coarse, values), values, known)


def _grown(coarse: Tensor, like: Tensor) -> Tensor:
    if coarse.shape == like.shape:
        return coarse
    return functional.interpolate(coarse, like.shape[-2:], mode="bilinear", align_corners=False)


def span(places: Tensor, size: int, sigma: Tensor) -> slice:
    """From the first to the last of some rows or columns, and what blurring adds."""
    reach = max(REACH, ceil(REACHES * float(sigma.max())))
    first, last = int(places.min()), int(places.max())
    return slice(max(0, first - reach), min(size, last + reach + 1))


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
    tail = torch.arange(-16, 17, device=sigma.device, dtype=sigma.dtype).square()
    return kernel / torch.exp(-0.5 * tail / sigma[:, None].square()).sum(1)[:, None, None]
