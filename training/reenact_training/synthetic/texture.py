"""Skin, brows, beards and hair as maps over the material disc."""

import functools
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn.functional import grid_sample

from reenact_training.synthetic.chance import chosen, fractal, noise, normal, pick, uniform
from reenact_training.synthetic.landmarks import still_points
from reenact_training.synthetic.surface import plane_grid

SKIN_TONES = torch.tensor(
    [[236, 202, 182], [228, 186, 162], [218, 170, 142], [205, 154, 122], [186, 132, 98],
     [160, 108, 76], [122, 79, 54], [92, 58, 40], [66, 42, 31]]
) / 255.0  # fmt: skip
HAIR_COLOURS = torch.tensor(
    [[18, 15, 14], [30, 22, 18], [48, 33, 24], [74, 50, 34], [104, 74, 48], [150, 112, 70],
     [196, 160, 104], [226, 200, 150], [120, 56, 28], [120, 118, 116], [190, 188, 186],
     [150, 60, 110], [50, 80, 130]]
) / 255.0  # fmt: skip
_DARK_HAIR_WEIGHTS = torch.tensor([9, 8, 6, 2, 0.5, 0.2, 0.2, 0.1, 0.2, 1, 0.6, 0.2, 0.2])
_HAIR_WEIGHTS = torch.tensor([6, 6, 6, 5, 4, 3, 3, 2, 2, 2, 2, 0.3, 0.3])


@dataclass(frozen=True, slots=True, eq=False)
class Hair:
    """The growth on a head, one row an identity."""

    colour: Tensor
    """(N, 3) R'G'B'."""
    line: Tensor
    """(N, 4): height of the hairline, recession at the temples, parting, raggedness."""
    volume: Tensor
    """(N,) thickness in head units; 0 is bald."""
    beard: Tensor
    """(N, 3): strength of beard, moustache and stubble, 0 to 1."""
    brow: Tensor
    """(N, 2): strength and half thickness of the brows."""
    cloth: Tensor
    """(N, 4): 1 where a cap or a scarf takes the hair's place, and its colour, R'G'B'."""


def sample_hair(generator: Generator, tone: Tensor) -> Hair:
    """Random hair, beards and brows of people with skin colours (N, 3)."""
    count = len(tone)
    bald = chosen(generator, count, 0.07)
    fringe = chosen(generator, count, 0.25) * (1 - bald)
    covered = chosen(generator, count, 0.06)
    height = (
        0.41
        + normal(generator, count, spread=0.022)
        - fringe * uniform(generator, count, low=0.06, high=0.2)
    )
    line = torch.stack(
        [
            height + bald * 0.4,
            uniform(generator, count, low=-0.02, high=0.09) * (1 - fringe),
            normal(generator, count, spread=0.4),
            uniform(generator, count, low=0.004, high=0.03),
        ],
        dim=1,
    )
    volume = uniform(generator, count, low=0.02, high=0.30) * (1 - bald)
    hairy = chosen(generator, count, 0.30)
    beard = torch.stack(
        [
            hairy * chosen(generator, count, 0.6) * uniform(generator, count, low=0.3),
            hairy * uniform(generator, count),
            chosen(generator, count, 0.35) * uniform(generator, count, high=0.5),
        ],
        dim=1,
    )
    brow = torch.stack(
        [
            uniform(generator, count, low=0.25, high=0.95),
            uniform(generator, count, low=0.010, high=0.024),
        ],
        dim=1,
    )
    colour = pick(generator, count, HAIR_COLOURS, _HAIR_WEIGHTS)
    dark = pick(generator, count, HAIR_COLOURS, _DARK_HAIR_WEIGHTS)
    colour = torch.where((tone.mean(1) < 0.6)[:, None], dark, colour)
    shift = normal(generator, count, 1, spread=0.10) + normal(generator, count, 3, spread=0.025)
    colour = (colour * (1 + shift)).clamp(0.02, 1)
    cloth = torch.cat([covered[:, None], uniform(generator, count, 3, low=0.05, high=0.95)], dim=1)
    return Hair(colour, line, volume, beard, brow, cloth)


@functools.cache
def _polar(size: int) -> tuple[Tensor, Tensor]:
    """Angle from straight up, signed, and distance from the middle, (size, size) each."""
    grid = plane_grid(size)
    return torch.atan2(grid[..., 0], -grid[..., 1]), grid.norm(dim=-1)


_LINE_ANGLE = (0.0, 0.55, 0.95, 1.30, 1.55, 1.85, 2.3, 3.15)
_LINE_REACH = (0.0, 0.005, 0.02, 0.10, 0.20, 0.37, 0.47, 0.52)


def hair_cover(hair: Hair, size: int, ragged: Tensor) -> Tensor:
    """How much of the material is under hair, (N, size, size) in [0, 1]."""
    angle, reach = _polar(size)
    away = angle.abs()
    line = torch.zeros_like(away)
    for i in range(len(_LINE_ANGLE) - 1):
        share = ((away - _LINE_ANGLE[i]) / (_LINE_ANGLE[i + 1] - _LINE_ANGLE[i])).clamp(0, 1)
        line += share * (_LINE_REACH[i + 1] - _LINE_REACH[i])
    temples = torch.exp(-(((away - 0.6) / 0.28) ** 2))
    sides = (1 - away / 1.6).clamp(0, 1)
    height, recession, _, rough = (value[:, None, None] for value in hair.line.unbind(1))
    lowered = (height - 0.41) * sides.sqrt() + 0.41
    edge = lowered + line + recession * temples + rough * ragged
    soft = 0.012 + 0.3 * rough
    return ((reach - edge) / soft + 0.5).clamp(0, 1)


def strands(generator: Generator, count: int, size: int) -> Tensor:
    """Streaks that run away from the face, (N, 1, size, size) about zero."""
    angle, reach = _polar(size)
    bend = normal(generator, count, spread=0.5)[:, None, None]
    place = torch.stack(
        [
            (angle / 3.15 + bend * (reach - 0.5) * 0.3).clamp(-1, 1),
            (reach * 1.6 - 1).expand(count, -1, -1),
        ],
        dim=-1,
    )
    fine = noise(generator, count, 1, (48, 512), (6, 200)) + 0.8 * noise(
        generator, count, 1, (48, 512), (4, 60)
    )
    return grid_sample(fine, place, mode="bilinear", padding_mode="reflection", align_corners=False)


def _near_line(grid: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """Distance (size, size) to a polyline (P, 2), and the place along it in [0, 1]."""
    best = torch.full(grid.shape[:2], 9.0)
    place = torch.zeros(grid.shape[:2])
    for i in range(len(points) - 1):
        along = points[i + 1] - points[i]
        share = (((grid - points[i]) @ along) / along.square().sum()).clamp(0, 1)
        distance = (grid - points[i] - share[..., None] * along).norm(dim=-1)
        place = torch.where(distance < best, (i + share) / (len(points) - 1), place)
        best = torch.minimum(best, distance)
    return best, place


@functools.cache
def _brow_place(size: int) -> tuple[Tensor, Tensor]:
    """Distance to the nearer brow's line and the taper along it."""
    grid, points = plane_grid(size), still_points()
    folded = torch.stack([-grid[..., 0].abs(), grid[..., 1]], dim=-1)
    line = points[17:22].clone()
    line[:, 1] += 0.004
    distance, place = _near_line(folded, line)
    return distance, 0.35 + 0.65 * (place * 1.6).clamp_max(1.0)


_BEARD_LINE = torch.tensor(
    [[-0.66, 0.05], [-0.60, 0.16], [-0.46, 0.27], [-0.30, 0.34], [-0.16, 0.36], [-0.145, 0.29]]
)


@functools.cache
def _beard_place(size: int) -> tuple[Tensor, Tensor]:
    """Where beards and moustaches grow, (size, size) each in [0, 1]."""
    grid = plane_grid(size)
    x, y = grid[..., 0].abs(), grid[..., 1]
    upper = torch.full_like(x, 0.36)
    for (x0, y0), (x1, y1) in zip(
        _BEARD_LINE[:-2].tolist(), _BEARD_LINE[1:-1].tolist(), strict=True
    ):
        inside = (x <= -x0) & (x > -x1)
        upper = torch.where(inside, y0 + (y1 - y0) * (-x - x0) / (x1 - x0), upper)
    upper = torch.where(x > 0.66, torch.full_like(x, 2.0), upper)
    beard = ((y - upper) / 0.035 + 0.3).clamp(0, 1) * ((0.66 - y) / 0.08).clamp(0, 1)
    moustache = ((0.16 - x) / 0.025).clamp(0, 1) * ((y - 0.253 - 0.3 * x) / 0.012).clamp(0, 1)
    moustache = moustache * ((0.37 + 0.2 * x - y) / 0.02).clamp(0, 1)
    return beard, moustache


@functools.cache
def _flush_place(size: int) -> Tensor:
    """Where skin is redder: cheeks, nose, chin, (size, size)."""
    grid = plane_grid(size)
    x, y = grid[..., 0].abs(), grid[..., 1]
    cheeks = torch.exp(-(((x - 0.25) / 0.11) ** 2) - ((y - 0.17) / 0.09) ** 2)
    nose = torch.exp(-((x / 0.06) ** 2) - ((y - 0.18) / 0.07) ** 2)
    chin = torch.exp(-((x / 0.10) ** 2) - ((y - 0.43) / 0.06) ** 2)
    return cheeks + 0.8 * nose + 0.4 * chin


@functools.cache
def _shadow_place(size: int) -> Tensor:
    """Where skin is darker: nostrils, the lid's crease, under the eyes, nose-to-mouth folds."""
    grid = plane_grid(size)
    x, y = grid[..., 0].abs(), grid[..., 1]
    nostrils = torch.exp(-(((x - 0.042) / 0.018) ** 2) - ((y - 0.231) / 0.009) ** 2)
    wings = torch.exp(-(((x - 0.094) / 0.010) ** 2) - ((y - 0.215) / 0.026) ** 2)
    ex, ey = (x - 0.183) / 0.086, (y - 0.006) / 0.086
    crease = torch.exp(-(((ey + 0.62 * (1 - 0.45 * ex**2)) / 0.10) ** 2)) * (ex.abs() < 1.05)
    bags = torch.exp(-(((ey - 0.62 * (1 - 0.3 * ex**2)) / 0.22) ** 2) - (ex / 0.9) ** 4)
    inner = torch.exp(-(((x - 0.085) / 0.025) ** 2) - ((y - 0.0) / 0.04) ** 2)
    return torch.stack([nostrils, wings, crease, bags, inner])


def _folds(generator: Generator, count: int, size: int) -> Tensor:
    """Lines beside the mouth and on the forehead, (N, size, size), most of them faint."""
    grid = plane_grid(size)
    x, y = grid[..., 0].abs(), grid[..., 1]
    curve = 0.115 + 0.45 * (y - 0.21).clamp_min(0)
    beside = torch.exp(-(((x - curve) / 0.012) ** 2)) * ((y > 0.21) & (y < 0.36))
    brow = torch.exp(-(((y + 0.24 + 0.03 * torch.cos(x * 30)) / 0.007) ** 2))
    brow = (brow + torch.exp(-(((y + 0.30) / 0.007) ** 2))) * (x < 0.2)
    strength = uniform(generator, count, 2).pow(2)[..., None, None]
    return strength[:, 0] * beside * 0.22 + strength[:, 1] * brow * 0.12


def skin_tone(generator: Generator, count: int) -> Tensor:
    """Random skin colours (N, 3), R'G'B', between the tones of the table."""
    spread = normal(generator, count, spread=0.35) + 0.40
    even = uniform(generator, count)
    place = torch.where(even < 0.5, even * 2, spread).clamp(0, 1) * (len(SKIN_TONES) - 1.001)
    low = place.long()
    share = (place - low)[:, None]
    tone = SKIN_TONES[low] * (1 - share) + SKIN_TONES[low + 1] * share
    return (tone * (1 + normal(generator, count, 3, spread=0.035))).clamp(0.02, 1)


def skin_map(generator: Generator, tone: Tensor, size: int) -> Tensor:
    """Bare skin (N, 3, size, size), linear light."""
    count = len(tone)
    base = tone.pow(2.2)[:, :, None, None].expand(-1, -1, size, size)
    patch = fractal(generator, count, 1, size, 6, 3) * 0.05
    pores = torch.randn(count, 1, size, size, generator=generator)
    pores = pores * uniform(generator, count, 1, 1, 1, high=0.05)
    freckles = noise(generator, count, 1, (size, size), (70, 70))
    freckled = (chosen(generator, count, 0.15) * uniform(generator, count))[:, None, None, None]
    dark = ((freckles - 1.3).clamp(0, 0.5) * 0.9 * freckled) * (_flush_place(size) + 0.25)
    red = torch.tensor([0.05, -0.10, -0.09]).view(1, 3, 1, 1)
    flush = uniform(generator, count, 1, 1, 1, high=1.6) * _flush_place(size)
    shadow = _shadow_place(size)
    depth = torch.tensor([0.75, 0.30, 0.25, 0.14, 0.18]).view(1, 5, 1, 1)
    depth = depth * uniform(generator, count, 5, 1, 1, low=0.4, high=1.15)
    darker = (1 - (depth * shadow).clamp(0, 0.85)).prod(dim=1, keepdim=True)
    darker = darker * (1 - _folds(generator, count, size)[:, None])
    return (base * (1 + patch + pores) * (1 - dark) * (1 + red * flush) * darker).clamp(0.002, 1)


def material_maps(
    generator: Generator, tone: Tensor, hair: Hair, size: int
) -> tuple[Tensor, Tensor]:
    """Albedo (N, 3, size, size), linear, and the cover of hair (N, size, size)."""
    count = len(tone)
    colour = hair.colour.pow(2.2)[:, :, None, None]
    streaks = strands(generator, count, size)
    worn, cloth = hair.cloth[:, :1, None, None], hair.cloth[:, 1:].pow(2.2)[:, :, None, None]
    shaded = (colour + (cloth - colour) * worn) * (
        1 + 0.45 * streaks * (1 - 0.8 * worn) * uniform(generator, count, 1, 1, 1, low=0.3)
    ).clamp(0.25, 2)
    albedo = skin_map(generator, tone, size)
    grain = torch.rand(count, 1, size, size, generator=generator)
    distance, taper = _brow_place(size)
    strength, thickness = (value[:, None, None] for value in hair.brow.unbind(1))
    brow = ((thickness * taper - distance) / 0.008 + 0.5).clamp(0, 1) * strength
    beard, moustache = _beard_place(size)
    full, lip, stubble = (value[:, None, None] for value in hair.beard.unbind(1))
    growth = torch.maximum(full * beard, lip * moustache)
    growth = growth + stubble * (1 - growth) * torch.maximum(beard, moustache) * 0.7
    ragged = noise(generator, count, 1, (size, size), (30, 30))[:, 0]
    cover = hair_cover(hair, size, ragged)
    hairs = torch.stack([brow, growth], dim=1) * (0.55 + 0.45 * grain)
    for layer in hairs.clamp(0, 1).unbind(1):
        albedo = albedo * (1 - layer[:, None]) + colour * 0.8 * layer[:, None]
    bald = (hair.volume <= 0)[:, None, None]
    cover = torch.where(bald, torch.zeros_like(cover), cover)
    albedo = albedo * (1 - cover[:, None]) + shaded * cover[:, None]
    return albedo.clamp(0.001, 1), cover
