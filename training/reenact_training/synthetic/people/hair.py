"""Hair on drawn heads: a shell over the scalp, and curtains at the sides and over the forehead.

Convention:
    azimuth: radians from the front, rising to the image's right; heights are y of head coordinates
"""

import itertools
import math
from dataclasses import dataclass
from functools import cache

import torch
from torch import Generator, Tensor

from reenact_core.head.model import PARTS, vertex_normals
from reenact_training.synthetic.chance import chosen, normal, uniform
from reenact_training.synthetic.people.batch import Rows
from reenact_training.synthetic.people.patterns import noise_at, ramp
from reenact_training.synthetic.people.surface import Surface

HAIRLINE = (
    (0.0, -10.3), (0.5, -9.9), (0.8, -8.0), (1.05, -4.6), (1.28, -1.2), (1.5, -0.8), (1.75, -3.6),
    (2.0, -1.5), (2.4, 3.6), (math.pi, 5.2),
)  # fmt: skip
"""Azimuth and height of the border of the hair on the mean head."""
AROUND, DOWN = 40, 16
"""Columns and rows of a curtain."""
TOP, WIDE, DEEP, MIDDLE = -14.3, 8.1, 9.6, 0.2
"""Of the skull: height, half width, half depth, and where its axis lies in depth."""
BALD, CROPPED, SHORT, FULL, HAT, SCARF = range(6)


@dataclass(frozen=True, slots=True, eq=False)
class Hair(Rows):
    """The hair of N people."""

    kind: Tensor
    """(N, 1)"""
    thick: Tensor
    """(N, 2) cm above the scalp: at the top, at the sides."""
    line: Tensor
    """(N, 3) cm: how much higher it begins, how far it recedes at the temples, how frayed it is."""
    curtain: Tensor
    """(N, 5): there (1) or not, height of its lower border, azimuth of its front edges at the left
    and at the right, how much it flares."""
    fringe: Tensor
    """(N, 4): there or not, its lower border, how aslant that is, half its width in radians."""
    colour: Tensor
    """(N, 3)"""
    strands: Tensor
    """(N, 3): how fine, how curly, how different from each other."""
    gloss: Tensor
    """(N, 1)"""
    seed: Tensor
    """(N, 3)"""


def sample_hair(generator: Generator, count: int, colour: Tensor) -> Hair:
    """Random cuts, hats and scarves.

    Args:
        colour: (N, 3) that brows have
    """
    odds = torch.tensor([0.10, 0.16, 0.34, 0.27, 0.08, 0.05])
    kind = torch.multinomial(odds, count, replacement=True, generator=generator)
    cloth = (kind == HAT) | (kind == SCARF)
    top = torch.tensor([0.0, 0.12, 1.3, 1.1, 0.7, 0.8])[kind]
    top = top * uniform(generator, count, low=0.5, high=1.8)
    sides = top * uniform(generator, count, low=0.15, high=1.0)
    recede = chosen(generator, count, 0.3) * uniform(generator, count, high=2.6)
    higher = normal(generator, count, spread=0.8) + recede * uniform(generator, count, high=0.8)
    higher = torch.where(kind == HAT, uniform(generator, count, low=-1.6, high=1.4), higher)
    long = (kind == FULL) | (kind == SCARF)
    length = uniform(generator, count, low=1.0, high=17.0)
    length = torch.where(kind == SCARF, 17.0, length)
    edge = uniform(generator, count, low=0.75, high=1.5)
    flare = uniform(generator, count, high=0.35)
    lean = normal(generator, count, spread=0.2)
    edge = torch.where(kind == SCARF, uniform(generator, count, low=0.72, high=0.95), edge)
    fringed = chosen(generator, count, 0.4) * (kind == FULL) + chosen(generator, count, 0.12) * (
        kind == SHORT
    )
    dyed = chosen(generator, count, 0.06)[:, None]
    own = torch.lerp(colour, uniform(generator, count, 3) * 0.4, dyed)
    own = own * torch.exp(normal(generator, count, 1, spread=0.25))
    woven = (
        uniform(generator, count, 1).square()
        * 0.7
        * torch.exp(normal(generator, count, 3, spread=0.4))
    )
    return Hair(
        kind=kind.float()[:, None],
        thick=torch.stack([top, sides], 1),
        line=torch.stack([higher, recede, uniform(generator, count, low=0.15, high=0.9)], 1),
        curtain=torch.stack(
            [long.float(), length, edge + lean, edge - lean, flare], 1
        ),
        fringe=torch.stack(
            [
                fringed, uniform(generator, count, low=-8.6, high=-5.0),
                normal(generator, count, spread=1.2), uniform(generator, count, low=0.5, high=1.0),
            ],
            1,
        ),
        colour=torch.where(cloth[:, None], woven.clamp(0, 0.8), own),
        strands=torch.stack(
            [
                uniform(generator, count, low=1.5, high=6.0), uniform(generator, count).pow(2),
                uniform(generator, count, low=0.25, high=0.8) * (1 - 0.6 * cloth.float()),
            ],
            1,
        ),
        gloss=uniform(generator, count, 1, high=0.12) * (1 - cloth.float()[:, None]),
        seed=uniform(generator, count, 3, high=31),
    )  # fmt: skip


def on_scalp(hair: Hair, places: Tensor) -> Tensor:
    """How far inside of the hair's border places (N, P, 3) of the mean head lie, cm."""
    azimuth = torch.atan2(places[..., 0], -(places[..., 2] - MIDDLE)).abs()
    height = _line(azimuth)
    higher, recede, _ = hair.line[:, None].unbind(-1)
    temples = torch.exp(-(((azimuth - 0.62) / 0.3) ** 2))
    front = ramp(1.6 - azimuth, 0.0, 0.8)
    height = height - higher * front - recede * temples
    brim = -5.6 - higher + 2.2 * ramp(azimuth, 0.6, 1.6)
    height = torch.where(hair.kind == HAT, brim, height)
    return height - places[..., 1]


def _line(azimuth: Tensor) -> Tensor:
    height = torch.full_like(azimuth, HAIRLINE[0][1])
    for (a, ya), (b, yb) in itertools.pairwise(HAIRLINE):
        height = height + (yb - ya) * ((azimuth - a) / (b - a)).clamp(0, 1)
    return height


@cache
def _shell_triangles(surface: Surface) -> Tensor:
    wanted = [PARTS.index(name) for name in ("face", "outer_face", "scalp", "neck")]
    head = surface.head
    high = head.mean[head.triangles, 1].amax(1) < 7
    back = head.mean[head.triangles, 2].amin(1) > -1.0
    top = head.mean[head.triangles, 1].amin(1) < -4.0
    wide = head.mean[head.triangles, 0].abs().amin(1) > 5.4
    some = torch.isin(head.part, head.part.new_tensor(wanted)) & high & (back | top | wide)
    return head.triangles[some]


@cache
def triangles_of(surface: Surface) -> Tensor:
    """The shell's and both curtains', over the vertices that `mesh_of` gives."""
    shell = _shell_triangles(surface)
    first = len(surface.head.mean)
    curtain = _grid(AROUND, DOWN, first)
    return torch.cat([shell, curtain, _grid(AROUND, DOWN, first + AROUND * DOWN)]).to(shell)


def _grid(columns: int, rows: int, first: int) -> Tensor:
    at = torch.arange(columns * rows).view(rows, columns) + first
    a, b, c, d = at[:-1, :-1], at[:-1, 1:], at[1:, :-1], at[1:, 1:]
    halves = [torch.stack([a, b, c], -1), torch.stack([b, d, c], -1)]
    return torch.stack(halves, 2).flatten(0, 2)


@dataclass(frozen=True, slots=True, eq=False)
class HairMesh:
    """Hair on N heads in head coordinates."""

    vertices: Tensor
    """(N, H, 3)"""
    attributes: Tensor
    """(N, H, 4): where a vertex lies on the mean head, and how far inside of the border, cm."""


def mesh_of(hair: Hair, surface: Surface, vertices: Tensor, size: Tensor) -> HairMesh:
    """The hair on heads with vertices (N, V, 3) that are `size` (N, 3) times the mean one."""
    rest = surface.static[:, :3]
    inside = on_scalp(hair, rest.expand(len(vertices), -1, -1))
    normals = vertex_normals(vertices, surface.head.triangles)
    up = ramp(-rest[:, 1], 5.0, 12.0)
    top, sides = hair.thick[:, :1], hair.thick[:, 1:]
    lumps = 0.7 + 0.6 * noise_at(rest * 0.35 + hair.seed[:, None])[..., 0]
    thick = (sides + (top - sides) * up) * ramp(inside, -0.3, 3.5) * lumps
    shell = (
        vertices + normals * (thick + 0.02)[..., None] - normals * 0.12 * (inside < -0.2)[..., None]
    )
    parts, held = [shell], [torch.cat([rest.expand_as(shell), inside[..., None]], -1)]
    for place, cover in (_curtain(hair), _fringe(hair)):
        parts.append(place * size[:, None])
        held.append(torch.cat([place, cover[..., None]], -1))
    return HairMesh(torch.cat(parts, 1), torch.cat(held, 1))


def _skull(azimuth: Tensor, height: Tensor, away: Tensor) -> Tensor:
    """Places (N, rows, columns, 3) over the skull, straight down below its widest height."""
    up = ((-4.0 - height) / (-4.0 - TOP)).clamp(0, 0.999)
    narrow = (1 - up.square()).sqrt()
    x = azimuth.sin() * (WIDE * narrow + away)
    z = MIDDLE - azimuth.cos() * (DEEP * narrow + away)
    return torch.stack([x, height.expand_as(x), z], -1)


def _curtain(hair: Hair) -> tuple[Tensor, Tensor]:
    there, low, left, right, flare = hair.curtain[:, :, None, None].unbind(1)
    share = torch.linspace(0, 1, AROUND, device=low.device)
    down = torch.linspace(0, 1, DOWN, device=low.device)[:, None]
    height = TOP - 0.2 + (low - TOP) * down.expand(len(low), DOWN, 1)
    opening = ramp(height, -11.5, -7.0)
    start, stop = left * opening, 2 * math.pi - right * opening
    azimuth = start + (stop - start) * share
    falls = ramp(height, -3.0, 14.0)
    still = torch.zeros_like(azimuth)
    along = torch.stack([azimuth * 2, height * 0.35 + still, still], -1).flatten(1, 2)
    wave = noise_at(along + hair.seed[:, None])[..., 0].view(azimuth.shape)
    away = (
        hair.thick[:, 1, None, None].clamp(min=0.5) + 1.1 + flare * 5 * falls + (wave - 0.5) * 1.6
    )
    place = _skull(azimuth, height, away)
    place = place - torch.where(there > 0, 0.0, 1e4)[..., None]
    edge = torch.minimum(share, 1 - share) * 20
    cover = torch.minimum(edge, (1 - down) * 6).expand(azimuth.shape) + 0.1
    return place.flatten(1, 2), cover.flatten(1)


def _fringe(hair: Hair) -> tuple[Tensor, Tensor]:
    there, low, slant, half = hair.fringe[:, :, None, None].unbind(1)
    share = torch.linspace(-1, 1, AROUND, device=low.device)
    down = torch.linspace(0, 1, DOWN, device=low.device)[:, None]
    height = -12.0 + (low + slant * share + 12.0) * down
    azimuth = share * half * (0.7 + 0.3 * down) + torch.zeros_like(height)
    away = 0.35 + 0.9 * hair.thick[:, 0, None, None].clamp(0.2, 1.5) * (1 - 0.6 * down)
    place = _skull(azimuth, height, away + torch.zeros_like(height))
    # The forehead is flatter than the skull's ellipse.
    place = place - torch.where(there > 0, 0.0, 1e4)[..., None]
    edge = (1 - share.abs()) * 8
    cover = torch.minimum(edge, (1 - down) * 5).expand(azimuth.shape) + 0.1
    return place.flatten(1, 2), cover.flatten(1)


def strands_of(hair: Hair, attributes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Colour (N, P, 3), cover (N, P) and bump (N, P, 3) of hair at pixels of its mesh."""
    places, inside = attributes[..., :3], attributes[..., 3]
    fine, curly, different = hair.strands[:, None].unbind(-1)
    azimuth = torch.atan2(places[..., 0], -(places[..., 2] - MIDDLE))
    waves = noise_at(places * 0.5 + hair.seed[:, None])
    bend = curly * (waves[..., 0] - 0.5) * 5
    along = torch.stack(
        [azimuth * fine * 6 + bend, places[..., 1] * (0.25 + curly * 1.2), places[..., 2] * curly],
        -1,
    )
    thin = noise_at(along + hair.seed[:, None])
    thick = noise_at(along * 0.4 - hair.seed[:, None])
    tone = 1 + different[..., None] * ((thin[..., :1] - 0.5) * 1.3 + (thick[..., :1] - 0.5) * 1.4)
    colour = hair.colour[:, None] * tone.clamp(min=0.15)
    frayed = hair.line[:, None, 2]
    cover = ramp(
        inside + (thin[..., 1] - 0.5) * 2.2 * frayed + (thick[..., 1] - 0.5) * frayed, -0.15, 0.25
    )
    cover = cover * (hair.kind > BALD)
    cropped = (hair.kind == CROPPED) * (0.45 + 0.5 * thin[..., 2])
    cover = torch.where(hair.kind == CROPPED, cover * cropped, cover)
    bump = torch.stack([thin[..., 2] - 0.5, torch.zeros_like(cover), thin[..., 0] - 0.5], -1)
    return colour, cover, bump * (0.35 * different[..., None] / 0.8)
