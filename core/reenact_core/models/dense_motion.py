"""Keypoints of two faces to a flow field and an occlusion map (FOMM, section 3.2)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from reenact_core.models.keypoint_detector import Keypoints
from reenact_core.models.layers import Hourglass, coordinate_grid, reduction, warp, weight_dtype
from reenact_core.models.paper_settings import DenseMotionSettings

SMALLEST_DETERMINANT = 1e-8
"""A jacobian nearer to singular than this is inverted as if it were this near."""


@dataclass(frozen=True, slots=True, eq=False)
class DenseMotion:
    """How N driving faces move one picture."""

    field: Tensor
    """(N, h, w, 2), float32: for each place of the result, where to look in the source."""
    occlusion: Tensor | None
    """(N, 1, h, w) in [0, 1]: 1 where the source shows what is needed, 0 where it must be
    painted; None where the network has no such map."""
    mask: Tensor
    """(N, K + 1, h, w): the share of the background and of each keypoint in the field."""


class DenseMotionNetwork(nn.Module):
    """f and the occlusion map from the keypoints of a source and of N driving frames.

    Convention:
        small: (N, 3, h, w), the source at the field's resolution, in [0, 1]
        source, driving: N keypoints each
    """

    def __init__(
        self, keypoints: int, channels: int, settings: DenseMotionSettings, *, align_corners: bool
    ) -> None:
        super().__init__()
        self.variance = settings.variance
        self.align_corners = align_corners
        self.down = reduction(channels, settings.scale)
        self.hourglass = Hourglass(
            (keypoints + 1) * (channels + 1),
            features=settings.features,
            blocks=settings.blocks,
            max_features=settings.max_features,
        )
        width = self.hourglass.out_channels
        self.mask = nn.Conv2d(width, keypoints + 1, 7, padding=3)
        self.occlusion = nn.Conv2d(width, 1, 7, padding=3) if settings.occlusion else None

    def forward(self, small: Tensor, source: Keypoints, driving: Keypoints) -> DenseMotion:
        height, width = small.shape[2:]
        grid = coordinate_grid(height, width, small.device)
        candidates = sparse_motions(grid, source, driving)
        heat = heat_differences(grid, source, driving, self.variance)
        moved = warp_by_each(small, candidates, align_corners=self.align_corners)
        # Heat and picture alternate, keypoint by keypoint: FOMM's order of channels.
        seen = torch.cat([heat[:, :, None], moved], dim=2).flatten(1, 2)
        features = self.hourglass(seen.to(weight_dtype(self)))
        mask = functional.softmax(self.mask(features).float(), dim=1)
        field = (mask[..., None] * candidates).sum(dim=1)  # T(z) = sum over k of M_k(z) T_k(z)
        occlusion = None if self.occlusion is None else torch.sigmoid(self.occlusion(features))
        return DenseMotion(field, occlusion, mask)


def sparse_motions(grid: Tensor, source: Keypoints, driving: Keypoints) -> Tensor:
    """The motion near each keypoint, to first order, behind the resting background.

    T_k(z) = p_S,k + J_S,k J_D,k^-1 (z - p_D,k), and T_0(z) = z (FOMM, equation 4).

    Convention:
        grid: (h, w, 2); result: (N, K + 1, h, w, 2)
    """
    offset = grid - driving.value[:, :, None, None]
    if source.jacobian is not None and driving.jacobian is not None:
        frame = source.jacobian @ inverse(driving.jacobian)
        offset = torch.einsum("nkab,nkhwb->nkhwa", frame, offset)
    moved = source.value[:, :, None, None] + offset
    rest = grid.expand(len(moved), 1, *grid.shape)
    return torch.cat([rest, moved], dim=1)


def heat_differences(
    grid: Tensor, source: Keypoints, driving: Keypoints, variance: float
) -> Tensor:
    """Where keypoints went: a bump at the driving place less one at the source's place.

    H_k(z) = exp(-|z - p_D,k|^2 / 2 v) - exp(-|z - p_S,k|^2 / 2 v), H_0 = 0 (FOMM, equation 6).

    Convention:
        grid: (h, w, 2); result: (N, K + 1, h, w)
    """
    heat = _bumps(grid, driving.value, variance) - _bumps(grid, source.value, variance)
    return functional.pad(heat, (0, 0, 0, 0, 1, 0))


def _bumps(grid: Tensor, points: Tensor, variance: float) -> Tensor:
    distance = ((grid - points[:, :, None, None]) ** 2).sum(dim=-1)
    return torch.exp(-distance / (2 * variance))


def warp_by_each(small: Tensor, candidates: Tensor, *, align_corners: bool) -> Tensor:
    """The source moved by each candidate motion: (N, 3, h, w) to (N, K + 1, 3, h, w)."""
    count, motions = candidates.shape[:2]
    copies = small[:, None].expand(-1, motions, -1, -1, -1).flatten(0, 1)
    moved = warp(copies, candidates.flatten(0, 1), align_corners=align_corners)
    return moved.reshape(count, motions, *moved.shape[1:])


def inverse(matrices: Tensor) -> Tensor:
    """Inverses of 2 x 2 matrices (..., 2, 2), finite even for a singular one; of larger ones too,
    where a singular one gives infinities."""
    if matrices.shape[-1] != 2:
        inverted: Tensor = torch.linalg.inv_ex(matrices).inverse
        return inverted
    (a, b), (c, d) = (row.unbind(-1) for row in matrices.unbind(-2))
    determinant = a * d - b * c
    nearest = torch.copysign(torch.full_like(determinant, SMALLEST_DETERMINANT), determinant)
    determinant = torch.where(determinant.abs() < SMALLEST_DETERMINANT, nearest, determinant)
    adjugate = torch.stack([d, -b, -c, a], dim=-1).reshape(matrices.shape)
    return adjugate / determinant[..., None, None]
