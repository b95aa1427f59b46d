"""LivePortrait as global integrator: implicit keypoints, a warped volume, stitching.

Guo et al., "LivePortrait: efficient portrait animation with stitching and retargeting control"
(2024); the networks of github.com/KwaiVGI/LivePortrait. Its pictures are twice as large as those
that it is given.
"""

from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import Tensor, nn

from reenact_core.devices import Compute
from reenact_core.models.hull_volume import volume_scale
from reenact_core.models.integrators.convnext import ConvNextSettings, MotionExtractor
from reenact_core.models.integrators.implicit_motion import (
    FaceMotion,
    Region,
    carried_over,
    keypoints_of,
    motion_of,
    put_on,
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
    WarpedVolume,
)
from reenact_core.models.keypoint_detector import Keypoints
from reenact_core.models.layers import weight_dtype
from reenact_core.models.relative_motion import carry_over

RUN = 4
"""Frames that the networks take at a time; volumes are large."""

CLOSED_LIPS = 0.03
"""Lips that are open by less than this part of their width count as closed."""


@dataclass(frozen=True, slots=True)
class LivePortraitSettings:
    """Sizes of LivePortrait's networks, and how motion is carried over."""

    volume: VolumeSettings = field(default_factory=VolumeSettings)
    extractor: ConvNextSettings = field(default_factory=ConvNextSettings)
    motion: VolumeMotionSettings = field(default_factory=VolumeMotionSettings)
    flat: tuple[int, int] = (256, 256)
    """Channels of the feature map that a moved volume becomes, in two steps."""
    painter: SpadeSettings = field(default_factory=SpadeSettings)
    stitching_widths: tuple[int, ...] = (126, 128, 128, 64, 65)
    """Of the network that joins the face to its shoulders; empty: the file has none."""
    lip_widths: tuple[int, ...] = (65, 128, 128, 64, 63)
    """Of the network that opens and closes lips; empty: the file has none."""
    eye_widths: tuple[int, ...] = (66, 256, 256, 128, 128, 64, 63)
    """Of the network that opens and closes eyes; empty: the file has none."""
    stitching: bool = True
    """Whether moved faces are joined to the source's shoulders."""
    multiplier: float = 1.0
    """How far from the source's keypoints to the moved ones: 1 is all the way."""
    region: Region = "all"
    """What is carried over."""


@dataclass(frozen=True, slots=True, eq=False)
class PortraitSource:
    """All that LivePortrait needs of N source pictures: computed once, used for every frame."""

    volume: Tensor
    """(N, C, D, h, w)"""
    motion: FaceMotion
    keypoints: Keypoints
    closing: Tensor | None
    """(N, K, 3), what closes the source's lips before they are moved; None: nothing is."""

    def __len__(self) -> int:
        return len(self.volume)

    def run(self, frames: slice) -> "PortraitSource":
        """One source for any run of frames, or the sources of that run."""
        if len(self) == 1:
            return self
        closing = None if self.closing is None else self.closing[frames]
        motion, keypoints = self.motion.run(frames), self.keypoints[frames]
        return PortraitSource(self.volume[frames], motion, keypoints, closing)


@dataclass(frozen=True, slots=True, eq=False)
class PortraitFace:
    """The faces that LivePortrait made, and how."""

    picture: Tensor
    """(N, 3, 2 H, 2 W), float32 in [0, 1]."""
    feature: Tensor
    """(N, C, h, w), what they were painted of."""
    motion: VolumeMotion


class Mlp(nn.Module):
    """Linear layers with a ReLU between any two; computes in float32."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for a, b in pairwise(widths):
            layers += [nn.Linear(a, b), nn.ReLU()]
        self.mlp = nn.Sequential(*layers[:-1])

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.mlp(x.to(weight_dtype(self)))
        return out.float()


class LivePortrait(nn.Module):
    """LivePortrait: `detect` and `reenact`, as every integrator has them.

    Convention:
        pictures: (N, 3, H, W), float, R'G'B' in [0, 1]; H and W multiples of `multiple`
    """

    def __init__(self, settings: LivePortraitSettings) -> None:
        super().__init__()
        self.settings = settings
        self.appearance_feature_extractor = VolumeEncoder(settings.volume)
        self.motion_extractor = MotionExtractor(settings.extractor)
        self.warping_module = VolumeWarp(settings.volume, settings.motion, settings.flat)
        self.spade_generator = SpadePainter(settings.painter)
        for name, widths in (
            ("retarget_shoulder", settings.stitching_widths),
            ("retarget_mouth", settings.lip_widths),
            ("retarget_eye", settings.eye_widths),
        ):
            if widths:
                self.add_module(name, Mlp(widths))

    @property
    def multiple(self) -> int:
        """Width and height of a picture must be multiples of this."""
        volume, motion = self.settings.volume, self.settings.motion
        return 1 << max(len(volume.widths) - 1 + motion.blocks, len(self.settings.extractor.widths))

    @property
    def upscale(self) -> int:
        """How many times wider and higher than the source the result is."""
        halvings = len(self.settings.volume.widths) - 1
        doublings = len(self.settings.painter.widths) - 1
        return (self.settings.painter.upscale << doublings) >> halvings

    def run_on(self, compute: Compute) -> None:
        """On a device; what moves keypoints stays in float32, for it is small and must be exact."""
        self.to(compute.device)
        for heavy in (self.appearance_feature_extractor, self.warping_module, self.spade_generator):
            heavy.to(compute.dtype)

    def _check(self, name: str, pictures: Tensor) -> None:
        colours = self.settings.volume.colours
        check_pictures(name, pictures, channels=colours, multiple=self.multiple)

    @torch.no_grad()
    def detect(self, frames: Tensor) -> Keypoints:
        """The keypoints (N, K, 3) of frames, in their own pose and with their own expression."""
        return keypoints_of(self.motion(frames))

    @torch.no_grad()
    def motion(self, frames: Tensor) -> FaceMotion:
        """Pose, size, expression and keypoints at rest of frames (N, 3, H, W)."""
        self._check("frames", frames)
        return FaceMotion.joined(
            [motion_of(self.motion_extractor(run)) for run in torch.split(frames, RUN)]
        )

    @torch.no_grad()
    def encode(self, source: Tensor, lips_open: Tensor | None = None) -> PortraitSource:
        """What depends on the source alone.

        Convention:
            source: (N, 3, H, W)
            lips_open: (N,), the height of the opening between the lips by its width; where it is
                `CLOSED_LIPS` or more, the lips are closed before they are moved, as upstream does
                once it has found the lips. None: they stay as they are.

        Raises:
            ValueError: lips are to be closed, and the file has no network for it.
        """
        motion = self.motion(source)
        encoder = self.appearance_feature_extractor
        volume = torch.cat([encoder.encode(run) for run in torch.split(source, RUN)])
        keypoints = keypoints_of(motion)
        closing = None
        if lips_open is not None:
            ratios = torch.stack([lips_open.float(), torch.zeros_like(lips_open).float()], dim=1)
            closing = self.lip_offsets(keypoints, ratios.to(keypoints.value))
            closing = closing * (ratios[:, 0] >= CLOSED_LIPS).to(closing)[:, None, None]
        return PortraitSource(volume, motion, keypoints, closing)

    def lip_offsets(self, keypoints: Keypoints, ratios: Tensor) -> Tensor:
        """What to add to keypoints (N, K, 3) so that lips that are open by ratios[:, 0] of their
        width are open by ratios[:, 1]."""
        return self._offsets("retarget_mouth", keypoints, ratios)

    def eye_offsets(self, keypoints: Keypoints, ratios: Tensor) -> Tensor:
        """What to add to keypoints (N, K, 3) so that eyes that are open by ratios[:, 0] (left)
        and ratios[:, 1] (right) of their width are both open by ratios[:, 2]."""
        return self._offsets("retarget_eye", keypoints, ratios)

    @torch.no_grad()
    def _offsets(self, name: str, keypoints: Keypoints, ratios: Tensor) -> Tensor:
        if not hasattr(self, name):
            raise ValueError(f"these weights have no {name}")
        network = self.get_submodule(name)
        told: Tensor = network(torch.cat([keypoints.value.flatten(1), ratios], dim=1))
        return told.reshape(len(told), -1, 3)

    @torch.no_grad()
    def stitched(self, source: Keypoints, moved: Keypoints) -> Keypoints:
        """Moved keypoints that leave the shoulders where the source has them; N of each.

        Raises:
            ValueError: the file has no network for it.
        """
        if not self.settings.stitching_widths:
            raise ValueError("these weights have no retarget_shoulder")
        both = torch.cat([source.value.flatten(1), moved.value.flatten(1)], dim=1)
        told = self.get_submodule("retarget_shoulder")(both)
        size = moved.value[0].numel()
        value = moved.value + told[:, :size].reshape(moved.value.shape)
        shift = torch.cat([told[:, size:], torch.zeros_like(told[:, :1])], dim=1)
        return Keypoints(value + shift[:, None])

    @torch.no_grad()
    def targets(
        self,
        source: PortraitSource,
        initial: FaceMotion,
        driving: FaceMotion,
        *,
        relative: bool = True,
        adapt_scale: bool = False,
    ) -> Keypoints:
        """The source's keypoints after the driver's motion, N frames, before they are stitched.

        Convention:
            driving: N frames; source, initial: N or 1
        """
        region = self.settings.region
        if not relative:
            return keypoints_of(put_on(source.motion, driving, region))
        if not adapt_scale:
            return keypoints_of(carried_over(source.motion, initial, driving, region))
        before, after = keypoints_of(initial), keypoints_of(driving)
        return carry_over(source.keypoints, before, after, volume_scale(source.keypoints, before))

    @torch.no_grad()
    def finished(self, source: PortraitSource, moved: Keypoints) -> Keypoints:
        """Moved keypoints as the warp takes them: stitched, lips closed, motion multiplied."""
        resting = source.keypoints.expand(len(moved))
        if self.settings.stitching:
            moved = self.stitched(resting, moved)
        value = moved.value if source.closing is None else moved.value + source.closing
        return Keypoints(resting.value + (value - resting.value) * self.settings.multiplier)

    @torch.no_grad()
    def render(self, source: PortraitSource, keypoints: Keypoints) -> PortraitFace:
        """The source with other keypoints, N frames at once."""
        count = len(keypoints)
        resting = source.keypoints.expand(count)
        warped: WarpedVolume = self.warping_module(
            expanded(source.volume, count), resting, keypoints
        )
        picture = self.spade_generator(warped.feature, warped.feature)
        return PortraitFace(picture, warped.feature, warped.motion)

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
            relative: the motion since `driving_initial`: pose, size and expression each by its
                own rule; False puts the driver's own pose and expression on the source's face
            adapt_scale: with relative motion, the keypoints' paths instead, grown with the
                source's face, by its hull's volume
            None: the method's own habit, that is relative, without scaling
            result: (N, 3, 2 H, 2 W), float32 in [0, 1]

        Raises:
            ValueError: shapes that do not belong together.
        """
        self._check("driving", driving)
        check_counts(source, driving_initial, driving)
        encoded, initial = self.encode(source), self.motion(driving_initial)
        found, faces = self.motion(driving), []
        for run in painting_runs(len(driving), driving.device, RUN):
            part = encoded.run(run)
            moved = self.targets(
                part,
                initial.run(run),
                found.run(run),
                relative=relative is not False,
                adapt_scale=bool(adapt_scale),
            )
            faces.append(self.render(part, self.finished(part, moved)).picture)
        return torch.cat(faces)
