"""Mouth and eyes read again from close up, where the whole face is too small to show a gap.

A face of 128 pixels shows a mouth that opens by three of them. Here mouth and either eye are cut
out at their own scale, by the points that the first network found, and their points are read once
more. One network reads mouths, another eyes; the image-right eye is mirrored for it and back.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from reenact_core.head.pose import Pose
from reenact_core.head.sampling import pixel_grid
from reenact_core.models.face_points import (
    FaceReading,
    Residual,
    expected_place,
    fill_from,
    step,
)

WEIGHTS = Path(__file__).parent / "weights" / "close_ups.safetensors"

SIDE = 64
"""Width and height of a close-up in pixels."""
CUT_FROM = 256
"""Larger pictures are made so small first: close-ups of them would be jagged."""


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the face that is read from close up."""

    points: tuple[int, ...]
    """Which of the 79 points; those of the right eye in the order of the left one, mirrored."""
    reach: float
    """Half the side of the close-up, in head units."""
    mirrored: bool = False
    """Whether the network sees it in the mirror."""


MOUTH = Region(tuple(range(48, 68)), 0.66)
EYES = (
    Region((36, 37, 38, 39, 40, 41, 77), 0.42),
    Region((45, 44, 43, 42, 47, 46, 78), 0.42, mirrored=True),
)


@dataclass(frozen=True, slots=True, eq=False)
class CloseUpReading:
    """What a network sees in B close-ups.

    Convention:
        points: (B, N, 2) in [-1, 1] over the close-up
        shown: (B,) logit that the part is in sight
    """

    points: Tensor
    shown: Tensor


class CloseUpNet(nn.Module):
    """Heat maps at half the resolution, and a vector of what they miss; N points."""

    def __init__(self, points: int) -> None:
        super().__init__()
        self.count = points
        self.to_half = nn.Sequential(step(3, 24, 2), Residual(24))
        self.to_quarter = nn.Sequential(step(24, 48, 2), Residual(48))
        self.to_eighth = nn.Sequential(step(48, 80, 2), Residual(80), Residual(80))
        self.from_quarter = nn.Conv2d(48, 24, 1)
        self.from_eighth = nn.Conv2d(80, 24, 1)
        self.heat = nn.Sequential(step(24, 32), nn.Conv2d(32, points, 1))
        self.seen = nn.Sequential(step(80, 48, 2), nn.Flatten(), nn.Linear(48 * 16, 96), nn.ReLU())
        self.tell = nn.Linear(96, points * 2 + 1)

    def forward(self, pictures: Tensor) -> CloseUpReading:
        """Read close-ups (B, 3, 64, 64), R'G'B' in [0, 1]."""
        half = self.to_half((pictures - 0.5) * 4)
        quarter = self.to_quarter(half)
        eighth = self.to_eighth(quarter)
        joined = half + _grown(self.from_quarter(quarter), 2) + _grown(self.from_eighth(eighth), 4)
        told = self.tell(self.seen(eighth)).float()
        rest = told[:, :-1].view(-1, self.count, 2)
        return CloseUpReading(expected_place(self.heat(joined).float()) + rest * 0.3, told[:, -1])


def _grown(x: Tensor, factor: int) -> Tensor:
    return functional.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


class CloseUps(nn.Module):
    """Both networks, and how what they read joins the points of the whole face."""

    def __init__(self) -> None:
        super().__init__()
        self.mouth = CloseUpNet(len(MOUTH.points))
        self.eye = CloseUpNet(len(EYES[0].points))

    def forward(self, crops: Tensor, reading: FaceReading, pose: Pose) -> FaceReading:
        """The reading with mouth and eyes as they look from close up, where they are in sight.

        Convention:
            crops: (B, 3, S, S) in [0, 1], what the reading is of
        """
        points, crops = reading.points.clone(), _small(crops)
        for region, network in ((MOUTH, self.mouth), *((eye, self.eye) for eye in EYES)):
            frame = close_up_frame(reading.points[..., :2], pose, region)
            seen: CloseUpReading = network(cut(crops, frame))
            found = to_picture(seen.points, frame)
            sure = torch.sigmoid(seen.shown)[:, None, None]
            chosen = list(region.points)
            points[:, chosen, :2] += sure * (found - points[:, chosen, :2])
        return replace(reading, points=points)


def load_close_ups() -> CloseUps:
    """The networks with the weights that come with reenact, ready to read, on the CPU.

    Raises:
        CheckpointError: the weights are missing or damaged.
    """
    networks = CloseUps()
    fill_from(WEIGHTS, networks, "close-up networks")
    return networks.eval().requires_grad_(False)


def _small(crops: Tensor) -> Tensor:
    if crops.shape[-1] <= CUT_FROM:
        return crops
    return functional.interpolate(crops, (CUT_FROM, CUT_FROM), mode="area")


def close_up_frame(points: Tensor, pose: Pose, region: Region) -> Tensor:
    """The map (B, 2, 3) from a close-up's coordinates to its picture's, both in [-1, 1].

    Centred on the region's points (of B, 79, 2), upright as the head is, as wide as the head's
    scale says.
    """
    centre = points[:, list(region.points)].mean(1)
    across = pose.rotation[:, :2, 1]
    down = across / across.norm(dim=1, keepdim=True).clamp_min(1e-6)
    right = torch.stack([down[:, 1], -down[:, 0]], -1)
    size = (pose.scale * region.reach)[:, None]
    sides = torch.stack([right * (-size if region.mirrored else size), down * size], -1)
    return torch.cat([sides, centre[..., None]], -1)


def cut(pictures: Tensor, frame: Tensor, side: int = SIDE) -> Tensor:
    """Close-ups (B, 3, side, side) of pictures (B, 3, S, S); edges are replicated."""
    grid = pixel_grid(side, pictures).flatten(0, 1).expand(len(pictures), -1, -1)
    places = to_picture(grid, frame).view(-1, side, side, 2)
    return functional.grid_sample(pictures, places, padding_mode="border", align_corners=False)


def to_picture(points: Tensor, frame: Tensor) -> Tensor:
    """Points (B, N, 2) of close-ups in their pictures."""
    return points @ frame[:, :, :2].mT + frame[:, None, :, 2]


def to_close_up(points: Tensor, frame: Tensor) -> Tensor:
    """Points (B, N, 2) of pictures in their close-ups: undoes `to_picture`."""
    apart = (points - frame[:, None, :, 2]).mT
    inside: Tensor = torch.linalg.solve(frame[:, :, :2], apart)
    return inside.mT
