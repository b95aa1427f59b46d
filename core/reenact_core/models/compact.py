"""The compact configuration: all networks of the shipped checkpoint, and what they need of a face."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from reenact_core.errors import CheckpointError
from reenact_core.models.carry_over import FaceState
from reenact_core.models.compact_calibrator import Calibrator
from reenact_core.models.compact_integrators import GlobalIntegrator, LocalIntegrator
from reenact_core.models.compact_settings import CompactSettings
from reenact_core.models.face_points import FacePointsNet, FaceReading
from reenact_core.models.head_chart import Pose, to_head

READER_SIDE = 128
"""Side of the picture that faces are read from."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceSource:
    """S, and what depends on S alone; one face.

    Convention:
        pixels: (1, 3, S, S) in [0, 1]
        features: (1, C, S/4, S/4), the global integrator's encoding
        state: pose and shape of the face
    """

    pixels: Tensor
    features: Tensor
    state: FaceState


class Compact(nn.Module):
    """Keypoints in three dimensions, G, L and C."""

    def __init__(self, settings: CompactSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or CompactSettings()
        self.points = FacePointsNet()
        self.global_integrator = GlobalIntegrator(self.settings)
        self.local_integrator = LocalIntegrator(self.settings)
        self.calibrator = Calibrator(self.settings)

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> "Compact":
        """The networks from a checkpoint's weights and its configuration.

        Raises:
            CheckpointError: keys or shapes do not fit the configuration.
        """
        known = {field.name for field in fields(CompactSettings)}
        sizes = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in dict(metadata.get("settings", {})).items()
            if key in known
        }
        model = cls(CompactSettings(**sizes))
        try:
            model.load_state_dict({key: value.float() for key, value in state.items()})
        except RuntimeError as error:
            sentence = " ".join(str(error).split())
            raise CheckpointError(f"the weights are not those of `compact`: {sentence}") from error
        return model.eval()

    def configuration(self) -> dict[str, Any]:
        """What `from_state` needs to know beside the weights."""
        return {"settings": asdict(self.settings)}

    def read(self, crops: Tensor) -> FaceReading:
        """Landmarks, head turn and expression of face crops (B, 3, S, S)."""
        side = (READER_SIDE, READER_SIDE)
        reading: FaceReading = self.points(functional.interpolate(crops, side, mode="area"))
        return reading

    def state(self, reading: FaceReading) -> FaceState:
        """Pose and shape of the faces that were read."""
        pose = fit_pose(reading.points, reading.rotation, self.points.mean_shape)
        return FaceState(pose, to_head(reading.points, pose))

    def source(self, pixels: Tensor, state: FaceState) -> FaceSource:
        """What depends on the source (1, 3, S, S) alone."""
        return FaceSource(pixels, self.global_integrator.encoder(pixels), state)


def fit_pose(points: Tensor, rotation: Tensor, mean_shape: Tensor) -> Pose:
    """Scale and offset that put the mean head, turned so, nearest to the landmarks (least squares).

    Convention:
        points: (B, N, 2 or 3) in [-1, 1]; rotation: (B, 3, 3); mean_shape: (N, 3), head coordinates
    """
    turned = (mean_shape @ rotation.mT)[..., :2]
    seen = points[..., :2]
    turned_middle, seen_middle = turned.mean(1), seen.mean(1)
    a, b = turned - turned_middle[:, None], seen - seen_middle[:, None]
    scale = (a * b).sum((1, 2)) / (a * a).sum((1, 2))
    scale = scale.clamp(min=0.05)
    return Pose(rotation, scale, seen_middle - scale[:, None] * turned_middle)


def parameter_count(model: nn.Module) -> int:
    """Number of trained values."""
    return sum(parameter.numel() for parameter in model.parameters())


def as_picture8(pixels: Tensor) -> Any:
    """A face (3, S, S) in [0, 1] as (S, S, 3) uint8 for OpenCV."""
    scaled = (pixels.detach().float().clamp(0, 1) * 255 + 0.5).to(torch.uint8)
    return scaled.permute(1, 2, 0).contiguous().cpu().numpy()
