"""Changes to close-ups of mouths that drawn ones lack: other heights, and other insides.

Real mouths are rounder, darker or fuller of tongue and teeth than the drawn ones. The inside
is where the opening is told by, so it is painted over at random; the lips stay as they are.
"""

from dataclasses import replace

import torch
from torch import Generator, Tensor
from torch.nn.functional import affine_grid, grid_sample

from reenact_core.head.sampling import pixel_grid
from reenact_training.synthetic.chance import chosen, normal, uniform
from reenact_training.synthetic.crops import Crops

UPPER, LOWER = [12, 13, 14, 15, 16], [12, 19, 18, 17, 16]
"""Edges of the inner lips among the points of a mouth, image left to right."""
SOFT = 0.03
"""Width over which a painted inside passes into the lips; network coordinates of the close-up."""


def stretched(mouths: Crops, generator: Generator) -> Crops:
    """Close-ups made taller or flatter by up to one half, with their points."""
    count, device = len(mouths.images), mouths.images.device
    factor = torch.exp(normal(generator, count, spread=0.18).clamp(-0.4, 0.4)).to(device)
    middle = mouths.points[..., 1].mean(1)
    map_back = torch.zeros(count, 2, 3, device=device)
    map_back[:, 0, 0], map_back[:, 1, 1] = 1, 1 / factor
    map_back[:, 1, 2] = middle * (1 - 1 / factor)
    place = affine_grid(map_back, [count, 3, *mouths.images.shape[-2:]], align_corners=False)
    images = grid_sample(
        mouths.images.float(), place, padding_mode="reflection", align_corners=False
    )
    points = mouths.points.clone()
    points[..., 1] = middle[:, None] + (points[..., 1] - middle[:, None]) * factor[:, None]
    return replace(mouths, images=images.clamp(0, 255).to(torch.uint8), points=points)


def with_other_insides(mouths: Crops, generator: Generator, share: float = 0.5) -> Crops:
    """Some close-ups with another inside: dark, with or without tongue and rows of teeth."""
    count = len(mouths.images)
    image = mouths.images.float().div(255)
    height, inside = inside_of(mouths.points, image.shape[-1])
    dark = uniform(generator, count, 3, 1, 1, high=0.3).to(image) * image.new_tensor(
        [1.0, 0.6, 0.6]
    ).view(3, 1, 1)
    paint = dark * (0.6 + 0.8 * height[:, None])
    paint = _tongue(paint, height, generator)
    paint = _teeth(paint, height, generator)
    paint = paint * image.mean((1, 2, 3), keepdim=True).add(0.4)
    some = chosen(generator, count, share).to(image)[:, None, None, None] * inside[:, None]
    image = torch.lerp(image, paint.clamp(0, 1), some)
    return replace(mouths, images=(image * 255 + 0.5).to(torch.uint8))


def inside_of(points: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """How far down in the opening places lie (0 to 1), and whether they lie in it, (B, s, s)."""
    grid = pixel_grid(side, points).expand(len(points), -1, -1, -1)
    x, y = grid[..., 0], grid[..., 1]
    top, bottom = edge_height(x, points[:, UPPER]), edge_height(x, points[:, LOWER])
    across = (x > points[:, 12, 0, None, None]) & (x < points[:, 16, 0, None, None])
    inside = (torch.minimum(y - top, bottom - y) / SOFT).clamp(0, 1) * across
    return ((y - top) / (bottom - top).clamp_min(1e-3)).clamp(0, 1), inside


def edge_height(x: Tensor, knots: Tensor) -> Tensor:
    """Height of a polyline with knots (B, K, 2 or 3), left to right, at x (B, ...)."""
    lines = knots.view(*knots.shape[:2], *[1] * (x.dim() - 1), knots.shape[2])
    at, height = lines[..., 0], lines[..., 1]
    run = (at[:, 1:] - at[:, :-1]).clamp_min(1e-3)
    slope = (height[:, 1:] - height[:, :-1]) / run
    edge = height[:, 0].expand_as(x)
    for part in range(knots.shape[1] - 1):  # one by one: all at once is ten times slower
        way = (x - at[:, part]).clamp_min(0)
        edge = torch.addcmul(edge, torch.minimum(way, run[:, part]), slope[:, part])
    return edge


def _tongue(paint: Tensor, height: Tensor, generator: Generator) -> Tensor:
    """Two mouths in three with a tongue from a random height on."""
    count = len(paint)
    start = uniform(generator, count, 1, 1, low=0.15, high=0.9).to(paint)
    there = chosen(generator, count, 0.67).to(paint)[:, None, None]
    red = uniform(generator, count, 1, 1, 1, low=0.3, high=0.9).to(paint)
    part = uniform(generator, count, 2, 1, 1, low=0.45, high=0.85).to(paint)
    colour = torch.cat([red, red * part], 1)
    return torch.lerp(paint, colour, (there * ((height - start) / 0.15).clamp(0, 1))[:, None])


def _teeth(paint: Tensor, height: Tensor, generator: Generator) -> Tensor:
    """Either row of teeth in half of the mouths, of random length."""
    count = len(paint)
    for depth in (height, 1 - height):
        reach = uniform(generator, count, 1, 1, low=0.05, high=0.5).to(paint)
        there = chosen(generator, count, 0.5).to(paint)[:, None, None]
        white = uniform(generator, count, 1, 1, 1, low=0.5, high=1.0).to(paint)
        colour = white * paint.new_tensor([1.0, 0.95, 0.85]).view(3, 1, 1)
        seen = there * ((reach - depth) / 0.08).clamp(0, 1)
        paint = torch.lerp(paint, colour, seen[:, None])
    return paint
