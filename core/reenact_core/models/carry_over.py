"""Motion measured on the driving face, carried over to the source's face through the head's chart.

A pixel q of the new picture is put on the head (pose of the new face), found on the driving face of
the same moment, followed by the driving face's own flow to an earlier frame, and put on the head
again. What it moved by in head coordinates is what the source's face moves by. The turn of the
head itself is in the poses, so only what is left of the motion travels with the flow. Where source
and first driving frame are the same picture, all of it cancels and the flow itself remains.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from reenact_core.models.head_chart import (
    Pose,
    facing,
    pixel_grid,
    project,
    unproject,
)

CONFINED_FROM = 1.3
"""Distance from the head's middle, in units of its outline, up to which motion is whole."""
CONFINED_TO = 2.2
"""Distance from which on nothing moves."""
SHAPE_REACH = 0.25
"""Sigma, head units, over which a difference of face shape between two people spreads."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceState:
    """Pose and shape of one face at one moment, batched.

    Convention:
        pose: B poses
        shape: (B, N, 3), landmarks in head coordinates
    """

    pose: Pose
    shape: Tensor

    def __getitem__(self, index: slice) -> "FaceState":
        return FaceState(self.pose[index], self.shape[index])

    @classmethod
    def cat(cls, states: "list[FaceState]") -> "FaceState":
        """Several batches of faces as one."""
        pose = Pose.stack([state.pose for state in states])
        return cls(pose, torch.cat([state.shape for state in states]))

    def repeat(self, count: int) -> "FaceState":
        """One face `count` times."""
        if len(self.pose) != 1:
            raise ValueError(f"one face can be repeated, got {len(self.pose)}")
        return FaceState.cat([self] * count)

    def to(self, device: str) -> "FaceState":
        """The same faces on another device."""
        return FaceState(self.pose.to(device), self.shape.to(device))

    def points(self) -> Tensor:
        """The landmarks in the picture, (B, N, 2) in [-1, 1]."""
        return project(self.shape, self.pose)


@dataclass(frozen=True, slots=True, eq=False)
class Chart:
    """The pixels of the new picture on the head, and on the driving face of the same moment.

    Convention:
        head: (B, H, W, 3), head coordinates of the new picture's pixels
        inside: (B, H, W), 1 in the middle of the head, 0 on its outline, negative beside it
        driving: (B, H, W, 2), the same places in the driving frame, [-1, 1]
        known: (B, H, W) in [0, 1], whether the driving frame shows the place
    """

    head: Tensor
    inside: Tensor
    driving: Tensor
    known: Tensor


def chart(new: FaceState, driving: FaceState, size: int) -> Chart:
    """Where every pixel of the new picture lies on the head and in the driving frame."""
    batch = len(new.pose)
    grid = pixel_grid(size, new.shape).expand(batch, size, size, 2)
    head, inside = unproject(grid, new.pose)
    other = head + shape_difference(head, new.shape, driving.shape)
    seen = project(other, driving.pose)
    known = (_shown(head, driving.pose) / _shown(head, new.pose)).clamp(max=1)
    return Chart(head, inside, seen, known)


def _shown(head: Tensor, pose: Pose) -> Tensor:
    """How far a pose shows places on the head: near 1 in front, near 0 behind."""
    return torch.sigmoid((facing(head, pose) + 0.05) * 20).clamp(min=1e-3)


def shape_difference(head: Tensor, of: Tensor, to: Tensor) -> Tensor:
    """What leads from places on one person's head to those on another's, (B, H, W, 3).

    The difference of the landmarks (B, N, 3), spread by normalised Gaussians around them and gone
    three sigmas from the nearest. Computed at a quarter of the resolution, for it is smooth.
    """
    coarse = head[:, 2::4, 2::4]
    distance = torch.cdist(coarse.flatten(1, 2), of) / SHAPE_REACH
    weight = torch.exp(-0.5 * distance**2)
    total = weight.sum(-1, keepdim=True)
    spread = (weight @ (to - of)) / (total + 0.05)
    spread = spread.view(*coarse.shape).permute(0, 3, 1, 2)
    fine = functional.interpolate(spread, head.shape[1:3], mode="bilinear", align_corners=False)
    return fine.permute(0, 2, 3, 1)


def carry_over(
    flow: Tensor, chart: Chart, driving: FaceState, earlier: FaceState, target: FaceState
) -> Tensor:
    """Where every pixel of the new picture comes from in the target, (B, H, W, 2) in [-1, 1].

    Convention:
        flow: (B, 2, H, W), driving frame to the earlier driving frame, [-1, 1] units
        driving, earlier: the driving face in the two frames
        target: the source's face as it was at the earlier moment
    """
    there = chart.driving + sample(flow, chart.driving).permute(0, 2, 3, 1)
    now, _ = unproject(chart.driving, driving.pose)
    then, _ = unproject(there, earlier.pose)
    moved = chart.head + chart.known[..., None] * (then - now)
    found = project(moved, target.pose)
    grid = pixel_grid(flow.shape[-1], flow)
    held = confinement(chart.inside)[..., None]
    return grid + held * (found - grid)


def confinement(inside: Tensor) -> Tensor:
    """How much of the motion a pixel takes part in: 1 on the head, 0 far from it."""
    distance = (1 - inside).clamp(min=0).sqrt()
    ramp = ((CONFINED_TO - distance) / (CONFINED_TO - CONFINED_FROM)).clamp(0, 1)
    return ramp * ramp * (3 - 2 * ramp)


def sample(picture: Tensor, places: Tensor) -> Tensor:
    """A picture (B, C, H, W) at places (B, h, w, 2) in [-1, 1]; edges are replicated."""
    return functional.grid_sample(picture, places, padding_mode="border", align_corners=False)
