"""Light on drawn people: an even sky of second order, and lights that cast shadows.

A lobe of the sky gives (1/2 + n·d/2)² to a normal n: a quadratic of the normal, so that their sum
is light in spherical harmonics up to the second order, and nowhere negative.

Convention:
    directions: unit vectors towards the light, in the view: x right, y down, z away
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn.functional import normalize

from reenact_training.synthetic.chance import chosen, normal, uniform
from reenact_training.synthetic.people.batch import Rows

LOBES = 4
WRAP = (0.28, 0.12, 0.08)
"""How far light creeps around skin, in red, green and blue."""


@dataclass(frozen=True, slots=True, eq=False)
class Lights(Rows):
    """The light in N pictures."""

    sky: Tensor
    """(N, LOBES, 3) directions"""
    sky_colour: Tensor
    """(N, LOBES, 3)"""
    lamp: Tensor
    """(N, 2, 3) directions; the first casts shadows."""
    lamp_colour: Tensor
    """(N, 2, 3)"""
    shadow: Tensor
    """(N, 1): how dark shadows are."""


def sample_lights(generator: Generator, count: int) -> Lights:
    """Random light: studio, windows, sun, dusk, from below now and then."""
    sky = normalize(torch.randn(count, LOBES, 3, generator=generator), dim=-1)
    sky[:, 0] = normalize(sky[:, 0] + torch.tensor([0.0, -1.2, -0.8]), dim=-1)
    tint = torch.exp(normal(generator, count, LOBES, 3, spread=0.18))
    strength = uniform(generator, count, LOBES, 1).square() * uniform(
        generator, count, 1, 1, low=0.15, high=1.0
    )
    strength = strength + 0.12
    side = normal(generator, count, 2, spread=0.9)
    height = -uniform(generator, count, 2, low=-0.35, high=1.3)
    front = -uniform(generator, count, 2, low=-0.25, high=1.3)
    lamp = normalize(torch.stack([side, height, front], -1), dim=-1)
    warm = normal(generator, count, 2, 1, spread=0.16) * torch.tensor([1.0, 0.0, -1.3])
    power = torch.stack(
        [
            uniform(generator, count, low=0.05, high=1.9),
            uniform(generator, count, high=1.0).square(),
        ],
        1,
    )
    coloured = chosen(generator, count, 0.12)[:, None, None] * normal(
        generator, count, 2, 3, spread=0.5
    )
    return Lights(
        sky, strength * tint, lamp, power[..., None] * torch.exp(warm + coloured),
        uniform(generator, count, 1, low=0.3, high=1.0),
    )  # fmt: skip


def shaded(
    lights: Lights, albedo: Tensor, normals: Tensor, occlusion: Tensor, lit: Tensor,
    gloss: Tensor, sharpness: Tensor,
) -> Tensor:  # fmt: skip
    """Linear colours (N, P, 3) of surfaces that the camera looks at along z.

    Args:
        occlusion: (N, P) share of the sky; lit: (N, P) of the first lamp
        gloss: (N, P) strength, and sharpness: (N, P) exponent of highlights
    """
    towards = (0.5 + 0.5 * normals @ lights.sky.mT).square()
    light = (towards @ lights.sky_colour) * occlusion[..., None]
    wrap = albedo.new_tensor(WRAP)
    shine = torch.zeros_like(albedo)
    viewer = albedo.new_tensor([0.0, 0.0, -1.0])
    dim = 1 - lights.shadow * (1 - lit)
    for index, seen in ((0, dim), (1, 0.4 + 0.6 * occlusion)):
        direction, colour = lights.lamp[:, index], lights.lamp_colour[:, None, index]
        cosine = (normals @ direction[..., None])[..., 0]
        soft = ((cosine[..., None] + wrap) / (1 + wrap)).clamp(min=0)
        light = light + soft * seen[..., None] * colour
        half = normalize(direction + viewer, dim=-1)
        glint = (normals @ half[..., None])[..., 0].clamp(min=1e-3).pow(sharpness)
        shine = shine + (glint * seen * (cosine > -0.1))[..., None] * colour
    edge = (1 + normals[..., 2]).clamp(0, 1).pow(3)[..., None] * 0.25
    return albedo * light + gloss[..., None] * (shine + edge * light)
