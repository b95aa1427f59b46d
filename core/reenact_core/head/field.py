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

from reenact_core.head.model import PARTS, HeadModel
from reenact_core.head.normals import vertex_normals
from reenact_core.head.pose import Pose
from reenact_core.head.rasterise import Raster, interpolate, rasterise
from reenact_core.head.sampling import extended, pixel_grid, sample
from reenact_core.head.state import HeadState, placed

HIDDEN_CM = 0.7
"""A place that lies so far behind what a picture shows there is hidden by 1/e² and more."""
GRAZING = (0.05, 0.3)
"""Cosines of the angle of sight from which on a surface begins to be shown, and is shown well."""
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
        return HeadView(state, rows(self.shape), rows(self.vertices), rows(self.facing), raster)


def view_of(head: HeadModel, state: HeadState, size: int | None) -> HeadView:
    """Heads in pictures of a size; with None, without what hides what."""
    shape = state.vertices(head)
    vertices = placed(shape, state.pose)
    balls = torch.cat(head.eyeballs)
    vertices[:, balls, 2] += EYES_BACK_CM * state.pose.scale[:, None]
    raster = None
    if size is not None:
        pixels = torch.cat([(vertices[..., :2] + 1) * (size / 2), vertices[..., 2:]], -1)
        raster = rasterise(pixels, head.triangles, (size, size), sides="front")
    return HeadView(
        state, shape, vertices, -vertex_normals(vertices, head.triangles)[..., 2], raster
    )


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


def shown(view: HeadView, head: HeadModel, asked: Tensor, facing: Tensor, inner: Tensor) -> Tensor:
    """How far pictures show places of their heads, (N, H, W) in [0, 1].

    Convention:
        asked: (N, H, W, 3), the places in the picture with their depth
        facing: (N, H, W) of the places; inner: (N, H, W), whether they lie behind lips or lids
    """
    low, high = GRAZING
    ramp = ((facing - low) / (high - low)).clamp(0, 1)
    ramp = torch.maximum(ramp * ramp * (3 - 2 * ramp), inner)
    if view.raster is None:
        return ramp
    front = torch.where(view.raster.covered, view.raster.depth, 1e4)
    maps = torch.stack([front, within(view.raster, head)], 1).expand(len(asked), -1, -1, -1)
    front, behind_lips = sample(maps, asked[..., :2]).unbind(1)
    behind = (asked[..., 2] - front) / (view.state.pose.scale[:, None, None] * HIDDEN_CM)
    return (
        ramp
        * torch.exp(-2 * behind.clamp(min=0) ** 2)
        * torch.lerp(torch.ones_like(inner), behind_lips, inner)
    )


@dataclass(frozen=True, slots=True, eq=False)
class Beside:
    """The plane through the middle of heads across the line of sight: what is beside a head moves
    as it does.

    Convention:
        places: (N, S, S, 3), head coordinates, cm, of the plane at every pixel
    """

    places: Tensor

    @classmethod
    def of(cls, view: HeadView, size: int) -> "Beside":
        """The plane in the pictures that show the heads."""
        pose = view.state.pose
        grid = pixel_grid(size, view.vertices)
        flat = (grid.view(1, -1, 2) - pose.offset[:, None]) / pose.scale[:, None, None]
        camera = torch.nn.functional.pad(flat, (0, 1))
        places = camera @ pose.rotation
        return cls(places.view(-1, size, size, 3))

    def seen(self, pose: Pose) -> Tensor:
        """Where the plane lies in other pictures, (N, S, S, 2)."""
        flat = self.places.flatten(1, 2)
        points = flat @ pose.rotation[:, :2].mT * pose.scale[:, None, None]
        seen = points + pose.offset[:, None]
        return torch.as_tensor(seen.view(*self.places.shape[:3], 2))


def filled(places: Tensor, known: Tensor) -> Tensor:
    """Places (N, S, S, 2) carried on to where they are not known: what is hidden comes from the rim
    of what is not.

    Convention:
        known: (N, S, S) in [0, 1]
    """
    return extended(places.permute(0, 3, 1, 2), known[:, None]).permute(0, 2, 3, 1)


def continued(places: Tensor, covered: Tensor, around: Tensor) -> Tensor:
    """Places (N, S, S, 2) of a head carried on beside it, where they move as its middle plane does.

    Convention:
        covered: (N, S, S) in {0, 1}; around: (N, S, S, 2), `Beside.seen`
    """
    return around + filled(places - around, covered)


def inside_outline(view: HeadView, head: HeadModel, size: int) -> Tensor:
    """How far inside the outline of heads pixels are, (N, S, S): 1 in the middle, 0 on the ellipse
    around the head, negative beside it: one minus the squared distance in its units."""
    outline = view.vertices[:, _skull(head), :2]
    middle = outline.mean(1, keepdim=True)
    apart = outline - middle
    spread = apart.mT @ apart / apart.shape[1]
    whiten = torch.linalg.inv(torch.linalg.cholesky(spread + 1e-9 * torch.eye(2).to(spread))).mT
    farthest = (apart @ whiten).square().sum(-1).amax(1)
    grid = pixel_grid(size, outline).view(1, -1, 2) - middle
    distance = (grid @ whiten).square().sum(-1) / farthest[:, None]
    return torch.as_tensor((1 - distance).view(-1, size, size))


@lru_cache(maxsize=4)
def _skull(head: HeadModel) -> Tensor:
    """Vertices of the head without its neck and what is inside."""
    parts = [PARTS.index(name) for name in ("face", "outer_face", "scalp")]
    wanted = torch.isin(head.part, head.part.new_tensor(parts))
    with torch.inference_mode(False):
        return torch.as_tensor(torch.unique(head.triangles[wanted]))
