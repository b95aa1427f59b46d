"""The blur that lets a sharp frame stand for the local integrator's own last output.

y'_{i-1} = GaussianBlur(d_{i-1}, σ), σ drawn from 0 to 10; equation (4), in training only.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

LARGEST_SIGMA = 10.0
"""Pixels at 256 x 256. The paper calls σ "the variance"; here it is the standard deviation, as in
the libraries' functions of that name."""
REACH = 3.0
"""Where a kernel ends, in standard deviations."""


def gaussian_blur(images: Tensor, sigma: Tensor) -> Tensor:
    """Images blurred, each by a sigma of its own; edges are repeated outwards.

    Convention:
        images: (B, C, H, W); sigma: (B,), pixels, 0 leaves an image as it is
        The result can be differentiated by the images and, where sigma > 0, by sigma.
    """
    if sigma.shape != images.shape[:1]:
        raise ValueError(f"sigma must be ({len(images)},), got {tuple(sigma.shape)}")
    reach = max(1, math.ceil(REACH * float(sigma.detach().max())))
    x = torch.arange(-reach, reach + 1, dtype=images.dtype, device=images.device)
    narrowest = 1e-3  # a kernel of one pixel, and no division by zero
    line = torch.exp(-(x**2) / (2 * sigma.clamp_min(narrowest)[:, None] ** 2))
    line = line / line.sum(dim=1, keepdim=True)
    return _along_rows(_along_rows(images, line).mT, line).mT


def _along_rows(images: Tensor, line: Tensor) -> Tensor:
    """Each image convolved with its own kernel (B, n) along x."""
    count, channels, height, width = images.shape
    reach = line.shape[1] // 2
    padded = functional.pad(images, (reach, reach, 0, 0), mode="replicate")
    stacked = padded.reshape(1, count * channels, height, width + 2 * reach)
    kernels = line.repeat_interleave(channels, dim=0)[:, None, None]
    blurred = functional.conv2d(stacked, kernels, groups=count * channels)
    return blurred.reshape(images.shape)


def random_sigmas(
    count: int,
    largest: float = LARGEST_SIGMA,
    *,
    device: torch.device | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """σ for `count` images, uniform in [0, largest]; the generator is on that device."""
    return largest * torch.rand(count, device=device, generator=generator)
