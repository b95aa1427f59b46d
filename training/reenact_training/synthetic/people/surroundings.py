"""What is behind drawn heads, and what passes before them."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn.functional import avg_pool2d, interpolate, pad

from reenact_training.synthetic.chance import chosen, noise, normal, uniform
from reenact_training.synthetic.people.batch import Rows
from reenact_training.synthetic.people.patterns import ramp
from reenact_training.synthetic.scene import backgrounds

FINGERS = 4


def behind(generator: Generator, count: int, size: int) -> Tensor:
    """Linear pictures (N, 3, size, size) without people, most of them out of focus."""
    rough = backgrounds(generator, count, 96)
    grey = rough.mean(1, keepdim=True)
    colourful = uniform(generator, count, 1, 1, 1, low=0.05, high=1.0)
    rough = (grey + (rough - grey) * colourful).clamp(0, 1)
    rough = rough * uniform(generator, count, 1, 1, 1, low=0.25, high=1.1)
    soft = interpolate(rough, (24, 24), mode="area")
    soft = interpolate(soft, (96, 96), mode="bicubic", align_corners=False)
    rough = torch.lerp(rough, soft, chosen(generator, count, 0.6)[:, None, None, None])
    whole = interpolate(rough, (size, size), mode="bicubic", align_corners=False)
    return whole.clamp(0, 1).pow(2.2)


@dataclass(frozen=True, slots=True, eq=False)
class Cloth(Rows):
    """The clothes of N people: two linear colours, and where they begin on the neck."""

    colours: Tensor
    """(N, 2, 3)"""
    collar: Tensor
    """(N, 2) cm below the chin; how deep it is cut in front."""
    pattern: Tensor
    """(N, 1): how strong it is."""


def sample_cloth(generator: Generator, count: int) -> Cloth:
    """Random clothes, most of them muted."""
    colours = uniform(generator, count, 2, 3, low=0.03, high=0.9)
    grey = colours.mean(2, keepdim=True)
    colours = grey + (colours - grey) * uniform(generator, count, 2, 1).square()
    collar = torch.stack(
        [uniform(generator, count, low=1.5, high=7.5), uniform(generator, count, high=4.0)], 1
    )
    pattern = chosen(generator, count, 0.25) * uniform(generator, count, high=0.6)
    return Cloth(colours.pow(2.2), collar, pattern[:, None])


@dataclass(frozen=True, slots=True, eq=False)
class Fingers(Rows):
    """Hands, cups and microphones before faces: capsules, in [-1, 1] of the picture."""

    ends: Tensor
    """(N, FINGERS, 2, 2)"""
    radius: Tensor
    """(N, FINGERS), 0 where there is none."""
    colour: Tensor
    """(N, 3) linear"""


def sample_fingers(generator: Generator, faces: Tensor, skin: Tensor, share: float) -> Fingers:
    """Something before a share of the faces.

    Args:
        faces: (N, 3) middle and half width of faces in the picture
    """
    count = len(faces)
    there = chosen(generator, count, share)
    tip = faces[:, :2] + normal(generator, count, 2, spread=0.6) * faces[:, 2:]
    tip[:, 1] += 0.4 * faces[:, 2]
    angle = uniform(generator, count, low=-1.3, high=1.3)
    along = torch.stack([angle.sin(), angle.cos()], 1)
    beside = torch.stack([along[:, 1], -along[:, 0]], 1)
    thick = faces[:, 2] * uniform(generator, count, low=0.09, high=0.22)
    step = torch.arange(FINGERS) - (FINGERS - 1) / 2
    starts = tip[:, None] + beside[:, None] * (step[:, None] * 2.05) * thick[:, None, None]
    starts = (
        starts
        + along[:, None] * normal(generator, count, FINGERS, 1, spread=0.12) * faces[:, None, 2:]
    )
    stops = starts + along[:, None] * 4 * faces[:, None, 2:]
    alone = chosen(generator, count, 0.35)[:, None] * (torch.arange(FINGERS) > 0)
    radius = (thick * (1 + 0.9 * (alone.sum(1) > 0)))[:, None] * (1 - alone) * there[:, None]
    thing = uniform(generator, count, 3).square() * 0.6
    colour = torch.where(alone.sum(1, keepdim=True) > 0, thing, skin)
    return Fingers(torch.stack([starts, stops], 2), radius, colour)


def with_fingers(linear: Tensor, fingers: Fingers, light: Tensor) -> tuple[Tensor, Tensor]:
    """Pictures (N, 3, S, S) with what is before them, and how much of them that covers (N, S, S).

    Args:
        light: (N, 3) on skin that faces the camera
    """
    size = linear.shape[-1]
    line = (torch.arange(size, device=linear.device) + 0.5) * (2 / size) - 1
    places = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1)
    covered = linear.new_zeros(len(linear), size, size)
    out = linear
    for index in range(fingers.radius.shape[1]):
        radius = fingers.radius[:, index, None, None]
        if not bool((radius > 0).any()):
            continue
        a, b = fingers.ends[:, index, 0, None, None], fingers.ends[:, index, 1, None, None]
        along = ((places - a) * (b - a)).sum(-1) / (b - a).square().sum(-1)
        nearest = a + (b - a) * along.clamp(0, 1)[..., None]
        from_axis = (places - nearest).norm(dim=-1) / radius.clamp_min(1e-6)
        cover = ramp(1 - from_axis, 0.0, 0.12) * (radius > 0)
        facing = (1 - from_axis.square()).clamp(min=0.05).sqrt()
        colour = fingers.colour[:, :, None, None] * light[:, :, None, None] * facing[:, None]
        out = torch.lerp(out, colour, cover[:, None])
        covered = torch.maximum(covered, cover)
    return out, covered


def developed(generator: Generator, linear: Tensor, level: Tensor) -> Tensor:
    """R'G'B' in [0, 1] as a camera gives it: exposure, white balance, curve, softness, grain.

    Args:
        level: (N,) the brightness of faces, which most cameras expose for
    """
    count = len(linear)
    exposure = torch.exp(normal(generator, count, spread=0.35)).to(linear) * 0.30 / level
    exposure = exposure.clamp(0.3, 8.0)
    white = torch.exp(normal(generator, count, 3, 1, 1, spread=0.09)).to(linear)
    value = linear * exposure[:, None, None, None] * white
    value = value / (1 + (value - 0.65).clamp(min=0) * 1.1)
    coded = value.clamp(1e-5, 1).pow(1 / 2.2)
    contrast = torch.exp(normal(generator, count, 1, 1, 1, spread=0.15)).to(linear)
    coded = ((coded - 0.45) * contrast + 0.45).clamp(0, 1)
    size = linear.shape[-1]
    uneven = noise(generator, count, 1, (size, size), (2, 2)).to(linear) * 0.05
    soft = avg_pool2d(pad(coded, (1, 1, 1, 1), mode="replicate"), 3, 1)
    sharp = uniform(generator, count, 1, 1, 1, low=-0.3, high=1.0).to(linear)
    return (torch.lerp(coded, soft, sharp) * (1 + uneven)).clamp(0, 1)
