"""A source face, warped and in-painted."""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from reenact_core.models.dense_motion import DenseMotion, DenseMotionNetwork
from reenact_core.models.keypoint_detector import Keypoints
from reenact_core.models.layers import (
    DownBlock,
    ResBlock,
    SameBlock,
    UpBlock,
    resize,
    warp,
    weight_dtype,
)
from reenact_core.models.paper_settings import IntegratorSettings


@dataclass(frozen=True, slots=True, eq=False)
class EncodedPicture:
    """All that the generator needs of a picture, whatever moves it: computed once a source."""

    features: Tensor
    """(N, C, h, w), after the last down-sampling block."""
    small: Tensor
    """(N, 3, h', w'), the picture at the dense motion's resolution."""

    def expand(self, count: int) -> "EncodedPicture":
        """One picture for `count` frames; `count` pictures stay as they are."""
        return EncodedPicture(
            self.features.expand(count, *self.features.shape[1:]),
            self.small.expand(count, *self.small.shape[1:]),
        )


@dataclass(frozen=True, slots=True, eq=False)
class GeneratedFace:
    """The faces that a generator made, and how."""

    picture: Tensor
    """(N, 3, H, W), float32 in [0, 1]."""
    motion: DenseMotion


class Generator(nn.Module):
    """FOMM's generator with its dense motion network; `encode` is the part before the warp."""

    def __init__(self, settings: IntegratorSettings) -> None:
        super().__init__()
        sizes, channels = settings.generator, settings.keypoints.channels
        widths = [min(sizes.max_features, sizes.features * 2**i) for i in range(sizes.halvings + 1)]
        self.feature_channels = widths[-1]
        self.align_corners = settings.align_corners
        self.dense_motion_network = DenseMotionNetwork(
            settings.keypoints.keypoints,
            channels,
            settings.motion,
            align_corners=settings.align_corners,
        )
        self.first = SameBlock(channels, sizes.features, kernel=7)
        self.down_blocks = nn.ModuleList(
            DownBlock(a, b)
            for a, b in zip([sizes.features, *widths[1:-1]], widths[1:], strict=True)
        )
        self.bottleneck = nn.Sequential()
        for number in range(sizes.bottleneck):
            self.bottleneck.add_module(f"r{number}", ResBlock(widths[-1]))
        self.up_blocks = nn.ModuleList(UpBlock(a, b) for a, b in pairwise(reversed(widths)))
        self.final = nn.Conv2d(widths[0], channels, 7, padding=3)

    def encode(self, picture: Tensor) -> EncodedPicture:
        """What does not depend on the motion.

        Convention:
            picture: (N, 3, H, W) in [0, 1]
        """
        picture = picture.to(weight_dtype(self))
        features = self.first(picture)
        for block in self.down_blocks:
            features = block(features)
        return EncodedPicture(features, self.dense_motion_network.down(picture))

    def forward(
        self, encoded: EncodedPicture, source: Keypoints, driving: Keypoints
    ) -> GeneratedFace:
        """The encoded pictures moved from `source` to `driving`, N of each."""
        motion: DenseMotion = self.dense_motion_network(encoded.small, source, driving)
        warped = self.warped(encoded.features, motion)
        # Large maps of many frames leave a processor's caches; batch norm must see all to learn.
        run = 1 if warped.device.type == "cpu" and not self.training else len(warped)
        painted = torch.cat([self.painted(part) for part in torch.split(warped, run)])
        return GeneratedFace(painted, motion)

    def painted(self, features: Tensor) -> Tensor:
        """The pictures (N, 3, H, W), float32 in [0, 1], of warped features."""
        features = self.bottleneck(features)
        for block in self.up_blocks:
            features = block(features)
        return torch.sigmoid(self.final(features).float())

    def warped(self, features: Tensor, motion: DenseMotion) -> Tensor:
        """Features moved by the field, and faded where the source shows nothing."""
        return moved(features, motion, align_corners=self.align_corners)


def moved(features: Tensor, motion: DenseMotion, *, align_corners: bool) -> Tensor:
    """Features (N, C, H, W) moved by the field, and faded where the source shows nothing."""
    height, width = features.shape[2:]
    field = motion.field.permute(0, 3, 1, 2)
    field = resize(field, height, width, align_corners=align_corners).permute(0, 2, 3, 1)
    features = warp(features, field, align_corners=align_corners)
    if motion.occlusion is None:
        return features
    return features * resize(motion.occlusion, height, width, align_corners=align_corners)
