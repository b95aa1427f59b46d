"""How soft pictures are, and which moments of a shot are too blurred to be read."""

import torch
from torch import Tensor

from reenact_core.head.light import LUMA
from reenact_core.head.ramps import smoothstep

USUAL = 0.25
"""Quantile over time of a shot's softness that stands for its clear moments."""
BLURRED = (0.5, 1.3)
"""By how much softer a moment is too blurred, from a little to wholly, pixels of 256. Clear moments
of a clip differ by up to 0.2, also in fast motion, which blurs one direction."""


def softness(pictures: Tensor, middle: Tensor, reach: Tensor) -> Tensor:
    """The spread (N,) of the points of pictures (N, 3, S, S), pixels, about a place.

    Gradients of sharp pictures are as strong at all scales; of blurred ones the Laplacian is
    weaker by sigma squared.

    Convention:
        middle: (N, 2), reach: (N, 1), in [-1, 1] over the picture
    """
    size = pictures.shape[-1]
    grey = torch.einsum("c,nchw->nhw", pictures.new_tensor(LUMA), pictures)
    line = (torch.arange(size, device=grey.device) + 0.5) * 2 / size - 1
    near = torch.exp(-0.5 * ((line - middle[:, :1]) / reach) ** 2)
    down = torch.exp(-0.5 * ((line - middle[:, 1:]) / reach) ** 2)
    weight = down[:, 1:-1, None] * near[:, None, 1:-1]
    x, y = grey[:, 1:-1, 1:] - grey[:, 1:-1, :-1], grey[:, 1:, 1:-1] - grey[:, :-1, 1:-1]
    slope = x[..., 1:].square() + y[:, 1:].square()
    bend = (x.diff(dim=2) + y.diff(dim=1)).square()
    ratio = (weight * slope).sum((1, 2)) / (weight * bend).sum((1, 2)).clamp_min(1e-9)
    return (ratio - 0.5).clamp_min(0).sqrt()


def clear_moments(soft: Tensor) -> Tensor:
    """How far to believe what is read in moments of such a softness (T,), in [0, 1]."""
    return 1 - smoothstep(soft - soft.quantile(USUAL), *BLURRED)
