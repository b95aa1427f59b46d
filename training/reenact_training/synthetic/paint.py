"""The colour of the head's surface: material maps, and eyes, lips and mouth drawn sharp on top."""

from dataclasses import dataclass

import torch
from torch import Tensor

from reenact_training.synthetic.expression import (
    EYE_HALF_WIDTH,
    MOUTH_HALF_WIDTH,
    close_mouth,
    eye_coordinates,
    lid_edges,
    mouth_line,
    slit,
)
from reenact_training.synthetic.heads import Identity
from reenact_training.synthetic.landmarks import lip_edges
from reenact_training.synthetic.surface import sample_map


@dataclass(frozen=True, slots=True, eq=False)
class Painted:
    """The surface at every pixel (F, C, H, W), wherever the ray met it."""

    albedo: Tensor
    """3 channels, linear."""
    gloss: Tensor
    """1 channel: strength of the highlight."""
    cover: Tensor
    """1 channel: cover of hair."""
    mouth: Tensor
    """1 channel: place between the lips, -1 outside."""
    material: Tensor
    """2 channels."""


def paint(identity: Identity, expression: Tensor, opened: Tensor, soft: Tensor) -> Painted:
    """The colours of slit-opened material points.

    Args:
        opened: (F, H, W, 2)
        soft: (F, 1, 1) the size of a pixel on the material, over which edges are blended
    """
    material, between = close_mouth(expression, opened)
    maps = sample_map(identity.texture, material)
    albedo, gloss, cover = maps[:, :3], maps[:, 3:4], maps[:, 4:]
    albedo, gloss = _lips(identity, material, albedo, gloss, soft)
    albedo, gloss = _eyes(identity, expression, material, albedo, gloss, soft)
    albedo, gloss = _mouth(expression, opened, between, albedo, gloss, soft)
    return Painted(albedo, gloss, cover, between[:, None], material.permute(0, 3, 1, 2))


def _over(under: Tensor, colour: Tensor, share: Tensor) -> Tensor:
    """`colour` (F, 3) or (F, 3, H, W) laid over `under` by a share (F, H, W)."""
    if colour.dim() == 2:
        colour = colour[..., None, None]
    return under + (colour - under) * share[:, None]


def _lips(
    identity: Identity, material: Tensor, albedo: Tensor, gloss: Tensor, soft: Tensor
) -> tuple[Tensor, Tensor]:
    x, y = material.unbind(-1)
    share = x / MOUTH_HALF_WIDTH
    upper, lower = lip_edges(identity.lips[:, None, None, :2], share)
    height = y - mouth_line(x)
    inside = torch.where(height < 0, upper + height, lower - height)
    red = ((inside / (soft + 0.004)) + 0.5).clamp(0, 1) * (share.abs() < 1) * 0.85
    seam = torch.exp(-((height / (0.0028 + 0.5 * soft)) ** 2)) * (share.abs() < 1.04) * 0.75
    albedo = _over(albedo, identity.lips[:, 2:], red)
    return albedo * (1 - seam)[:, None], gloss + 0.4 * red[:, None]


def _eyes(
    identity: Identity,
    expression: Tensor,
    material: Tensor,
    albedo: Tensor,
    gloss: Tensor,
    soft: Tensor,
) -> tuple[Tensor, Tensor]:
    x, y = eye_coordinates(material)
    right = material[..., 0] > 0
    blink = torch.where(right, expression[:, 9, None, None], expression[:, 8, None, None])
    eye = identity.eye[:, None, None]
    upper, lower = lid_edges(eye, blink, x)
    pixel = soft / EYE_HALF_WIDTH
    across = ((1 - x.abs()) / (pixel + 0.02) + 0.5).clamp(0, 1)
    opening = torch.minimum(y - upper, lower - y)
    ball = (opening / (pixel + 0.02) + 0.5).clamp(0, 1) * across
    gaze_x = (
        torch.where(right, -expression[:, 10, None, None], expression[:, 10, None, None]) * 0.42
    )
    gaze_y = expression[:, 11, None, None] * 0.25 - 0.05
    away = ((x - gaze_x).square() + (y - gaze_y).square()).sqrt()
    edge = identity.iris[:, 3, None, None]
    iris = ((edge - away) / (pixel + 0.03) + 0.5).clamp(0, 1)
    pupil = ((edge * 0.42 - away) / (pixel + 0.03) + 0.5).clamp(0, 1)
    ring = (1 - 0.55 * (away / edge).clamp(0, 1).pow(4))[:, None]
    white = torch.tensor([0.70, 0.64, 0.61], device=albedo.device)[None, :, None, None]
    corner = (1 - 0.35 * x.abs().clamp(0, 1).pow(4))[:, None]
    colour = white * corner * torch.ones_like(ring)
    colour = colour + (identity.iris[:, :3, None, None] * 1.6 * ring - colour) * iris[:, None]
    colour = colour * (1 - 0.97 * pupil[:, None])
    shade = (0.40 + 0.60 * ((y - upper) / 0.34).clamp(0, 1))[:, None]
    glint_x, glint_y = x - gaze_x - 0.10, y - gaze_y + 0.12
    glint = torch.exp(-((glint_x / 0.07) ** 2) - (glint_y / 0.07) ** 2) * ball
    albedo = albedo + (colour * shade - albedo) * ball[:, None]
    lash = torch.exp(-(((y - upper) / (0.07 + 0.5 * pixel)) ** 2)) * across * 0.8
    under = torch.exp(-(((y - lower) / (0.05 + 0.5 * pixel)) ** 2)) * across * 0.28
    dark = (1 - torch.maximum(lash, under))[:, None]
    albedo = albedo * dark + glint[:, None] * 0.9
    return albedo, gloss * (1 - ball[:, None]) + 0.6 * ball[:, None]


def _mouth(
    expression: Tensor,
    opened: Tensor,
    between: Tensor,
    albedo: Tensor,
    gloss: Tensor,
    soft: Tensor,
) -> tuple[Tensor, Tensor]:
    x, y = opened.unbind(-1)
    gap = slit(expression, x)
    # A gap that is thinner than a pixel shows as a darker line, not as specks of teeth.
    inside = (between >= 0) * ((gap.upper + gap.lower) / (1.5 * soft + 0.004)).clamp(0, 1)
    below_upper = y - (mouth_line(x) - gap.upper)
    over_lower = mouth_line(x) + gap.lower - y
    share = (x / MOUTH_HALF_WIDTH).clamp(-1, 1)
    arch = 1 - 0.5 * share.square()
    tooth = 0.82 + 0.18 * torch.cos(share * 26).abs().clamp_max(0.6) / 0.6
    upper_edge = 0.024 * arch - (0.010 - gap.upper).clamp_min(0)
    teeth = ((upper_edge - below_upper) / 0.004).clamp(0, 1) * (share.abs() < 0.86)
    lower_teeth = ((0.010 * arch - over_lower) / 0.004).clamp(0, 1) * (share.abs() < 0.66) * 0.75
    tongue = ((0.055 - over_lower - 0.06 * share.square()) / 0.02).clamp(0, 1)
    device = albedo.device
    colour = torch.tensor([0.045, 0.012, 0.012], device=device).view(1, 3, 1, 1)
    colour = (
        colour
        + (torch.tensor([0.30, 0.09, 0.08], device=device).view(1, 3, 1, 1) - colour)
        * (tongue[:, None])
    )
    ivory = torch.tensor([0.72, 0.66, 0.56], device=device).view(1, 3, 1, 1) * tooth[:, None]
    white = torch.maximum(teeth, lower_teeth)[:, None]
    colour = colour + (ivory - colour) * white
    colour = colour * (0.55 + 0.45 * (below_upper / 0.02).clamp(0, 1))[:, None]
    albedo = albedo + (colour - albedo) * inside[:, None]
    return albedo, gloss * (1 - 0.5 * inside[:, None])
