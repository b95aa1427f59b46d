"""Glasses: frames as ribbons, lenses that tint and reflect."""

import math
from dataclasses import dataclass
from functools import cache

import torch
from torch import Generator, Tensor

from reenact_training.synthetic.chance import chosen, normal, uniform
from reenact_training.synthetic.people.batch import Rows

ROUND = 28
"""Corners of a rim."""
AWAY = 1e4
"""Where the glasses of those who wear none lie, cm."""


@dataclass(frozen=True, slots=True, eq=False)
class Glasses(Rows):
    """The glasses of N people."""

    worn: Tensor
    """(N, 1)"""
    shape: Tensor
    """(N, 5) cm: half width and half height of lenses, how square, width of the rim, how far up."""
    colour: Tensor
    """(N, 3) of the frame."""
    lens: Tensor
    """(N, 5): its colour, how much it covers, how strongly it reflects."""
    seed: Tensor
    """(N, 2): where it reflects what."""


def sample_glasses(generator: Generator, count: int, share: float = 0.22) -> Glasses:
    """Random glasses on a share of people; some are sunglasses, some nearly without rims."""
    worn = chosen(generator, count, share)
    wide = uniform(generator, count, low=2.1, high=3.0)
    high = wide * uniform(generator, count, low=0.55, high=1.0)
    dark = chosen(generator, count, 0.14)
    cover = dark * uniform(generator, count, low=0.4, high=0.97) + (1 - dark) * uniform(
        generator, count, high=0.08
    )
    rim = uniform(generator, count).square() * 0.45 + 0.06
    metal = (
        uniform(generator, count, 1).square()
        * 0.5
        * torch.exp(normal(generator, count, 3, spread=0.1))
    )
    tinted = uniform(generator, count, 3).square() * 0.4
    black = torch.full((count, 3), 0.012)
    kind = uniform(generator, count, 1)
    colour = torch.where(kind < 0.45, black, torch.where(kind < 0.75, metal, tinted))
    shade = uniform(generator, count, 3) * 0.06
    return Glasses(
        worn[:, None],
        torch.stack(
            [wide, high, uniform(generator, count, low=2.0, high=4.5), rim,
             normal(generator, count, spread=0.15)], 1,
        ),
        colour,
        torch.cat(
            [shade, cover[:, None],
             chosen(generator, count, 0.5)[:, None] * uniform(generator, count, 1).pow(1.5)], 1,
        ),
        uniform(generator, count, 2, high=31),
    )  # fmt: skip


@cache
def triangles() -> tuple[Tensor, Tensor]:
    """Triangles of two rims, two lenses, a bridge and two arms, and what they are: 1 for lenses."""
    found, kinds = [], []
    first = 0
    for _ in range(2):
        ring = torch.arange(ROUND)
        after = (ring + 1) % ROUND
        inner, outer = first + ring, first + ROUND + ring
        inner2, outer2 = first + after, first + ROUND + after
        band = torch.cat(
            [torch.stack([inner, outer, inner2], 1), torch.stack([outer, outer2, inner2], 1)]
        )
        fan = torch.stack([torch.full_like(ring, first + 2 * ROUND), inner, inner2], 1)
        found += [band, fan]
        kinds += [torch.zeros(len(band)), torch.ones(len(fan))]
        first += 2 * ROUND + 1
    for _ in range(3):
        found.append(torch.tensor([[0, 1, 2], [1, 3, 2]]) + first)
        kinds.append(torch.zeros(2))
        first += 4
    return torch.cat(found), torch.cat(kinds)


def mesh_of(glasses: Glasses, points: Tensor, ears: Tensor) -> Tensor:
    """Their vertices (N, G, 3) on heads, head coordinates.

    Args:
        points: (N, 79, 3) of the embedded scheme
        ears: (N, 2, 3) where arms end, image-left first
    """
    wide, high, square, rim, up = glasses.shape.unbind(1)
    turn = torch.arange(ROUND, device=points.device) * (2 * math.pi / ROUND)
    cos, sin = turn.cos(), turn.sin()
    power = (2 / square)[:, None]
    x = cos.sign() * cos.abs().clamp_min(1e-4).pow(power)
    y = sin.sign() * sin.abs().clamp_min(1e-4).pow(power)
    y = y * (1 - 0.12 * (y > 0))
    nose = points[:, 27]
    parts, sides = [], []
    bridge = []
    for side, eye in ((-1.0, range(36, 42)), (1.0, range(42, 48))):
        middle = points[:, list(eye)].mean(1)
        centre = torch.stack(
            [
                nose[:, 0] + side * torch.maximum((middle[:, 0] - nose[:, 0]).abs(), wide + 0.55),
                middle[:, 1] + 0.35 - up,
                nose[:, 2] - 0.35,
            ],
            1,
        )
        for grown in (0.0, 1.0):
            across = (wide + grown * rim)[:, None] * x
            down = (high + grown * rim)[:, None] * y
            back = 0.055 * (centre[:, :1] + across - nose[:, :1]).square()
            parts.append(
                torch.stack(
                    [centre[:, :1] + across, centre[:, 1:2] + down, centre[:, 2:] + back], -1
                )
            )
        parts.append(
            torch.stack(
                [
                    centre[:, 0],
                    centre[:, 1],
                    centre[:, 2] + 0.055 * (centre[:, 0] - nose[:, 0]).square(),
                ],
                -1,
            )[:, None]
        )
        inner = centre[:, 0] - side * wide
        bridge.append(torch.stack([inner, centre[:, 1] - 0.35 * high, nose[:, 2] - 0.3], -1))
        hinge_x = centre[:, 0] + side * (wide + rim)
        hinge = torch.stack(
            [
                hinge_x,
                centre[:, 1] - 0.45 * high,
                centre[:, 2] + 0.055 * (hinge_x - nose[:, 0]).square(),
            ],
            -1,
        )
        sides.append((hinge, ears[:, 0 if side < 0 else 1]))
    thick = (rim * 0.7 + 0.08)[:, None] * points.new_tensor([0.0, 1.0, 0.0])
    for a, b in (tuple(bridge), *sides):
        parts.append(torch.stack([a - thick / 2, a + thick / 2, b - thick / 2, b + thick / 2], 1))
    vertices = torch.cat(parts, 1)
    return torch.where(glasses.worn[..., None] > 0, vertices, AWAY)
