"""Skin, lips, brows, beards and what makes them look alike or different; linear colours.

Convention:
    places: (N, P, 3) on the mean head, centimetres, so that patterns lie alike on all people
"""

import itertools
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from reenact_training.synthetic.chance import chosen, normal, pick, uniform
from reenact_training.synthetic.people.batch import Rows
from reenact_training.synthetic.people.patterns import noise_at, ramp
from reenact_training.synthetic.people.surface import STATIC, load_surface

FAIR, DARK = (0.72, 0.46, 0.34), (0.065, 0.032, 0.020)
"""The lightest and the darkest skin; those between lie on a line between their logarithms."""
BLOOD = (0.06, 0.42, 0.36)
"""What blood takes of red, green and blue."""
HAIRS = (
    (0.012, 0.009, 0.007), (0.035, 0.018, 0.009), (0.10, 0.048, 0.020), (0.36, 0.23, 0.10),
    (0.30, 0.29, 0.28), (0.20, 0.055, 0.018), (0.60, 0.56, 0.50),
)  # fmt: skip
BROW_LEFT = (17, 18, 19, 20, 21)
"""The brow at the image's left, from outer to inner end."""


@dataclass(frozen=True, slots=True, eq=False)
class Skin(Rows):
    """The skin of N people."""

    colour: Tensor
    """(N, 3)"""
    lips: Tensor
    """(N, 4): their colour, and how much of it they have."""
    hair: Tensor
    """(N, 3): the colour of brows, beard and hair."""
    uneven: Tensor
    """(N, 5): blotches, redness of cheeks and nose, freckles, shadow below the eyes, grain."""
    brow: Tensor
    """(N, 6): density, half thickness in cm, how far it lies up, its arch, how far it reaches
    outwards, strands."""
    beard: Tensor
    """(N, 4): moustache, chin, jaw, length from stubble (0) to hair (1)."""
    lashes: Tensor
    """(N, 3): edge of the lids, shadow on the lids, its tint."""
    gloss: Tensor
    """(N, 2): strength and sharpness of highlights."""
    seed: Tensor
    """(N, 3): where in the noise this person's skin lies."""


def sample_skin(generator: Generator, count: int) -> Skin:
    """Random skins."""
    dark = uniform(generator, count, 1).pow(1.15)
    fair, darkest = torch.tensor(FAIR).log(), torch.tensor(DARK).log()
    colour = (fair + (darkest - fair) * dark + normal(generator, count, 3, spread=0.07)).exp()
    blood = torch.exp(-torch.tensor(BLOOD) * uniform(generator, count, 1, low=0.5, high=1.7))
    painted = chosen(generator, count, 0.2)[:, None]
    rouge = uniform(generator, count, 3) * torch.tensor([0.45, 0.08, 0.12]) + torch.tensor(
        [0.12, 0.005, 0.01]
    )
    lips = colour * blood * uniform(generator, count, 1, low=0.75, high=1.1)
    lips = lips * (1 - painted) + rouge * painted
    reach = uniform(generator, count, 1, low=0.35, high=1.0) * (1 - painted) + painted * 0.95
    hair = _hair_colour(generator, dark)
    bearded = chosen(generator, count, 0.34)[:, None]
    zones = chosen(generator, count * 3, 0.75).view(count, 3) * uniform(
        generator, count, 3, low=0.3, high=1.3
    )
    shine = uniform(generator, count, low=0.01, high=0.2)
    light_brows = uniform(generator, count, low=0.25, high=1.15)
    return Skin(
        colour=colour,
        lips=torch.cat([lips, reach], 1),
        hair=hair,
        uneven=torch.stack(
            [
                uniform(generator, count, low=0.1, high=0.5), uniform(generator, count, high=0.8),
                chosen(generator, count, 0.1) * uniform(generator, count, high=0.6),
                uniform(generator, count, high=0.45), uniform(generator, count, high=0.22),
            ],
            1,
        ),
        brow=torch.stack(
            [
                light_brows, uniform(generator, count, low=0.22, high=0.52),
                normal(generator, count, spread=0.10), normal(generator, count, spread=0.12),
                uniform(generator, count, low=-0.3, high=0.5), uniform(generator, count),
            ],
            1,
        ),
        beard=torch.cat([bearded * zones, uniform(generator, count, 1).pow(1.5)], 1),
        lashes=torch.stack(
            [
                uniform(generator, count, low=0.25, high=1.0),
                chosen(generator, count, 0.25) * uniform(generator, count, high=0.8),
                uniform(generator, count),
            ],
            1,
        ),
        gloss=torch.stack(
            [shine, uniform(generator, count, low=8, high=40)],
            1,
        ),
        seed=uniform(generator, count, 3, high=31),
    )  # fmt: skip


def _hair_colour(generator: Generator, dark: Tensor) -> Tensor:
    count = len(dark)
    table = torch.tensor(HAIRS)
    any_colour = pick(generator, count, table, torch.tensor([2.0, 3, 3, 2, 1.2, 1, 0.7]))
    black = pick(generator, count, table, torch.tensor([5.0, 2, 0.4, 0.1, 1.0, 0.1, 0.4]))
    hair = torch.where(dark > 0.55, black, any_colour)
    return hair * torch.exp(normal(generator, count, 1, spread=0.25))


@dataclass(frozen=True, slots=True, eq=False)
class Cover:
    """What pixels of skin look like."""

    albedo: Tensor
    """(N, P, 3)"""
    bump: Tensor
    """(N, P, 3), added to normals."""
    gloss: Tensor
    """(N, P)"""


def cover_of(skin: Skin, static: Tensor, brow_act: Tensor) -> Cover:
    """Skin at pixels.

    Args:
        static: (N, P, len(STATIC)), see `Surface`
        brow_act: (N, 2) how far brows are drawn up, and down: furrows
    """
    places = static[..., :3]
    lips, lash, moustache, chin, jaw, _, lids = static[..., 3:].unbind(-1)
    seed = skin.seed[:, None]
    coarse = noise_at(places * 0.55 + seed)
    middle = noise_at(places * 1.9 + seed)
    fine = noise_at(places * 7.0 + seed)
    hairs = noise_at(places * places.new_tensor([9.0, 3.0, 9.0]) + seed)
    blotches, red, freckles, under, grain = skin.uneven[:, None].unbind(-1)
    albedo = skin.colour[:, None] * (
        1 + blotches[..., None] * (coarse[..., :1] + middle[..., :1] - 1) * 0.5
    )
    ruddy = red * _patches(places) * (0.5 + coarse[..., 1]) + blotches * (middle[..., 1] - 0.5)
    albedo = albedo * torch.exp(-places.new_tensor(BLOOD) * ruddy[..., None])
    albedo = albedo * (1 - freckles * ramp(fine[..., 0] * middle[..., 2], 0.36, 0.5))[..., None]
    albedo = albedo * (1 - under * _below_eyes(places))[..., None]
    albedo = albedo * (1 + grain * (fine[..., 1] - 0.5))[..., None]
    # Lips, made-up lids and lashes.
    red_lips = (lips * 1.3).clamp(0, 1) * skin.lips[:, None, 3]
    lip_colour = skin.lips[:, None, :3] * (0.75 + 0.5 * fine[..., :1])
    albedo = torch.lerp(albedo, lip_colour, red_lips[..., None])
    edge, painted, tint = skin.lashes[:, None].unbind(-1)
    shade = torch.stack([0.03 + 0.1 * tint, 0.02 + 0.03 * tint, 0.03 + 0.06 * (1 - tint)], -1)
    albedo = torch.lerp(albedo, shade.expand_as(albedo), (painted * lids * 0.8)[..., None])
    dark = skin.hair[:, None] * 0.5
    albedo = torch.lerp(albedo, dark.expand_as(albedo), (edge * ramp(lash, 0.25, 0.9))[..., None])
    # Brows and beard: strands of hair, denser in the middle.
    strands = 0.55 + 0.9 * (hairs[..., 0] - 0.5) * skin.brow[:, None, 5] * 2
    brows = _brows(skin.brow, places)
    brows = (brows * (0.55 + strands * 0.8)).clamp(0, 1)
    zones = (skin.beard[:, None, :3] * torch.stack([moustache, chin, jaw], -1)).amax(-1)
    length = skin.beard[:, None, 3]
    stubble = ramp(
        hairs[..., 1] * 0.5 + fine[..., 2] * 0.5, 0.62 - 0.5 * length - 0.2 * zones, 0.72
    )
    beard = (zones * (0.25 + 0.75 * stubble) * (0.35 + 0.75 * length)).clamp(0, 0.97)
    beard = beard * (1 - (lips * 1.5).clamp(0, 1))
    colour = skin.hair[:, None] * (0.5 + hairs[..., 2:])
    albedo = torch.lerp(albedo, colour, beard[..., None])
    colour = torch.minimum(colour * 0.75, albedo * 0.8)  # brows are darker than skin and hair
    albedo = torch.lerp(albedo, colour, brows[..., None])
    bump = (fine - 0.5) * 0.16 + (middle - 0.5) * 0.06
    bump = bump + _furrows(places, brow_act, coarse)
    gloss = skin.gloss[:, None, 0] * (1 - 0.7 * torch.maximum(beard, brows))
    gloss = gloss * (0.6 + 0.8 * coarse[..., 2]) * (1 + 1.2 * red_lips)
    return Cover(albedo, bump, gloss)


def _patches(places: Tensor) -> Tensor:
    """Where blood shows: cheeks, nose, chin."""
    x, y = places[..., 0].abs(), places[..., 1]
    cheeks = torch.exp(-(((x - 4.6) / 1.8) ** 2) - ((y - 0.6) / 1.6) ** 2)
    nose = torch.exp(-((x / 1.4) ** 2) - ((y - 0.2) / 1.1) ** 2)
    chin = 0.5 * torch.exp(-((x / 1.8) ** 2) - ((y - 6.5) / 1.2) ** 2)
    return cheeks + nose + chin


def _below_eyes(places: Tensor) -> Tensor:
    x, y = places[..., 0].abs(), places[..., 1]
    return torch.exp(-(((x - 2.9) / 1.5) ** 2) - ((y + 1.9) / 0.55) ** 2)


def _brows(brow: Tensor, places: Tensor) -> Tensor:
    """How densely brows grow, (N, P): about the line through the brow's points."""
    surface = load_surface()
    points = surface.head.landmarks["embedded79"].places(surface.head.mean).to(places)
    line = points[list(BROW_LEFT), :2] * places.new_tensor([-1.0, 1.0])  # mirrored: x > 0
    line = line.flip(0)  # from the inner end on
    density, thick, up, arch, reach, _ = brow[:, None].unbind(-1)
    x = places[..., 0].abs()
    along = (x - line[0, 0]) / (line[-1, 0] - line[0, 0])
    height = torch.zeros_like(x) + line[0, 1]
    for a, b in itertools.pairwise(line):
        height = height + (b[1] - a[1]) * ((x - a[0]) / (b[0] - a[0])).clamp(0, 1)
    height = height - 0.05 - up - arch * torch.exp(-(((along - 0.62) / 0.25) ** 2))
    width = thick * (1.0 - 0.5 * along.clamp(0, 1)) + 0.03
    inside = torch.exp(-(((places[..., 1] - height) / width) ** 4))
    ends = ramp(along, -0.12, 0.06) * (1 - ramp(along, 0.85 + 0.2 * reach, 1.1 + 0.25 * reach))
    front = (places[..., 2] < -4).float()
    return density * inside * ends * front


def _furrows(places: Tensor, act: Tensor, coarse: Tensor) -> Tensor:
    """Bumps where skin folds: across the forehead above raised brows, between lowered ones."""
    x, y = places[..., 0], places[..., 1]
    forehead = torch.exp(-((x / 4.2) ** 4)) * ramp(-y, 5.0, 5.8) * (1 - ramp(-y, 8.6, 9.6))
    wave = (y * 6.3 + coarse[..., 0] * 2.5).cos()
    across = forehead * wave * (0.05 + act[:, None, 0]) * 0.2
    between = torch.exp(-((x / 1.1) ** 2) - ((y + 4.6) / 0.9) ** 2)
    upright = between * (x * 6.0).sin() * act[:, None, 1] * 0.25
    return torch.stack([upright, across, torch.zeros_like(x)], -1)


assert STATIC[3:] == ("lips", "lash", "moustache", "chin", "jaw", "angle", "lids")
