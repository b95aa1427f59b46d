"""The average head as a star-shaped surface, and the coordinates that lie on it.

Every direction from the head's origin has one point of the surface. A direction is written as a
point of the unit disc, by Lambert's equal-area projection about the direction of the face: the
tip of the nose is near (0, 0.15), the ears near (±0.7, 0), the back of the head is the rim. These
**material coordinates** carry texture, landmarks and expression.
"""

import functools

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import grid_sample

Floats = NDArray[np.float64]

MIDLINE: tuple[tuple[float, float], ...] = (
    (-1.62, 0.15), (-1.52, -0.45), (-1.15, -1.02), (-0.80, -1.25), (-0.50, -1.35), (-0.30, -1.38),
    (-0.05, -1.31), (0.27, -1.47), (0.50, -1.63), (0.62, -1.70), (0.70, -1.64), (0.79, -1.45),
    (0.90, -1.45), (0.98, -1.48), (1.07, -1.45), (1.17, -1.45), (1.30, -1.36), (1.48, -1.37),
    (1.62, -1.24), (1.66, -1.05), (1.62, -0.70), (1.50, -0.20), (1.40, 0.40), (0.90, 1.00),
    (0.35, 1.33), (0.0, 1.40), (-0.4, 1.40), (-0.85, 1.22), (-1.2, 0.92), (-1.5, 0.55),
)  # fmt: skip
"""(y, z) of the profile, head coordinates, from the crown over the face to the back."""

FLANK: tuple[tuple[float, float, float], ...] = (
    (0.45, -0.80, -1.16), (0.80, -0.70, -0.86), (0.97, -0.33, -0.66), (1.06, -0.5, -0.2),
    (1.09, -0.35, 0.4), (0.93, -1.05, 0.0), (0.68, -1.35, 0.2), (0.50, -1.35, -0.45),
    (0.85, -0.4, 1.0), (0.70, -1.05, 0.75), (0.50, 0.4, 1.2), (0.25, -0.33, -1.37),
    (0.50, -0.33, -1.25), (0.80, -0.22, -0.98), (0.12, 0.02, -1.24), (0.23, 0.02, -1.15),
    (0.64, 0.00, -1.02), (0.44, -0.10, -1.15), (0.44, 0.10, -1.15), (0.44, 0.0, -1.17),
    (0.42, 0.24, -1.17), (0.70, 0.12, -0.99),
    (0.14, 0.27, -1.30), (0.15, 0.47, -1.38), (0.12, 0.64, -1.58), (0.25, 0.67, -1.36),
    (0.12, 0.74, -1.48), (0.31, 0.70, -1.22),
    (0.70, 0.35, -1.05), (0.96, 0.22, -0.60), (0.48, 0.55, -1.19), (0.78, 0.68, -0.80),
    (0.90, 0.55, -0.35), (0.37, 1.06, -1.23), (0.56, 1.00, -1.05), (0.19, 0.96, -1.42),
    (0.19, 1.17, -1.38), (0.20, 1.06, -1.38), (0.79, 1.00, -0.27), (0.62, 1.33, -0.68),
    (0.34, 1.58, -1.08), (0.40, 1.38, -1.10), (0.70, 1.10, -0.70), (1.00, 0.12, -0.05),
    (0.98, 0.35, 0.40), (0.80, 0.75, 0.45), (0.38, 1.58, -0.55), (0.55, 1.30, 0.10),
    (0.42, 1.05, 0.85),
)  # fmt: skip
"""(x, y, z) of the side that is to the image's right; the other is its mirror image."""

_SOFTNESS = 0.10
"""The radius, in chords of the unit sphere, below which control points blend."""


def length(vectors: Tensor, dim: int) -> Tensor:
    """Lengths of vectors along a dimension, which is kept.

    Far faster than `Tensor.norm`, which is slow along a dimension of 3 that is not the last.
    """
    first, *others = vectors.unbind(dim)
    total = first.square()
    for other in others:
        total = torch.addcmul(total, other, other)
    return total.clamp_min(1e-12).sqrt().unsqueeze(dim)


def unit(vectors: Tensor, dim: int) -> Tensor:
    """The vectors scaled to length 1."""
    return vectors / length(vectors, dim)


def to_plane(direction: Tensor) -> Tensor:
    """Material coordinates (..., 2) of unit directions (..., 3)."""
    return direction[..., :2] * torch.rsqrt((2 - 2 * direction[..., 2:]).clamp_min(1e-6))


def to_direction(plane: Tensor) -> Tensor:
    """Unit directions (..., 3) of material coordinates (..., 2)."""
    square = plane.square().sum(-1, keepdim=True).clamp_max(1.0)
    return torch.cat([2 * plane * (1 - square).sqrt(), 2 * square - 1], dim=-1)


def point_to_plane(points: Floats) -> Floats:
    """Material coordinates (..., 2) of points in head coordinates (..., 3)."""
    direction = torch.from_numpy(points / np.linalg.norm(points, axis=-1, keepdims=True))
    return to_plane(direction).numpy()


def control_points() -> Floats:
    """All the points that the average head passes through, (N, 3)."""
    middle = np.array([(0.0, y, z) for y, z in MIDLINE])
    flank = np.array(FLANK)
    return np.concatenate([middle, flank, flank * np.array([-1.0, 1.0, 1.0])])


def plane_grid(size: int, device: torch.device | str = "cpu") -> Tensor:
    """Material coordinates of the samples of a map over the disc, (size, size, 2)."""
    line = (torch.arange(size, device=device, dtype=torch.float32) + 0.5) * (2 / size) - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x, y], dim=-1)


def sample_map(maps: Tensor, plane: Tensor) -> Tensor:
    """Maps (F, C, G, G) at material coordinates (F, ..., 2), to (F, C, ...)."""
    flat = plane.reshape(plane.shape[0], 1, -1, 2)
    values = grid_sample(maps, flat, mode="bilinear", padding_mode="border", align_corners=False)
    return values.reshape(plane.shape[0], maps.shape[1], *plane.shape[1:-1])


@functools.cache
def _radius_weights() -> tuple[Floats, Floats, float]:
    """Unit directions of the control points, and the weights and level of the interpolation."""
    points = control_points()
    radius = np.linalg.norm(points, axis=1)
    direction = points / radius[:, None]
    level = float(radius.mean())
    weights = np.linalg.solve(_kernel(direction, direction), radius - level)
    return direction, weights, level


def _kernel(left: Floats, right: Floats) -> Floats:
    chord = np.maximum(2 - 2 * left @ right.T, 0)
    return np.sqrt(chord + _SOFTNESS**2)


def average_radius(direction: Floats) -> Floats:
    """The radius (N,) of the average head in unit directions (N, 3)."""
    centres, weights, level = _radius_weights()
    return np.asarray(_kernel(direction, centres) @ weights + level)


@functools.cache
def radius_map(size: int) -> Tensor:
    """The radius of the average head over the disc, (size, size) float32."""
    direction = to_direction(plane_grid(size)).reshape(-1, 3).double().numpy()
    return torch.from_numpy(average_radius(direction)).float().reshape(size, size)
