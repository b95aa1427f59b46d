"""FOMM as global integrator: y_i^G = G(d_0, d_i, S), equation (1)."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from reenact_core.devices import Compute
from reenact_core.models.generator import EncodedPicture, GeneratedFace, Generator
from reenact_core.models.integrators.runs import RUN, check_counts, check_pictures
from reenact_core.models.keypoint_detector import KeypointDetector, Keypoints
from reenact_core.models.paper_settings import IntegratorSettings
from reenact_core.models.quick_convolutions import quicken_on
from reenact_core.models.relative_motion import carry_over, movement_scale


@dataclass(frozen=True, slots=True, eq=False)
class EncodedSource:
    """All that G needs of S: computed once, used for every frame."""

    picture: EncodedPicture
    keypoints: Keypoints


class Fomm(nn.Module):
    """The first order motion model: keypoints with jacobians, dense motion, generator.

    `detect` and `reenact` are what every integrator has; `encode` and `render` are the two halves
    of `reenact`, for callers that keep the source and choose the keypoints themselves.

    Convention:
        pictures: (N, 3, H, W), float, R'G'B' in [0, 1]; H and W multiples of `multiple`
    """

    def __init__(self, settings: IntegratorSettings) -> None:
        super().__init__()
        self.settings = settings
        self.kp_detector = KeypointDetector(settings.keypoints)
        self.generator = Generator(settings)

    @property
    def multiple(self) -> int:
        """Width and height of a picture must be multiples of this."""
        return picture_multiple(self.settings)

    def _check(self, name: str, pictures: Tensor) -> None:
        channels = self.settings.keypoints.channels
        check_pictures(name, pictures, channels=channels, multiple=self.multiple)

    def run_on(self, compute: Compute) -> None:
        """Move to a device, the generator in its precision and the detector in float32.

        In bfloat16 keypoints would move by more than a pixel, at 256 x 256.
        """
        self.to(compute.device)
        self.generator.to(compute.dtype)
        quicken_on(compute, self.generator, but=(self.generator.dense_motion_network,))

    @torch.no_grad()
    def detect(self, frames: Tensor) -> Keypoints:
        """The keypoints of frames (N, 3, H, W)."""
        self._check("frames", frames)
        return Keypoints.joined([self.kp_detector(run) for run in torch.split(frames, RUN)])

    def encode(self, source: Tensor) -> EncodedSource:
        """What depends on the source alone, of pictures (N, 3, H, W) or one picture (1, ...)."""
        self._check("source", source)
        return EncodedSource(self.generator.encode(source), self.kp_detector(source))

    def render(self, source: EncodedSource, keypoints: Keypoints) -> GeneratedFace:
        """The source with other keypoints, N frames at once.

        Convention:
            source: N pictures or 1; keypoints: N frames, already carried over to the source
        """
        count = len(keypoints)
        face: GeneratedFace = self.generator(
            source.picture.expand(count), source.keypoints.expand(count), keypoints
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
            relative: the motion since `driving_initial`; False puts the driver's own keypoints in
            adapt_scale: motion grows with the source's face, by the keypoints' convex hull
            None: the method's own habit, that is relative, without scaling
            result: (N, 3, H, W), float32 in [0, 1]

        Raises:
            ValueError: shapes that do not belong together.
        """
        self._check("driving", driving)
        check_counts(source, driving_initial, driving)
        encoded, initial = self.encode(source), self.detect(driving_initial)
        targets = self.detect(driving)
        if relative is None or relative:
            scale = movement_scale(encoded.keypoints, initial) if adapt_scale else 1.0
            targets = carry_over(encoded.keypoints, initial, targets, scale)
        return torch.cat(
            [
                self.render(_part(encoded, start), targets[start : start + RUN]).picture
                for start in range(0, len(targets), RUN)
            ]
        )


def _part(source: EncodedSource, start: int) -> EncodedSource:
    """One source for all frames, or the sources of a run of frames."""
    if len(source.keypoints) == 1:
        return source
    run = slice(start, start + RUN)
    picture = EncodedPicture(source.picture.features[run], source.picture.small[run])
    return EncodedSource(picture, source.keypoints[run])


def picture_multiple(settings: IntegratorSettings) -> int:
    """The least common multiple of what the three networks ask of a picture's sides."""
    detector = (1 << settings.keypoints.blocks) * round(1 / settings.keypoints.scale)
    motion = (1 << settings.motion.blocks) * round(1 / settings.motion.scale)
    return math.lcm(detector, motion, 1 << settings.generator.halvings)
