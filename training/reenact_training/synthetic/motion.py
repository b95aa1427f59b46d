"""Random performances: where a head is, how it is turned and what the face does, frame by frame."""

import dataclasses
import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn.functional import conv1d, pad

from reenact_core.models.face_points import EXPRESSIONS
from reenact_training.synthetic.chance import chosen, normal, uniform


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """T frames of a performance; angles and axes as in docs/explanation/architecture.md."""

    rotation: Tensor
    """(T, 3, 3) of the head."""
    scale: Tensor
    """(T,) network units that one head unit takes."""
    offset: Tensor
    """(T, 2) where the head's origin lies, network coordinates."""
    expression: Tensor
    """(T, 12), see `expression.EXPRESSIONS`."""
    body: Tensor
    """(T, 3) yaw of the shoulders in radians; their shift to the right and down, in head units."""

    def __len__(self) -> int:
        return len(self.scale)

    def __getitem__(self, index: Tensor | slice) -> "Motion":
        fields = dataclasses.fields(self)
        return Motion(**{field.name: getattr(self, field.name)[index] for field in fields})

    def to(self, device: torch.device | str) -> "Motion":
        """The same performance on another device."""
        fields = dataclasses.fields(self)
        return Motion(**{field.name: getattr(self, field.name).to(device) for field in fields})


def rotation_matrix(yaw: Tensor, pitch: Tensor, roll: Tensor) -> Tensor:
    """R_z(roll) @ R_x(pitch) @ R_y(yaw), (..., 3, 3), of angles (...) in radians.

    yaw > 0 looks to the image's right, pitch > 0 down, roll > 0 turns clockwise as seen.
    """
    zero, one = torch.zeros_like(yaw), torch.ones_like(yaw)

    def matrix(*rows: Tensor) -> Tensor:
        return torch.stack(rows, dim=-1).reshape(*yaw.shape, 3, 3)

    cos, sin = yaw.cos(), yaw.sin()
    about_y = matrix(cos, zero, -sin, zero, one, zero, sin, zero, cos)
    cos, sin = pitch.cos(), pitch.sin()
    about_x = matrix(one, zero, zero, zero, cos, -sin, zero, sin, cos)
    cos, sin = roll.cos(), roll.sin()
    about_z = matrix(cos, -sin, zero, sin, cos, zero, zero, zero, one)
    return about_z @ about_x @ about_y


def angles(rotation: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Yaw, pitch and roll (...) in radians of rotations (..., 3, 3)."""
    pitch = torch.asin(rotation[..., 2, 1].clamp(-1, 1))
    yaw = torch.atan2(rotation[..., 2, 0], rotation[..., 2, 2])
    return yaw, pitch, torch.atan2(-rotation[..., 0, 1], rotation[..., 1, 1])


def _smooth(values: Tensor, width: float) -> Tensor:
    """Values (C, T) blurred along time by a Gaussian of `width` frames."""
    reach = max(1, int(3 * width))
    line = torch.arange(-reach, reach + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (line / width) ** 2)
    kernel = (kernel / kernel.sum()).view(1, 1, -1)
    return conv1d(pad(values[:, None], (reach, reach), mode="replicate"), kernel)[:, 0]


def wander(generator: Generator, channels: int, frames: int, width: float) -> Tensor:
    """Smooth random curves (channels, frames) of unit spread that turn in about `width` frames."""
    margin = int(4 * width) + 1
    rough = torch.randn(channels, frames + 2 * margin, generator=generator)
    curve = _smooth(rough, width)[:, margin : margin + frames]
    return curve * math.sqrt(2 * width * math.sqrt(math.pi))


def _moves(generator: Generator, channels: int, frames: int, rate: float, every: float) -> Tensor:
    """Curves that rest and then turn quickly to another place, (channels, frames) in [-1, 1]."""
    switch = torch.rand(channels, frames, generator=generator) < 1 / (every * rate)
    level = torch.rand(channels, frames, generator=generator) * 2 - 1
    held = level.clone()
    for frame in range(1, frames):
        held[:, frame] = torch.where(switch[:, frame], level[:, frame], held[:, frame - 1])
    return _smooth(held, 0.12 * rate)


def _blinks(generator: Generator, frames: int, rate: float) -> Tensor:
    """How far the lids are closed by blinking, (frames,)."""
    starts = torch.rand(frames, generator=generator) < 1 / (3.5 * rate)
    line = torch.arange(frames, dtype=torch.float32) / rate
    closed = torch.zeros(frames)
    for start in torch.nonzero(starts)[:, 0].tolist():
        since = line - start / rate
        rise, fall = (since / 0.08).clamp(0, 1), ((0.26 - since) / 0.14).clamp(0, 1)
        closed = torch.maximum(closed, torch.minimum(rise, fall))
    return closed


def _expression(generator: Generator, frames: int, rate: float) -> Tensor:
    """A talking face, (frames, 12)."""
    curves = torch.zeros(len(EXPRESSIONS), frames)
    talking = (wander(generator, 1, frames, 0.6 * rate)[0] + uniform(generator, 1)).clamp(0, 1)
    syllable = wander(generator, 1, frames, 0.055 * rate)[0].abs().clamp_max(1.6)
    gape = (wander(generator, 1, frames, 0.5 * rate)[0] - 1.3).clamp(0, 1)
    curves[0] = (talking * syllable * 0.38 + gape).clamp(0, 1)
    mood = normal(generator, 1, spread=0.4) + 0.35 * wander(generator, 1, frames, rate)[0]
    curves[1] = mood.clamp(-0.7, 1)
    curves[2] = (talking * wander(generator, 1, frames, 0.08 * rate)[0] * 0.45).clamp(-1, 1)
    curves[3] = (0.3 * curves[1].clamp_min(0) + talking * 0.2 * syllable).clamp(0, 1)
    curves[4] = (wander(generator, 1, frames, 0.15 * rate)[0] - 1).clamp(0, 1) * (1 - curves[0])
    both = 0.3 * wander(generator, 1, frames, 0.35 * rate)[0]
    apart = 0.15 * wander(generator, 2, frames, 0.3 * rate)
    curves[5:7] = (both + apart + normal(generator, 1, spread=0.2)).clamp(-1, 1)
    frown = wander(generator, 1, frames, 0.6 * rate)[0] + normal(generator, 1, spread=0.5)
    curves[7] = (0.4 * frown).clamp(0, 1)
    blink = _blinks(generator, frames, rate)
    rest = normal(generator, 1, spread=0.12)
    squint = 0.25 * curves[1].clamp_min(0) + rest
    wink = chosen(generator, 2, 0.06)[:, None] * wander(generator, 2, frames, 0.4 * rate).clamp(
        0, 1
    )
    curves[8:10] = torch.maximum(blink.expand(2, -1), squint + wink).clamp(-0.3, 1)
    curves[10:12] = _moves(generator, 2, frames, rate, 1.2).clamp(-1, 1) * 0.8
    return curves.T.contiguous()


def sample_motion(
    generator: Generator, frames: int, rate: float = 25.0, *, calm: float = 0.0
) -> Motion:
    """A random performance.

    Args:
        rate: frames a second
        calm: 0 for everything that heads do, 1 for a speaker who looks at the camera
    """
    drift = wander(generator, 3, frames, 0.8 * rate)
    turns = _moves(generator, 3, frames, rate, 1.6)
    liveliness = uniform(generator, 1, low=0.15) * (1 - 0.75 * calm)
    reach = torch.tensor([1.1, 0.45, 0.40])[:, None]
    start = normal(generator, 3, spread=0.5)[:, None] * reach * (1 - 0.8 * calm)
    angle = start * 0.6 + (0.35 * drift * (0.4 + liveliness) + turns * liveliness) * reach * 0.8
    limit = torch.tensor([1.57, 0.65, 0.75])[:, None]
    yaw, pitch, roll = limit * torch.tanh(angle / limit)
    place = wander(generator, 2, frames, rate) * 0.05 + normal(generator, 2, spread=0.05)[:, None]
    zoom = uniform(generator, 1, low=0.36, high=0.50)
    zoom = zoom * torch.exp(0.04 * wander(generator, 1, frames, rate)[0])
    sway = wander(generator, 2, frames, rate) * torch.tensor([0.10, 0.05])[:, None]
    body = torch.cat([0.35 * _smooth(yaw[None], 0.4 * rate), sway])
    expression = _expression(generator, frames, rate)
    expression[:, 10:12] *= 1 - 0.6 * calm
    offset = place.T + torch.tensor([0.0, -0.12]) + 0.08 * torch.stack([yaw, pitch], dim=1)
    return Motion(
        rotation_matrix(yaw, pitch, roll), zoom, offset, expression,
        body.T.contiguous(),
    )  # fmt: skip


def sample_poses(generator: Generator, count: int) -> Motion:
    """Single moments that have nothing to do with each other, with every pose and expression."""
    wide = chosen(generator, count, 0.5)
    yaw = torch.where(
        wide > 0,
        uniform(generator, count, low=-1.45, high=1.45),
        normal(generator, count, spread=0.4),
    )
    pitch = normal(generator, count, spread=0.28).clamp(-0.7, 0.7)
    roll = normal(generator, count, spread=0.22)
    expression = torch.zeros(count, len(EXPRESSIONS))
    open_jaw = chosen(generator, count, 0.55) * uniform(generator, count).pow(1.6)
    expression[:, 0] = open_jaw
    expression[:, 1:4] = normal(generator, count, 3, spread=0.4).clamp(-1, 1)
    expression[:, 3] = expression[:, 3].abs()
    expression[:, 4] = chosen(generator, count, 0.2) * uniform(generator, count) * (1 - open_jaw)
    expression[:, 5:8] = normal(generator, count, 1, spread=0.3) + normal(
        generator, count, 3, spread=0.25
    )
    expression[:, 5:8] = expression[:, 5:8].clamp(-1, 1)
    expression[:, 7] = expression[:, 7].clamp_min(0)
    lids = chosen(generator, count, 0.25) * uniform(generator, count, low=0.2, high=1.2)
    apart = chosen(generator, count, 0.08)[:, None] * uniform(generator, count, 2, low=-1.0)
    rest = normal(generator, count, spread=0.1).clamp(-0.3, 0.3)
    expression[:, 8:10] = ((lids + rest)[:, None] + apart).clamp(-0.3, 1)
    expression[:, 10:12] = normal(generator, count, 2, spread=0.45).clamp(-1, 1)
    body = torch.stack(
        [
            yaw * 0.4 + normal(generator, count, spread=0.25),
            *normal(generator, 2, count, spread=0.12),
        ],
        dim=1,
    )
    zoom, zero = torch.full((count,), 0.45), torch.zeros(count, 2)
    return Motion(rotation_matrix(yaw, pitch, roll), zoom, zero, expression, body)
