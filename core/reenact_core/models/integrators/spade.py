"""Painters whose normalisation is told by a map (SPADE): of OSFV, LivePortrait and DaGAN.

The names are those of the published files, so that these load without renaming; the spectral
normalisation of the files (`weight_orig`, `weight_u`, `weight_v`) is folded into plain weights
when they are read.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from reenact_core.errors import CheckpointError
from reenact_core.models.state_dicts import Shapes, State, Weights

SLOPE = 0.2
"""Of the leaky ReLUs between the blocks."""


@dataclass(frozen=True, slots=True)
class SpadeSettings:
    """Sizes of a SPADE painter; they stand in its file, and are fixed upstream."""

    channels: int = 256
    """Channels of the feature that is painted from."""
    label_channels: int = 256
    """Channels of the map that tells the normalisation."""
    hidden: int = 128
    """Channels between the map and its gains and offsets."""
    widths: tuple[int, ...] = (512, 256, 64)
    """Channels of the middle blocks, then after each block that doubles the size."""
    middle: int = 6
    """Blocks at the feature's size."""
    colours: int = 3
    upscale: int = 1
    """Further doublings folded into the last convolution (pixel shuffle): 2 doubles once."""


class SpadeNorm(nn.Module):
    """Instance norm whose gain and offset are painted from a map: norm(x) (1 + gain) + offset."""

    def __init__(self, channels: int, label_channels: int, hidden: int) -> None:
        super().__init__()
        shared = nn.Conv2d(label_channels, hidden, 3, padding=1)
        self.mlp_shared = nn.Sequential(shared, nn.ReLU())
        self.mlp_gamma = nn.Conv2d(hidden, channels, 3, padding=1)
        self.mlp_beta = nn.Conv2d(hidden, channels, 3, padding=1)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        known = self.mlp_shared(functional.interpolate(labels, x.shape[2:], mode="nearest"))
        gain: Tensor = self.mlp_gamma(known)
        offset: Tensor = self.mlp_beta(known)
        return functional.instance_norm(x) * (1 + gain) + offset


class SpadeBlock(nn.Module):
    """Residual block of SPADE norms; the shortcut convolves only where the width changes."""

    def __init__(self, channels: int, out_channels: int, label_channels: int, hidden: int) -> None:
        super().__init__()
        inner = min(channels, out_channels)
        self.conv_0 = nn.Conv2d(channels, inner, 3, padding=1)
        self.conv_1 = nn.Conv2d(inner, out_channels, 3, padding=1)
        self.norm_0 = SpadeNorm(channels, label_channels, hidden)
        self.norm_1 = SpadeNorm(inner, label_channels, hidden)
        self.learned = channels != out_channels
        if self.learned:
            self.conv_s = nn.Conv2d(channels, out_channels, 1, bias=False)
            self.norm_s = SpadeNorm(channels, label_channels, hidden)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        inner: Tensor = self.conv_0(functional.leaky_relu(self.norm_0(x, labels), SLOPE))
        inner = self.conv_1(functional.leaky_relu(self.norm_1(inner, labels), SLOPE))
        shortcut: Tensor = self.conv_s(self.norm_s(x, labels)) if self.learned else x
        return shortcut + inner


class SpadePainter(nn.Module):
    """A feature to a picture, told by a map.

    Convention:
        feature: (N, channels, h, w); labels: (N, label_channels, any size)
        result: (N, 3, H, W), float32 in [0, 1], H = 2 ** doublings * upscale * h
    """

    def __init__(self, settings: SpadeSettings) -> None:
        super().__init__()
        first, last = settings.widths[0], settings.widths[-1]
        told = settings.label_channels, settings.hidden
        self.middle, self.doublings = settings.middle, len(settings.widths) - 1
        self.fc = nn.Conv2d(settings.channels, first, 3, padding=1)
        for number in range(settings.middle):
            self.add_module(f"G_middle_{number}", SpadeBlock(first, first, *told))
        for number, (a, b) in enumerate(pairwise(settings.widths)):
            self.add_module(f"up_{number}", SpadeBlock(a, b, *told))
        self.conv_img: nn.Module = nn.Conv2d(
            last, settings.colours * settings.upscale**2, 3, padding=1
        )
        if settings.upscale > 1:
            self.conv_img = nn.Sequential(self.conv_img, nn.PixelShuffle(settings.upscale))

    def forward(self, feature: Tensor, labels: Tensor) -> Tensor:
        x: Tensor = self.fc(feature)
        for number in range(self.middle):
            x = self.get_submodule(f"G_middle_{number}")(x, labels)
        for number in range(self.doublings):
            x = functional.interpolate(x, scale_factor=2)
            x = self.get_submodule(f"up_{number}")(x, labels)
        painted: Tensor = self.conv_img(functional.leaky_relu(x, SLOPE))
        return torch.sigmoid(painted.float())


def spade_settings(shapes: Shapes) -> SpadeSettings:
    """The sizes of a painter, from its tensors' shapes without what stands before their names.

    Raises:
        KeyError, IndexError: a tensor is missing, or is of another kind.
    """
    middle, doublings = (_count(shapes, kind) for kind in ("G_middle_{}", "up_{}"))
    first, channels = shapes["fc.weight"][:2]
    hidden, labels = shapes["up_0.norm_0.mlp_shared.0.weight"][:2]
    outs = [shapes[f"up_{number}.norm_0.mlp_gamma.weight"][0] for number in range(1, doublings)]
    shuffled = "conv_img.0.weight" in shapes
    painted, last = shapes["conv_img.0.weight" if shuffled else "conv_img.weight"][:2]
    return SpadeSettings(
        channels=channels,
        label_channels=labels,
        hidden=hidden,
        widths=(first, *outs, last),
        middle=middle,
        upscale=round((painted / 3) ** 0.5) if shuffled else 1,
    )


def _count(shapes: Shapes, pattern: str) -> int:
    count = 0
    while f"{pattern.format(count)}.norm_0.mlp_gamma.weight" in shapes:
        count += 1
    return count


ORIGINAL = "weight_orig"
FACTORS = ("weight_u", "weight_v")


def folded(weights: Weights) -> Weights:
    """The weights with every spectral normalisation carried out: W = weight_orig / (u W v).

    Raises:
        CheckpointError: one of the three parts of a normalisation is missing.
    """
    places = [n.removesuffix(ORIGINAL) for n in weights.shapes if n.endswith(f".{ORIGINAL}")]
    if not places:
        return weights
    _complete(weights, places)
    dropped = {place + factor for place in places for factor in FACTORS}
    renamed = {place + ORIGINAL: f"{place}weight" for place in places}
    shapes = {renamed.get(n, n): s for n, s in weights.shapes.items() if n not in dropped}

    def read() -> State:
        state = weights.read()
        plain = {n: t for n, t in state.items() if n not in dropped and n not in renamed}
        return plain | {f"{place}weight": _fold(state, place) for place in places}

    return replace(weights, shapes=shapes, read=read)


def _complete(weights: Weights, places: Sequence[str]) -> None:
    for place in places:
        shape = weights.shapes[place + ORIGINAL]
        if len(shape) < 2:
            raise CheckpointError(
                f"{weights.path}: {place}{ORIGINAL} must be a matrix, got {shape}"
            )
        for name, size in zip(FACTORS, _factor_sizes(shape), strict=True):
            found = weights.shapes.get(place + name)
            if found is None:
                raise CheckpointError(f"{weights.path}: {place}{name} missing")
            if found != (size,):
                raise CheckpointError(
                    f"{weights.path}: {place}{name} must be ({size},), got {found}"
                )


def _factor_sizes(shape: tuple[int, ...]) -> tuple[int, int]:
    """Of u and v, for a weight of that shape seen as a matrix."""
    return shape[0], math.prod(shape[1:])


def _fold(state: State, place: str) -> Tensor:
    original, u, v = (state[place + name].float() for name in (ORIGINAL, *FACTORS))
    return original / torch.dot(u, original.flatten(1) @ v)
