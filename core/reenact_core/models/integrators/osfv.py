"""OSFV as global integrator: free-view synthesis from keypoints in three dimensions.

The networks of github.com/zhanglonghao1992/One-Shot_Free-View_Neural_Talking_Head_Synthesis,
which follow Wang, Mallya and Liu, "One-shot free-view neural talking-head synthesis for video
conferencing" (CVPR 2021). Two generations were published: "beta", whose painter is FOMM's and
which turns heads in another order, and "new", whose painter is SPADE.
"""

import math
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import Tensor, nn

from reenact_core.devices import Compute
from reenact_core.models.hull_volume import volume_scale
from reenact_core.models.integrators.canonical_keypoints import (
    CanonicalDetector,
    CanonicalSettings,
    turned_frames,
)
from reenact_core.models.integrators.head_estimator import (
    Head,
    HeadEstimator,
    HeadSettings,
    Rotation,
    head_of,
)
from reenact_core.models.integrators.runs import (
    check_counts,
    check_pictures,
    expanded,
    painting_runs,
)
from reenact_core.models.integrators.spade import SpadePainter, SpadeSettings
from reenact_core.models.integrators.volumes import (
    VolumeEncoder,
    VolumeMotion,
    VolumeMotionSettings,
    VolumeSettings,
    VolumeWarp,
    moved_feature,
)
from reenact_core.models.keypoint_detector import Keypoints
from reenact_core.models.layers import ResBlock, UpBlock
from reenact_core.models.quick_convolutions import quicken_on
from reenact_core.models.relative_motion import carry_over

RUN = 4
"""Frames that the networks take at a time; volumes are large."""


@dataclass(frozen=True, slots=True)
class PlainSettings:
    """Sizes of the painter of the first generation."""

    blocks: int = 6
    widths: tuple[int, ...] = (256, 128, 64)
    """Channels of the residual blocks, then after each doubling."""


@dataclass(frozen=True, slots=True)
class OsfvSettings:
    """Sizes of OSFV's networks."""

    keypoints: CanonicalSettings = field(default_factory=CanonicalSettings)
    head: HeadSettings = field(default_factory=HeadSettings)
    volume: VolumeSettings = field(default_factory=VolumeSettings)
    motion: VolumeMotionSettings = field(default_factory=VolumeMotionSettings)
    flat: tuple[int, int] = (256, 256)
    """Channels of the feature map that a moved volume becomes, in two steps."""
    painter: SpadeSettings | PlainSettings = field(default_factory=SpadeSettings)
    rotation: Rotation = "new"
    """How angles turn a head. Upstream's code of today says "new" to every file; the weights of
    the first generation were trained with "beta"."""


@dataclass(frozen=True, slots=True, eq=False)
class OsfvSource:
    """All that OSFV needs of N source pictures: computed once, used for every frame."""

    volume: Tensor
    """(N, C, D, h, w)"""
    canonical: Keypoints
    """At rest."""
    keypoints: Keypoints
    """In the source's pose, with its expression."""

    def __len__(self) -> int:
        return len(self.volume)

    def run(self, frames: slice) -> "OsfvSource":
        """One source for any run of frames, or the sources of that run."""
        if len(self) == 1:
            return self
        return OsfvSource(self.volume[frames], self.canonical[frames], self.keypoints[frames])


@dataclass(frozen=True, slots=True, eq=False)
class OsfvFace:
    """The faces that OSFV made, and how."""

    picture: Tensor
    """(N, 3, H, W), float32 in [0, 1]."""
    motion: VolumeMotion


class OsfvGenerator(VolumeEncoder):
    """The volume of a picture, how it moves, and the painter."""

    def __init__(self, settings: OsfvSettings) -> None:
        super().__init__(settings.volume)
        warp = VolumeWarp(settings.volume, settings.motion, settings.flat)
        self.dense_motion_network = warp.dense_motion_network
        self.third, self.fourth = warp.third, warp.fourth
        painter = settings.painter
        self.plain = isinstance(painter, PlainSettings)
        if isinstance(painter, SpadeSettings):
            self.decoder = SpadePainter(painter)
            return
        self.resblocks_2d = nn.Sequential()
        for number in range(painter.blocks):
            self.resblocks_2d.add_module(f"2dr{number}", ResBlock(painter.widths[0]))
        self.up_blocks = nn.Sequential(*(UpBlock(a, b) for a, b in pairwise(painter.widths)))
        self.final = nn.Conv2d(painter.widths[-1], settings.volume.colours, 7, padding=3)

    def forward(self, volume: Tensor, source: Keypoints, driving: Keypoints) -> OsfvFace:
        """The volumes moved from `source` to `driving`, and painted; N of each."""
        moved = moved_feature(self, volume, source, driving)
        if self.plain:
            painted = self.final(self.up_blocks(self.resblocks_2d(moved.feature)))
            return OsfvFace(torch.sigmoid(painted.float()), moved.motion)
        return OsfvFace(self.decoder(moved.feature, moved.feature), moved.motion)


class Osfv(nn.Module):
    """One-shot free-view synthesis: `detect` and `reenact`, as every integrator has them.

    Convention:
        pictures: (N, 3, H, W), float, R'G'B' in [0, 1]; H and W multiples of `multiple`
    """

    def __init__(self, settings: OsfvSettings) -> None:
        super().__init__()
        self.settings = settings
        self.kp_detector = CanonicalDetector(settings.keypoints)
        self.he_estimator = HeadEstimator(settings.head)
        self.generator = OsfvGenerator(settings)

    @property
    def multiple(self) -> int:
        """Width and height of a picture must be multiples of this."""
        sizes = self.settings
        detector = (1 << len(sizes.keypoints.down)) * round(1 / sizes.keypoints.scale)
        return math.lcm(detector, 1 << (len(sizes.volume.widths) - 1 + sizes.motion.blocks))

    def run_on(self, compute: Compute) -> None:
        """On a device; what finds keypoints stays in float32, for they must be exact."""
        self.to(compute.device)
        self.generator.to(compute.dtype)
        quicken_on(compute, self.generator, but=_plain_parts(self.generator))

    def _check(self, name: str, pictures: Tensor) -> None:
        colours = self.settings.volume.colours
        check_pictures(name, pictures, channels=colours, multiple=self.multiple)

    @torch.no_grad()
    def detect(self, frames: Tensor) -> Keypoints:
        """The keypoints (N, K, 3) of frames, each with the face at rest that itself shows."""
        self._check("frames", frames)
        return Keypoints.joined(
            [posed(self.kp_detector(run), self._heads(run)) for run in torch.split(frames, RUN)]
        )

    @torch.no_grad()
    def heads(self, frames: Tensor) -> Head:
        """Pose and expression of frames (N, 3, H, W)."""
        self._check("frames", frames)
        found = [self._heads(run) for run in torch.split(frames, RUN)]
        return Head(
            torch.cat([head.rotation for head in found]),
            torch.cat([head.offset for head in found]),
            torch.cat([head.expression for head in found]),
        )

    def _heads(self, frames: Tensor) -> Head:
        return head_of(self.he_estimator(frames), self.settings.rotation)

    @torch.no_grad()
    def encode(self, source: Tensor) -> OsfvSource:
        """What depends on the source alone, of pictures (N, 3, H, W)."""
        self._check("source", source)
        parts = []
        for run in torch.split(source, RUN):
            canonical = self.kp_detector(run)
            keypoints = posed(canonical, self._heads(run))
            parts.append(OsfvSource(self.generator.encode(run), canonical, keypoints))
        return OsfvSource(
            torch.cat([part.volume for part in parts]),
            Keypoints.joined([part.canonical for part in parts]),
            Keypoints.joined([part.keypoints for part in parts]),
        )

    @torch.no_grad()
    def render(self, source: OsfvSource, keypoints: Keypoints) -> OsfvFace:
        """The source with other keypoints of N frames, already carried over to it."""
        count = len(keypoints)
        face: OsfvFace = self.generator(
            expanded(source.volume, count), source.keypoints.expand(count), keypoints
        )
        return face

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
            relative: the motion since `driving_initial`; False puts the driver's own pose and
                expression on the source's face at rest
            adapt_scale: motion grows with the source's face, by its hull's volume
            None: the method's own habit, that is relative, without scaling
            result: (N, 3, H, W), float32 in [0, 1]

        Raises:
            ValueError: shapes that do not belong together.
        """
        self._check("driving", driving)
        check_counts(source, driving_initial, driving)
        encoded = self.encode(source)
        initial = posed(encoded.canonical, self.heads(driving_initial))
        targets = posed(encoded.canonical, self.heads(driving))
        if relative is None or relative:
            scale = volume_scale(encoded.keypoints, initial) if adapt_scale else 1.0
            targets = carry_over(encoded.keypoints, initial, targets, scale)
        frames = painting_runs(len(targets), targets.value.device, RUN)
        return torch.cat([self.render(encoded.run(run), targets[run]).picture for run in frames])


def _plain_parts(generator: OsfvGenerator) -> tuple[nn.Module, ...]:
    """What keeps its convolutions: the motion for its rounding, SPADE because nothing is gained."""
    motion = generator.dense_motion_network
    return (motion,) if generator.plain else (motion, generator.decoder)


def posed(canonical: Keypoints, heads: Head) -> Keypoints:
    """Keypoints at rest in the pose and with the expression of heads: R x + t + exp.

    Convention:
        canonical: N faces or 1; heads: N or 1
    """
    turned = torch.einsum("nab,nkb->nka", heads.rotation, canonical.value)
    value = turned + heads.offset[:, None] + heads.expression
    return Keypoints(value, turned_frames(heads.rotation, canonical.jacobian))
