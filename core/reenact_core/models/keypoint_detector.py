"""Keypoints and their local affine frames in a face crop."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from reenact_core.models.layers import Hourglass, coordinate_grid, reduction, weight_dtype
from reenact_core.models.paper_settings import KeypointSettings


@dataclass(frozen=True, slots=True, eq=False)
class Keypoints:
    """The keypoints of N frames."""

    value: Tensor
    """(N, K, 2) or, for a method in three dimensions, (N, K, 3); float32, network coordinates."""
    jacobian: Tensor | None = None
    """(N, K, 2, 2) or (N, K, 3, 3), float32: the local affine frame at each keypoint, where the
    method has it."""

    def __post_init__(self) -> None:
        if self.value.ndim != 3:
            raise ValueError(f"value must be (N, K, 2), got {tuple(self.value.shape)}")
        if self.jacobian is not None and self.jacobian.shape[:2] != self.value.shape[:2]:
            shapes = tuple(self.jacobian.shape), tuple(self.value.shape)
            raise ValueError(f"jacobian {shapes[0]} does not belong to value {shapes[1]}")

    def __len__(self) -> int:
        return len(self.value)

    def __getitem__(self, frames: slice) -> "Keypoints":
        return Keypoints(
            self.value[frames], None if self.jacobian is None else self.jacobian[frames]
        )

    def expand(self, count: int) -> "Keypoints":
        """One frame's keypoints for `count` frames; `count` frames stay as they are."""
        jacobian = self.jacobian
        if jacobian is not None:
            jacobian = jacobian.expand(count, *jacobian.shape[1:])
        return Keypoints(self.value.expand(count, *self.value.shape[1:]), jacobian)

    @staticmethod
    def joined(parts: "list[Keypoints]") -> "Keypoints":
        """The keypoints of several runs of frames, one after the other."""
        jacobians = [part.jacobian for part in parts if part.jacobian is not None]
        return Keypoints(
            torch.cat([part.value for part in parts]),
            torch.cat(jacobians) if jacobians else None,
        )


class KeypointDetector(nn.Module):
    """FOMM's keypoint detector: K of the method.

    Convention:
        frames: (N, channels, H, W), in [0, 1]; H and W multiples of 2 ** blocks / scale
        result: float32 whatever the weights are, for what follows inverts the jacobians
    """

    def __init__(self, settings: KeypointSettings) -> None:
        super().__init__()
        self.temperature = settings.temperature
        self.down = reduction(settings.channels, settings.scale)
        self.predictor = Hourglass(
            settings.channels,
            features=settings.features,
            blocks=settings.blocks,
            max_features=settings.max_features,
        )
        width = self.predictor.out_channels
        self.kp = nn.Conv2d(width, settings.keypoints, 7, padding=settings.padding)
        self.jacobian = _jacobian_maps(width, settings)

    def forward(self, frames: Tensor) -> Keypoints:
        features = self.predictor(self.down(frames.to(weight_dtype(self))))
        logits = self.kp(features).float()
        heat = functional.softmax(logits.flatten(2) / self.temperature, dim=2)
        grid = coordinate_grid(logits.shape[2], logits.shape[3], logits.device).flatten(0, 1)
        # p_k = sum over z of heat_k(z) z; a matrix product would round three times as much.
        value = (heat[..., None] * grid).sum(dim=2)
        if self.jacobian is None:
            return Keypoints(value)
        maps = self.jacobian(features).float().unflatten(1, (-1, 4)).flatten(3)
        jacobian = (heat[:, :, None] * maps).sum(dim=3)  # J_k = sum over z of heat_k(z) map_k(z)
        return Keypoints(value, jacobian.unflatten(2, (2, 2)))


def _jacobian_maps(channels: int, settings: KeypointSettings) -> nn.Conv2d | None:
    """The convolution that paints the jacobians, which starts as the identity everywhere."""
    if settings.jacobian == "none":
        return None
    maps = 1 if settings.jacobian == "shared" else settings.keypoints
    conv = nn.Conv2d(channels, 4 * maps, 7, padding=settings.padding)
    with torch.no_grad():
        conv.weight.zero_()
        assert conv.bias is not None
        conv.bias.copy_(torch.tensor([1.0, 0.0, 0.0, 1.0]).repeat(maps))
    return conv
