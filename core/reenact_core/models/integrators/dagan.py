"""DaGAN as global integrator: y_i^G = G(d_0, d_i, S), FOMM's with depth (Hong et al., 2022).

The names of the networks are those of the published files, so that these load without renaming.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from reenact_core.devices import Compute
from reenact_core.models.dense_motion import DenseMotion, DenseMotionNetwork
from reenact_core.models.generator import GeneratedFace, moved
from reenact_core.models.integrators.depth import (
    HALVINGS,
    DepthDecoder,
    DepthEncoder,
    DepthSettings,
)
from reenact_core.models.integrators.fomm import picture_multiple
from reenact_core.models.integrators.runs import (
    RUN,
    check_counts,
    check_pictures,
    expanded,
    on_device,
    painting_runs,
    runs,
)
from reenact_core.models.integrators.spade import SpadePainter, SpadeSettings
from reenact_core.models.keypoint_detector import KeypointDetector, Keypoints
from reenact_core.models.layers import DownBlock, ResBlock, SameBlock, UpBlock, weight_dtype
from reenact_core.models.paper_settings import IntegratorSettings, KeypointSettings
from reenact_core.models.quick_convolutions import quicken_on
from reenact_core.models.relative_motion import carry_over, movement_scale

ATTENTION = 1 << 24
"""Weights of attention that are held at a time: 64 MiB."""


QUERY_SHARE = 8
"""Channels of a feature for each channel of its query and key."""


@dataclass(frozen=True, slots=True)
class DaganSettings:
    """Sizes of DaGAN's networks; by default those of the published files."""

    networks: IntegratorSettings = field(
        default_factory=lambda: IntegratorSettings(KeypointSettings(keypoints=15))
    )
    """As FOMM's; the keypoint detector has one channel more, for the depth."""
    depth: DepthSettings = field(default_factory=DepthSettings)
    painter: SpadeSettings | None = None
    """Of the SPADE variant; None: FOMM's own residual blocks paint."""

    def __post_init__(self) -> None:
        deepest = generator_widths(self.networks)[-1]
        if deepest < QUERY_SHARE:
            raise ValueError(f"attention needs {QUERY_SHARE} channels or more, got {deepest}")
        if self.painter and len(self.painter.widths) - 1 != self.networks.generator.halvings:
            raise ValueError(
                f"{self.networks.generator.halvings} halvings before the SPADE painter need as "
                f"many doublings in it, got {len(self.painter.widths) - 1}"
            )

    @property
    def multiple(self) -> int:
        """Width and height of a picture must be multiples of this."""
        return math.lcm(picture_multiple(self.networks), 1 << HALVINGS)


@dataclass(frozen=True, slots=True, eq=False)
class EncodedSource:
    """All that G needs of S: computed once, used for every frame."""

    picture: Tensor
    """(N, 3, H, W)."""
    small: Tensor
    """(N, 3, h', w'), the picture at the dense motion's resolution."""
    features: Tensor
    """(N, C, h, w), of the picture."""
    queries: Tensor
    """(N, C / 8, h * w): what each place, by its depth, asks of the moved features."""
    keypoints: Keypoints

    def __getitem__(self, frames: slice) -> "EncodedSource":
        """One source for all frames, or the sources of a run of frames."""
        if len(self.picture) == 1:
            return self
        return self._with(lambda tensor: tensor[frames], self.keypoints[frames])

    def expand(self, count: int) -> "EncodedSource":
        """One source for `count` frames; `count` sources stay as they are."""
        return self._with(lambda tensor: expanded(tensor, count), self.keypoints.expand(count))

    def _with(self, change: Callable[[Tensor], Tensor], keypoints: Keypoints) -> "EncodedSource":
        return EncodedSource(
            change(self.picture),
            change(self.small),
            change(self.features),
            change(self.queries),
            keypoints,
        )


class DepthAttention(nn.Module):
    """Every place gathers features from the whole face, by the source's depth at that place.

    out = gamma V A^T + F, A = softmax(Q^T K) over the keys, without scaling (DaGAN, section 3.3).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.held = ATTENTION
        self.query_conv = nn.Conv2d(channels, channels // QUERY_SHARE, 1)
        self.key_conv = nn.Conv2d(channels, channels // QUERY_SHARE, 1)
        self.value_conv = nn.Conv2d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(1))

    def queries(self, depth: Tensor) -> Tensor:
        """Q (N, C / 8, h * w) of the source's depth features (N, C, h, w)."""
        return functional.relu(self.query_conv(depth)).flatten(2)

    def forward(self, queries: Tensor, features: Tensor) -> Tensor:
        keys = functional.relu(self.key_conv(features)).flatten(2)
        values = functional.relu(self.value_conv(features)).flatten(2)
        # The whole matrix of weights would be 64 MiB a face at 256 x 256, and 1 GiB at 512 x 512.
        rows = max(1, self.held // (keys.shape[0] * keys.shape[2]))
        gathered = [gather(some, keys, values) for some in torch.split(queries, rows, dim=2)]
        return self.gamma * torch.cat(gathered, dim=2).reshape(features.shape) + features


def gather(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Values (N, C, M) weighted by how well their keys (N, c, M) answer each query (N, c, P)."""
    answers = queries.float().transpose(1, 2) @ keys.float()  # unscaled: too large for fp16
    weights = functional.softmax(answers, dim=2)
    return values @ weights.to(values.dtype).transpose(1, 2)


class DepthAwareGenerator(nn.Module, ABC):
    """What both of DaGAN's generators have; a painter ends them.

    Convention:
        picture: (N, 3, H, W) in [0, 1]; depth: (N, 1, H, W), disparity in [0, 1]
    """

    def __init__(self, networks: IntegratorSettings) -> None:
        super().__init__()
        sizes, channels = networks.generator, networks.keypoints.channels
        widths = generator_widths(networks)
        self.align_corners = networks.align_corners
        self.dense_motion_network = DenseMotionNetwork(
            networks.keypoints.keypoints,
            channels,
            networks.motion,
            align_corners=networks.align_corners,
        )
        self.first = SameBlock(channels, sizes.features, kernel=7)
        self.src_first = SameBlock(1, sizes.features, kernel=7)
        steps = list(pairwise([sizes.features, *widths[1:]]))
        self.down_blocks = nn.ModuleList(DownBlock(a, b) for a, b in steps)
        self.src_down_blocks = nn.ModuleList(DownBlock(a, b) for a, b in steps)
        self.AttnModule = DepthAttention(widths[-1])

    def encode(self, picture: Tensor, depth: Tensor, keypoints: Keypoints) -> EncodedSource:
        """What does not depend on the motion."""
        features, depth_features = self.first(picture), self.src_first(depth)
        for block, depth_block in zip(self.down_blocks, self.src_down_blocks, strict=True):
            features, depth_features = block(features), depth_block(depth_features)
        small = self.dense_motion_network.down(picture)
        queries = self.AttnModule.queries(depth_features)
        return EncodedSource(picture, small, features, queries, keypoints)

    def forward(self, source: EncodedSource, driving: Keypoints) -> GeneratedFace:
        """N sources moved to N frames' keypoints."""
        motion: DenseMotion = self.dense_motion_network(source.small, source.keypoints, driving)
        features = moved(source.features, motion, align_corners=self.align_corners)
        features = self.AttnModule(source.queries, features)
        return GeneratedFace(self.paint(features, source.picture, motion), motion)

    @abstractmethod
    def paint(self, features: Tensor, picture: Tensor, motion: DenseMotion) -> Tensor:
        """The face (N, 3, H, W), float32 in [0, 1], of moved features."""


class PlainGenerator(DepthAwareGenerator):
    """Painted by residual blocks, as FOMM's."""

    def __init__(self, networks: IntegratorSettings) -> None:
        super().__init__(networks)
        widths = generator_widths(networks)
        self.bottleneck = nn.Sequential()
        for number in range(networks.generator.bottleneck):
            self.bottleneck.add_module(f"r{number}", ResBlock(widths[-1]))
        self.up_blocks = nn.ModuleList(UpBlock(a, b) for a, b in pairwise(reversed(widths)))
        self.final = nn.Conv2d(widths[0], networks.keypoints.channels, 7, padding=3)

    def paint(self, features: Tensor, picture: Tensor, motion: DenseMotion) -> Tensor:
        features = self.bottleneck(features)
        for block in self.up_blocks:
            features = block(features)
        return torch.sigmoid(self.final(features).float())


class SpadeGenerator(DepthAwareGenerator):
    """Painted by SPADE blocks, told by a few features and by the moved picture itself."""

    def __init__(self, networks: IntegratorSettings, painter: SpadeSettings) -> None:
        super().__init__(networks)
        self.decoder = ToldPainter(painter, networks.keypoints.channels)

    def paint(self, features: Tensor, picture: Tensor, motion: DenseMotion) -> Tensor:
        picture = moved(picture, motion, align_corners=self.align_corners)
        return self.decoder.told_by(features, picture)


class ToldPainter(SpadePainter):
    """A SPADE painter that makes its own map of a feature and a picture."""

    def __init__(self, settings: SpadeSettings, channels: int) -> None:
        super().__init__(settings)
        self.compress = nn.Conv2d(
            settings.channels, settings.label_channels - channels, 3, padding=1
        )

    def told_by(self, feature: Tensor, picture: Tensor) -> Tensor:
        """The face (N, 3, H, W) of a moved feature and the moved picture (N, 3, H, W)."""
        told = functional.interpolate(self.compress(feature), picture.shape[2:], mode="nearest")
        face: Tensor = self(feature, torch.cat([told, picture], dim=1))
        return face


def _plain_parts(generator: DepthAwareGenerator) -> tuple[nn.Module, ...]:
    """What keeps its convolutions: the motion for its rounding, SPADE because nothing is gained."""
    motion = generator.dense_motion_network
    return (motion, generator.decoder) if isinstance(generator, SpadeGenerator) else (motion,)


def generator_widths(networks: IntegratorSettings) -> Sequence[int]:
    """Channels at each resolution of the generator, the finest first."""
    sizes = networks.generator
    return [min(sizes.max_features, sizes.features * 2**i) for i in range(sizes.halvings + 1)]


class Dagan(nn.Module):
    """DaGAN: depth, keypoints with jacobians that see it, a generator that attends to it.

    `detect` and `reenact` are what every integrator has; `encode`, `carried` and `render` are the
    parts of `reenact`, for callers that keep the source and choose the keypoints themselves.

    Convention:
        pictures: (N, 3, H, W), float, R'G'B' in [0, 1]; H and W multiples of `multiple`
    """

    def __init__(self, settings: DaganSettings) -> None:
        super().__init__()
        self.settings = settings
        networks = settings.networks
        with_depth = replace(networks.keypoints, channels=networks.keypoints.channels + 1)
        self.kp_detector = KeypointDetector(with_depth)
        self.depth_encoder = DepthEncoder(settings.depth.encoder)
        self.depth_decoder = DepthDecoder(settings.depth)
        self.generator: DepthAwareGenerator = (
            SpadeGenerator(networks, settings.painter)
            if settings.painter
            else PlainGenerator(networks)
        )

    @property
    def multiple(self) -> int:
        """Width and height of a picture must be multiples of this."""
        return self.settings.multiple

    def _check(self, name: str, pictures: Tensor) -> None:
        """The depth network mirrors its coarsest features, which takes two of them."""
        channels, least = self.settings.networks.keypoints.channels, 2 << HALVINGS
        check_pictures(name, pictures, channels=channels, multiple=self.multiple, least=least)

    def depth(self, pictures: Tensor) -> Tensor:
        """Disparity (N, 1, H, W) in [0, 1]: larger is nearer."""
        found: Tensor = self.depth_decoder(self.depth_encoder(pictures))
        return found

    def _keypoints(self, pictures: Tensor, depth: Tensor) -> Keypoints:
        found: Keypoints = self.kp_detector(torch.cat([pictures, depth], dim=1))
        return found

    def run_on(self, compute: Compute) -> None:
        """Move to a device, the generator in its precision and the rest in float32.

        In bfloat16 keypoints would move by more than a pixel, at 256 x 256.
        """
        self.to(compute.device)
        self.generator.to(compute.dtype)
        quicken_on(compute, self.generator, but=_plain_parts(self.generator))

    @torch.no_grad()
    def detect(self, frames: Tensor) -> Keypoints:
        """The keypoints of frames (N, 3, H, W)."""
        self._check("frames", frames)
        batches = (on_device(run, self) for run in torch.split(frames, RUN))
        return Keypoints.joined([self._keypoints(run, self.depth(run)) for run in batches])

    @torch.no_grad()
    def encode(self, source: Tensor) -> EncodedSource:
        """What depends on the source alone, of pictures (N, 3, H, W) or one picture (1, ...)."""
        self._check("source", source)
        source = on_device(source, self)
        depth, dtype = self.depth(source), weight_dtype(self.generator)
        keypoints = self._keypoints(source, depth)
        return self.generator.encode(source.to(dtype), depth.to(dtype), keypoints)

    @staticmethod
    def carried(
        source: Keypoints,
        initial: Keypoints,
        driving: Keypoints,
        relative: bool,
        adapt_scale: bool = False,
    ) -> Keypoints:
        """The driving keypoints as the source's."""
        if not relative:
            return driving
        scale = movement_scale(source, initial) if adapt_scale else 1.0
        return carry_over(source, initial, driving, scale)

    @torch.no_grad()
    def render(self, source: EncodedSource, keypoints: Keypoints) -> GeneratedFace:
        """The source with other keypoints, N frames at once.

        Convention:
            source: N pictures or 1; keypoints: N frames, already carried over to the source
        """
        face: GeneratedFace = self.generator(source.expand(len(keypoints)), keypoints)
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
            relative: the motion since `driving_initial`; False puts the driver's own keypoints in
            adapt_scale: motion grows with the source's face, by the keypoints' convex hull
            None: the method's own habit, that is relative, without scaling
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
            one, start = encoded[run], initial if len(initial) == 1 else initial[run]
            found = self.detect(driving[run])
            targets = self.carried(
                one.keypoints, start, found, relative is not False, bool(adapt_scale)
            )
            frames = painting_runs(len(targets), targets.value.device)
            faces += [self.render(one[some], targets[some]).picture for some in frames]
        return torch.cat(faces)
