"""Known random warps, under which keypoints must follow their picture (FOMM, section 3.4)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from reenact_core.models.dense_motion import inverse
from reenact_core.models.keypoint_detector import Keypoints
from reenact_core.models.layers import coordinate_grid
from reenact_training.losses import equivariance_of_jacobians, equivariance_of_points

AFFINE_SPREAD = 0.05
"""Standard deviation of the affine part's entries about the identity."""
BEND_SPREAD = 0.005
"""Standard deviation of the thin-plate splines' weights."""
CONTROL_SIDE = 5
"""Control points of the splines along each axis."""
SMALLEST = 1e-6
"""Keeps the logarithm of a distance finite."""


@dataclass(frozen=True, slots=True, eq=False)
class RandomWarp:
    """T: an affine map with thin-plate splines on top, one an image, in network coordinates.

    T(z) = A z + b + Σ_j w_j U(|z - c_j|^2), U(r) = r log(r + ε).
    """

    affine: Tensor
    """(B, 2, 3)."""
    weights: Tensor
    """(B, J, 2)."""

    @staticmethod
    def draw(
        count: int,
        *,
        device: torch.device | None = None,
        generator: torch.Generator | None = None,
    ) -> "RandomWarp":
        """Warps for `count` images; the generator is on that device."""
        noise = torch.randn(count, 2, 3, device=device, generator=generator)
        weights = torch.randn(count, CONTROL_SIDE**2, 2, device=device, generator=generator)
        identity = torch.eye(2, 3, device=device)
        return RandomWarp(identity + AFFINE_SPREAD * noise, BEND_SPREAD * weights)

    def points(self, points: Tensor) -> Tensor:
        """T of points (B, N, 2)."""
        distance = self._from_controls(points).square().sum(dim=-1)
        bend = (distance * (distance + SMALLEST).log()) @ self.weights
        return points @ self.affine[:, :, :2].mT + self.affine[:, None, :, 2] + bend

    def jacobians(self, points: Tensor) -> Tensor:
        """∂T/∂z at points (B, N, 2): (B, N, 2, 2), rows are T's components."""
        offset = self._from_controls(points)
        distance = offset.square().sum(dim=-1)
        slope = (distance + SMALLEST).log() + distance / (distance + SMALLEST)  # dU/dr
        gradient = 2 * slope[..., None] * offset  # (B, N, J, 2)
        bend = torch.einsum("bja,bnjc->bnac", self.weights, gradient)
        return self.affine[:, None, :, :2] + bend

    def frames(self, frames: Tensor) -> Tensor:
        """Frames (B, C, H, W) seen through T: result(z) = frames(T(z)), mirrored at the edges."""
        height, width = frames.shape[2:]
        grid = coordinate_grid(height, width, frames.device).flatten(0, 1)
        places = self.points(grid.expand(len(frames), -1, -1))
        return torch.nn.functional.grid_sample(
            frames,
            places.reshape(len(frames), height, width, 2),
            padding_mode="reflection",
            align_corners=True,
        )

    def _from_controls(self, points: Tensor) -> Tensor:
        controls = coordinate_grid(CONTROL_SIDE, CONTROL_SIDE, points.device).flatten(0, 1)
        return points[:, :, None] - controls


def equivariance(found: Keypoints, in_warped: Keypoints, warp: RandomWarp) -> Tensor:
    """The loss of keypoints that do not follow: in the frame, and in the frame seen through T."""
    loss = equivariance_of_points(found.value, warp.points(in_warped.value))
    if found.jacobian is None or in_warped.jacobian is None:
        return loss
    carried_back = warp.jacobians(in_warped.value) @ in_warped.jacobian
    return loss + equivariance_of_jacobians(inverse(found.jacobian), carried_back)
