"""Blocks that two networks or more share, under FOMM's key names.

`first.conv`, `down_blocks.0.norm` and the like are the names in FOMM's published files, so that
those load without renaming.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

Norm = Callable[[int], nn.Module]
"""Gives the normalisation of so many channels; batch norm, unless a method says otherwise."""


class SameBlock(nn.Module):
    """Convolution, norm, ReLU at one resolution."""

    def __init__(
        self, channels: int, out_channels: int, *, kernel: int = 3, norm: Norm = nn.BatchNorm2d
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out_channels, kernel, padding=kernel // 2)
        self.norm = norm(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.norm(self.conv(x)))


class DownBlock(SameBlock):
    """Convolution, norm, ReLU, mean over 2 x 2 pixels: (B, C, H, W) to (B, C', H/2, W/2)."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.avg_pool2d(super().forward(x), 2)


class UpBlock(SameBlock):
    """Every pixel doubled, convolution, norm, ReLU: (B, C, H, W) to (B, C', 2H, 2W)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(functional.interpolate(x, scale_factor=2))


class ResBlock(nn.Module):
    """Residual block, normalised before each convolution; the shape stays."""

    def __init__(self, channels: int, *, norm: Norm = nn.BatchNorm2d) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm1 = norm(channels)
        self.norm2 = norm(channels)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.conv1(functional.relu(self.norm1(x)))
        out: Tensor = self.conv2(functional.relu(self.norm2(inner)))
        return x + out


class _Encoder(nn.Module):
    def __init__(self, channels: int, widths: list[int], norm: Norm) -> None:
        super().__init__()
        self.down_blocks = nn.ModuleList(
            DownBlock(a, b, norm=norm) for a, b in pairwise([channels, *widths[1:]])
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        levels = [x]
        for block in self.down_blocks:
            levels.append(block(levels[-1]))
        return levels


class _Decoder(nn.Module):
    def __init__(self, widths: list[int], norm: Norm) -> None:
        super().__init__()
        deepest = len(widths) - 1
        self.up_blocks = nn.ModuleList(
            UpBlock((1 if level == deepest else 2) * widths[level], widths[level - 1], norm=norm)
            for level in range(deepest, 0, -1)
        )

    def forward(self, levels: list[Tensor]) -> Iterator[Tensor]:
        x = levels[-1]
        for block, skip in zip(self.up_blocks, reversed(levels[:-1]), strict=True):
            x = torch.cat([block(x), skip], dim=1)
            yield x


class Hourglass(nn.Module):
    """A U-Net whose last skip is its own input.

    Convention:
        x: (B, channels, H, W), H and W multiples of 2 ** blocks
        result: (B, features + channels, H, W)
    """

    def __init__(
        self,
        channels: int,
        *,
        features: int,
        blocks: int,
        max_features: int,
        norm: Norm = nn.BatchNorm2d,
    ) -> None:
        super().__init__()
        widths = [min(max_features, features * 2**level) for level in range(blocks + 1)]
        self.encoder = _Encoder(channels, widths, norm)
        self.decoder = _Decoder(widths, norm)
        self.level_channels = [2 * width for width in widths[-2:0:-1]] + [widths[0] + channels]
        self.out_channels = self.level_channels[-1]

    def levels(self, x: Tensor) -> list[Tensor]:
        """What the decoder gives at every resolution: `level_channels` each, the finest last."""
        return list(self.decoder(self.encoder(x)))

    def forward(self, x: Tensor) -> Tensor:
        return self.levels(x)[-1]


class AntiAliasDown(nn.Module):
    """Gaussian low-pass, then every (1 / scale)-th pixel from the first on.

    Convention:
        x: (B, channels, H, W); result: (B, channels, H * scale, W * scale), rounded up
        weight: (channels, 1, n, n), a buffer that FOMM's files hold
    """

    weight: Tensor

    def __init__(self, channels: int, scale: float) -> None:
        super().__init__()
        self.stride = round(1 / scale)
        self.register_buffer("weight", low_pass_kernel(scale).repeat(channels, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        channels, _, side, _ = self.weight.shape
        return functional.conv2d(
            x, self.weight, stride=self.stride, padding=side // 2, groups=channels
        )


def low_pass_kernel(scale: float) -> Tensor:
    """FOMM's Gaussian before a reduction by `scale`: (n, n), sum 1, sigma = (1 / scale - 1) / 2."""
    sigma = (1 / scale - 1) / 2
    reach = round(4 * sigma)
    x = torch.arange(-reach, reach + 1, dtype=torch.float32)
    line = torch.exp(-(x**2) / (2 * sigma**2))
    kernel = line[:, None] * line[None, :]
    return kernel / kernel.sum()


def reduction(channels: int, scale: float) -> nn.Module:
    """The down-sampling in front of a network; nothing, and no key, at scale 1."""
    return nn.Identity() if scale == 1 else AntiAliasDown(channels, scale)


def coordinate_grid(height: int, width: int, device: torch.device | None = None) -> Tensor:
    """FOMM's coordinates of every pixel: (height, width, 2), float32, (x, y).

    The centres of the outermost pixels are at exactly -1 and 1, whatever the sampler is told.
    """
    x = torch.linspace(-1, 1, width, device=device)
    y = torch.linspace(-1, 1, height, device=device)
    rows, columns = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([columns, rows], dim=-1)


def warp(images: Tensor, field: Tensor, *, align_corners: bool) -> Tensor:
    """Images seen through a backward field: result(z) = images(field(z)), zeros outside.

    Convention:
        images: (B, C, H, W); field: (B, h, w, 2), (x, y) in [-1, 1]; result: (B, C, h, w)
        Sampling is bilinear and in float32 whatever the images are: half precision moves points
        by up to an eighth of a pixel.
    """
    sampled = functional.grid_sample(
        images.float(), field.float(), mode="bilinear", align_corners=align_corners
    )
    return sampled.to(images.dtype)


def resize(maps: Tensor, height: int, width: int, *, align_corners: bool) -> Tensor:
    """Maps (B, C, h, w) resized bilinearly, or untouched where the size is right already."""
    if maps.shape[-2:] == (height, width):
        return maps
    return functional.interpolate(
        maps, (height, width), mode="bilinear", align_corners=align_corners
    )


def weight_dtype(network: nn.Module) -> torch.dtype:
    """The floating-point type that a network computes in."""
    return next(network.parameters()).dtype
