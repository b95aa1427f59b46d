"""Which place of a picture shows what another shows of the same head, or of another one.

Heads of one model have the same vertices, so a rasterised head tells for every pixel where its
place lies in any other picture of a fitted head. Beside the head, and where the other picture does
not show a place, the field goes on smoothly.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from reenact_core.head.model import PARTS, HeadModel, vertex_normals, vertices_of
from reenact_core.head.pose import Pose
from reenact_core.head.ramps import smoothstep
from reenact_core.head.rasterise import Raster, interpolate, rasterise
from reenact_core.head.sampling import pixel_grid, sample
from reenact_core.head.state import HeadState, placed

HIDDEN_CM = 0.7
"""A place that lies so far behind what a picture shows there is hidden by 1/e² and more."""
GRAZING = (0.2, 0.5)
"""Cosines of the angle of sight from which on a surface begins to be shown, and is shown well: near
an outline fits are a few pixels wrong, and show what is behind."""
FAR = 1e4
"""Depth where no head is."""
AS_WELL = 0.2
"""By how much less a place may face the viewer than it does now and still be shown a little."""
EYES_BACK_CM = 0.3
"""So much farther back eyeballs are drawn, so that lids that close over them hide them."""
INSIDE_PARTS = tuple(
    PARTS.index(name)
    for name in (
        "mouth_socket", "eye_sockets", "gums", "tongue", "teeth_upper", "teeth_lower",
        "sclera", "iris", "pupil",
    )
)  # fmt: skip
"""What is seen between lips and lids alone."""
SKULL = ("face", "outer_face", "scalp")
"""Parts of a head without its neck, its ears, and what is inside."""


@dataclass(frozen=True, slots=True, eq=False)
class HeadView:
    """N heads in their pictures.

    Convention:
        shape: (N, V, 3), vertices in head coordinates, cm
        vertices: (N, V, 3), the same in the picture, [-1, 1], with depth in its unit
        facing: (N, V) in [-1, 1], how far the surface faces the viewer at a vertex
    """

    state: HeadState
    shape: Tensor
    vertices: Tensor
    facing: Tensor
    raster: Raster | None
    """None where what hides what does not matter."""
    front: Tensor | None = None
    """(N, 3, S, S) where there is a raster: depth of what is in front, whether that is seen
    between lips or lids alone, and how surely it is no head, see `matte.behind`."""

    def __getitem__(self, rows: Tensor) -> "HeadView":
        return self._of(self.state[rows], lambda tensor: tensor[rows])

    def repeat(self, count: int) -> "HeadView":
        """One view `count` times, without a copy."""
        repeated = self.state.repeat(count)
        return self._of(repeated, lambda tensor: tensor.expand(count, *tensor.shape[1:]))

    def _of(self, state: HeadState, rows: Callable[[Tensor], Tensor]) -> "HeadView":
        raster = self.raster
        if raster is not None:
            raster = Raster(rows(raster.face), rows(raster.weights), rows(raster.depth))
        front = None if self.front is None else rows(self.front)
        return HeadView(
            state, rows(self.shape), rows(self.vertices), rows(self.facing), raster, front
        )


def view_of(
    head: HeadModel, state: HeadState, size: int | None, moulded: Tensor | None = None
) -> HeadView:
    """Heads in pictures of a size; with None, without what hides what.

    Convention:
        moulded: (N, V, 3) cm, head coordinates, by which their form is another than their own
    """
    shape = state.vertices(head)
    if moulded is not None:
        shape = shape + moulded
    vertices = placed(shape, state.pose)
    balls = torch.cat(head.eyeballs)
    vertices[:, balls, 2] += EYES_BACK_CM * state.pose.scale[:, None]
    facing = -vertex_normals(vertices, head.triangles)[..., 2]
    if size is None:
        return HeadView(state, shape, vertices, facing, None)
    pixels = torch.cat([(vertices[..., :2] + 1) * (size / 2), vertices[..., 2:]], -1)
    raster = rasterise(pixels, head.triangles, (size, size), sides="front")
    depth = torch.where(raster.covered, raster.depth, FAR)
    front = torch.stack([depth, within(raster, head), torch.zeros_like(depth)], 1)
    return HeadView(state, shape, vertices, facing, raster, front)


def mirrored(view: HeadView, head: HeadModel) -> HeadView:
    """The same picture, asked for the mirror twin of every place."""
    return replace(view, vertices=view.vertices[:, head.mirror], facing=view.facing[:, head.mirror])


def at_pixels(raster: Raster, head: HeadModel, *attributes: Tensor) -> tuple[Tensor, ...]:
    """What vertices have (N, V, C each), at every pixel, (N, S, S, C) each."""
    together = interpolate(raster, torch.cat(attributes, -1), head.triangles)
    return torch.split(together, [one.shape[-1] for one in attributes], -1)


def within(raster: Raster, head: HeadModel) -> Tensor:
    """Whether pixels show what is seen between lips and lids alone, (N, S, S) in {0, 1}."""
    return _is_within(head)[raster.face.clamp_min(0)] * raster.covered


@lru_cache(maxsize=4)
def _is_within(head: HeadModel) -> Tensor:
    with torch.inference_mode(False):
        return torch.isin(head.part, head.part.new_tensor(INSIDE_PARTS)).float()


def on_part(raster: Raster, head: HeadModel, name: str) -> Tensor:
    """Whether pixels show a part of the head, (N, S, S) in {0, 1}."""
    found = head.part[raster.face.clamp_min(0)] == PARTS.index(name)
    return (found & raster.covered).float()


def shown(view: HeadView, asked: Tensor, facing: Tensor, inner: Tensor, now: Tensor) -> Tensor:
    """How far pictures show places of their heads, (N, H, W) in [0, 1].

    What is hardly seen now need not be seen better: so there is no line along outlines. What is no
    head there by its colour is not shown, but where it stays where it was.

    Convention:
        asked: (N, H, W, 3), the places in the picture with their depth
        facing: (N, H, W) of the places; inner: (N, H, W), whether they lie behind lips or lids
        now: (N, H, W), which way they face in the new picture
    """
    as_well = smoothstep(facing - now, -AS_WELL, 0)
    ramp = torch.maximum(towards_viewer(facing, inner), as_well)
    if view.front is None:
        return ramp
    maps = view.front.expand(len(asked), -1, -1, -1)
    front, behind_lips, no_head = sample(maps, asked[..., :2]).unbind(1)
    ramp = ramp * (1 - no_head * (1 - as_well))
    behind = (asked[..., 2] - front) / (view.state.pose.scale[:, None, None] * HIDDEN_CM)
    return ramp * torch.exp(-2 * behind.clamp(min=0) ** 2) * (1 - inner * (1 - behind_lips))


def towards_viewer(facing: Tensor, inner: Tensor) -> Tensor:
    """How far places are shown by which way they face, (N, H, W) in [0, 1]; see `shown`."""
    return torch.maximum(smoothstep(facing, *GRAZING), inner)


@dataclass(frozen=True, slots=True, eq=False)
class Beside:
    """The plane through the middle of heads across the line of sight.

    Convention:
        x: (N, S), y: (N, S): columns and rows of the pictures that show the heads, cm from their
            middles
    """

    x: Tensor
    y: Tensor
    rotation: Tensor
    """(N, 3, 3), head to camera."""

    @classmethod
    def of(cls, view: HeadView, size: int) -> "Beside":
        """The plane in the pictures that show the heads."""
        pose, line = view.state.pose, pixel_grid(size, view.vertices)[0, :, 0]
        x, y = ((line - pose.offset[..., None]) / pose.scale[:, None, None]).unbind(1)
        return cls(x, y, pose.rotation)

    @property
    def places(self) -> Tensor:
        """Head coordinates (N, 3, S, S), cm, of the plane at every pixel."""
        return _linear(self.x, self.y, self.rotation[:, :2].mT)


DIRECTIONS = 64
"""In which outlines are known: 5.6° apart."""


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """The outlines of heads without necks, from their middles in directions that roll with them.

    What is beside a head keeps its distance from the outline: a head that turns goes before what
    is behind it, and hair stays as thick.

    Convention:
        middle: (N, 2) in [-1, 1]
        turn: (N, 2, 2), from the directions to the picture's; times pixels of it for one cm
        distance: (N, DIRECTIONS) cm, in even steps of angle from the head's own x axis on
    """

    middle: Tensor
    turn: Tensor
    distance: Tensor

    @classmethod
    def of(cls, view: HeadView, head: HeadModel) -> "Outline":
        """The outlines of N heads."""
        pose = view.state.pose
        turn = rolled(pose)
        seen = view.vertices[:, vertices_of(head, (*SKULL, "ears")), :2]
        upright = (seen @ turn) / pose.scale[:, None, None] ** 2  # cm
        middle = (upright.amin(1, keepdim=True) + upright.amax(1, keepdim=True)) / 2
        x, y = (upright - middle).unbind(-1)
        direction = (_direction(x, y) + 0.5).long() % DIRECTIONS
        far = x.new_zeros(len(x), DIRECTIONS)
        far = far.scatter_reduce(1, direction, torch.hypot(x, y), "amax")
        far = functional.conv1d(
            functional.pad(far[:, None], (1, 1), mode="circular"), far.new_tensor([[ROUNDED]])
        )[:, 0]
        return cls((middle @ turn.mT)[:, 0], turn, far)

    def seen(self, others: "list[Outline]", size: int) -> list[Tensor]:
        """Where what is beside these heads lies in other pictures of them, (N, 2, S, S) each."""
        pixels = self._pixels(size)
        own, places = self._towards(pixels), []
        for other in others:
            farther = (pixels.distance + other._towards(pixels) - own).clamp(min=0)
            longer = farther / pixels.distance.clamp(min=1e-3)
            x, y = pixels.x * longer, pixels.y * longer
            turn, middle = other.turn[..., None, None], other.middle[..., None, None]
            places.append(
                torch.stack(
                    [turn[:, k, 0] * x + turn[:, k, 1] * y + middle[:, k] for k in range(2)], 1
                )
            )
        return places

    def around(self, size: int) -> tuple[Tensor, Tensor]:
        """Of every pixel: its distance from the middle as a share of the outline's there, and how
        far below the middle it lies as a share of its distance, (N, S, S) each."""
        pixels = self._pixels(size)
        below = pixels.y / pixels.distance.clamp(min=1e-3)
        return pixels.distance / self._towards(pixels).clamp(min=1e-3), below

    def _pixels(self, size: int) -> "_Pixels":
        line = pixel_grid(size, self.middle)[0, :, 0]
        x, y = (line - self.middle[..., None]).unbind(1)
        x, y = _linear(x, y, torch.linalg.inv(self.turn)).unbind(1)
        direction = _direction(x, y).flatten(1)
        below = direction.floor()
        step = below.long() % DIRECTIONS
        return _Pixels(x, y, torch.hypot(x, y), step, direction - below)

    def _towards(self, pixels: "_Pixels") -> Tensor:
        """The distance of the outline in the directions of pixels, (N, S, S) cm."""
        one = self.distance.gather(1, pixels.step)
        further = (self.distance.roll(-1, 1) - self.distance).gather(1, pixels.step)
        return (one + further * pixels.share).view_as(pixels.x)


@dataclass(frozen=True, slots=True, eq=False)
class _Pixels:
    """Pixels as seen from the middles of heads, as these roll.

    Convention:
        x, y, distance: (N, S, S) cm
        step, share: (N, S * S), the direction below, and the share of the way to the next
    """

    x: Tensor
    y: Tensor
    distance: Tensor
    step: Tensor
    share: Tensor


ROUNDED = (0.25, 0.5, 0.25)
"""By which an outline is averaged over directions."""


def _direction(x: Tensor, y: Tensor) -> Tensor:
    """Angles in steps, [0, DIRECTIONS]."""
    return torch.remainder(torch.atan2(y, x) * (DIRECTIONS / (2 * torch.pi)), DIRECTIONS)


def rolled(pose: Pose) -> Tensor:
    """The scaled rotation in the picture that is a head's roll, (N, 2, 2)."""
    turn = pose.rotation
    roll = torch.atan2(turn[:, 1, 0] - turn[:, 0, 1], turn[:, 0, 0] + turn[:, 1, 1])
    cos, sin = roll.cos(), roll.sin()
    matrix = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)
    return matrix * pose.scale[:, None, None]


def _linear(x: Tensor, y: Tensor, by: Tensor) -> Tensor:
    """C linear functions (N, C, 2) of columns (N, S) and rows (N, S), (N, C, S, S)."""
    by_column, by_row = by[:, :, :1] * x[:, None], by[:, :, 1:] * y[:, None]
    return by_column[:, :, None] + by_row[..., None]


def inside_outline(view: HeadView, head: HeadModel, size: int) -> Tensor:
    """How far inside the outline of heads pixels are, (N, S, S): 1 in the middle, 0 on the ellipse
    around the head, negative beside it: one minus the squared distance in its units."""
    outline = view.vertices[:, vertices_of(head, SKULL), :2]
    middle = outline.mean(1, keepdim=True)
    apart = outline - middle
    spread = apart.mT @ apart / apart.shape[1]
    whiten = torch.linalg.inv(torch.linalg.cholesky(spread + 1e-9 * torch.eye(2).to(spread))).mT
    farthest = (apart @ whiten).square().sum(-1).amax(1)
    x, y = (pixel_grid(size, outline)[0, :, 0] - middle.mT).unbind(1)
    distance = _linear(x, y, whiten.mT).square().sum(1) / farthest[:, None, None]
    return torch.as_tensor(1 - distance)
