"""A person's own head: the chart's ellipsoid, swollen and dented so that it meets their landmarks.

A chin, a nose and a temple stand off an ellipsoid by up to half its size. Were they left on it, or
lifted off it as one view sees them, a turned head would show its near cheek twice.

Convention:
    radius: how many times as far from the centre as the ellipsoid the surface is, in the
        direction of a place; it has one value in every direction
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from reenact_core.models.head_chart import Pose, head_ellipsoid, pixel_grid, unproject

AVERAGE = 1.08
"""Radius that landmarks are measured against: what is far from them comes near it."""
REACHES = ((0.5, 0.05), (0.16, 0.3))
"""Reach (sigma, on the unit sphere) and reluctance of what landmarks tell: first the broad, then
what that misses."""
ROWS = 32
"""Directions from the crown to the neck that a radius is worked out for; twice as many around."""
STEPS = 5
"""Steps in which a ray of sight finds the surface; a sixth moves it by less than a pixel."""


def radii_in_view(shape: Tensor, pose: Pose, side: int) -> Tensor:
    """The radius where every pixel sees the head, and where it passes the head's middle.

    Convention:
        shape: (B, N, 3), landmarks in head coordinates
        result: (B, 2, side, side)
    """
    globe = radius_globe(shape)
    grid = pixel_grid(side, shape).expand(len(shape), -1, -1, -1)
    passed, _ = unproject(grid, pose, torch.zeros_like(grid[..., 0]))
    outline = radius = radius_at(passed, globe)
    for _ in range(STEPS):
        seen, _ = unproject(grid, pose, radius)
        radius = radius_at(seen, globe)
    return torch.stack([radius, outline], 1)


def radius_at(places: Tensor, globe: Tensor) -> Tensor:
    """The radius in the direction of places on a head (B, H, W, 3), (B, H, W)."""
    x, y, z = _from_centre(places)[0].unbind(-1)
    across = torch.atan2(x, -z) / math.pi
    down = 1 - torch.acos(y.clamp(-1 + 1e-6, 1 - 1e-6)) * (2 / math.pi)
    at = torch.stack([across, down], -1)
    return functional.grid_sample(globe, at, padding_mode="border", align_corners=False)[:, 0]


def radius_globe(shape: Tensor) -> Tensor:
    """The radius in all directions, (B, 1, rows, columns): from the crown down to the neck, round
    from behind by the face's right ear, its nose and its left ear.
    """
    towards = _globe(shape).expand(len(shape), -1, -1)
    landmarks, far = _from_centre(shape)
    radius = torch.full_like(towards[..., 0], AVERAGE)
    missed = far - AVERAGE
    for reach, reluctance in REACHES:
        radius = radius + _spread(towards, landmarks, missed, reach, reluctance)
        missed = missed - _spread(landmarks, landmarks, missed, reach, reluctance)
    return radius.view(len(shape), 1, ROWS, 2 * ROWS)


def _globe(like: Tensor) -> Tensor:
    """The directions (ROWS * 2 * ROWS, 3) that `radius_globe` has a value for."""
    line = (torch.arange(ROWS, device=like.device, dtype=like.dtype) + 0.5) * (math.pi / ROWS)
    turn = torch.cat([line - math.pi, line])
    down, across = torch.meshgrid(line, turn, indexing="ij")
    ring = down.sin()
    return torch.stack([ring * across.sin(), -down.cos(), -ring * across.cos()], -1).flatten(0, 1)


def _from_centre(places: Tensor) -> tuple[Tensor, Tensor]:
    """Directions (B, P, 3) in which places lie from the centre, and how far, in radii (B, P)."""
    centre, axes = head_ellipsoid(places)
    off = (places - centre) / axes
    far = off.norm(dim=-1)
    return off / far.clamp_min(1e-6)[..., None], far


def _spread(
    towards: Tensor, landmarks: Tensor, values: Tensor, reach: float, reluctance: float
) -> Tensor:
    """Values (B, N) of landmarks as normalised Gaussians about them give them, (B, P)."""
    weight = torch.exp(-0.5 * (torch.cdist(towards, landmarks) / reach) ** 2)
    return (weight @ values[..., None])[..., 0] / (weight.sum(-1) + reluctance)
