"""What lies in the shadow of a head: a picture of depth from where the light comes."""

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, normalize

from reenact_core.head.rasterise import rasterise

SIDE = 112
"""Pixels of the picture of depth."""
REACH = 17.0
"""Centimetres from its middle to its border."""
BIAS, SOFT = 0.25, 0.5
"""Centimetres behind what is nearest to the light: still lit; wholly in the shadow."""
DIRECTIONS = 48
"""Of the sky, for the share of it that a place sees."""


def light_axes(direction: Tensor) -> Tensor:
    """Rotations (N, 3, 3) into the view of lights that lie in unit directions (N, 3)."""
    up = torch.zeros_like(direction)
    up[:, 1] = 1.0
    up = torch.where(direction[:, 1:2].abs() > 0.95, up.roll(1, 1), up)
    right = normalize(torch.linalg.cross(up, direction), dim=1)
    return torch.stack([right, torch.linalg.cross(direction, right), -direction], 1)


def lit(vertices: Tensor, triangles: Tensor, direction: Tensor, places: Tensor) -> Tensor:
    """How far places (N, P, 3) are lit, (N, P) from 0 to 1, soft at the borders of shadows.

    Args:
        vertices: (N, V, 3), what casts shadows
        direction: (N, 3) unit vectors towards the light
    """
    axes, middle = light_axes(direction), vertices.mean(1, keepdim=True)
    seen = (vertices - middle) @ axes.mT
    pixels = torch.cat([(seen[..., :2] / REACH + 1) * (SIDE / 2), seen[..., 2:]], -1)
    depth = rasterise(pixels, triangles, (SIDE, SIDE)).depth.clamp(max=1e3)
    at = (places - middle) @ axes.mT
    total = torch.zeros_like(at[..., 0])
    for x, y in ((-0.6, -0.6), (0.6, -0.6), (-0.6, 0.6), (0.6, 0.6)):
        moved = at[..., :2] / REACH + at.new_tensor([x, y]) * (2 / SIDE)
        nearest = grid_sample(
            depth[:, None], moved[:, None], mode="nearest", padding_mode="border",
            align_corners=False,
        )[:, 0, 0]  # fmt: skip
        total += 1 - ((at[..., 2] - nearest - BIAS) / SOFT).clamp(0, 1)
    return total / 4


def share_of_sky(vertices: Tensor, triangles: Tensor, normals: Tensor) -> Tensor:
    """The share of the light from all around that reaches vertices (V, 3), (V,) from 0 to 1."""
    index = torch.arange(DIRECTIONS) + 0.5
    height, turn = 1 - 2 * index / DIRECTIONS, index * 2.399963
    flat = (1 - height.square()).sqrt()
    sky = torch.stack([flat * turn.cos(), height, flat * turn.sin()], 1).to(vertices)
    got, whole = torch.zeros_like(vertices[:, 0]), torch.zeros_like(vertices[:, 0])
    for direction in sky:
        facing = (normals @ direction).clamp(min=0)
        seen = lit(vertices[None], triangles, direction[None], (vertices + normals * 0.05)[None])[0]
        got, whole = got + facing * seen, whole + facing
    return got / whole.clamp_min(1e-6)
