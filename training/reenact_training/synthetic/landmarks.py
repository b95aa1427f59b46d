"""Where the 79 points lie on the material, by identity and expression."""

import functools

import numpy as np
import torch
from torch import Tensor

from reenact_training.synthetic.expression import (
    EYE_CENTRE,
    EYE_HALF_WIDTH,
    MOUTH_HALF_WIDTH,
    lid_edges,
    mouth_line,
    open_mouth,
)
from reenact_training.synthetic.surface import point_to_plane

_JAW = (
    (-0.99, 0.05, -0.33), (-0.98, 0.33, -0.33), (-0.94, 0.62, -0.33), (-0.87, 0.88, -0.36),
    (-0.76, 1.13, -0.48), (-0.62, 1.34, -0.68), (-0.45, 1.50, -0.90), (-0.24, 1.61, -1.12),
    (0.00, 1.65, -1.20),
)  # fmt: skip
_BROW = (
    (-0.80, -0.20, -0.98), (-0.68, -0.34, -1.10), (-0.52, -0.38, -1.22), (-0.35, -0.34, -1.31),
    (-0.19, -0.26, -1.37),
)  # fmt: skip
_NOSE = (
    (0.0, -0.05, -1.31), (0.0, 0.17, -1.42), (0.0, 0.40, -1.56), (0.0, 0.62, -1.70),
    (-0.23, 0.73, -1.37), (-0.12, 0.78, -1.45), (0.0, 0.80, -1.45), (0.12, 0.78, -1.45),
    (0.23, 0.73, -1.37),
)  # fmt: skip
_OUTER_LIP_X = (-1.0, -0.62, -0.22, 0.0, 0.22, 0.62, 1.0, 0.62, 0.26, 0.0, -0.26, -0.62)
_INNER_LIP_X = (-0.9, -0.4, 0.0, 0.4, 0.9, 0.4, 0.0, -0.4)
_LID_X = (-0.38, 0.35)
"""Where the two points on every lid lie, from outer to inner."""


@functools.cache
def still_points() -> Tensor:
    """Material coordinates (79, 2) of the points that expressions do not redraw; else NaN."""
    mirror = np.array([-1.0, 1.0, 1.0])
    jaw, brow = np.array(_JAW), np.array(_BROW)
    material = np.full((79, 2), np.nan)
    material[:17] = point_to_plane(np.concatenate([jaw, jaw[-2::-1] * mirror]))
    material[17:27] = point_to_plane(np.concatenate([brow, brow[::-1] * mirror]))
    material[27:36] = point_to_plane(np.array(_NOSE))
    angle = np.radians(np.linspace(-80, 80, 9))
    reach = 0.41 + 0.09 * (angle / angle[-1]) ** 2
    material[68:77] = np.stack([np.sin(angle) * reach, -np.cos(angle) * reach], axis=1)
    return torch.from_numpy(material).float()


def lip_edges(lips: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """How far the red of the upper and the lower lip reaches from the line between them.

    Args:
        lips: (..., 2) thickness of the upper and the lower lip, broadcast against `share`
        share: place across the mouth, -1 and 1 at the corners
    """
    inside = (1 - share.square()).clamp_min(0)
    bow = 1 - 0.16 * torch.exp(-((share / 0.15) ** 2))
    upper = lips[..., 0] * (1 - share.abs().clamp_max(1).pow(1.8)) * bow
    return upper, lips[..., 1] * inside.clamp_min(1e-6).pow(0.65) * (inside > 0)


def slit_points(eye: Tensor, lips: Tensor, expression: Tensor) -> Tensor:
    """The 79 points (F, 79, 2), after the mouth has been opened but before any smooth movement.

    Args:
        eye: (F, 3), lips: (F, 2), of the identity of every frame
        expression: (F, 12)
    """
    count, device = len(expression), expression.device
    points = still_points().to(device).expand(count, -1, -1).clone()
    points[:, 36:48] = _eye_points(eye, expression)
    points[:, 77:79] = pupil_points(expression)
    points[:, 48:68] = _mouth_points(lips)
    below = torch.zeros(79, dtype=torch.bool, device=device)
    below[55:60] = below[65:68] = True
    material = points[..., 1] > mouth_line(points[..., 0])
    inner_or_lip = torch.zeros_like(below)
    inner_or_lip[48:68] = True
    return open_mouth(expression, points, below=torch.where(inner_or_lip, below, material))


def _eye_points(eye: Tensor, expression: Tensor) -> Tensor:
    """Points 36 to 47, (F, 12, 2)."""
    x = torch.tensor([-1.0, *_LID_X, 1.0, _LID_X[1], _LID_X[0]], device=eye.device)
    sides = []
    for side, index in ((-1.0, 8), (1.0, 9)):
        upper, lower = lid_edges(eye[:, None], expression[:, index, None], x[None])
        corner = eye[:, 2:3] * x[None]
        height = torch.stack(
            [corner[:, 0], upper[:, 1], upper[:, 2], corner[:, 3], lower[:, 4], lower[:, 5]], dim=1
        )
        plane_x = side * (EYE_CENTRE[0] - EYE_HALF_WIDTH * x).expand_as(height)
        sides.append(torch.stack([plane_x, EYE_CENTRE[1] + EYE_HALF_WIDTH * height], dim=-1))
    # The other eye starts at its inner corner: the order runs from image left to image right.
    return torch.cat([sides[0], sides[1][:, [3, 2, 1, 0, 5, 4]]], dim=1)


def pupil_points(expression: Tensor) -> Tensor:
    """Material coordinates (F, 2, 2) of the pupils, image left first."""
    moved = expression[:, 10:12] * EYE_HALF_WIDTH
    shift = moved * torch.tensor([0.42, 0.25], device=moved.device)
    centres = torch.tensor([[-1.0, 1.0], [1.0, 1.0]], device=moved.device)
    rest = torch.tensor([EYE_CENTRE[0], EYE_CENTRE[1] - 0.05 * EYE_HALF_WIDTH], device=moved.device)
    return centres * rest + shift[:, None]


def _mouth_points(lips: Tensor) -> Tensor:
    """Points 48 to 67 of a closed mouth, (F, 20, 2)."""
    share = torch.tensor([*_OUTER_LIP_X, *_INNER_LIP_X], device=lips.device)
    x = share * MOUTH_HALF_WIDTH
    upper, lower = lip_edges(lips[:, None], share[None])
    offset = torch.zeros_like(upper)
    offset[:, :7], offset[:, 7:12] = -upper[:, :7], lower[:, 7:12]
    height = mouth_line(x)[None] + offset
    return torch.stack([x.expand_as(height), height], dim=-1)
