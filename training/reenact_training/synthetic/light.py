"""Light on surfaces, and what the camera makes of it."""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, grid_sample, pad

from reenact_training.synthetic.scene import Scene
from reenact_training.synthetic.surface import length, plane_grid, to_direction, to_plane, unit

_SHADOW_STEPS = (0.08, 0.16, 0.28, 0.45, 0.7, 1.0)


def cast_shadow(radius: Tensor, direction: Tensor) -> Tensor:
    """How much of a light reaches the surface past the head itself, (F, 1, G, G) in [0, 1].

    Args:
        radius: (F, 1, G, G) over directions
        direction: (F, 3) to the light, head coordinates
    """
    size = radius.shape[-1]
    point = to_direction(plane_grid(size, radius.device)) * radius[:, 0, ..., None]
    light = torch.ones_like(radius)
    for step in _SHADOW_STEPS:
        moved = point + direction[:, None, None] * step
        reach = length(moved, -1)
        under = grid_sample(
            radius, to_plane(moved / reach), padding_mode="border", align_corners=False
        )
        over = reach.permute(0, 3, 1, 2) - under
        light = torch.minimum(light, (1 + (over + 0.02) / (0.06 + 0.12 * step)).clamp(0, 1))
    return avg_pool2d(light, 5, 1, 2, count_include_pad=False)


def shade(
    scene: Scene, albedo: Tensor, normal: Tensor, gloss: Tensor, ambient: Tensor, shadow: Tensor
) -> Tensor:
    """Linear colour (F, 3, H, W) of lit surfaces.

    Args:
        normal: (F, 3, H, W) view coordinates
        ambient: (F, 1, H, W) how much ambient light arrives
        shadow: (F, 1, H, W) how much of the first light arrives
    """
    up = (0.5 - 0.5 * normal[:, 1:2]).clamp(0, 1)
    above, below = scene.ambient.unbind(1)
    light = (above[..., None, None] * up + below[..., None, None] * (1 - up)) * ambient
    shine = torch.zeros_like(light)
    viewer = torch.tensor([0.0, 0.0, -1.0], device=albedo.device)
    for index in (0, 1):
        direction, colour = scene.light_direction[:, index], scene.light_colour[:, index]
        facing = (normal * direction[..., None, None]).sum(1, keepdim=True)
        soft = ((facing + 0.18) / 1.18).clamp_min(0)
        if index == 0:
            soft = soft * shadow
        light = light + soft * colour[..., None, None]
        half = unit(direction + viewer, -1)
        glint = (normal * half[..., None, None]).sum(1, keepdim=True).clamp(0, 1).pow(24)
        shine = shine + glint * soft * colour[..., None, None]
    return albedo * light + 0.10 * gloss * shine


def develop(scene: Scene, linear: Tensor) -> Tensor:
    """R'G'B' in [0, 1] of linear light, through exposure, white balance and the film's curve."""
    exposure, gamma, warmth, saturation = (scene.camera[:, i, None, None, None] for i in range(4))
    tint = torch.cat([1 + warmth, torch.ones_like(warmth), 1 - warmth], dim=1)
    value = linear.clamp_min(0) * exposure * tint
    value = value / (1 + (value - 0.7).clamp_min(0) * 0.9)
    coded = value.clamp(1e-5, 1).pow(gamma / 2.2)
    grey = coded.mean(1, keepdim=True)
    return (grey + (coded - grey) * saturation).clamp(0, 1)


def soften(image: Tensor, width: Tensor) -> Tensor:
    """The picture with every frame blurred by about its own `width` (F,) in pixels."""
    share = width.clamp(0, 2)[:, None, None, None] / 2
    grown = pad(image, (1, 1, 1, 1), mode="replicate")
    once = avg_pool2d(grown, 3, 1)
    return image + (once - image) * share
