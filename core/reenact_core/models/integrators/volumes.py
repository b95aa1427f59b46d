"""Faces as feature volumes, warped in three dimensions: what OSFV and LivePortrait share.

A picture becomes a volume of features (C, D, h, w); keypoints in three dimensions tell how it
moves (Wang, Mallya and Liu, "One-shot free-view neural talking-head synthesis", sections 3.1 and
A.1). Names are those of the published files.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from reenact_core.models.dense_motion import inverse
from reenact_core.models.keypoint_detector import Keypoints
from reenact_core.models.layers import DownBlock, SameBlock, weight_dtype


@dataclass(frozen=True, slots=True)
class VolumeSettings:
    """Sizes of the network that makes a volume of a picture."""

    colours: int = 3
    kernel: int = 3
    """Side of the first convolution: 3, or 7 in OSFV's first generation."""
    widths: tuple[int, ...] = (64, 128, 256)
    """Channels after the first convolution, then after each halving."""
    channels: int = 32
    """C, of the volume."""
    depth: int = 16
    """D, of the volume."""
    blocks: int = 6
    """Residual blocks in three dimensions."""


@dataclass(frozen=True, slots=True)
class VolumeMotionSettings:
    """Sizes of the network that moves a volume."""

    keypoints: int = 15
    features: int = 32
    """Channels that the hourglass starts from."""
    max_features: int = 1024
    """Widest layer of the hourglass."""
    blocks: int = 5
    """Halvings inside the hourglass."""
    compress: int = 4
    """Channels that the volume is squeezed to before it is tried under each motion."""
    variance: float = 0.01
    """Variance of a keypoint's heat map, network coordinates squared."""
    occlusion: bool = True
    """Whether a map says which parts the source does not show."""


class ConvBlock3d(nn.Module):
    """Convolution, batch norm, ReLU in three dimensions."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(channels, out_channels, 3, padding=1)
        self.norm = nn.BatchNorm3d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.norm(self.conv(x)))


class DownBlock3d(ConvBlock3d):
    """... then the mean over 2 x 2 pixels; depth stays."""

    def forward(self, x: Tensor) -> Tensor:
        x = super().forward(x)
        return _by_slices(x, functional.avg_pool2d(x.flatten(1, 2), 2))


class UpBlock3d(ConvBlock3d):
    """Every pixel doubled, depth not; then as a `ConvBlock3d`."""

    def forward(self, x: Tensor) -> Tensor:
        doubled = functional.interpolate(x.flatten(1, 2), scale_factor=2)
        return super().forward(_by_slices(x, doubled))


def _by_slices(volumes: Tensor, slices: Tensor) -> Tensor:
    """Flat slices (B, C * D, h, w) as the volumes (B, C, D, ., .) that they were cut from.

    Not every device pools volumes in half precision; all of them pool pictures.
    """
    return slices.reshape(*volumes.shape[:3], *slices.shape[2:])


class ResBlock3d(nn.Module):
    """Residual block, normalised before each convolution; the shape stays."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv3d(channels, channels, 3, padding=1)
        self.norm1 = nn.BatchNorm3d(channels)
        self.norm2 = nn.BatchNorm3d(channels)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.conv1(functional.relu(self.norm1(x)))
        out: Tensor = self.conv2(functional.relu(self.norm2(inner)))
        return x + out


class _Encoder3d(nn.Module):
    def __init__(self, channels: int, widths: list[int]) -> None:
        super().__init__()
        self.down_blocks = nn.ModuleList(
            DownBlock3d(a, b) for a, b in pairwise([channels, *widths[1:]])
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        levels = [x]
        for block in self.down_blocks:
            levels.append(block(levels[-1]))
        return levels


class _Decoder3d(nn.Module):
    def __init__(self, channels: int, widths: list[int]) -> None:
        super().__init__()
        deepest = len(widths) - 1
        self.up_blocks = nn.ModuleList(
            UpBlock3d((1 if level == deepest else 2) * widths[level], widths[level - 1])
            for level in range(deepest, 0, -1)
        )
        self.conv = nn.Conv3d(widths[0] + channels, widths[0] + channels, 3, padding=1)
        self.norm = nn.BatchNorm3d(widths[0] + channels)

    def forward(self, levels: list[Tensor]) -> Tensor:
        x = levels[-1]
        for block, skip in zip(self.up_blocks, reversed(levels[:-1]), strict=True):
            x = torch.cat([block(x), skip], dim=1)
        return functional.relu(self.norm(self.conv(x)))


class Hourglass3d(nn.Module):
    """A U-Net over volumes that halves width and height alone, and convolves once more at its end.

    Convention:
        x: (B, channels, D, H, W), H and W multiples of 2 ** blocks
        result: (B, features + channels, D, H, W)
    """

    def __init__(self, channels: int, *, features: int, blocks: int, max_features: int) -> None:
        super().__init__()
        widths = [min(max_features, features * 2**level) for level in range(blocks + 1)]
        self.encoder = _Encoder3d(channels, widths)
        self.decoder = _Decoder3d(channels, widths)
        self.out_channels = widths[0] + channels

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.decoder(self.encoder(x))
        return out


class VolumeEncoder(nn.Module):
    """A picture to a volume of features."""

    def __init__(self, settings: VolumeSettings) -> None:
        super().__init__()
        widths = settings.widths
        self.shape = settings.channels, settings.depth
        self.first = SameBlock(settings.colours, widths[0], kernel=settings.kernel)
        self.down_blocks = nn.ModuleList(DownBlock(a, b) for a, b in pairwise(widths))
        self.second = nn.Conv2d(widths[-1], settings.channels * settings.depth, 1)
        self.resblocks_3d = nn.Sequential()
        for number in range(settings.blocks):
            self.resblocks_3d.add_module(f"3dr{number}", ResBlock3d(settings.channels))

    def encode(self, pictures: Tensor) -> Tensor:
        """The volumes (N, C, D, h, w) of pictures (N, 3, H, W) in [0, 1]."""
        features = self.first(pictures.to(weight_dtype(self)))
        for block in self.down_blocks:
            features = block(features)
        volume: Tensor = self.resblocks_3d(self.second(features).unflatten(1, self.shape))
        return volume


@dataclass(frozen=True, slots=True, eq=False)
class VolumeMotion:
    """How N driving faces move one volume."""

    field: Tensor
    """(N, D, h, w, 3), float32, (x, y, z) in [-1, 1]: where to look in the source's volume."""
    occlusion: Tensor | None
    """(N, 1, h, w) in [0, 1]; None where the network has no such map."""
    mask: Tensor
    """(N, K + 1, D, h, w): the share of the background and of each keypoint in the field."""


class VolumeMotionNetwork(nn.Module):
    """The field and the occlusion map from the keypoints of a source and of N driving frames.

    Convention:
        volume: (N, C, D, h, w); source, driving: N keypoints each, in three dimensions
    """

    def __init__(self, channels: int, depth: int, settings: VolumeMotionSettings) -> None:
        super().__init__()
        self.variance = settings.variance
        self.compress = nn.Conv3d(channels, settings.compress, 1)
        self.norm = nn.BatchNorm3d(settings.compress)
        self.hourglass = Hourglass3d(
            (settings.keypoints + 1) * (settings.compress + 1),
            features=settings.features,
            blocks=settings.blocks,
            max_features=settings.max_features,
        )
        width = self.hourglass.out_channels
        self.mask = nn.Conv3d(width, settings.keypoints + 1, 7, padding=3)
        self.occlusion = nn.Conv2d(width * depth, 1, 7, padding=3) if settings.occlusion else None

    def forward(self, volume: Tensor, source: Keypoints, driving: Keypoints) -> VolumeMotion:
        grid = volume_grid(*volume.shape[2:], device=volume.device)
        candidates = sparse_motions_3d(grid, source, driving)
        heat = heat_differences_3d(grid, source, driving, self.variance)
        small = functional.relu(self.norm(self.compress(volume)))
        moved = warp_by_each(small, candidates).to(heat)
        # Heat and features alternate, keypoint by keypoint.
        seen = torch.cat([heat[:, :, None], moved], dim=2).flatten(1, 2)
        features = self.hourglass(seen.to(volume.dtype))
        mask = functional.softmax(self.mask(features).float(), dim=1)
        field = (mask[..., None] * candidates).sum(dim=1)
        occlusion = None
        if self.occlusion is not None:
            occlusion = torch.sigmoid(self.occlusion(features.flatten(1, 2)))
        return VolumeMotion(field, occlusion, mask)


@dataclass(frozen=True, slots=True, eq=False)
class WarpedVolume:
    """What a painter makes the new face of."""

    feature: Tensor
    """(N, C', h, w), faded where the source shows nothing."""
    motion: VolumeMotion


class LeakyBlock(SameBlock):
    """Convolution, batch norm, leaky ReLU at one resolution."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.leaky_relu(self.norm(self.conv(x)), 0.01)


class VolumeWarp(nn.Module):
    """A volume moved and flattened to a feature map.

    Convention:
        volume: (N, C, D, h, w); source, driving: N keypoints each
    """

    def __init__(
        self, volume: VolumeSettings, motion: VolumeMotionSettings, widths: tuple[int, int]
    ) -> None:
        super().__init__()
        self.dense_motion_network = VolumeMotionNetwork(volume.channels, volume.depth, motion)
        self.third = LeakyBlock(volume.channels * volume.depth, widths[0])
        self.fourth = nn.Conv2d(widths[0], widths[1], 1)

    def forward(self, volume: Tensor, source: Keypoints, driving: Keypoints) -> WarpedVolume:
        return moved_feature(self, volume, source, driving)


class MovesVolumes(Protocol):
    """A network with the three parts that move a volume, wherever its file has them."""

    dense_motion_network: VolumeMotionNetwork
    third: LeakyBlock
    fourth: nn.Conv2d


def moved_feature(
    parts: MovesVolumes, volume: Tensor, source: Keypoints, driving: Keypoints
) -> WarpedVolume:
    """The volumes (N, C, D, h, w) moved from `source` to `driving`, and flattened."""
    motion: VolumeMotion = parts.dense_motion_network(volume, source, driving)
    moved = warp_volume(volume, motion.field)
    feature: Tensor = parts.fourth(parts.third(moved.flatten(1, 2)))
    if motion.occlusion is not None:
        feature = feature * motion.occlusion
    return WarpedVolume(feature, motion)


def volume_grid(
    depth: int, height: int, width: int, *, device: torch.device | None = None
) -> Tensor:
    """The coordinates of every cell: (depth, height, width, 3), float32, (x, y, z).

    The centres of the outermost cells are at exactly -1 and 1, whatever the sampler is told.
    """
    lines = [torch.linspace(-1, 1, side, device=device) for side in (depth, height, width)]
    z, y, x = torch.meshgrid(*lines, indexing="ij")
    return torch.stack([x, y, z], dim=-1)


def warp_volume(volumes: Tensor, field: Tensor) -> Tensor:
    """Volumes seen through a backward field: result(z) = volume(field(z)), zeros outside.

    Convention:
        volumes: (B, C, D, H, W); field: (B, d, h, w, 3); result: (B, C, d, h, w)
        Sampling is trilinear, align_corners=False, in float32 whatever the volumes are.
    """
    sampled = functional.grid_sample(volumes.float(), field.float(), align_corners=False)
    return sampled.to(volumes.dtype)


def warp_by_each(volumes: Tensor, candidates: Tensor) -> Tensor:
    """The volume moved by each candidate: (N, C, D, h, w) to (N, K + 1, C, D, h, w).

    The candidates lie behind each other in depth, so that one volume serves them all uncopied.
    """
    motions, depth = candidates.shape[1:3]
    moved = warp_volume(volumes, candidates.flatten(1, 2))
    apart = moved.reshape(*moved.shape[:2], motions, depth, *moved.shape[3:])
    return apart.transpose(1, 2)


def sparse_motions_3d(grid: Tensor, source: Keypoints, driving: Keypoints) -> Tensor:
    """The motion near each keypoint behind the resting background: T_k(z) = p_S + J (z - p_D).

    J = J_S J_D^-1 where the method has frames at its keypoints, else the identity.

    Convention:
        grid: (D, h, w, 3); result: (N, K + 1, D, h, w, 3)
    """
    offset = grid - driving.value[:, :, None, None, None]
    if source.jacobian is not None and driving.jacobian is not None:
        frame = source.jacobian @ inverse(driving.jacobian)
        offset = torch.einsum("nkab,nkdhwb->nkdhwa", frame, offset)
    moved = source.value[:, :, None, None, None] + offset
    return torch.cat([grid.expand(len(moved), 1, *grid.shape), moved], dim=1)


def heat_differences_3d(
    grid: Tensor, source: Keypoints, driving: Keypoints, variance: float
) -> Tensor:
    """A bump at the driving place less one at the source's place; zero for the background.

    Convention:
        grid: (D, h, w, 3); result: (N, K + 1, D, h, w)
    """
    heat = _bumps(grid, driving.value, variance) - _bumps(grid, source.value, variance)
    return torch.cat([torch.zeros_like(heat[:, :1]), heat], dim=1)


def _bumps(grid: Tensor, points: Tensor, variance: float) -> Tensor:
    distance = ((grid - points[:, :, None, None, None]) ** 2).sum(dim=-1)
    return torch.exp(-distance / (2 * variance))
