"""OSFV's head pose and expression of a frame, and rotations from angles."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from reenact_core.models.layers import weight_dtype

Rotation = Literal["new", "beta"]
"""How OSFV turns a head by its angles: its second generation ("new") or its first ("beta")."""

PI = 3.14
"""OSFV's own; its networks were trained with it."""


@dataclass(frozen=True, slots=True)
class HeadSettings:
    """Sizes of the estimator of head pose and expression."""

    colours: int = 3
    stem: int = 64
    """Channels after the first convolution."""
    widths: tuple[int, ...] = (256, 512, 1024, 2048)
    """Channels of the four stages."""
    blocks: tuple[int, ...] = (3, 3, 5, 2)
    """Blocks of each stage, besides the one that halves."""
    squeezed: tuple[int, ...] = (64, 128, 256, 512)
    """Channels inside the blocks of each stage."""
    bins: int = 66
    """Of each angle's histogram."""
    expression: int = 45
    """Numbers of the expression: three a keypoint."""


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """Pose and expression of N heads; float32."""

    rotation: Tensor
    """(N, 3, 3)"""
    offset: Tensor
    """(N, 3), network coordinates."""
    expression: Tensor
    """(N, K, 3), network coordinates: what the expression adds to each keypoint."""

    def __len__(self) -> int:
        return len(self.offset)


@dataclass(frozen=True, slots=True, eq=False)
class HeadLogits:
    """What the network says of N heads; histograms of angles by `bins`; float32."""

    yaw: Tensor
    pitch: Tensor
    roll: Tensor
    offset: Tensor
    expression: Tensor


class Bottleneck(nn.Module):
    """Residual block that squeezes the channels; one with a stride has a learned shortcut."""

    def __init__(self, channels: int, inner: int, *, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, inner, 1)
        self.conv2 = nn.Conv2d(inner, inner, 3, padding=1, stride=stride)
        self.conv3 = nn.Conv2d(inner, channels, 1)
        self.norm1, self.norm2 = nn.BatchNorm2d(inner), nn.BatchNorm2d(inner)
        self.norm3 = nn.BatchNorm2d(channels)
        self.strided = stride > 1
        if self.strided:
            self.skip = nn.Conv2d(channels, channels, 1, stride=stride)
            self.norm4 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        inner = functional.relu(self.norm1(self.conv1(x)))
        inner = functional.relu(self.norm2(self.conv2(inner)))
        out: Tensor = self.norm3(self.conv3(inner))
        return functional.relu(out + (self.norm4(self.skip(x)) if self.strided else x))


class HeadEstimator(nn.Module):
    """Head pose and expression of frames (N, 3, H, W) in [0, 1].

    Stage s convolves to its width (`conv{s+2}`), halves the picture but in the first stage
    (`block{2s}`), and runs its blocks (`block{2s+1}`).
    """

    def __init__(self, settings: HeadSettings) -> None:
        super().__init__()
        self.stages = len(settings.widths)
        self.conv1 = nn.Conv2d(settings.colours, settings.stem, 7, stride=2, padding=3)
        self.norm1 = nn.BatchNorm2d(settings.stem)
        before = settings.stem
        sizes = zip(settings.widths, settings.squeezed, settings.blocks, strict=True)
        for stage, (width, inner, blocks) in enumerate(sizes):
            self.add_module(f"conv{stage + 2}", nn.Conv2d(before, width, 1))
            self.add_module(f"norm{stage + 2}", nn.BatchNorm2d(width))
            if stage:
                self.add_module(f"block{2 * stage}", Bottleneck(width, inner, stride=2))
            row = nn.Sequential()
            for number in range(blocks):
                row.add_module(f"b{2 * stage + 1}_{number}", Bottleneck(width, inner))
            self.add_module(f"block{2 * stage + 1}", row)
            before = width
        self.fc_roll = nn.Linear(before, settings.bins)
        self.fc_pitch = nn.Linear(before, settings.bins)
        self.fc_yaw = nn.Linear(before, settings.bins)
        self.fc_t = nn.Linear(before, 3)
        self.fc_exp = nn.Linear(before, settings.expression)

    def forward(self, frames: Tensor) -> HeadLogits:
        x = functional.relu(self.norm1(self.conv1(frames.to(weight_dtype(self)))))
        x = functional.max_pool2d(x, 3, stride=2, padding=1)
        for stage in range(self.stages):
            conv, norm = (self.get_submodule(f"{kind}{stage + 2}") for kind in ("conv", "norm"))
            x = functional.relu(norm(conv(x)))
            if stage:
                x = self.get_submodule(f"block{2 * stage}")(x)
            x = self.get_submodule(f"block{2 * stage + 1}")(x)
        x = x.mean(dim=(2, 3))
        return HeadLogits(
            yaw=self.fc_roll(x).float(),  # upstream's names of these two layers are swapped
            pitch=self.fc_pitch(x).float(),
            roll=self.fc_yaw(x).float(),
            offset=self.fc_t(x).float(),
            expression=self.fc_exp(x).float(),
        )


def head_of(said: HeadLogits, rotation: Rotation) -> Head:
    """Pose and expression from what OSFV's network says."""
    yaw, pitch, roll = (
        degrees(angle, middle=99) / 180 * PI for angle in (said.yaw, said.pitch, said.roll)
    )
    if rotation == "new":
        turned = turn_x(pitch) @ turn_y(yaw) @ turn_z(roll)
    else:
        turned = turn_x(roll) @ turn_y(pitch) @ turn_z(yaw)
    return Head(turned, said.offset, said.expression.reshape(len(turned), -1, 3))


def degrees(logits: Tensor, *, middle: float) -> Tensor:
    """The mean angle of histograms (N, bins) of 3 degrees each; `middle` degrees are 0."""
    bins = torch.arange(logits.shape[1], dtype=torch.float32, device=logits.device)
    return (functional.softmax(logits.float(), dim=1) * bins).sum(dim=1) * 3 - middle


def radians(logits: Tensor, *, middle: float) -> Tensor:
    """`degrees` in radians."""
    return degrees(logits, middle=middle) / 180 * math.pi


def turn_x(angle: Tensor) -> Tensor:
    """Right-handed rotations (N, 3, 3) about x, of column vectors, by angles (N,) in radians."""
    c, s, zero, one = _parts(angle)
    return _rows([one, zero, zero], [zero, c, -s], [zero, s, c])


def turn_y(angle: Tensor) -> Tensor:
    """... about y."""
    c, s, zero, one = _parts(angle)
    return _rows([c, zero, s], [zero, one, zero], [-s, zero, c])


def turn_z(angle: Tensor) -> Tensor:
    """... about z."""
    c, s, zero, one = _parts(angle)
    return _rows([c, -s, zero], [s, c, zero], [zero, zero, one])


def _parts(angle: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return torch.cos(angle), torch.sin(angle), torch.zeros_like(angle), torch.ones_like(angle)


def _rows(*rows: list[Tensor]) -> Tensor:
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)
