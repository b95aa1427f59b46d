"""TPSMM as global integrator: y_i^G = G(d_0, d_i, S), by thin plate splines (Zhao and Zhang, 2022).

The names of the networks are those of the published files, so that these load without renaming.
"""

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from reenact_core.devices import Compute
from reenact_core.models.dense_motion import heat_differences, warp_by_each
from reenact_core.models.integrators.resnet import Resnet, ResnetSettings
from reenact_core.models.integrators.runs import (
    RUN,
    check_counts,
    check_pictures,
    expanded,
    on_device,
    painting_runs,
    runs,
)
from reenact_core.models.integrators.thin_plates import CONTROL_POINTS, spline_motions
from reenact_core.models.keypoint_detector import Keypoints
from reenact_core.models.layers import (
    DownBlock,
    Hourglass,
    ResBlock,
    SameBlock,
    UpBlock,
    coordinate_grid,
    reduction,
    resize,
    warp,
    weight_dtype,
)
from reenact_core.models.paper_settings import DenseMotionSettings
from reenact_core.models.quick_convolutions import quicken_on
from reenact_core.models.relative_motion import carry_over, movement_scale

LEVELS = 4
"""Occlusion maps where every level has its own: of 1/8, 1/4, 1/2 and the whole of the picture."""


@dataclass(frozen=True, slots=True)
class AvdSettings:
    """Sizes of the network that disentangles the driver's shape from its motion."""

    identity: tuple[int, ...] = (100, 256, 512, 1024, 128)
    """Widths of the layers that read the source's keypoints."""
    pose: tuple[int, ...] = (100, 256, 512, 1024, 128)
    """Widths of the layers that read the driver's."""
    decoder: tuple[int, ...] = (256, 1024, 512, 256, 100)
    """Widths of the layers that give keypoints again."""


@dataclass(frozen=True, slots=True)
class TpsmmSettings:
    """Sizes of TPSMM's networks, and how motion is carried over; by default vox-256's."""

    splines: int = 10
    """Thin plate splines, each of five keypoints."""
    channels: int = 3
    """Channels of a picture."""
    detector: ResnetSettings = field(default_factory=lambda: ResnetSettings(outputs=100))
    motion: DenseMotionSettings = field(default_factory=DenseMotionSettings)
    features: int = 64
    """Channels after the in-painting network's first convolution."""
    max_features: int = 512
    """Widest layer of the in-painting network."""
    halvings: int = 3
    """Its down-sampling blocks, and its up-sampling blocks."""
    masks: Literal["every_level", "one"] = "every_level"
    """An occlusion map for every level of the in-painting network, or one for all."""
    avd: AvdSettings | None = None
    """Carry motion over by the AVD network, instead of by differences of keypoints."""
    background: ResnetSettings | None = None
    """Move the background as this network sees it move, instead of letting it rest."""

    def __post_init__(self) -> None:
        for name in ("splines", "channels", "features", "max_features", "halvings"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.masks == "every_level" and not (self.halvings == LEVELS - 1 >= self.doublings - 1):
            raise ValueError(
                f"an occlusion map for every level needs {LEVELS - 1} halvings and a scale from "
                f"1/16 on, got {self.halvings} and {self.motion.scale}"
            )

    @property
    def doublings(self) -> int:
        """Between the field's resolution and the picture's."""
        return round(math.log2(1 / self.motion.scale))

    @property
    def multiple(self) -> int:
        """Width and height of a picture must be multiples of this."""
        return math.lcm(1 << (self.motion.blocks + self.doublings), 1 << self.halvings)


def instance_norm(channels: int) -> nn.Module:
    """The norm of all of TPSMM's own blocks: by each picture's own statistics."""
    return nn.InstanceNorm2d(channels, affine=True)


@dataclass(frozen=True, slots=True, eq=False)
class SplineMotion:
    """How N driving faces move one picture."""

    field: Tensor
    """(N, h, w, 2), float32: for each place of the result, where to look in the source."""
    shares: Tensor
    """(N, K + 1, h, w): the share of the background and of each spline in the field."""
    occlusions: list[Tensor]
    """(N, 1, ., .) in [0, 1], the coarsest first: 1 where the source shows what is needed."""


@dataclass(frozen=True, slots=True, eq=False)
class EncodedSource:
    """All that G needs of S: computed once, used for every frame."""

    picture: Tensor
    """(N, 3, H, W)."""
    small: Tensor
    """(N, 3, h, w), the picture at the field's resolution."""
    levels: list[Tensor]
    """Features of every resolution, the finest first."""
    keypoints: Keypoints

    def __getitem__(self, frames: slice) -> "EncodedSource":
        """One source for all frames, or the sources of a run of frames."""
        if len(self.picture) == 1:
            return self
        levels = [level[frames] for level in self.levels]
        return EncodedSource(
            self.picture[frames], self.small[frames], levels, self.keypoints[frames]
        )


@dataclass(frozen=True, slots=True, eq=False)
class GeneratedFace:
    """The faces that the method made, and how."""

    picture: Tensor
    """(N, 3, H, W), float32 in [0, 1]."""
    motion: SplineMotion


class SplineKeypoints(nn.Module):
    """Five keypoints a spline, from the whole picture: (N, 3, H, W) to (N, 5 K, 2), float32."""

    def __init__(self, settings: ResnetSettings) -> None:
        super().__init__()
        self.fg_encoder = Resnet(settings)

    def forward(self, frames: Tensor) -> Keypoints:
        values: Tensor = self.fg_encoder(frames).float()
        return Keypoints(2 * torch.sigmoid(values.reshape(len(values), -1, 2)) - 1)


class BackgroundMotion(nn.Module):
    """The affine motion of the background: (N, 3, 3), driving places to source places."""

    def __init__(self, settings: ResnetSettings) -> None:
        super().__init__()
        self.bg_encoder = Resnet(settings)

    def forward(self, source: Tensor, driving: Tensor) -> Tensor:
        rows = self.bg_encoder(torch.cat([source, driving], dim=1)).float().reshape(-1, 2, 3)
        last = torch.tensor([0.0, 0.0, 1.0], device=rows.device).expand(len(rows), 1, 3)
        return torch.cat([rows, last], dim=1)


class Avd(nn.Module):
    """Keypoints of the source's shape with the driver's motion, from the keypoints of both."""

    def __init__(self, settings: AvdSettings) -> None:
        super().__init__()
        self.id_encoder = _perceptron(settings.identity)
        self.pose_encoder = _perceptron(settings.pose)
        self.decoder = _perceptron(settings.decoder)

    def forward(self, source: Keypoints, driving: Keypoints) -> Keypoints:
        dtype, count = weight_dtype(self), len(driving)
        identity = expanded(self.id_encoder(source.value.flatten(1).to(dtype)), count)
        pose = self.pose_encoder(driving.value.flatten(1).to(dtype))
        values: Tensor = self.decoder(torch.cat([pose, identity], dim=1)).float()
        return Keypoints(values.reshape(len(values), -1, 2))


def _perceptron(widths: tuple[int, ...]) -> nn.Sequential:
    layers = nn.Sequential(nn.Linear(widths[0], widths[1]))
    for a, b in pairwise(widths[1:]):
        layers.extend([nn.BatchNorm1d(a), nn.ReLU(), nn.Linear(a, b)])
    return layers


class SplineMotionNetwork(nn.Module):
    """The field and the occlusion maps from the keypoints of a source and of N driving frames."""

    def __init__(self, settings: TpsmmSettings) -> None:
        super().__init__()
        sizes, splines = settings.motion, settings.splines
        self.variance, self.masks = sizes.variance, settings.masks
        self.down = reduction(settings.channels, sizes.scale)
        self.hourglass = Hourglass(
            splines * CONTROL_POINTS + 1 + (splines + 1) * settings.channels,
            features=sizes.features,
            blocks=sizes.blocks,
            max_features=sizes.max_features,
            norm=instance_norm,
        )
        width = self.hourglass.out_channels
        self.maps = nn.Conv2d(width, splines + 1, 7, padding=3)
        finer: list[int] = []
        self.coarse = 1
        if self.masks == "every_level":
            finer = [width >> i for i in range(settings.doublings + 1)]
            self.up = nn.ModuleList(UpBlock(a, b, norm=instance_norm) for a, b in pairwise(finer))
            self.coarse = LEVELS - settings.doublings
        seen = self.hourglass.level_channels[-self.coarse :] if self.coarse else []
        self.occlusion = nn.ModuleList(
            nn.Conv2d(channels, 1, 7, padding=3) for channels in [*seen, *finer[1:]]
        )

    def forward(
        self, small: Tensor, source: Keypoints, driving: Keypoints, background: Tensor | None
    ) -> SplineMotion:
        """The motion of N frames.

        Convention:
            small: (N, 3, h, w), the source at the field's resolution; source, driving: N frames
            background: (N, 3, 3), from driving places to source places; None: it rests
        """
        grid = coordinate_grid(small.shape[2], small.shape[3], small.device)
        rest = _background(grid, background, len(driving))
        splines = spline_motions(grid, source.value, driving.value)
        candidates = torch.cat([rest, splines], dim=1)
        heat = heat_differences(grid, source, driving, self.variance)
        moved = warp_by_each(small, candidates, align_corners=True).flatten(1, 2)
        levels = self.hourglass.levels(torch.cat([heat.to(moved), moved], dim=1))
        shares = functional.softmax(self.maps(levels[-1]).float(), dim=1)
        motion = (shares[..., None] * candidates).sum(dim=1)
        return SplineMotion(motion, shares, self._occlusions(levels))

    def _occlusions(self, levels: list[Tensor]) -> list[Tensor]:
        """The maps of the decoder's last levels, then of up-samplings of its last."""
        seen, finest = levels[-self.coarse :] if self.coarse else [], levels[-1]
        if self.masks == "every_level":
            for block in self.up:
                finest = block(finest)
                seen = [*seen, finest]
        return [torch.sigmoid(conv(x)) for conv, x in zip(self.occlusion, seen, strict=True)]


def _background(grid: Tensor, matrix: Tensor | None, count: int) -> Tensor:
    """The background's motion: (N, 1, h, w, 2)."""
    if matrix is None:
        return grid.expand(count, 1, *grid.shape)
    moved = functional.pad(grid, (0, 1), value=1.0) @ matrix[:, None].transpose(-1, -2)
    return (moved[..., :2] / moved[..., 2:])[:, None]


class InpaintingNetwork(nn.Module):
    """A U-Net whose skips are warped, and faded where the source shows nothing."""

    def __init__(self, settings: TpsmmSettings) -> None:
        super().__init__()
        widths = [
            min(settings.max_features, settings.features * 2**level)
            for level in range(settings.halvings + 1)
        ]
        self.first = SameBlock(settings.channels, settings.features, kernel=7, norm=instance_norm)
        self.down_blocks = nn.ModuleList(
            DownBlock(a, b, norm=instance_norm)
            for a, b in pairwise([settings.features, *widths[1:]])
        )
        self.up_blocks, self.resblock = nn.ModuleList(), nn.ModuleList()
        for number, (wide, narrow) in enumerate(pairwise(reversed(widths))):
            wide = wide * 2 if number else wide  # the skip comes beside what was painted
            self.resblock.extend(ResBlock(wide, norm=instance_norm) for _ in range(2))
            self.up_blocks.append(UpBlock(wide, narrow, norm=instance_norm))
        self.final = nn.Conv2d(settings.features, settings.channels, 7, padding=3)

    def encode(self, picture: Tensor) -> list[Tensor]:
        """The features of every resolution, the finest first."""
        levels = [self.first(picture)]
        for block in self.down_blocks:
            levels.append(block(levels[-1]))
        return levels

    def forward(self, picture: Tensor, levels: list[Tensor], motion: SplineMotion) -> Tensor:
        """The source's picture and features, N of each, moved: (N, 3, H, W), float32."""
        deepest, *skips = reversed(levels)
        x = seen = self._faded(deepest, motion, 0)
        for number, skip in enumerate(skips):
            for block in (*self.resblock[2 * number : 2 * number + 2], self.up_blocks[number]):
                x = block(x)
            seen = self._faded(skip, motion, number + 1)
            x = torch.cat([x, seen], dim=1) if number + 1 < len(skips) else x
        shown = resize(motion.occlusions[-1], *x.shape[2:], align_corners=True)
        painted = torch.sigmoid(self.final(x * (1 - shown) + seen).float())
        return painted * (1 - shown) + _moved(picture, motion.field).float() * shown

    def _faded(self, features: Tensor, motion: SplineMotion, level: int) -> Tensor:
        occlusion = motion.occlusions[min(level, len(motion.occlusions) - 1)]
        occlusion = resize(occlusion, *features.shape[2:], align_corners=True)
        return _moved(features, motion.field) * occlusion


def _moved(images: Tensor, motion: Tensor) -> Tensor:
    """Images (N, C, H, W) seen through a field (N, h, w, 2) of any resolution."""
    resized = resize(motion.permute(0, 3, 1, 2), *images.shape[2:], align_corners=True)
    return warp(images, resized.permute(0, 2, 3, 1), align_corners=True)


class Tpsmm(nn.Module):
    """The thin plate spline motion model: keypoints without jacobians, motion, in-painting.

    `detect` and `reenact` are what every integrator has; `encode`, `carried` and `render` are the
    parts of `reenact`, for callers that keep the source and choose the keypoints themselves.

    Convention:
        pictures: (N, 3, H, W), float, R'G'B' in [0, 1]; H and W multiples of `multiple`
    """

    def __init__(self, settings: TpsmmSettings) -> None:
        super().__init__()
        self.settings = settings
        self.kp_detector = SplineKeypoints(settings.detector)
        self.dense_motion_network = SplineMotionNetwork(settings)
        self.inpainting_network = InpaintingNetwork(settings)
        self.bg_predictor = BackgroundMotion(settings.background) if settings.background else None
        self.avd_network = Avd(settings.avd) if settings.avd else None

    @property
    def multiple(self) -> int:
        """Width and height of a picture must be multiples of this."""
        return self.settings.multiple

    def _check(self, name: str, pictures: Tensor) -> None:
        check_pictures(name, pictures, channels=self.settings.channels, multiple=self.multiple)

    def run_on(self, compute: Compute) -> None:
        """Move to a device, motion and in-painting in its precision and the rest in float32.

        In bfloat16 keypoints would move by more than a pixel, at 256 x 256.
        """
        self.to(compute.device)
        self.dense_motion_network.to(compute.dtype)
        self.inpainting_network.to(compute.dtype)
        quicken_on(compute, self.inpainting_network)

    @torch.no_grad()
    def detect(self, frames: Tensor) -> Keypoints:
        """The keypoints of frames (N, 3, H, W)."""
        self._check("frames", frames)
        found = [self.kp_detector(on_device(run, self)) for run in torch.split(frames, RUN)]
        return Keypoints.joined(found)

    @torch.no_grad()
    def encode(self, source: Tensor) -> EncodedSource:
        """What depends on the source alone, of pictures (N, 3, H, W) or one picture (1, ...)."""
        self._check("source", source)
        source = on_device(source, self)
        working = source.to(weight_dtype(self.inpainting_network))
        small = self.dense_motion_network.down(working)
        levels = self.inpainting_network.encode(working)
        return EncodedSource(source, small, levels, self.kp_detector(source))

    def carried(
        self, source: Keypoints, initial: Keypoints, driving: Keypoints, relative: bool
    ) -> Keypoints:
        """The driving keypoints as the source's: by AVD where the settings ask for it.

        Relative motion is always scaled to the source's face, as upstream has it.
        """
        if not relative:
            return driving
        if self.avd_network is not None:
            carried: Keypoints = self.avd_network(source, driving)
            return carried
        return carry_over(source, initial, driving, movement_scale(source, initial))

    @torch.no_grad()
    def render(
        self, source: EncodedSource, keypoints: Keypoints, background: Tensor | None = None
    ) -> GeneratedFace:
        """The source with other keypoints, N frames at once.

        Convention:
            source: N pictures or 1; keypoints: N frames, already carried over to the source
            background: (N, 3, 3), from driving places to source places; None: it rests
        """
        count = len(keypoints)
        motion: SplineMotion = self.dense_motion_network(
            expanded(source.small, count), source.keypoints.expand(count), keypoints, background
        )
        levels = [expanded(level, count) for level in source.levels]
        picture = expanded(source.picture, count)
        return GeneratedFace(self.inpainting_network(picture, levels, motion), motion)

    @torch.no_grad()
    def reenact(
        self,
        source: Tensor,
        driving_initial: Tensor,
        driving: Tensor,
        relative: bool | None = True,
        adapt_scale: bool | None = False,
    ) -> Tensor:
        """The source's face, moved as the driver moved from `driving_initial` to `driving`.

        Convention:
            driving: (N, 3, H, W) in [0, 1]; source and driving_initial: N pictures, or 1 for all
            relative: the motion since `driving_initial`, or AVD's; False: the driver's keypoints
            adapt_scale: changes nothing: TPSMM always scales relative motion to the source's face
            None: the method's own habit, that is relative
            result: (N, 3, H, W), float32 in [0, 1]

        Raises:
            ValueError: shapes that do not belong together.
        """
        for name, pictures in (("source", source), ("driving_initial", driving_initial)):
            self._check(name, pictures)
        self._check("driving", driving)
        check_counts(source, driving_initial, driving)
        encoded, initial = self.encode(source), self.detect(driving_initial)
        faces = []
        for run in runs(len(driving)):
            one, frames = encoded[run], on_device(driving[run], self)
            start = initial if len(initial) == 1 else initial[run]
            moved = self.carried(one.keypoints, start, self.detect(frames), relative is not False)
            background = self._background(one, frames)
            for some in painting_runs(len(moved), frames.device):
                behind = None if background is None else background[some]
                faces.append(self.render(one[some], moved[some], behind).picture)
        return torch.cat(faces)

    def _background(self, source: EncodedSource, driving: Tensor) -> Tensor | None:
        if self.bg_predictor is None:
            return None
        moved: Tensor = self.bg_predictor(expanded(source.picture, len(driving)), driving)
        return moved
