"""The compact configuration: all networks of the shipped checkpoint as one module."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor, nn

from reenact_core.devices import Compute
from reenact_core.errors import CheckpointError
from reenact_core.head.field import HeadView, view_of
from reenact_core.head.interior.look import Look, look_of
from reenact_core.head.light import mirrored, mirrored_well, shading
from reenact_core.head.matte import told_apart
from reenact_core.head.model import HeadModel, load_head_model
from reenact_core.head.other_pictures import OtherPicture
from reenact_core.head.state import HeadState
from reenact_core.models.close_ups import CloseUps, load_close_ups
from reenact_core.models.compact_calibrator import Calibrator
from reenact_core.models.compact_integrators import GlobalIntegrator, LocalIntegrator, Moved
from reenact_core.models.compact_settings import CompactSettings
from reenact_core.models.face_points import (
    FacePointsNet,
    FaceReading,
    load_face_points,
)
from reenact_core.models.paper_settings import settings_from_json
from reenact_core.models.readers.embedded import EmbeddedReader, read_faces
from reenact_core.models.readers.reader import Reader


@dataclass(frozen=True, slots=True, eq=False)
class FaceSource:
    """S, and what depends on S alone; N sources, mostly one.

    Convention:
        pixels: (N, 3, S, S) in [0, 1]
        features: (N, C, S/4, S/4), the global integrator's encoding
        view: N heads, fitted to them
        look: the colours inside their mouths and eyes; of one, or of each
        light: (N, 9, 3), on them, see `light.shading`
        relit: (N, V, 3), see `light.mirrored`; mirrors: (N, V, 1), see `light.mirrored_well`
        others: of the same person, for all N sources
    """

    pixels: Tensor
    features: Tensor
    view: HeadView
    look: Look
    light: Tensor
    relit: Tensor
    mirrors: Tensor
    others: tuple[OtherPicture, ...] = ()

    def repeat(self, count: int) -> "FaceSource":
        """One source as `count` rows, without copying its pixels."""
        pixels = self.pixels.expand(count, -1, -1, -1)
        features = self.features.expand(count, -1, -1, -1)
        light, relit, mirrors = (
            one.expand(count, -1, -1) for one in (self.light, self.relit, self.mirrors)
        )
        view, look = self.view.repeat(count), self.look
        return FaceSource(pixels, features, view, look, light, relit, mirrors, self.others)


class Compact(nn.Module):
    """Keypoints in three dimensions, G, L and C."""

    def __init__(self, settings: CompactSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or CompactSettings()
        self.points = FacePointsNet()
        self.close_ups = CloseUps()
        self.global_integrator = GlobalIntegrator(self.settings)
        self.local_integrator = LocalIntegrator(self.settings)
        self.calibrator = Calibrator(self.settings)
        self.compute = Compute()

    @classmethod
    def configured(cls, configuration: Mapping[str, Any]) -> "Compact":
        """The networks, untrained, of the sizes in a checkpoint's configuration.

        Raises:
            CheckpointError: the configuration is not one of `compact`.
        """
        sizes = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in configuration.items()
        }
        sizes.setdefault("paints", False)
        try:
            return cls(settings_from_json(CompactSettings, sizes))
        except ValueError as error:
            raise CheckpointError(f"the configuration of `compact` is wrong: {error}") from error

    def run_on(self, compute: Compute) -> None:
        """Move to a device; networks run in its precision, weights and geometry stay float32."""
        self.compute = compute
        self.to(compute.device)

    def configuration(self) -> dict[str, Any]:
        """What `configured` takes, and a file's metadata hold as `configuration`."""
        return asdict(self.settings)

    def read(self, crops: Tensor) -> FaceReading:
        """Landmarks, head turn and expression of face crops (B, 3, S, S)."""
        return read_faces(self.points, self.close_ups, crops)

    def move_globally(
        self, source: "FaceSource", field: Tensor, maps: Tensor, error: Tensor, hidden: Tensor
    ) -> Moved:
        """y^G, equation (1); see `GlobalIntegrator`."""
        with self.compute.reduced():
            moved: Moved = self.global_integrator(
                source.pixels, source.features, field, maps, error, hidden
            )
        return moved.float()

    @property
    def head(self) -> HeadModel:
        """The head model, where the networks are."""
        return load_head_model(device=self.compute.device)

    @property
    def reader(self) -> Reader:
        """The reader that comes with the networks."""
        return EmbeddedReader(self.points, self.close_ups)

    def source(self, pixels: Tensor, state: HeadState) -> FaceSource:
        """What depends on the sources (N, 3, S, S) alone."""
        with self.compute.reduced():
            features = self.global_integrator.encoder(pixels)
        view = told_apart(view_of(self.head, state, pixels.shape[-1]), self.head, pixels)
        look = look_of(self.head, pixels, view.vertices)
        light = shading(self.head, view.vertices, pixels)
        relit = mirrored(self.head, light, view.vertices)
        mirrors = mirrored_well(self.head, view.vertices, pixels, light)
        return FaceSource(pixels, features.float(), view, look, light, relit, mirrors)


def give_readers(network: Compact) -> None:
    """Give new networks the readers of faces that come with reenact: they are trained apart.

    Raises:
        CheckpointError: the weights are missing or damaged.
    """
    network.points.load_state_dict(load_face_points().state_dict())
    network.close_ups.load_state_dict(load_close_ups().state_dict())


def parameter_count(model: nn.Module) -> int:
    """Number of trained values."""
    return sum(parameter.numel() for parameter in model.parameters())
