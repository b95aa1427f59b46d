"""Points, head rotation and expression of a face crop: the network, and the scheme of its points.

The 79 points, image left first on a face that looks at the camera: 0-16 the jaw from ear to ear
through the chin, 17-26 the brows, 27-35 the nose (27-30 its bridge down to the tip, 31-35 its
base), 36-47 the eyes, 48-67 the mouth (48-59 outer, 60-67 inner edge of the lips), 68-76 the
hairline from temple to temple, 77-78 the pupils. All are places on the head: where the head turns
them out of sight, they are behind it, not on its outline.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

from reenact_core.devices import Compute
from reenact_core.errors import CheckpointError
from reenact_core.head.pose import Pose

POINT_COUNT = 79
INPUT_SIZE = 128
"""Width and height of the crops that the network reads."""

JAW = tuple(range(17))
BROW_LEFT, BROW_RIGHT = tuple(range(17, 22)), tuple(range(22, 27))
NOSE = tuple(range(27, 36))
EYE_LEFT, EYE_RIGHT = tuple(range(36, 42)), tuple(range(42, 48))
MOUTH_OUTER, MOUTH_INNER = tuple(range(48, 60)), tuple(range(60, 68))
FOREHEAD = tuple(range(68, 77))
PUPIL_LEFT, PUPIL_RIGHT = 77, 78
NOSE_TIP, CHIN, MOUTH_CORNER_LEFT, MOUTH_CORNER_RIGHT = 30, 8, 48, 54
RIGID = (0, 1, 2, 14, 15, 16, 27, 28, 29, 30, 31, 33, 35, 36, 39, 42, 45, *FOREHEAD)
"""Points that expressions hardly move; poses are fitted to them."""

EXPRESSIONS = (
    "jaw_open", "smile", "pucker", "upper_lip_raise", "lip_press", "brow_raise_left",
    "brow_raise_right", "brow_frown", "blink_left", "blink_right", "gaze_x", "gaze_y",
)  # fmt: skip
"""The values of an expression, in order; left and right as seen in the image. 0 at rest, 1 at the
full extent; smile, pucker, brow raises and gaze go down to -1, a stare is a blink of -0.3."""

WEIGHTS = Path(__file__).parent / "weights" / "face_points.safetensors"


@dataclass(frozen=True, slots=True, eq=False)
class FaceReading:
    """What the network sees in B face crops, in network coordinates of the crop."""

    points: Tensor
    """(B, 79, 3): x, y in [-1, 1] inside the crop; z away from the viewer, in the same unit, from
    the middle of the head."""
    rotation: Tensor
    """(B, 3, 3) of the head, see docs/explanation/architecture.md."""
    expression: Tensor
    """(B, 12), see `EXPRESSIONS`."""
    confidence: Tensor
    """(B,) logit that the crop shows a face."""


class Residual(nn.Module):
    """Two 3 x 3 convolutions around which the input passes."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            step(channels, channels), nn.Conv2d(channels, channels, 3, 1, 1, bias=False),
            nn.BatchNorm2d(channels),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.body(x))


def step(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """A 3 x 3 convolution with its normalisation and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )


class FacePointsNet(nn.Module):
    """A small residual network: heat maps for x and y, one vector for all else.

    About 0.12 billion multiplications a crop, 2.1 million weights.
    """

    mean_head: Tensor
    """(79, 3) the points of the average head at rest, head coordinates."""

    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Sequential(
            step(3, 24, 2), step(24, 32, 2), Residual(32), step(32, 64, 2), Residual(64),
            Residual(64),
        )  # fmt: skip
        self.middle = nn.Sequential(step(64, 128, 2), Residual(128), Residual(128))
        self.coarse = nn.Sequential(step(128, 160, 2), Residual(160))
        self.join_middle = nn.Conv2d(128, 64, 1)
        self.join_coarse = nn.Conv2d(160, 64, 1)
        self.heat = nn.Sequential(step(64, 96), nn.Conv2d(96, POINT_COUNT, 1))
        self.vector = nn.Sequential(nn.Flatten(), nn.Linear(160 * 16, 192), nn.ReLU())
        self.tell = nn.Linear(192, POINT_COUNT * 3 + 6 + 1)
        self.act = nn.Sequential(
            nn.Linear(POINT_COUNT * 3 + 192, 128), nn.ReLU(), nn.Linear(128, len(EXPRESSIONS))
        )
        self.register_buffer("mean_head", torch.zeros(POINT_COUNT, 3))

    def forward(self, crops: Tensor) -> FaceReading:
        """Read crops (B, 3, 128, 128), R'G'B' in [0, 1]."""
        fine = self.fine((crops - 0.5) * 4)
        middle = self.middle(fine)
        coarse = self.coarse(middle)
        joined = fine + _grown(self.join_middle(middle), 2) + _grown(self.join_coarse(coarse), 4)
        heat = self.heat(joined)
        seen = self.vector(coarse)
        told = self.tell(seen).float()
        rest = told[:, : POINT_COUNT * 3].view(-1, POINT_COUNT, 3)
        place = torch.cat([expected_place(heat.float()), torch.zeros_like(rest[..., :1])], dim=-1)
        points, rotation = place + rest * 0.5, rotation_of(told[:, -7:-1])
        shape = (_faced(points, rotation) - _faced_mean(self.mean_head)) * 5
        expression = self.act(torch.cat([shape.flatten(1).to(seen.dtype), seen], dim=1))
        return FaceReading(points, rotation, expression.float(), told[:, -1])


def _faced(points: Tensor, rotation: Tensor) -> Tensor:
    """Points (B, 79, 3) of heads turned to the front, about their mean and of unit size."""
    centred = points - points.mean(1, keepdim=True)
    size = centred.square().sum((1, 2), keepdim=True).div(points.shape[1]).sqrt()
    return (centred @ rotation) / size.clamp_min(1e-3)


def _faced_mean(mean_head: Tensor) -> Tensor:
    return _faced(mean_head[None], torch.eye(3, dtype=mean_head.dtype, device=mean_head.device))


def _grown(x: Tensor, factor: int) -> Tensor:
    return nn.functional.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


def expected_place(heat: Tensor) -> Tensor:
    """The mean place (B, N, 2) of heat maps (B, N, S, S), network coordinates."""
    size = heat.shape[-1]
    share = heat.flatten(2).softmax(-1).view_as(heat)
    line = (torch.arange(size, device=heat.device) + 0.5) * (2 / size) - 1
    return torch.stack([(share.sum(2) * line).sum(-1), (share.sum(3) * line).sum(-1)], dim=-1)


def rotation_of(columns: Tensor) -> Tensor:
    """Rotations (B, 3, 3) whose first two columns lie along two vectors (B, 6).

    Zhou et al., "On the Continuity of Rotation Representations in Neural Networks", 2019.
    """
    first, second = columns[:, :3] + columns.new_tensor([1.0, 0, 0]), columns[:, 3:]
    second = second + columns.new_tensor([0.0, 1, 0])
    x = nn.functional.normalize(first, dim=1)
    y = nn.functional.normalize(second - (x * second).sum(1, keepdim=True) * x, dim=1)
    return torch.stack([x, y, torch.linalg.cross(x, y, dim=1)], dim=2)


def fit_pose(reading: FaceReading, mean_head: Tensor) -> Pose:
    """Scale and offset that lay the mean head, turned as the reading says, on its points."""
    rigid = list(RIGID)
    model = (mean_head[rigid] @ reading.rotation.transpose(1, 2))[..., :2]
    seen = reading.points[:, rigid, :2]
    model_mean, seen_mean = model.mean(1, keepdim=True), seen.mean(1, keepdim=True)
    model_part, seen_part = model - model_mean, seen - seen_mean
    scale = (model_part * seen_part).sum((1, 2)) / model_part.square().sum((1, 2))
    offset = (seen_mean - scale[:, None, None] * model_mean)[:, 0]
    return Pose(reading.rotation, scale, offset)


def face_box(points: Tensor) -> Tensor:
    """Boxes (..., 4) left, top, right, bottom from mid-forehead to chin and from cheek to cheek.

    Args:
        points: (..., 79, 2 or more), in any upright coordinates; the boxes are in the same
    """
    flat = points[..., :2]
    eyes = (flat[..., 36:48, :].mean(-2), flat[..., [8, 7, 9], :].mean(-2))
    middle = flat[..., [*JAW, *EYE_LEFT, *EYE_RIGHT], :]
    low, high = middle.amin(-2), middle.amax(-2)
    reach = (eyes[1] - eyes[0]).norm(dim=-1)
    side = torch.maximum(0.98 * (high[..., 0] - low[..., 0]), 1.42 * reach)
    centre_x = (low[..., 0] + high[..., 0]) / 2
    centre_y = eyes[0][..., 1] + 0.32 * (eyes[1][..., 1] - eyes[0][..., 1])
    half = side / 2
    return torch.stack([centre_x - half, centre_y - half, centre_x + half, centre_y + half], dim=-1)


def load_face_points(path: Path | None = None, compute: Compute | None = None) -> FacePointsNet:
    """The network with its weights, ready to read.

    Args:
        path: a safetensors file; the weights that come with reenact where it is None
        compute: where it runs; the CPU where it is None

    Raises:
        CheckpointError: the file is missing or holds other weights.
    """
    place, net = compute or Compute(), FacePointsNet()
    fill_from(path or WEIGHTS, net, "face points network")
    return net.eval().requires_grad_(False).to(place.device, place.dtype)


def fill_from(file: Path, net: nn.Module, name: str) -> None:
    """Give a network the weights in a safetensors file.

    Raises:
        CheckpointError: the file is missing or holds other weights; it names what was wanted.
    """
    from safetensors import SafetensorError  # training does without
    from safetensors.torch import load_file

    try:
        weights = load_file(file, device="cpu")
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{file}: cannot be read as safetensors ({error})") from error
    expected = {name: tuple(value.shape) for name, value in net.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in weights.items()}
    if found != expected:
        wrong = sorted(set(found.items()) ^ set(expected.items()))[0][0]
        raise CheckpointError(f"{file}: holds no {name}; {wrong} does not fit")
    net.load_state_dict(weights)


@cache
def mirror_order() -> tuple[int, ...]:
    """The point that takes the place of each point in a mirrored picture."""
    order = [*range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, 35, 34, 33, 32, 31]
    order += [45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40]
    order += [54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65]
    return (*order, *range(76, 67, -1), 78, 77)
