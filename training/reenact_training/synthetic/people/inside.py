"""Eyeballs, and the inside of mouths: their colours, and how dark it is behind lids and lips."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from reenact_core.head.model import PARTS
from reenact_training.synthetic.chance import chosen, normal, pick, uniform
from reenact_training.synthetic.people.batch import Rows
from reenact_training.synthetic.people.patterns import noise_at, ramp
from reenact_training.synthetic.people.surface import EYE_SOCKETS, EYES, IRIS_RADIUS, Surface

IRISES = (
    (0.045, 0.020, 0.010), (0.020, 0.010, 0.006), (0.13, 0.07, 0.025), (0.10, 0.17, 0.26),
    (0.08, 0.14, 0.08), (0.18, 0.22, 0.25),
)  # fmt: skip
TEETH, TONGUE, GUMS = (0.62, 0.56, 0.44), (0.36, 0.13, 0.12), (0.34, 0.11, 0.11)
SOCKET = (0.18, 0.05, 0.05)
DARKER = 1.6
"""Centimetres behind the lips in which light falls to a third."""


@dataclass(frozen=True, slots=True, eq=False)
class Inside(Rows):
    """Eyes and mouths of N people."""

    iris: Tensor
    """(N, 3)"""
    size: Tensor
    """(N, 2) radians: iris, pupil."""
    white: Tensor
    """(N, 3)"""
    lid_shadow: Tensor
    """(N, 1)"""
    teeth: Tensor
    """(N, 3)"""
    reach: Tensor
    """(N, 1): what of `DARKER` light reaches into this mouth."""


def sample_inside(generator: Generator, count: int, dark: Tensor) -> Inside:
    """Random eyes and mouths.

    Args:
        dark: (N,) whose skin is dark: their irises mostly are
    """
    table = torch.tensor(IRISES)
    iris = pick(generator, count, table, torch.tensor([3.0, 3, 2, 2, 1, 1]))
    brown = pick(generator, count, table, torch.tensor([4.0, 5, 1, 0.05, 0.05, 0.05]))
    iris = torch.where(dark[:, None], brown, iris)
    iris = iris * torch.exp(normal(generator, count, 1, spread=0.25))
    size = IRIS_RADIUS * uniform(generator, count, low=0.92, high=1.12)
    pupil = size * uniform(generator, count, low=0.25, high=0.6)
    white = torch.tensor([0.50, 0.45, 0.42]) * uniform(generator, count, 1, low=0.6, high=1.15)
    yellow = uniform(generator, count, 1) * torch.tensor([0.0, 0.12, 0.45])
    lacking = chosen(generator, count, 0.04)[:, None]
    return Inside(
        iris=iris, size=torch.stack([size, pupil], 1),
        white=white * torch.exp(normal(generator, count, 3, spread=0.04)),
        lid_shadow=uniform(generator, count, 1, low=0.3, high=0.95),
        teeth=torch.tensor(TEETH) * (1 - yellow) * uniform(generator, count, 1, low=0.55, high=1.15)
        * (1 - 0.9 * lacking),
        reach=uniform(generator, count, 1, low=0.5, high=1.8),
    )  # fmt: skip


def painted(
    albedo: Tensor, inside: Inside, part: Tensor, angle: Tensor, places: Tensor, seed: Tensor
) -> Tensor:
    """The albedo of skin (N, P, 3) with eyes and mouths where the parts (N, P) are theirs.

    Args:
        angle: (N, P) radians from the eyeball's pole
    """
    for name, colour in (
        ("mouth_socket", SOCKET), ("gums", GUMS), ("tongue", TONGUE), ("eye_sockets", SOCKET),
    ):  # fmt: skip
        here = (part == PARTS.index(name))[..., None]
        albedo = torch.where(here, albedo.new_tensor(colour), albedo)
    tooth = (part == PARTS.index("teeth_upper")) | (part == PARTS.index("teeth_lower"))
    albedo = torch.where(tooth[..., None], inside.teeth[:, None], albedo)
    eye = torch.isin(part, part.new_tensor([*EYES]))
    rim, pupil = inside.size[:, None, 0], inside.size[:, None, 1]
    fibres = noise_at(places * 11 + seed[:, None])
    iris = inside.iris[:, None] * (0.55 + 0.9 * fibres[..., :1])
    iris = iris * (1.0 + 0.5 * ramp(1 - angle / rim, 0.2, 0.7))[..., None]
    iris = torch.lerp(iris * 0.35, iris, ramp(rim - angle, 0.0, 0.10)[..., None])
    iris = iris * ramp(angle - pupil, -0.03, 0.03)[..., None] + 0.003
    veins = ramp(angle, 0.7, 1.4) * (0.4 + fibres[..., 1])
    white = inside.white[:, None] * torch.exp(
        -veins[..., None] * angle.new_tensor([0.05, 0.35, 0.3])
    )
    eyeball = torch.lerp(iris, white.expand_as(iris), ramp(angle - rim, -0.04, 0.04)[..., None])
    return torch.where(eye[..., None], eyeball, albedo)


def occlusion(surface: Surface, inside: Inside, vertices: Tensor, points: Tensor) -> Tensor:
    """The share of light that reaches the vertices (N, V) of heads in head coordinates (N, V, 3).

    Args:
        points: (N, 79, 3) of the embedded scheme, head coordinates
    """
    light = surface.sky.expand(len(vertices), -1).clone()
    lips = points[:, 60:68]
    depth = (vertices[..., 2] - lips[..., 2].mean(1, keepdim=True)).clamp(min=0)
    gap = (points[:, [65, 66, 67], 1] - points[:, [63, 62, 61], 1]).mean(1, keepdim=True)
    wide = (0.35 + gap / 2.0).clamp(0.35, 1.1)
    into = torch.exp(-depth / (DARKER * inside.reach * wide))
    light = torch.where(surface.in_mouth, into * wide, light)
    for side, (outer, inner, upper, lower) in enumerate(
        ((36, 39, (37, 38), (40, 41)), (45, 42, (43, 44), (46, 47)))
    ):
        ball = surface.eyeball == side
        a, b = points[:, outer], points[:, inner]
        across = (vertices[..., 0] - (a + b)[:, None, 0] / 2) / ((a - b)[:, None, 0] / 2)
        bow = (1 - across.square()).clamp(min=0)
        base = (a + b)[:, None, 1] / 2
        top = base + (points[:, list(upper), 1].mean(1, keepdim=True) - base) * bow * 1.15
        low = base + (points[:, list(lower), 1].mean(1, keepdim=True) - base) * bow * 1.15
        below, above = vertices[..., 1] - top, low - vertices[..., 1]
        shade = (1 - inside.lid_shadow * (1 - ramp(below, -0.1, 0.45))) * (
            1 - 0.35 * (1 - ramp(above, -0.1, 0.2))
        )
        corner = 1 - 0.4 * ramp(across.abs(), 0.5, 1.1)
        light = torch.where(ball, shade * corner, light)
    return light.clamp(0, 1)


def is_inside(part: Tensor) -> Tensor:
    """Pixels (N, P) that show neither skin nor eyes: mouths and sockets."""
    return (part >= PARTS.index("mouth_socket")) & (part < PARTS.index("sclera")) | (
        part == EYE_SOCKETS
    )
