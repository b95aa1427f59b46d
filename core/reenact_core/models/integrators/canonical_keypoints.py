"""OSFV's keypoints of a face at rest, in three dimensions, from the source picture alone."""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from reenact_core.models.integrators.volumes import UpBlock3d, volume_grid
from reenact_core.models.keypoint_detector import Keypoints
from reenact_core.models.layers import DownBlock, reduction, weight_dtype


@dataclass(frozen=True, slots=True)
class CanonicalSettings:
    """Sizes of the detector of keypoints at rest."""

    keypoints: int = 15
    colours: int = 3
    scale: float = 0.25
    """Size of the picture that the network sees, as a part of the frame's."""
    down: tuple[int, ...] = (64, 128, 256, 512, 1024)
    """Channels after each halving."""
    depth: int = 16
    """Of the volume that the flat features become."""
    up: tuple[int, ...] = (1024, 512, 256, 128, 64, 32)
    """Channels of the volume, then after each doubling of width and height."""
    temperature: float = 0.1
    """Divides the heat map's logits before the softmax."""
    jacobian: bool = False
    """Whether a local affine frame stands at each keypoint; in no published file."""


class _Predictor(nn.Module):
    def __init__(self, settings: CanonicalSettings) -> None:
        super().__init__()
        self.volume = settings.up[0], settings.depth
        self.down_blocks, self.up_blocks = nn.Sequential(), nn.Sequential()
        for number, (a, b) in enumerate(pairwise((settings.colours, *settings.down))):
            self.down_blocks.add_module(f"down{number}", DownBlock(a, b))
        self.conv = nn.Conv2d(settings.down[-1], settings.up[0] * settings.depth, 1)
        for number, (a, b) in enumerate(pairwise(settings.up)):
            self.up_blocks.add_module(f"up{number}", UpBlock3d(a, b))

    def forward(self, x: Tensor) -> Tensor:
        flat: Tensor = self.conv(self.down_blocks(x))
        volume = flat.reshape(len(flat), *self.volume, *flat.shape[2:])
        out: Tensor = self.up_blocks(volume)
        return out


class CanonicalDetector(nn.Module):
    """Keypoints at rest of pictures (N, 3, H, W) in [0, 1]; the result is float32."""

    def __init__(self, settings: CanonicalSettings) -> None:
        super().__init__()
        self.temperature = settings.temperature
        self.down = reduction(settings.colours, settings.scale)
        self.predictor = _Predictor(settings)
        width = settings.up[-1]
        self.kp = nn.Conv3d(width, settings.keypoints, 3, padding=1)
        self.jacobian = None
        if settings.jacobian:
            self.jacobian = nn.Conv3d(width, 9 * settings.keypoints, 3, padding=1)

    def forward(self, pictures: Tensor) -> Keypoints:
        features = self.predictor(self.down(pictures.to(weight_dtype(self))))
        logits = self.kp(features).float()
        heat = functional.softmax(logits.flatten(2) / self.temperature, dim=2)
        grid = volume_grid(*logits.shape[2:], device=logits.device).flatten(0, 2)
        # A sum of products, not a matrix product: over a million cells that rounds too far.
        value = torch.stack([(heat * axis).sum(dim=2) for axis in grid.unbind(-1)], dim=-1)
        if self.jacobian is None:
            return Keypoints(value)
        maps = self.jacobian(features).float().unflatten(1, (-1, 9)).flatten(3)
        return Keypoints(value, (heat[:, :, None] * maps).sum(dim=3).unflatten(2, (3, 3)))


def turned_frames(rotation: Tensor, jacobian: Tensor | None) -> Tensor | None:
    """The frames of keypoints at rest, turned with the head: R J; (N, K, 3, 3)."""
    if jacobian is None:
        return None
    return torch.einsum("nab,nkbc->nkac", rotation, jacobian)
