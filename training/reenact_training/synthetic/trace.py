"""Rays from the camera to the head's surface and to the solids beside it.

View coordinates are head units about the head's origin: x right, y down, z away from the viewer. A
point is seen at scale * (x, y) / (1 + perspective * z) + offset, in network coordinates.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate, max_pool2d

from reenact_training.synthetic.motion import Motion
from reenact_training.synthetic.surface import length, to_plane, unit

FAR = 1.0e3
"""The depth of what is not hit."""
_NEAREST, _FARTHEST = -2.3, 1.4
_COARSE_STEPS, _FINE_STEPS = 16, 6
_ON_SURFACE = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Rays:
    """One ray a pixel: origin + z * direction, both (F, 3, H, W)."""

    origin: Tensor
    direction: Tensor

    def at(self, depth: Tensor) -> Tensor:
        """The points (F, 3, H, W) at depths (F, 1, H, W)."""
        return self.origin + self.direction * depth

    def turned(self, rotation: Tensor) -> "Rays":
        """The same rays after a rotation (F, 3, 3)."""
        return Rays(
            torch.einsum("fij,fjhw->fihw", rotation, self.origin),
            torch.einsum("fij,fjhw->fihw", rotation, self.direction),
        )


def network_grid(size: int, device: torch.device | str = "cpu") -> Tensor:
    """Network coordinates of the pixel centres, (2, size, size)."""
    line = (torch.arange(size, device=device, dtype=torch.float32) + 0.5) * (2 / size) - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x, y])


def view_rays(motion: Motion, perspective: Tensor, grid: Tensor) -> Rays:
    """Rays in view coordinates of the pixels `grid` (2, H, W) or (F, 2, H, W)."""
    flat = (grid - motion.offset[:, :, None, None]) / motion.scale[:, None, None, None]
    zero = torch.zeros_like(flat[:, :1])
    slope = flat * perspective[:, None, None, None]
    return Rays(torch.cat([flat, zero], dim=1), torch.cat([slope, zero + 1], dim=1))


def project(motion: Motion, perspective: Tensor, points: Tensor) -> Tensor:
    """Network x, y and view z (F, N, 3) of points (F, N, 3) in head coordinates."""
    return project_view(motion, perspective, points @ motion.rotation.transpose(1, 2))


def project_view(motion: Motion, perspective: Tensor, view: Tensor) -> Tensor:
    """Network x, y and view z (F, N, 3) of points (F, N, 3) in view coordinates."""
    shrink = motion.scale[:, None, None] / (1 + perspective[:, None, None] * view[..., 2:])
    return torch.cat([view[..., :2] * shrink + motion.offset[:, None], view[..., 2:]], dim=-1)


def _height(rays: Rays, depth: Tensor, radius: Tensor) -> Tensor:
    """How far over the surface the rays are at a depth, (F, 1, H, W)."""
    point = rays.at(depth)
    distance = length(point, 1)
    direction = (point / distance).permute(0, 2, 3, 1)
    under = grid_sample(radius, to_plane(direction), padding_mode="border", align_corners=False)
    return distance - under


def _march(rays: Rays, depth: Tensor, radius: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Depths after some steps, and which rays have been seen to enter the surface.

    Steps go by the height over the surface. Where that leads through it, as at the steep sides of
    a nose, the interval between the last place outside and the first inside is halved.
    """
    outside, inside = torch.full_like(depth, _NEAREST), torch.full_like(depth, FAR)
    for _ in range(steps):
        height = _height(rays, depth, radius)
        above = height > 0
        outside = torch.where(above, depth, outside)
        inside = torch.where(above, inside, depth)
        depth = (depth + height * 0.7).clamp(_NEAREST, _FARTHEST)
        through = (depth >= inside) | (depth < outside)
        depth = torch.where(through, (outside + inside.clamp_max(_FARTHEST)) / 2, depth)
    return depth, inside < FAR / 2


def trace_surface(rays: Rays, radius: Tensor) -> Tensor:
    """The depth (F, 1, H, W) at which rays in head coordinates meet the surface; FAR for a miss.

    Args:
        radius: (F, 1, G, G) over directions
    """
    coarse = Rays(_thinned(rays.origin), _thinned(rays.direction))
    start = torch.full_like(coarse.origin[:, :1], _NEAREST)
    depth, _ = _march(coarse, start, radius, _COARSE_STEPS)
    near = -max_pool2d(-depth, 3, 1, 1)
    # Start each fine ray in front of what the rays around it met, so that no edge is run through.
    fine = interpolate(near, size=rays.origin.shape[-2:], mode="nearest")
    own = interpolate(depth, size=rays.origin.shape[-2:], mode="bilinear", align_corners=False)
    fine = torch.where(own - fine > 0.25, fine, own - 0.02)
    fine, entered = _march(rays, fine, radius, _FINE_STEPS)
    off = _height(rays, fine, radius).abs()
    met = (entered | (off < _ON_SURFACE)) & (fine < _FARTHEST - 0.01)
    return torch.where(met, fine, torch.full_like(fine, FAR))


def _thinned(values: Tensor) -> Tensor:
    height, width = values.shape[-2:]
    step = 2 if min(height, width) <= 192 else 4
    size = ((height + step - 1) // step, (width + step - 1) // step)
    return interpolate(values, size=size, mode="bilinear", align_corners=False)


def trace_ellipsoid(rays: Rays, centre: Tensor, half_axes: Tensor) -> tuple[Tensor, Tensor]:
    """Depth (F, 1, H, W), FAR for a miss, and outward normal (F, 3, H, W) of one ellipsoid a frame.

    Args:
        centre, half_axes: (F, 3) in the coordinates of the rays; a half axis of 0 makes nothing
    """
    inverse = (1 / half_axes.clamp_min(1e-4))[..., None, None]
    origin = (rays.origin - centre[..., None, None]) * inverse
    direction = rays.direction * inverse
    a = direction.square().sum(1, keepdim=True)
    b = (origin * direction).sum(1, keepdim=True)
    c = origin.square().sum(1, keepdim=True) - 1
    root = b.square() - a * c
    depth = (-b - root.clamp_min(0).sqrt()) / a
    depth = torch.where(root > 0, depth, torch.full_like(depth, FAR))
    normal = unit((origin + direction * depth.clamp_max(9)) * inverse, 1)
    return depth, normal


def trace_column(
    rays: Rays, top: Tensor, bottom: Tensor, width: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Depth, normal and height along it (0 at `top`, 1 at `bottom`) of a round column that flares.

    Args:
        top, bottom: (F, 3) ends of the axis in the coordinates of the rays
        width: (F,) its radius at the top; at the bottom a third more
    """
    along = bottom - top
    size = along.square().sum(1)[:, None, None, None]
    axis = along[..., None, None]
    origin = rays.origin - top[..., None, None]
    foot, slope = (
        (origin * axis).sum(1, keepdim=True) / size,
        (rays.direction * axis).sum(1, keepdim=True) / size,
    )
    side, turn = origin - foot * axis, rays.direction - slope * axis
    radius = width[:, None, None, None]
    flare = 0.33 * radius
    radius_0, radius_1 = radius + flare * foot, flare * slope
    a = turn.square().sum(1, keepdim=True) - radius_1.square()
    b = (side * turn).sum(1, keepdim=True) - radius_0 * radius_1
    c = side.square().sum(1, keepdim=True) - radius_0.square()
    root = b.square() - a * c
    depth = (-b - root.clamp_min(0).sqrt()) / a.clamp_min(1e-4)
    height = foot + slope * depth
    met = (root > 0) & (height > -0.2) & (height < 1.6)
    depth = torch.where(met, depth, torch.full_like(depth, FAR))
    normal = unit(side + turn * depth.clamp_max(9), 1)
    return depth, normal, height
