"""The calibration net of the compact configuration: y_i = C(y_i^G, y_i^L, S), equation (3).

It is given the driver's own photometric error of every motion, which is known at run time for any
identity, starts from what those errors say, and learns where they mislead: on another face than
the driver's own.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from reenact_core.head.sampling import sample
from reenact_core.models.compact_integrators import (
    GEOMETRY_CHANNELS,
    Moved,
    certainty,
    grow,
    likeness_in,
)
from reenact_core.models.compact_layers import UNet, quiet_conv
from reenact_core.models.compact_settings import CompactSettings
from reenact_core.models.flow_prior import TEMPERATURE, spread_errors

COHERENT = 12.0
"""Sigma in pixels (at 256) over which another face is of one piece: neighbouring pixels from
different candidates would tear it."""
LARGEST_CORRECTION = 0.2
"""What C may add to a pixel, of the range [0, 1]."""


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """What C gives.

    Convention:
        face: (B, 3, S, S) in [0, 1], y_i
        field: (B, S, S, 2), the calibrated motion to the source
        choice: (B, 3, S, S), weights of the global, the local and the refined candidate; sum 1
        trust: (B, 1, S, S) in [0, 1], how far the face is moved source
    """

    face: Tensor
    field: Tensor
    choice: Tensor
    trust: Tensor

    def float(self) -> "Calibrated":
        """The same in float32, whatever precision it was computed in."""
        return Calibrated(
            self.face.float(), self.field.float(), self.choice.float(), self.trust.float()
        )


class Calibrator(nn.Module):
    """C: where to trust which candidate, and a small correction.

    The candidates are y^G, y^L and y^R: the local integrator's face moved by the sum of subtle
    motions after that was measured once more on the driving frames.
    """

    def __init__(self, settings: CompactSettings) -> None:
        super().__init__()
        channels = 4 * 3 + 3 + 3 + GEOMETRY_CHANNELS
        self.network = UNet(channels, settings.calibrator_widths)
        self.out = quiet_conv(settings.calibrator_widths[0], 6, (0.0,) * 6)

    def forward(
        self,
        candidates: tuple[Moved, Moved, Moved],
        source: Tensor,
        errors: Tensor,
        geometry: Tensor,
    ) -> Calibrated:
        """y_i from the three candidates.

        Convention:
            source: (B, 3, S, S); errors: (B, 3, S, S) in [0, 1], of each candidate's motion
            geometry: (B, GEOMETRY_CHANNELS, side, side)
        """
        faces = torch.stack([candidate.face for candidate in candidates], 1)
        trusts = torch.cat([candidate.trust for candidate in candidates], 1)
        seen = torch.cat([faces.flatten(1, 2), source, trusts, errors * 8], 1)
        small = functional.avg_pool2d(seen, 4)
        out = self.out(self.network(torch.cat([small, geometry], 1)))
        other = 1 - grow(likeness_in(geometry), errors)
        told = errors + other * (spread_errors(errors, COHERENT) - errors)
        measured = (told.amin(1, keepdim=True) - told) / TEMPERATURE
        choice = torch.softmax(measured + 4 * other * grow(out[:, :3], errors), 1)
        unsure = 1 - certainty(geometry, errors.amin(1, keepdim=True))
        correction = unsure * torch.tanh(grow(out[:, 3:], errors)) * LARGEST_CORRECTION
        face = (choice[:, :, None] * faces).sum(1) + correction
        fields = torch.stack([candidate.field for candidate in candidates], 1)
        field = (choice[..., None] * fields).sum(1)
        weights = choice * trusts
        face = face + other * moved_once(candidates, source, field, weights)
        return Calibrated(face.clamp(0, 1), field, choice, weights.sum(1, keepdim=True))


def moved_once(
    candidates: tuple[Moved, Moved, Moved], source: Tensor, field: Tensor, weights: Tensor
) -> Tensor:
    """What to add to a mean of faces so that their moved parts are moved once, by the mean field.

    A mean of pictures that were moved by fields a pixel apart is blurred; a mean field is not.

    Convention:
        weights: (B, 3, S, S), choice times trust; result: (B, 3, S, S)
    """
    apart = [
        weights[:, number, None] * sample(source, candidate.field)
        for number, candidate in enumerate(candidates)
    ]
    return weights.sum(1, keepdim=True) * sample(source, field) - sum(apart)
