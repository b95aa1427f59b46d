"""What a face can do: how an expression moves the surface, and the inverse of that movement.

A material point is first moved by the **slit** (the mouth opens, the jaw falls; closed form, with a
jump between the lips), then by smooth fields (smile, pucker, brows), then by the layout of the
identity. All of it happens in material coordinates; see `surface.py`.
"""

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from reenact_core.models.face_points import EXPRESSIONS
from reenact_training.synthetic.surface import plane_grid

MOUTH_HALF_WIDTH = 0.119
MOUTH_HEIGHT = 0.314
MOUTH_CURVE = 2.2
"""The line between the lips: y = height + curve * x², up to a little beyond the corners."""

JAW_REACH = 0.085
UPPER_DEPTH = 0.055
LOWER_DEPTH = 0.14
NECK_DEPTH = 0.36
EYE_CENTRE = (0.183, 0.006)
EYE_HALF_WIDTH = 0.086

Bump = tuple[float, float, float, float, float, float]
"""Centre x, y; movement x, y; spread x, y. Mirrored where the centre is off the middle."""

FIELDS: dict[str, tuple[Bump, ...]] = {
    "smile": ((0.119, 0.345, 0.026, -0.024, 0.075, 0.06), (0.22, 0.22, 0.004, -0.014, 0.08, 0.08)),
    "pucker": ((0.119, 0.345, -0.040, -0.004, 0.07, 0.07),),
    "brow_raise_left": ((-0.19, -0.15, 0.0, -0.030, 0.13, 0.085),),
    "brow_raise_right": ((0.19, -0.15, 0.0, -0.030, 0.13, 0.085),),
    "brow_frown": ((0.08, -0.11, -0.016, 0.012, 0.07, 0.06),),
    "upper_lip_raise": ((0.09, 0.24, 0.004, -0.012, 0.07, 0.05),),
}
_ONE_SIDED = ("brow_raise_left", "brow_raise_right")


def bump_field(bumps: tuple[Bump, ...], size: int, *, mirrored: bool = True) -> Tensor:
    """The displacement (2, size, size) of some Gaussian bumps."""
    grid = plane_grid(size)
    field = torch.zeros(2, size, size)
    for x, y, move_x, move_y, spread_x, spread_y in bumps:
        for side in (1.0, -1.0) if mirrored and x != 0 else (1.0,):
            near = torch.exp(
                -(((grid[..., 0] - side * x) / spread_x) ** 2)
                - ((grid[..., 1] - y) / spread_y) ** 2
            )
            field += torch.tensor([side * move_x, move_y]).view(2, 1, 1) * near
    return field


@functools.cache
def expression_fields(size: int) -> Tensor:
    """The smooth displacement (12, 2, size, size) at the full extent of every expression value."""
    fields = torch.zeros(len(EXPRESSIONS), 2, size, size)
    for name, bumps in FIELDS.items():
        fields[EXPRESSIONS.index(name)] = bump_field(bumps, size, mirrored=name not in _ONE_SIDED)
    return fields


def mouth_line(x: Tensor) -> Tensor:
    """The height of the line between the lips at a material x."""
    return MOUTH_HEIGHT + MOUTH_CURVE * x.square().clamp_max((1.15 * MOUTH_HALF_WIDTH) ** 2)


@dataclass(frozen=True, slots=True, eq=False)
class Slit:
    """How far lips and jaw are apart at every x, in material units."""

    upper: Tensor
    """How much the upper lip's edge is raised."""
    lower: Tensor
    """How much the lower lip's edge is lowered."""
    jaw: Tensor
    """How much the chin below is lowered."""


def slit(expression: Tensor, x: Tensor) -> Slit:
    """The opening at material x (F, ...) under expressions (F, 12)."""
    shape = (-1,) + (1,) * (x.dim() - 1)
    jaw, lift, press = (expression[:, i].reshape(shape) for i in (0, 3, 4))
    inside = (1 - (x / MOUTH_HALF_WIDTH).square()).clamp_min(0)
    bump = inside.clamp_min(1e-6).pow(0.75) * (inside > 0)
    fall = JAW_REACH * jaw.clamp_min(0)
    upper = (0.016 * lift.clamp_min(0) + 0.010 * jaw.clamp_min(0)) * bump
    lower = (fall + 0.008 * lift.clamp_min(0)) * bump * (1 - 0.3 * press.clamp(0, 1))
    return Slit(upper, lower, fall * torch.exp(-((x / 0.42) ** 4)))


def open_mouth(expression: Tensor, material: Tensor, *, below: Tensor | None = None) -> Tensor:
    """Material points (F, ..., 2) where the opened mouth puts them.

    Args:
        below: which points count as under the line between the lips, (F, ...) bool; by position
            where it is None. Inner lip points lie on the line, so they need it.
    """
    x, y = material.unbind(-1)
    gap, line = slit(expression, x), mouth_line(x)
    under = y > line if below is None else below
    depth = (y - line).abs()
    raised = y - gap.upper * (1 - depth / UPPER_DEPTH).clamp_min(0)
    near = gap.lower + (gap.jaw - gap.lower) * depth / LOWER_DEPTH
    far = gap.jaw * (1 - (depth - LOWER_DEPTH) / NECK_DEPTH).clamp_min(0)
    lowered = y + torch.where(depth < LOWER_DEPTH, near, far)
    return torch.stack([x, torch.where(under, lowered, raised)], dim=-1)


def close_mouth(expression: Tensor, moved: Tensor) -> tuple[Tensor, Tensor]:
    """The inverse of `open_mouth`, and how deep in the opening a point is.

    Convention:
        moved: (F, ..., 2)
        result: material (F, ..., 2), where points between the lips lie on the line; place between
            the lips (F, ...), 0 at the upper and 1 at the lower, -1 outside the mouth
    """
    x, y = moved.unbind(-1)
    gap, line = slit(expression, x), mouth_line(x)
    top, bottom = line - gap.upper, line + gap.lower
    over = top - y
    raised = line - torch.where(
        over < UPPER_DEPTH - gap.upper, over / (1 - gap.upper / UPPER_DEPTH), over + gap.upper
    )
    under = y - bottom
    near = under / (1 + (gap.jaw - gap.lower) / LOWER_DEPTH)
    deep = y - line - gap.jaw - LOWER_DEPTH
    far = LOWER_DEPTH + deep / (1 - gap.jaw / NECK_DEPTH)
    far = torch.where(far > LOWER_DEPTH + NECK_DEPTH, y - line, far)
    lowered = line + torch.where(near < LOWER_DEPTH, near, far)
    between = (y > top) & (y < bottom)
    height = torch.where(between, line, torch.where(y <= top, raised, lowered))
    place = torch.where(between, (y - top) / (bottom - top).clamp_min(1e-5), -torch.ones_like(y))
    return torch.stack([x, height], dim=-1), place


def eye_coordinates(material: Tensor) -> tuple[Tensor, Tensor]:
    """Position in the nearer eye: -1 at the outer and 1 at the inner corner; and height, down.

    Both in half widths of the eye, (F, ...), of material points (F, ..., 2).
    """
    x = (EYE_CENTRE[0] - material[..., 0].abs()) / EYE_HALF_WIDTH
    return x, (material[..., 1] - EYE_CENTRE[1]) / EYE_HALF_WIDTH


def lid_edges(eye: Tensor, blink: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """Heights of the upper and the lower lid's edge in eye coordinates.

    Args:
        eye: (..., 3) height of the upper and the lower edge, tilt, broadcast against x
        blink: 0 open, 1 closed
    """
    upper_height, lower_height, tilt = eye.unbind(-1)
    arch = (1 - x.square()).clamp_min(1e-6)
    axis = tilt * x
    open_edge = axis - upper_height * arch.pow(0.7) * (1 + 0.12 * x)
    lower = axis + lower_height * arch.pow(0.85) * (1 - 0.12 * x)
    upper = open_edge + (axis + (lower - axis) * 0.8 - open_edge) * blink.clamp_max(1.0)
    return upper, lower
