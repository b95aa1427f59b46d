"""Random people: the shape, the skin, the hair and the things that they wear."""

import dataclasses
import functools
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn.functional import avg_pool2d, interpolate

from reenact_training.synthetic.chance import chosen, noise, normal, pick, uniform
from reenact_training.synthetic.expression import (
    EYE_HALF_WIDTH,
    MOUTH_HALF_WIDTH,
    Bump,
    bump_field,
    mouth_line,
)
from reenact_training.synthetic.surface import plane_grid, radius_map
from reenact_training.synthetic.texture import Hair, material_maps, sample_hair, skin_tone

LAYOUT: tuple[tuple[Bump, ...], ...] = (
    ((0.18, 0.0, 0.010, 0.0, 0.10, 0.10),),
    ((0.18, 0.0, 0.0, 0.010, 0.16, 0.08),),
    ((0.119, 0.345, 0.013, 0.0, 0.07, 0.06),),
    ((0.0, 0.33, 0.0, 0.013, 0.20, 0.08),),
    ((0.0, 0.22, 0.0, 0.015, 0.12, 0.10),),
    ((0.09, 0.21, 0.013, 0.0, 0.05, 0.06),),
    ((0.0, 0.46, 0.0, 0.018, 0.25, 0.10),),
    ((0.19, -0.14, 0.0, 0.012, 0.16, 0.06),),
    ((0.27, 0.0, 0.011, 0.0, 0.06, 0.06),),
    ((0.26, -0.09, 0.0, 0.013, 0.07, 0.06),),
    ((0.119, 0.345, 0.0, 0.008, 0.06, 0.05),),
)
"""How people differ in where things are: movements of the material at one standard deviation."""

RELIEF: tuple[tuple[float, float, float, float, float], ...] = (
    (0.0, 0.17, 0.045, 0.05, 0.07), (0.0, 0.04, 0.030, 0.05, 0.07),
    (0.0, 0.43, 0.030, 0.12, 0.06), (0.45, 0.42, 0.055, 0.15, 0.14),
    (0.36, 0.12, 0.035, 0.12, 0.10), (0.15, -0.13, 0.018, 0.12, 0.05),
    (0.18, 0.0, 0.014, 0.07, 0.06), (0.0, -0.33, 0.030, 0.20, 0.13),
    (0.30, 0.26, 0.050, 0.12, 0.11), (0.0, -0.80, 0.040, 0.40, 0.25),
    (0.0, 0.315, 0.015, 0.08, 0.04), (0.05, 0.18, 0.020, 0.03, 0.04),
    (0.0, 0.58, 0.050, 0.20, 0.10), (0.10, 0.22, 0.020, 0.03, 0.03),
)  # fmt: skip
"""How people differ in depth: centre x, y, share of the radius, spread x, y, mirrored."""

SOLIDS = ("ear_left", "ear_right", "hair_back", "lock_left", "lock_right", "bun", "brim")
"""The ellipsoids beside the head surface, in head coordinates."""


@dataclass(frozen=True, slots=True, eq=False)
class Identity:
    """N people. Maps lie over the material disc (`surface.py`)."""

    layout: Tensor
    """(N, 2, G, G) where the material lies on this head, as a displacement."""
    radius: Tensor
    """(N, 1, G, G) distance of the surface from the origin, before `axes`."""
    axes: Tensor
    """(N, 3) stretch of the head along x, y and z."""
    texture: Tensor
    """(N, 5, T, T) linear albedo, gloss, cover of hair."""
    hollow: Tensor
    """(N, 1, G, G) how much ambient light reaches the surface."""
    eye: Tensor
    """(N, 3) height of the upper and the lower lid, tilt, in half widths of the eye."""
    iris: Tensor
    """(N, 4) linear colour of the iris, and its radius in half widths of the eye."""
    lips: Tensor
    """(N, 5) thickness of the upper and the lower lip, linear colour."""
    skin: Tensor
    """(N, 3) linear colour of the skin."""
    solid_centre: Tensor
    """(N, 7, 3) centres of the solids, head coordinates."""
    solid_axes: Tensor
    """(N, 7, 3) their half axes; 0 where there is none."""
    solid_colour: Tensor
    """(N, 7, 3) linear colour."""
    glasses: Tensor
    """(N, 9): worn, centre x, y, half width, half height, corner, rim, dark lens, glare."""
    rim_colour: Tensor
    """(N, 3) linear."""
    clothes: Tensor
    """(N, 6): two linear colours."""
    build: Tensor
    """(N, 4): half width of the neck, of the shoulders, height of the collar, pattern of cloth."""

    def __len__(self) -> int:
        return len(self.axes)

    def __getitem__(self, index: Tensor | slice) -> "Identity":
        fields = dataclasses.fields(self)
        return Identity(**{field.name: getattr(self, field.name)[index] for field in fields})

    def to(self, device: torch.device | str) -> "Identity":
        """The same people on another device."""
        fields = dataclasses.fields(self)
        return Identity(**{field.name: getattr(self, field.name).to(device) for field in fields})


@functools.cache
def _layout_fields(size: int) -> Tensor:
    return torch.stack([bump_field(bumps, size) for bumps in LAYOUT])


@functools.cache
def _relief_fields(size: int) -> Tensor:
    grid = plane_grid(size)
    fields = []
    for x, y, strength, spread_x, spread_y in RELIEF:
        near = torch.exp(
            -(((grid[..., 0].abs() - x) / spread_x) ** 2) - ((grid[..., 1] - y) / spread_y) ** 2
        )
        fields.append(strength * near)
    return torch.stack(fields)


@functools.cache
def _fine_relief(size: int) -> Tensor:
    """Lips, the line between them and the lids, as shares of the radius."""
    grid = plane_grid(size)
    x, y = grid[..., 0].abs(), grid[..., 1]
    across = (1 - (x / MOUTH_HALF_WIDTH) ** 2).clamp_min(0)
    height = y - mouth_line(x)
    lips = 0.014 * torch.exp(-(((height + 0.013) / 0.012) ** 2))
    lips += 0.018 * torch.exp(-(((height - 0.015) / 0.013) ** 2))
    lips -= 0.012 * torch.exp(-((height / 0.006) ** 2))
    ex, ey = (x - 0.183) / EYE_HALF_WIDTH, (y - 0.006) / EYE_HALF_WIDTH
    ball = 0.016 * torch.exp(-((ex / 0.8) ** 2) - (ey / 0.6) ** 2)
    crease = -0.010 * torch.exp(-(((ey + 0.72 - 0.3 * ex**2) / 0.15) ** 2) - (ex / 1.1) ** 4)
    wings = 0.022 * torch.exp(-(((x - 0.082) / 0.018) ** 2) - ((y - 0.212) / 0.022) ** 2)
    return lips * across.sqrt() + ball + crease + wings


def _surface(generator: Generator, count: int, size: int, hair: Hair) -> tuple[Tensor, Tensor]:
    """Layout (N, 2, G, G) and radius (N, 1, G, G) of random heads, without hair."""
    layout = torch.einsum(
        "nk,kchw->nchw", normal(generator, count, len(LAYOUT), spread=0.9), _layout_fields(size)
    )
    layout += noise(generator, count, 2, (size, size), (5, 5)) * 0.005
    relief = torch.einsum(
        "nk,khw->nhw", normal(generator, count, len(RELIEF), spread=0.9), _relief_fields(size)
    )
    relief += noise(generator, count, 1, (size, size), (6, 6))[:, 0] * 0.006
    relief += _fine_relief(size) * uniform(generator, count, 1, 1, low=0.6, high=1.3)
    return layout, (radius_map(size) * relief.exp())[:, None]


def _hollow(radius: Tensor) -> Tensor:
    """Ambient light (N, 1, G, G) by how far the surface lies under its surroundings."""
    light = torch.ones_like(radius)
    for width, strength in ((5, 5.0), (13, 2.5), (25, 1.2)):
        around = avg_pool2d(radius, width, 1, width // 2, count_include_pad=False)
        light = light - strength * (around - radius).clamp(0, 0.25)
    return light.clamp(0.25, 1)


def _solids(
    generator: Generator, count: int, hair: Hair, skin: Tensor, axes: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Centres, half axes and colours of ears, long hair, buns and brims."""
    long = chosen(generator, count, 0.38) * (hair.volume > 0.05)
    full = uniform(generator, count)
    length = uniform(generator, count, low=1.0, high=2.3)
    zero, one = torch.zeros(count), torch.ones(count)
    ear = uniform(generator, count, low=0.8, high=1.2)
    flare = uniform(generator, count, low=0.08, high=0.17)
    ear_x = 1.03 + uniform(generator, count, high=0.06)
    side = 1.02 + 0.10 * full
    lock = long * chosen(generator, count, 0.8)
    bun = chosen(generator, count, 0.12) * (1 - long) * (hair.volume > 0.04)
    brim = hair.cloth[:, 0] * chosen(generator, count, 0.5)
    back = (1.10 + 0.35 * full, length, 0.75 * one)
    strand = (0.20 + 0.16 * full, length * 0.95, 0.36 * one)
    bun_y = uniform(generator, count, low=-1.8, high=-0.4)
    bun_z = uniform(generator, count, low=0.6, high=1.5)
    rows = [
        (-ear_x, one * 0.20, one * 0.12, flare, 0.40 * ear, 0.24 * ear),
        (ear_x, one * 0.20, one * 0.12, flare, 0.40 * ear, 0.24 * ear),
        (zero, length * 0.45 - 0.25, one * 0.55, *(long * value for value in back)),
        (-side, length * 0.5, one * -0.02, *(lock * value for value in strand)),
        (side, length * 0.5, one * -0.02, *(lock * value for value in strand)),
        (zero, bun_y, bun_z, bun * 0.5, bun * 0.45, bun * 0.45),
        (zero, one * -0.86, one * -1.35, brim * 0.85, brim * 0.07, brim * 0.62),
    ]
    values = torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)
    hairs = hair.colour.pow(2.2)
    cloth = hair.cloth[:, 1:].pow(2.2)
    reddish = skin * torch.tensor([1.0, 0.86, 0.84])
    colours = torch.stack([reddish, reddish, hairs, hairs, hairs, hairs, cloth], dim=1)
    return values[..., :3] * axes[:, None], values[..., 3:], colours


def _glasses(generator: Generator, count: int) -> tuple[Tensor, Tensor]:
    worn = chosen(generator, count, 0.25)
    dark = chosen(generator, count, 0.12) * uniform(generator, count, low=0.5, high=0.95)
    half_width = uniform(generator, count, low=0.30, high=0.42)
    height = half_width * uniform(generator, count, low=0.6, high=1.0)
    values = [
        worn, uniform(generator, count, low=0.45, high=0.50),
        uniform(generator, count, low=0.02, high=0.14), half_width, height,
        uniform(generator, count, low=0.3, high=1.0),
        uniform(generator, count, low=0.012, high=0.06),
        dark, uniform(generator, count, high=0.25),
    ]  # fmt: skip
    metal = uniform(generator, count, 1, low=0.02, high=0.6).expand(-1, 3)
    tinted = uniform(generator, count, 3, high=0.3)
    return torch.stack(values, dim=1), torch.where(
        chosen(generator, count, 0.7)[:, None] > 0, metal, tinted
    )


def sample_identity(
    generator: Generator, count: int = 1, *, grid: int = 160, texture: int = 320
) -> Identity:
    """Random people; the same for the same state of the generator, whatever the device.

    Args:
        grid: samples along a side of the maps of shape
        texture: samples along a side of the maps of colour
    """
    tone = skin_tone(generator, count)
    hair = sample_hair(generator, tone)
    layout, radius = _surface(generator, count, grid, hair)
    albedo, cover = material_maps(generator, tone, hair, texture)
    axes = 1 + normal(generator, count, 3, spread=1.0) * torch.tensor([0.045, 0.045, 0.04])
    skin = tone.pow(2.2)
    hollow = _hollow(radius)
    grown = interpolate(cover[:, None], size=(grid, grid), mode="area")
    lumps = (1 + 0.16 * noise(generator, count, 1, (grid, grid), (12, 12))).clamp(0.6, 1.4)
    radius = radius + hair.volume.view(-1, 1, 1, 1) * grown.pow(1.5) * lumps
    gloss = uniform(generator, count, 1, 1, 1, low=0.1, high=0.9) * (1 - cover[:, None])
    gloss = (gloss + 0.5 * cover[:, None]).expand(-1, 1, -1, -1)
    centre, half_axes, colours = _solids(generator, count, hair, skin, axes)
    glasses, rim = _glasses(generator, count)
    return Identity(
        layout=layout, radius=radius, axes=axes,
        texture=torch.cat([albedo, gloss, cover[:, None]], dim=1), hollow=hollow,
        eye=_eyes(generator, count), iris=_iris(generator, tone),
        lips=_lips(generator, count, tone), skin=skin,
        solid_centre=centre, solid_axes=half_axes, solid_colour=colours,
        glasses=glasses, rim_colour=rim,
        clothes=_clothes(generator, count),
        build=torch.stack(
            [
                uniform(generator, count, low=0.54, high=0.76),
                uniform(generator, count, low=2.1, high=2.9),
                uniform(generator, count, low=0.0, high=0.5),
                uniform(generator, count),
            ],
            dim=1,
        ),
    )  # fmt: skip


def average_identity() -> Identity:
    """The one head that is average in every measure of its shape."""
    person = sample_identity(torch.Generator().manual_seed(0), 1)
    size = person.layout.shape[-1]
    return dataclasses.replace(
        person, layout=torch.zeros_like(person.layout), axes=torch.ones_like(person.axes),
        radius=(radius_map(size) * _fine_relief(size).exp())[None, None],
        eye=torch.tensor([_EYE]), lips=torch.tensor([[*_LIPS, 0.4, 0.1, 0.1]]),
    )  # fmt: skip


def _eyes(generator: Generator, count: int) -> Tensor:
    return torch.tensor(_EYE) + normal(generator, count, 3) * torch.tensor([0.065, 0.05, 0.05])


_EYE = (0.37, 0.28, 0.02)
_LIPS = (0.026, 0.031)


def _clothes(generator: Generator, count: int) -> Tensor:
    """Two colours (N, 6), linear; most of them muted."""
    colour = uniform(generator, count, 2, 3, low=0.05, high=0.92)
    grey = colour.mean(2, keepdim=True)
    muted = uniform(generator, count, 2, 1).pow(0.7)
    return (colour + (grey - colour) * muted).flatten(1).pow(2.2)


_IRIS = torch.tensor(
    [[0.09, 0.04, 0.02], [0.05, 0.025, 0.015], [0.16, 0.08, 0.03], [0.14, 0.22, 0.32],
     [0.12, 0.20, 0.12], [0.22, 0.26, 0.28]]
)  # fmt: skip


def _iris(generator: Generator, tone: Tensor) -> Tensor:
    """Colour and radius (N, 4); light eyes mostly in light faces."""
    count = len(tone)
    colour = pick(generator, count, _IRIS, torch.tensor([4.0, 4, 2, 2, 1, 1]))
    brown = pick(generator, count, _IRIS, torch.tensor([5.0, 5, 1.5, 0.1, 0.1, 0.1]))
    colour = torch.where((tone.mean(1) < 0.6)[:, None], brown, colour)
    return torch.cat([colour, uniform(generator, count, 1, low=0.36, high=0.42)], dim=1)


def _lips(generator: Generator, count: int, tone: Tensor) -> Tensor:
    thickness = torch.tensor(_LIPS) * (1 + normal(generator, count, 2, spread=0.25))
    natural = (
        tone * torch.tensor([0.86, 0.62, 0.62]) * uniform(generator, count, 1, low=0.85, high=1.1)
    )
    painted = uniform(generator, count, 3) * torch.tensor([0.6, 0.2, 0.3]) + torch.tensor(
        [0.3, 0.0, 0.05]
    )
    made_up = chosen(generator, count, 0.18)[:, None]
    return torch.cat(
        [thickness, (natural * (1 - made_up) + painted * made_up).clamp(0, 1).pow(2.2)], dim=1
    )
