"""FOMM as global integrator: y_i^G = G(d_0, d_i, S), equation (1)."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from reenact_core.models.generator import EncodedPicture, GeneratedFace, Generator
from reenact_core.models.keypoint_detector import KeypointDetector, Keypoints
from reenact_core.models.paper_settings import IntegratorSettings
from reenact_core.models.relative_motion import carry_over, movement_scale

RUN = 16
"""Frames that `detect` and `reenact` give to the networks at a time."""


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

    @torch.no_grad()
    def detect(self, frames: Tensor) -> Keypoints:
        """The keypoints of frames (N, 3, H, W)."""
        check_pictures("frames", frames, self.settings)
        return Keypoints.joined([self.kp_detector(run) for run in torch.split(frames, RUN)])

    def encode(self, source: Tensor) -> EncodedSource:
        """What depends on the source alone, of pictures (N, 3, H, W) or one picture (1, ...)."""
        check_pictures("source", source, self.settings)
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
        check_pictures("driving", driving, self.settings)
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


def check_pictures(name: str, pictures: Tensor, settings: IntegratorSettings) -> None:
    """Refuse what the networks cannot take.

    Raises:
        ValueError: not (N, 3, H, W) in floating point, or sides of the wrong size.
    """
    channels, multiple = settings.keypoints.channels, picture_multiple(settings)
    shape = tuple(pictures.shape)
    if pictures.ndim != 4 or shape[1] != channels or not pictures.is_floating_point():
        raise ValueError(
            f"{name} must be (N, {channels}, H, W) in floating point, got {shape} {pictures.dtype}"
        )
    if not shape[0] or shape[2] % multiple or shape[3] % multiple:
        raise ValueError(
            f"{name} must hold a picture or more, with sides that are multiples of {multiple}; "
            f"got {shape}"
        )


def check_counts(source: Tensor, driving_initial: Tensor, driving: Tensor) -> None:
    """Refuse counts that cannot be paired.

    Raises:
        ValueError: neither one picture nor as many as there are driving frames.
    """
    for name, pictures in (("source", source), ("driving_initial", driving_initial)):
        if len(pictures) not in (1, len(driving)):
            raise ValueError(f"{name} must hold 1 or {len(driving)} pictures, got {len(pictures)}")
