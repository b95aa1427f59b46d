"""The calibration net C: y_i = C(y_i^G, y_i^L, S), equation (3)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from reenact_core.models.layers import Hourglass, weight_dtype
from reenact_core.models.paper_settings import CalibratorSettings


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """The final faces, and how they were put together."""

    picture: Tensor
    """y_i, (N, 3, H, W), float32; in [0, 1] in `eval` mode."""
    choice: Tensor
    """(N, 1, H, W) in [0, 1]: 1 takes the global face, 0 the local one."""
    correction: Tensor
    """(N, 3, H, W) in [-1, 1], added to both."""


class Calibrator(nn.Module):
    """Decides pixel by pixel which integrator to trust, and mends what both have wrong.

    The paper leaves the architecture to its supplement. Here: a U-Net over the three pictures
    side by side, whose head gives one map of choice and three of correction.
    """

    def __init__(self, channels: int, settings: CalibratorSettings) -> None:
        super().__init__()
        self.multiple = 1 << settings.blocks
        self.hourglass = Hourglass(
            3 * channels,
            features=settings.features,
            blocks=settings.blocks,
            max_features=settings.max_features,
        )
        self.head = nn.Conv2d(self.hourglass.out_channels, 1 + channels, 3, padding=1)
        # It starts as the mean of the two faces, with nothing added.
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]  # a Conv2d has a bias unless told

    def forward(self, global_face: Tensor, local_face: Tensor, source: Tensor) -> Calibrated:
        """Pictures (N, 3, H, W) in [0, 1]; H and W multiples of `multiple`."""
        seen = torch.cat([global_face, local_face, source.expand_as(global_face)], dim=1)
        maps = self.head(self.hourglass(seen.to(weight_dtype(self)))).float()
        choice, correction = torch.sigmoid(maps[:, :1]), torch.tanh(maps[:, 1:])
        picture = choice * global_face + (1 - choice) * local_face + correction
        if not self.training:
            picture = picture.clamp(0, 1)
        return Calibrated(picture, choice, correction)
