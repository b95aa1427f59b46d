"""A chart of the head: pixels of a picture to places on an ellipsoid that turns with the head.

Motion that was measured on one face can be carried to another only through places that both have.
The chart gives every pixel such a place (head coordinates), for any pose, and leads back.

Convention:
    points in pictures: (..., 2), (x, y) in [-1, 1] over the crop, align_corners=False
    head coordinates: (..., 3), x to the image's right, y down, z away from the viewer for a head
        that looks straight at the camera; the unit is half the width of the head
    pose: point = scale * (rotation @ head)[:2] + offset (weak perspective)
"""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

CENTRE = (0.0, 0.25, -0.25)
"""Centre of the ellipsoid in head coordinates."""
SEMI_AXES = (1.05, 1.5, 1.3)
"""Half width, half height and half depth of the ellipsoid."""


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """Where a head is in a picture, and how it is turned.

    Convention:
        rotation: (B, 3, 3), head to camera
        scale: (B,), [-1, 1] units a head unit
        offset: (B, 2), the head's origin in the picture
    """

    rotation: Tensor
    scale: Tensor
    offset: Tensor

    def __post_init__(self) -> None:
        batch = self.rotation.shape[0]
        if self.rotation.shape != (batch, 3, 3):
            raise ValueError(f"rotation must be (B, 3, 3), got {tuple(self.rotation.shape)}")
        if self.scale.shape != (batch,) or self.offset.shape != (batch, 2):
            raise ValueError(
                f"scale must be ({batch},) and offset ({batch}, 2), "
                f"got {tuple(self.scale.shape)} and {tuple(self.offset.shape)}"
            )

    def __len__(self) -> int:
        return int(self.rotation.shape[0])

    def __getitem__(self, index: slice) -> Self:
        return type(self)(self.rotation[index], self.scale[index], self.offset[index])

    def to(self, device: str) -> "Pose":
        """The same poses on another device."""
        return Pose(self.rotation.to(device), self.scale.to(device), self.offset.to(device))

    @classmethod
    def stack(cls, poses: "list[Pose]") -> "Pose":
        """Several batches of poses as one."""
        return Pose(
            torch.cat([pose.rotation for pose in poses]),
            torch.cat([pose.scale for pose in poses]),
            torch.cat([pose.offset for pose in poses]),
        )


def pixel_grid(size: int, like: Tensor) -> Tensor:
    """The centres of all pixels of a square picture, (size, size, 2) in [-1, 1]."""
    line = (torch.arange(size, device=like.device, dtype=like.dtype) + 0.5) * (2 / size) - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x, y], -1)


def project(head: Tensor, pose: Pose) -> Tensor:
    """Head coordinates (B, ..., 3) to picture points (B, ..., 2)."""
    batch, flat = head.shape[0], head.flatten(1, -2)
    turned = flat @ pose.rotation[:, :2].mT
    points = turned * pose.scale[:, None, None] + pose.offset[:, None]
    return points.view(batch, *head.shape[1:-1], 2)


def unproject(
    points: Tensor, pose: Pose, radius: Tensor | None = None, outline: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Picture points (B, ..., 2) to head coordinates (B, ..., 3), and whether they are inside.

    Points on the head are put on the ellipsoid's front. Beside it the chart goes on along the
    plane of its outline, so that it is continuous and `project` undoes it everywhere.
    The second value (B, ...) is 1 in the middle of the head, 0 on its outline, negative beside it:
    one minus the squared distance in units of the outline.

    Convention:
        radius: (B, ...), by how much the ellipsoid is swollen where each point sees it; None:
            nowhere
        outline: (B, ...), by how much it is where each point passes its middle
    """
    batch, flat = points.shape[0], points.flatten(1, -2)
    front = 1.0 if radius is None else radius.flatten(1) ** 2
    side = 1.0 if outline is None else outline.flatten(1) ** 2
    seen = (flat - pose.offset[:, None]) / pose.scale[:, None, None]
    centre, axes = head_ellipsoid(points)
    shape = pose.rotation @ torch.diag(axes**-2) @ pose.rotation.mT
    middle = pose.rotation @ centre
    x, y = (seen - middle[:, None, :2]).unbind(-1)
    s = shape[:, :, :, None]
    # (x, y, z) on the ellipsoid: a z² + 2 b z + c = front, the smaller z is the front.
    a = s[:, 2, 2]
    b = s[:, 0, 2] * x + s[:, 1, 2] * y
    c = s[:, 0, 0] * x * x + 2 * s[:, 0, 1] * x * y + s[:, 1, 1] * y * y
    beside = c - b * b / a
    z = (-b - (a * (front - beside)).clamp(min=0).sqrt()) / a
    camera = torch.cat([seen, (z + middle[:, 2:3])[..., None]], -1)
    head = camera @ pose.rotation
    view = points.shape[1:-1]
    return head.view(batch, *view, 3), (1 - beside / side).view(batch, *view)


def facing(head: Tensor, pose: Pose) -> Tensor:
    """How far the surface at head coordinates (B, ..., 3) faces the viewer, 1 to -1."""
    centre, axes = head_ellipsoid(head)
    normal = torch.nn.functional.normalize((head - centre) / axes**2, dim=-1)
    towards = normal.flatten(1, -2) @ pose.rotation[:, 2, :, None]
    return -towards.view(head.shape[:-1])


def head_ellipsoid(like: Tensor) -> tuple[Tensor, Tensor]:
    """Centre and semi-axes of the chart's ellipsoid, (3,) each."""
    return like.new_tensor(CENTRE), like.new_tensor(SEMI_AXES)


def to_head(points: Tensor, pose: Pose) -> Tensor:
    """Points with depth (B, N, 3) in picture units to head coordinates (B, N, 3)."""
    flat = torch.cat([points[..., :2] - pose.offset[:, None], points[..., 2:]], -1)
    return (flat / pose.scale[:, None, None]) @ pose.rotation
