"""Wide pictures with one or more talking heads in a room, as a film camera would see them."""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor
from torch.nn.functional import avg_pool2d, interpolate

from reenact_training.synthetic.chance import fractal, noise, normal, uniform
from reenact_training.synthetic.heads import Identity, sample_identity
from reenact_training.synthetic.light import develop
from reenact_training.synthetic.motion import Motion, sample_motion, wander
from reenact_training.synthetic.posed import pose_surface
from reenact_training.synthetic.render import Layers, draw, draw_body, smooth_edges
from reenact_training.synthetic.scene import Scene, sample_scene
from reenact_training.synthetic.trace import FAR

_BOX_SIDE = 2.3
"""The larger side of the box of a face, in head units."""
_BOX_CENTRE = 0.55
"""How far the middle of that box lies under the head's origin."""
_REACH = 3.1
"""How far shoulders reach to each side, in head units."""


@dataclass(frozen=True, slots=True)
class PlateFace:
    """Where a head is in a plate; it moves a little about this place."""

    x: float
    """Centre of the face, pixels."""
    y: float
    size: float
    """Side of the face's box, mid-forehead to chin, pixels."""
    seed: int | None = None
    """Who it is; by the plate's own seed where it is None."""
    motion_seed: int | None = None
    """What it does; by the plate's own seed where it is None."""


def render_plate(
    seed: int, width: int, height: int, frames: int, faces: Sequence[PlateFace],
    *, rate: float = 25.0,
) -> Iterator[NDArray[np.uint8]]:  # fmt: skip
    """The frames (height, width, 3) uint8 R'G'B' of a shot; the same for the same arguments.

    Later faces stand before earlier ones.
    """
    generator = torch.Generator().manual_seed(seed)
    scene = _calm_scene(generator)
    back = room(generator, width, height, scene)
    path = wander(generator, 2, frames, 1.5 * rate).T * 1.2
    people = [_person(seed * 1000 + index, face) for index, face in enumerate(faces)]
    acts = [
        _act(seed * 1000 + 500 + index, face, frames, rate, height)
        for index, face in enumerate(faces)
    ]
    for frame in range(frames):
        with torch.inference_mode():
            linear = _shifted(back, path[frame], width, height)
            for person, act in zip(people, acts, strict=True):
                _lay_over(linear, person, act[frame : frame + 1], scene)
            picture = develop(scene, linear)
            grain = torch.randn(1, 1, height, width, generator=generator) * 0.006
            picture = (picture + grain).clamp(0, 1)
        yield (picture[0].permute(1, 2, 0) * 255 + 0.5).to(torch.uint8).numpy()


def _person(seed: int, face: PlateFace) -> Identity:
    chance = torch.Generator().manual_seed(seed if face.seed is None else face.seed)
    return sample_identity(chance, 1, grid=160, texture=384)


def _act(seed: int, face: PlateFace, frames: int, rate: float, height: int) -> Motion:
    """The motion of one head, in units of half the plate's height."""
    chance = torch.Generator().manual_seed(seed if face.motion_seed is None else face.motion_seed)
    motion = sample_motion(chance, frames, rate, calm=0.8)
    scale = motion.scale / motion.scale[0] * (face.size / _BOX_SIDE) * 2 / height
    place = torch.tensor([face.x, face.y]) * 2 / height
    place[1] -= _BOX_CENTRE * face.size / _BOX_SIDE * 2 / height
    drift = (motion.offset - motion.offset.mean(0)) * 0.5 * face.size / height
    return dataclasses.replace(motion, scale=scale, offset=place + drift)


def _calm_scene(generator: Generator) -> Scene:
    """Soft light from the front and above, a clean camera."""
    scene = sample_scene(generator, 1, background=8)
    key = torch.tensor([[0.55, -0.6, -0.75], [-0.8, -0.25, -0.35]])
    key = key + normal(generator, 2, 3, spread=0.12)
    colours = torch.tensor([[0.98, 0.90, 0.80], [0.22, 0.27, 0.36]])
    camera = torch.tensor([[1.0, 1.0, 0.015, 1.05, 0.0, 0.0, 0.08]])
    return dataclasses.replace(
        scene, light_direction=(key / key.square().sum(1, keepdim=True).sqrt())[None],
        light_colour=colours[None], camera=camera,
        ambient=torch.tensor([[[0.36, 0.37, 0.40], [0.20, 0.17, 0.15]]]),
    )  # fmt: skip


_MARGIN = 8


def _shifted(back: Tensor, shift: Tensor, width: int, height: int) -> Tensor:
    """The part (1, 3, height, width) of a room that the camera sees."""
    left, top = (_MARGIN + shift.clamp(-_MARGIN + 1, _MARGIN - 2)).tolist()
    x, y = int(left), int(top)
    share_x, share_y = left - x, top - y
    part = back[..., y : y + height + 1, x : x + width + 1]
    across = part[..., :-1] * (1 - share_x) + part[..., 1:] * share_x
    seen: Tensor = across[..., :-1, :] * (1 - share_y) + across[..., 1:, :] * share_y
    return seen


def _lay_over(linear: Tensor, person: Identity, motion: Motion, scene: Scene) -> None:
    """Draw one head and its body into a picture (1, 3, H, W), in place."""
    body = _window_of(linear, motion, (-_REACH, 1.3, _REACH, 99.0))
    if body is not None:
        _paste(linear, body, draw_body(person, motion, scene, body.grid))
    head = _window_of(linear, motion, (-1.9, -2.4, 1.9, 3.3))
    if head is not None:
        posed = pose_surface(person, motion.expression)
        _paste(linear, head, draw(person, posed, motion, scene, head.grid))


@dataclass(frozen=True, slots=True, eq=False)
class _Window:
    """A part of a plate."""

    rows: slice
    columns: slice
    grid: Tensor
    """(2, H, W) x and y of its pixels, in halves of the plate's height."""


def _window_of(
    linear: Tensor, motion: Motion, sides: tuple[float, float, float, float]
) -> _Window | None:
    """The window with these sides, in head units about the head; None outside the picture."""
    height, width = linear.shape[-2:]
    unit = float(motion.scale) * height / 2
    x, y = (motion.offset[0] * height / 2).tolist()
    left, top, right, bottom = (
        min(max(int(middle + side * unit), 0), limit)
        for side, middle, limit in zip(sides, (x, y, x, y), (width, height) * 2, strict=True)
    )
    if left >= right or top >= bottom:
        return None
    columns = (torch.arange(left, right) + 0.5) * 2 / height
    rows = (torch.arange(top, bottom) + 0.5) * 2 / height
    down, across = torch.meshgrid(rows, columns, indexing="ij")
    return _Window(slice(top, bottom), slice(left, right), torch.stack([across, down]))


def _paste(linear: Tensor, window: _Window, layers: Layers) -> None:
    under = linear[..., window.rows, window.columns]
    over = torch.where(layers.depth < FAR / 2, layers.colour, under)
    linear[..., window.rows, window.columns] = smooth_edges(over, layers)


def room(generator: Generator, width: int, height: int, scene: Scene) -> Tensor:
    """A room out of focus, (1, 3, height + 16, width + 16), linear light."""
    tall, wide = height + 2 * _MARGIN + 1, width + 2 * _MARGIN + 1
    y, x = torch.meshgrid(
        torch.linspace(0, 1, tall), torch.linspace(0, wide / tall, wide), indexing="ij"
    )
    hue = uniform(generator, 3, low=-0.09, high=0.09) + uniform(generator, 1, low=0.34, high=0.56)
    wall = hue.view(1, 3, 1, 1) * (1.05 - 0.35 * y) * (1 + 0.25 * torch.cos(x * 1.3 + 1))
    picture = wall
    aspect = wide / tall
    picture = _window(generator, picture, x, y, aspect)
    picture = _shelf(generator, picture, x, y, aspect)
    picture = _frame(generator, picture, x, y, aspect)
    grain = noise(generator, 1, 3, (tall, wide), (9, 16)) * 0.015
    picture = (picture + grain).clamp(0, 1)
    return interpolate(_defocused(picture, max(2, height // 90)), size=(tall, wide)).pow(2.2)


def _box(x: Tensor, y: Tensor, left: float, top: float, right: float, bottom: float) -> Tensor:
    return ((x > left) & (x < right) & (y > top) & (y < bottom))[None, None].float()


def _window(generator: Generator, picture: Tensor, x: Tensor, y: Tensor, aspect: float) -> Tensor:
    """Daylight through panes."""
    left = aspect * float(uniform(generator, 1, low=0.02, high=0.10))
    right, top, bottom = left + 0.30 * aspect, 0.08, 0.66
    sky = torch.tensor([0.80, 0.90, 0.98]).view(1, 3, 1, 1) * (1.05 - 0.3 * y)
    trees = noise(generator, 1, 1, (len(y), y.shape[1]), (8, 14)) * 0.06 + y > 0.47
    green = torch.tensor([0.36, 0.50, 0.30]).view(1, 3, 1, 1).expand_as(picture)
    view = torch.where(trees, green, sky)
    inside = _box(x, y, left, top, right, bottom)
    outer = _box(x, y, left - 0.025, top - 0.025, right + 0.025, bottom + 0.025)
    middle = (left + right) / 2
    bars = _box(x, y, middle - 0.010, top, middle + 0.010, bottom) + _box(
        x, y, left, 0.36, right, 0.378
    )
    white = torch.full_like(picture, 0.86)
    picture = picture + (white - picture) * outer
    picture = picture + (view - picture) * inside
    return picture + (white - picture) * (bars * inside).clamp(0, 1)


def _shelf(generator: Generator, picture: Tensor, x: Tensor, y: Tensor, aspect: float) -> Tensor:
    """Books on boards."""
    left, right = aspect * 0.70, aspect * 0.96
    wood = torch.tensor([0.36, 0.24, 0.15]).view(1, 3, 1, 1)
    back = _box(x, y, left - 0.02, 0.10, right + 0.02, 1.1)
    picture = picture + (wood * 0.55 - picture) * back
    for level in range(4):
        floor, place = 0.30 + 0.24 * level, left
        while place < right - 0.02:
            thick = float(uniform(generator, 1, low=0.018, high=0.05))
            tall = float(uniform(generator, 1, low=0.10, high=0.18))
            colour = (uniform(generator, 3) * 0.6 + 0.12).view(1, 3, 1, 1)
            book = _box(x, y, place, floor - tall, min(place + thick - 0.004, right), floor)
            picture = picture + (colour - picture) * book
            place += thick if float(uniform(generator, 1)) < 0.92 else 0.10
        picture = picture + (wood - picture) * _box(
            x, y, left - 0.02, floor, right + 0.02, floor + 0.022
        )
    return picture


def _frame(generator: Generator, picture: Tensor, x: Tensor, y: Tensor, aspect: float) -> Tensor:
    """A painting and a lamp between the window and the shelf."""
    left, right = aspect * 0.47, aspect * 0.62
    frame = _box(x, y, left, 0.12, right, 0.40)
    inner = _box(x, y, left + 0.018, 0.138, right - 0.018, 0.382)
    paint = (fractal(generator, 1, 3, 128, 3, 3) * 0.16 + 0.5).clamp(0, 1)
    paint = interpolate(paint, size=tuple(picture.shape[-2:]), mode="bilinear")
    picture = picture + (0.16 - picture) * frame
    picture = picture + (paint - picture) * inner
    glow = torch.exp(-(((x - aspect * 0.66) / 0.28) ** 2) - ((y - 0.55) / 0.24) ** 2)
    return picture + torch.tensor([0.30, 0.22, 0.10]).view(1, 3, 1, 1) * glow


def _defocused(picture: Tensor, radius: int) -> Tensor:
    for _ in range(2):
        picture = avg_pool2d(picture, 2 * radius + 1, 1, radius, count_include_pad=False)
    return picture
