"""Where a head is in a picture, and how it is turned.

Convention:
    points in pictures: (..., 2), (x, y) in [-1, 1] over the crop, align_corners=False
    head coordinates: (..., 3), x to the image's right, y down, z away from the viewer for a head
        that looks straight at the camera
    pose: point = scale * (rotation @ head)[:2] + offset (weak perspective)
"""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """Where a head is in a picture, and how it is turned.

    Convention:
        rotation: (B, 3, 3), head to camera
        scale: (B,), [-1, 1] units a unit of head coordinates
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

    def __getitem__(self, index: slice | Tensor) -> Self:
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


def project(head: Tensor, pose: Pose) -> Tensor:
    """Head coordinates (B, ..., 3) to picture points (B, ..., 2)."""
    batch, flat = head.shape[0], head.flatten(1, -2)
    turned = flat @ pose.rotation[:, :2].mT
    points = turned * pose.scale[:, None, None] + pose.offset[:, None]
    return points.view(batch, *head.shape[1:-1], 2)


def to_head(points: Tensor, pose: Pose) -> Tensor:
    """Points with depth (B, N, 3) in picture units to head coordinates (B, N, 3)."""
    flat = torch.cat([points[..., :2] - pose.offset[:, None], points[..., 2:]], -1)
    return (flat / pose.scale[:, None, None]) @ pose.rotation
