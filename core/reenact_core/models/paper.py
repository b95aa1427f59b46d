"""The method of the paper: G, L and C together, with keypoints and nothing else as motion."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from reenact_core.models.calibrator import Calibrated, Calibrator
from reenact_core.models.generator import GeneratedFace
from reenact_core.models.integrators.fomm import EncodedSource, Fomm
from reenact_core.models.keypoint_detector import Keypoints
from reenact_core.models.local_integrator import LocalIntegrator
from reenact_core.models.paper_settings import PaperSettings
from reenact_core.models.relative_motion import carry_over, movement_scale


@dataclass(frozen=True, slots=True, eq=False)
class PaperMotion:
    """Where the keypoints of N faces go: the driver's motion, carried over to the source."""

    of_global: Keypoints
    """By G's detector."""
    of_local: Keypoints
    """By L's detector."""

    def __len__(self) -> int:
        return len(self.of_global)

    def __getitem__(self, frames: slice) -> "PaperMotion":
        return PaperMotion(self.of_global[frames], self.of_local[frames])


@dataclass(frozen=True, slots=True, eq=False)
class PaperSource:
    """All that the method needs of S: computed once."""

    picture: Tensor
    """S itself, (N, 3, H, W), for the calibration net."""
    encoded: EncodedSource
    """What G needs."""
    local_keypoints: Keypoints
    """S's keypoints by L's detector."""


class Paper(nn.Module):
    """G, L and C.

    `encode`, `read`, `move` and `paint_global` need no earlier output and take frames in batches;
    `paint_local` and `calibrate` take one frame of many faces, from the last output to the next.
    """

    def __init__(self, settings: PaperSettings) -> None:
        super().__init__()
        self.settings = settings
        self.global_integrator = Fomm(settings.integrator)
        self.local_integrator = LocalIntegrator(settings.integrator, settings.latent)
        self.calibrator = Calibrator(settings.integrator.keypoints.channels, settings.calibrator)

    @property
    def multiple(self) -> int:
        """Width and height of a picture must be multiples of this."""
        return math.lcm(self.global_integrator.multiple, self.calibrator.multiple)

    def encode(self, source: Tensor) -> PaperSource:
        """What depends on the source pictures (N, 3, H, W) alone."""
        encoded = self.global_integrator.encode(source)
        return PaperSource(source, encoded, self.local_integrator.kp_detector(source))

    def read(self, frames: Tensor) -> PaperMotion:
        """The driving frames' own keypoints, (N, 3, H, W) in [0, 1]."""
        return PaperMotion(
            self.global_integrator.kp_detector(frames), self.local_integrator.kp_detector(frames)
        )

    def move(
        self,
        source: PaperSource,
        initial: PaperMotion,
        driving: PaperMotion,
        *,
        adapt_scale: bool = False,
    ) -> PaperMotion:
        """The driver's motion since d_0, carried over to the source's face.

        For S = d_0 these are the driving keypoints themselves, as in the paper's training.
        """
        scale: Tensor | float = 1.0
        if adapt_scale:
            scale = movement_scale(source.encoded.keypoints, initial.of_global)
        return PaperMotion(
            carry_over(source.encoded.keypoints, initial.of_global, driving.of_global, scale),
            carry_over(source.local_keypoints, initial.of_local, driving.of_local, scale),
        )

    def paint_global(self, source: PaperSource, motion: PaperMotion) -> GeneratedFace:
        """y_i^G, equation (1), for N frames at once."""
        return self.global_integrator.render(source.encoded, motion.of_global)

    def paint_local(
        self,
        last_face: Tensor,
        last: PaperMotion,
        current: PaperMotion,
        *,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> GeneratedFace:
        """y_i^L, equation (2), for one frame of N faces."""
        face: GeneratedFace = self.local_integrator(
            last_face, last.of_local, current.of_local, temperature=temperature, generator=generator
        )
        return face

    def calibrate(self, global_face: Tensor, local_face: Tensor, source: Tensor) -> Calibrated:
        """y_i, equation (3), for one frame of N faces."""
        calibrated: Calibrated = self.calibrator(global_face, local_face, source)
        return calibrated
