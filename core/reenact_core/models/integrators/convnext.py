"""ConvNeXt V2, which LivePortrait's motion extractor is made of (Woo et al., CVPR 2023)."""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from reenact_core.models.layers import weight_dtype

EPSILON = 1e-6
"""Of all norms."""


@dataclass(frozen=True, slots=True)
class ConvNextSettings:
    """Sizes of the motion extractor; the defaults are those of ConvNeXt V2 "tiny"."""

    colours: int = 3
    widths: tuple[int, ...] = (96, 192, 384, 768)
    """Channels of the stages."""
    blocks: tuple[int, ...] = (3, 3, 9, 3)
    """Of each stage."""
    keypoints: int = 21
    bins: int = 66
    """Of each angle's histogram."""


@dataclass(frozen=True, slots=True, eq=False)
class MotionLogits:
    """What the network says of N faces; float32."""

    keypoints: Tensor
    """(N, K, 3), at rest."""
    pitch: Tensor
    """(N, bins), as yaw and roll: a histogram of angles."""
    yaw: Tensor
    roll: Tensor
    offset: Tensor
    """(N, 3)"""
    expression: Tensor
    """(N, K, 3)"""
    scale: Tensor
    """(N, 1)"""


class ChannelNorm(nn.Module):
    """Layer norm over the channels of (N, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        last = x.permute(0, 2, 3, 1)
        normed = functional.layer_norm(last, self.weight.shape, self.weight, self.bias, EPSILON)
        return normed.permute(0, 3, 1, 2)


class ResponseNorm(nn.Module):
    """Global response norm of (N, H, W, C): channels compete by their length over the picture."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1, 1, 1, channels))
        self.beta = nn.Parameter(torch.zeros(1, 1, 1, channels))

    def forward(self, x: Tensor) -> Tensor:
        length = torch.linalg.vector_norm(x, dim=(1, 2), keepdim=True)
        share = length / (length.mean(dim=-1, keepdim=True) + EPSILON)
        competed: Tensor = self.gamma * (x * share) + self.beta + x
        return competed


class Block(nn.Module):
    """Depth-wise 7 x 7 convolution, then two linear layers at each pixel; a residual."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=EPSILON)
        self.pwconv1 = nn.Linear(channels, 4 * channels)
        self.grn = ResponseNorm(4 * channels)
        self.pwconv2 = nn.Linear(4 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        inner = self.grn(functional.gelu(self.pwconv1(inner)))
        out: Tensor = self.pwconv2(inner).permute(0, 3, 1, 2)
        return x + out


class _Detector(nn.Module):
    def __init__(self, settings: ConvNextSettings) -> None:
        super().__init__()
        widths, last = settings.widths, settings.widths[-1]
        stem = nn.Conv2d(settings.colours, widths[0], 4, stride=4)
        downs: list[nn.Module] = [nn.Sequential(stem, ChannelNorm(widths[0]))]
        for a, b in pairwise(widths):
            downs.append(nn.Sequential(ChannelNorm(a), nn.Conv2d(a, b, 2, stride=2)))
        self.downsample_layers = nn.ModuleList(downs)
        self.stages = nn.ModuleList(
            nn.Sequential(*(Block(width) for _ in range(blocks)))
            for width, blocks in zip(widths, settings.blocks, strict=True)
        )
        self.norm = nn.LayerNorm(last, eps=EPSILON)
        self.fc_kp = nn.Linear(last, 3 * settings.keypoints)
        self.fc_scale = nn.Linear(last, 1)
        self.fc_pitch = nn.Linear(last, settings.bins)
        self.fc_yaw = nn.Linear(last, settings.bins)
        self.fc_roll = nn.Linear(last, settings.bins)
        self.fc_t = nn.Linear(last, 3)
        self.fc_exp = nn.Linear(last, 3 * settings.keypoints)

    def forward(self, x: Tensor) -> MotionLogits:
        for down, stage in zip(self.downsample_layers, self.stages, strict=True):
            x = stage(down(x))
        x = self.norm(x.mean(dim=(2, 3)))
        return MotionLogits(
            keypoints=self.fc_kp(x).float().unflatten(1, (-1, 3)),
            pitch=self.fc_pitch(x).float(),
            yaw=self.fc_yaw(x).float(),
            roll=self.fc_roll(x).float(),
            offset=self.fc_t(x).float(),
            expression=self.fc_exp(x).float().unflatten(1, (-1, 3)),
            scale=self.fc_scale(x).float(),
        )


class MotionExtractor(nn.Module):
    """Keypoints at rest, pose, size and expression of frames (N, 3, H, W) in [0, 1]."""

    def __init__(self, settings: ConvNextSettings) -> None:
        super().__init__()
        self.detector = _Detector(settings)

    def forward(self, frames: Tensor) -> MotionLogits:
        said: MotionLogits = self.detector(frames.to(weight_dtype(self)))
        return said
