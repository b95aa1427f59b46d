"""A head's surface under an expression: the map from material to space, and its inverse."""

from dataclasses import dataclass

import torch
from torch import Tensor

from reenact_training.synthetic.expression import close_mouth, expression_fields, open_mouth
from reenact_training.synthetic.heads import Identity, average_identity
from reenact_training.synthetic.landmarks import slit_points
from reenact_training.synthetic.surface import (
    length,
    plane_grid,
    sample_map,
    to_direction,
    to_plane,
    unit,
)

_INVERSE_STEPS = 6
_MOUTH_DEPTH = 0.16


@dataclass(frozen=True, slots=True, eq=False)
class Posed:
    """The surfaces of F frames. Directions are written as material coordinates are."""

    forward: Tensor
    """(F, 3, G, G) of a slit-opened material point: its shift in the disc, its radius' stretch."""
    fields: Tensor
    """(F, 7, G, G) of a direction: radius, slit-opened material point (2), normal (3), ambience."""


def pose_surface(identity: Identity, expression: Tensor) -> Posed:
    """The surface of every frame.

    Args:
        identity: F people, one a frame
        expression: (F, 12)
    """
    size = identity.layout.shape[-1]
    grid = plane_grid(size, expression.device)
    smooth = expression_fields(size).to(expression.device)
    moved = identity.layout + torch.einsum("fe,echw->fchw", expression, smooth)
    place = grid + moved.permute(0, 2, 3, 1)
    stretched = to_direction(place) * identity.axes[:, None, None]
    reach = length(stretched, -1)
    landed = to_plane(stretched / reach)
    forward = torch.cat([landed - grid, reach], dim=-1).permute(0, 3, 1, 2)
    opened = grid.expand(len(expression), -1, -1, -1)
    for _ in range(_INVERSE_STEPS):
        opened = grid - sample_map(forward[:, :2], opened).permute(0, 2, 3, 1)
    material, between = close_mouth(expression, opened)
    radius = sample_map(forward[:, 2:], opened) * sample_map(identity.radius, material)
    radius = radius - (_MOUTH_DEPTH * _hollow_profile(between))[:, None]
    light = sample_map(identity.hollow, material)
    normal = surface_normals(radius[:, 0], grid)
    fields = torch.cat([radius, opened.permute(0, 3, 1, 2), normal, light], dim=1)
    return Posed(forward, fields)


def _hollow_profile(between: Tensor) -> Tensor:
    """How deep the mouth is, 0 at the lips and 1 inside."""
    inside = (4 * between * (1 - between)).clamp_min(0)
    return inside.sqrt() * (between >= 0)


def surface_normals(radius: Tensor, grid: Tensor) -> Tensor:
    """Outward unit normals (F, 3, G, G), head coordinates, of radius maps (F, G, G)."""
    point = (to_direction(grid) * radius[..., None]).permute(0, 3, 1, 2)
    across = torch.zeros_like(point)
    down = torch.zeros_like(point)
    across[..., 1:-1] = point[..., 2:] - point[..., :-2]
    down[..., 1:-1, :] = point[..., 2:, :] - point[..., :-2, :]
    normal = torch.linalg.cross(down, across, dim=1)
    outward = (normal * point).sum(1, keepdim=True).sign()
    return unit(normal * outward, 1)


def opened_to_space(identity: Identity, posed: Posed, opened: Tensor, material: Tensor) -> Tensor:
    """Points (F, N, 3) in head coordinates of slit-opened material points (F, N, 2).

    Args:
        material: the same points before the mouth was opened; they give the radius
    """
    moved = sample_map(posed.forward, opened)
    shift, stretch = moved[:, :2], moved[:, 2:]
    direction = to_direction(opened + shift.permute(0, 2, 1))
    radius = stretch * sample_map(identity.radius, material)
    return direction * radius.permute(0, 2, 1)


def material_to_space(
    identity: Identity, posed: Posed, expression: Tensor, material: Tensor
) -> Tensor:
    """Points (F, N, 3) in head coordinates of material points (F, N, 2)."""
    return opened_to_space(identity, posed, open_mouth(expression, material), material)


def landmarks_in_space(identity: Identity, posed: Posed, expression: Tensor) -> Tensor:
    """The 79 points (F, 79, 3) in head coordinates."""
    opened = slit_points(identity.eye, identity.lips[:, :2], expression)
    material, _ = close_mouth(expression, opened)
    return opened_to_space(identity, posed, opened, material)


def mean_head() -> Tensor:
    """The points (79, 3) of the average head at rest, head coordinates of the face points."""
    person, still = average_identity(), torch.zeros(1, 12)
    return landmarks_in_space(person, pose_surface(person, still), still)[0]
