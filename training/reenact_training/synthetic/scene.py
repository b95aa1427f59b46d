"""Random surroundings of a head: light, background, what passes in front, and the camera."""

import dataclasses
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from reenact_training.synthetic.chance import chosen, fractal, noise, normal, pick, uniform
from reenact_training.synthetic.motion import wander
from reenact_training.synthetic.surface import unit

PARTS_OF_OCCLUDER = 5


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """N scenes. Colours are linear."""

    light_direction: Tensor
    """(N, 2, 3) unit vectors to the lights, view coordinates (x right, y down, z away)."""
    light_colour: Tensor
    """(N, 2, 3)."""
    ambient: Tensor
    """(N, 2, 3) light from above and from below."""
    background: Tensor
    """(N, 3, B, B) picture behind the head, R'G'B'."""
    background_place: Tensor
    """(N, 4): zoom, shift x and y, and how far the camera carries it along, network units."""
    camera: Tensor
    """(N, 7): exposure, gamma, warmth, saturation, blur in pixels at 256, noise, perspective."""
    occluder: Tensor
    """(N, 5, 5): capsules x0, y0, x1, y1, radius, network units; radius 0 where there is none."""
    occluder_colour: Tensor
    """(N, 3)."""

    def __len__(self) -> int:
        return len(self.camera)

    def __getitem__(self, index: Tensor | slice) -> "Scene":
        fields = dataclasses.fields(self)
        return Scene(**{field.name: getattr(self, field.name)[index] for field in fields})

    def to(self, device: torch.device | str) -> "Scene":
        """The same scenes on another device."""
        fields = dataclasses.fields(self)
        return Scene(**{field.name: getattr(self, field.name).to(device) for field in fields})


def _directions(generator: Generator, count: int) -> Tensor:
    """Directions to the lights: mostly from the front and above."""
    side = normal(generator, count, 2, spread=0.7)
    height = -uniform(generator, count, 2, low=-0.3, high=1.2)
    front = -uniform(generator, count, 2, low=0.15, high=1.3)
    direction = torch.stack([side, height, front], dim=-1)
    return unit(direction, -1)


def _lights(generator: Generator, count: int) -> tuple[Tensor, Tensor]:
    """Colours of the two lights and of the ambient light from above and below."""
    warm = normal(generator, count, 2, spread=0.12)
    tint = torch.stack([1 + warm, torch.ones_like(warm), 1 - warm], dim=-1)
    power = torch.stack(
        [uniform(generator, count, low=0.25, high=1.3), uniform(generator, count, high=0.5)], dim=1
    )
    even = uniform(generator, count, 1, 1, low=0.2, high=0.75)
    shade = torch.tensor([1.0, 0.55]).view(1, 2, 1) * (
        1 + normal(generator, count, 2, 3, spread=0.1)
    )
    return tint * power[..., None], even * shade


def _rectangles(generator: Generator, count: int, size: int, pieces: int) -> Tensor:
    """Rooms of upright rectangles, (count, 3, size, size)."""
    picture = uniform(generator, count, 3, 1, 1).expand(-1, -1, size, size).clone()
    line = (torch.arange(size) + 0.5) / size
    for _ in range(pieces):
        centre = uniform(generator, count, 2, low=-0.1, high=1.1)
        half = uniform(generator, count, 2, low=0.01, high=0.3)
        colour = uniform(generator, count, 3, 1, 1)
        inside_x = (line - centre[:, :1]).abs() < half[:, :1]
        inside_y = (line - centre[:, 1:]).abs() < half[:, 1:]
        inside = (inside_y[:, :, None] & inside_x[:, None, :])[:, None]
        picture = torch.where(inside, colour, picture)
    return picture


def _discs(generator: Generator, count: int, size: int, pieces: int) -> Tensor:
    """Out-of-focus lights and blobs, (count, 3, size, size)."""
    line = (torch.arange(size) + 0.5) / size
    picture = uniform(generator, count, 3, 1, 1).pow(2).expand(-1, -1, size, size).clone()
    for _ in range(pieces):
        centre = uniform(generator, count, 2)
        radius = uniform(generator, count, 1, 1, low=0.03, high=0.25)
        distance = (
            (line - centre[:, :1]).square()[:, None, :]
            + (line - centre[:, 1:]).square()[:, :, None]
        ).sqrt()
        near = ((radius - distance) / 0.02).clamp(0, 1)[:, None] * uniform(
            generator, count, 1, 1, 1
        )
        picture = picture * (1 - near) + near * uniform(generator, count, 3, 1, 1)
    return picture


def backgrounds(generator: Generator, count: int, size: int) -> Tensor:
    """Random pictures without people, (count, 3, size, size) R'G'B' in [0, 1]."""
    gradient = noise(generator, count, 3, (size, size), (1, 1)) * 0.2 + uniform(
        generator, count, 3, 1, 1
    )
    fraction = max(1, (count + 3) // 4)
    kinds = [gradient]
    kinds.append(_rectangles(generator, fraction, size, 14))
    kinds.append(_discs(generator, fraction, size, 12))
    rough = fractal(generator, fraction, 3, size, 3, 5) * 0.22
    grey = fractal(generator, fraction, 1, size, 5, 5) * 0.2
    kinds.append(rough + grey + uniform(generator, fraction, 3, 1, 1))
    choice = pick(generator, count, torch.arange(4), torch.tensor([1.4, 1.5, 0.8, 1.0]))
    picture = gradient.clone()
    for kind in (1, 2, 3):
        rows = torch.nonzero(choice == kind)[:, 0]
        if len(rows):
            picture[rows] = kinds[kind][torch.arange(len(rows)) % fraction]
    grey = picture.mean(1, keepdim=True)
    colourful = uniform(generator, count, 1, 1, 1).pow(1.5)
    return (grey + (picture - grey) * colourful).clamp(0, 1)


def _occluder(generator: Generator, count: int, present: float) -> tuple[Tensor, Tensor]:
    """Hands (four fingers and a palm) or a microphone in the lower part of the picture."""
    shown = chosen(generator, count, present)
    place = torch.stack(
        [
            uniform(generator, count, low=-0.6, high=0.6),
            uniform(generator, count, low=0.05, high=0.9),
        ],
        dim=1,
    )
    angle = uniform(generator, count, low=-1.2, high=1.2)
    size = uniform(generator, count, low=0.6, high=1.3)
    fingers = torch.linspace(-0.35, 0.35, 4)[None] + angle[:, None]
    tip = torch.stack([fingers.sin(), -fingers.cos()], dim=-1) * (0.34 * size)[:, None, None]
    root = tip * 0.35
    palm = torch.stack([-angle.sin(), angle.cos()], dim=-1) * (0.3 * size)[:, None]
    start = torch.cat([root, torch.zeros(count, 1, 2)], dim=1) + place[:, None]
    end = torch.cat([tip, palm[:, None]], dim=1) + place[:, None]
    radius = torch.tensor([0.055, 0.06, 0.06, 0.05, 0.15]) * size[:, None]
    stick = chosen(generator, count, 0.35)[:, None]
    radius = radius * (1 - stick) + stick * torch.tensor([0.0, 0.11, 0.0, 0.0, 0.05])
    capsules = torch.cat([start, end, (radius * shown[:, None])[..., None]], dim=-1)
    skin = torch.tensor([0.55, 0.30, 0.20]) * uniform(generator, count, 1, low=0.12, high=1.2)
    thing = uniform(generator, count, 3, high=0.5).pow(2.2)
    return capsules, torch.where(stick > 0, thing, skin)


def sample_scene(
    generator: Generator, count: int = 1, *, background: int = 128, occluded: float = 0.0
) -> Scene:
    """Random surroundings; N = count.

    Args:
        background: samples along a side of the picture behind the head
        occluded: how often something is held before the face
    """
    colour, ambient = _lights(generator, count)
    capsules, thing = _occluder(generator, count, occluded)
    camera = torch.stack(
        [
            torch.exp(normal(generator, count, spread=0.22)),
            1 + normal(generator, count, spread=0.08),
            normal(generator, count, spread=0.06),
            uniform(generator, count, low=0.75, high=1.2),
            uniform(generator, count, high=0.8),
            uniform(generator, count, high=0.012),
            uniform(generator, count, low=0.03, high=0.14),
        ],
        dim=1,
    )
    place = torch.cat(
        [uniform(generator, count, 1, low=0.6, high=0.95), normal(generator, count, 2, spread=0.03),
         uniform(generator, count, 1, high=0.3)], dim=1
    )  # fmt: skip
    return Scene(
        _directions(generator, count), colour, ambient, backgrounds(generator, count, background),
        place, camera, capsules, thing,
    )  # fmt: skip


def follow(scene: Scene, generator: Generator, frames: int, rate: float = 25.0) -> Scene:
    """One scene through T frames: the camera drifts a little and what is held passes by."""
    spread = scene[torch.zeros(frames, dtype=torch.long)]
    place = spread.background_place.clone()
    place[:, 1:3] += (wander(generator, 2, frames, 1.2 * rate) * 0.012).T
    path = wander(generator, 2, frames, 0.8 * rate).T * torch.tensor([0.5, 0.25])
    occluder = spread.occluder.clone()
    occluder[..., :4] += torch.cat([path, path], dim=1)[:, None]
    return dataclasses.replace(spread, background_place=place, occluder=occluder)
