"""Which triangle of a mesh each pixel shows, for many meshes at once, in torch alone.

A triangle is cut at its middle corner, so that every row of pixels crosses one left edge of it and
one right edge: between them lies the span that it covers. A pixel keeps the nearest of the
triangles that cover it by a minimum over (depth, number of the triangle).

Convention:
    positions: (N, V, 3): x, y in pixels, (0.5, 0.5) is the centre of the first one; the third is
        depth, smaller is nearer
    places are rounded to 1/256 of a pixel, and whether a pixel's centre lies inside is decided
        in whole numbers: on an edge that two triangles share it belongs to exactly one
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Sides = Literal["both", "front"]
"""Which triangles are shown: all, or those whose corners go counter-clockwise as seen."""

STEPS = 256
"""Places within a pixel. Products of places are whole numbers, which float64 holds exactly as far
as 100,000 pixels from the picture."""
TRIALS = 1 << 19
"""Pixels in the boxes around triangles that are worked on at once: bounds the memory."""
FULL_ROW = 64
"""Rows of covered pixels are filled up to multiples of this: no odd ends for vector units."""
NOTHING = torch.iinfo(torch.int64).max


@dataclass(frozen=True, slots=True, eq=False)
class Raster:
    """What the pixels of N pictures show."""

    face: Tensor
    """(N, H, W) int64: the triangle, -1 where there is none."""
    weights: Tensor
    """(N, H, W, 3) float32: shares of its corners, 0 where there is none."""
    depth: Tensor
    """(N, H, W) float32, infinite where there is none."""

    @property
    def covered(self) -> Tensor:
        """(N, H, W) bool: where there is a triangle."""
        return self.face >= 0


def rasterise(
    positions: Tensor, triangles: Tensor, size: tuple[int, int], *, sides: Sides = "both"
) -> Raster:
    """The nearest triangle at every pixel; of equally near ones the first.

    Args:
        triangles: (F, 3) int64
        size: height and width

    Depth and whatever is interpolated are linear over a triangle as seen (no perspective).
    """
    if positions.ndim != 3 or positions.shape[2] != 3:
        raise ValueError(f"positions must be (N, V, 3), got {tuple(positions.shape)}")
    if not bool(torch.isfinite(positions).all()):
        raise ValueError("positions must be finite")
    shape = (len(positions), *size)
    shown, boxes = _shown(positions, triangles, size, sides)
    nearest = torch.full((math.prod(shape),), NOTHING, device=positions.device)
    for part in _parts(boxes):
        pixel, depth, triangle = _covered(shown, part, size)
        nearest.scatter_reduce_(0, pixel, (_ordered(depth) << 32) | triangle, "amin")
    return _resolved(nearest.view(shape), shown)


def interpolate(raster: Raster, attributes: Tensor, triangles: Tensor) -> Tensor:
    """What the vertices have, at every pixel (N, H, W, C); 0 where there is no triangle.

    Args:
        attributes: (V, C), or (N, V, C) where the pictures differ
    """
    face, shape = raster.face.clamp_min(0), raster.face.shape
    if attributes.ndim == 3:
        picture = torch.arange(len(attributes), device=face.device)
        corners = (triangles + attributes.shape[1] * picture[:, None, None]).flatten(0, 1)
        face = face + len(triangles) * picture[:, None, None]
    else:
        corners = triangles
    # A bag of three: gathered and added up in one go, ten times as fast as corner by corner.
    at_pixels = functional.embedding_bag(
        corners.index_select(0, face.flatten()),
        attributes.reshape(-1, attributes.shape[-1]),
        per_sample_weights=raster.weights.reshape(-1, 3).to(attributes.dtype),
        mode="sum",
    )
    return at_pixels.view(*shape, attributes.shape[-1])


@dataclass(frozen=True, slots=True, eq=False)
class CoveredPixels:
    """The pixels of N pictures that show a triangle, in rows of equal length: what is worked out
    for them alone is not worked out for the pixels around.

    Convention:
        index: (N, P), their numbers in each picture; the first one fills rows up
    """

    index: Tensor
    raster: Raster
    """Pictures (N, 1, P) of these pixels side by side."""
    size: tuple[int, int]

    @classmethod
    def of(cls, raster: Raster) -> "CoveredPixels":
        """Those of a raster."""
        covered = raster.covered.flatten(1)
        counts = covered.sum(1)
        most = max(1, int(counts.max()) if len(counts) else 0)
        most += -most % FULL_ROW
        picture, pixel = torch.nonzero(covered, as_tuple=True)
        index = covered.to(torch.uint8).argmax(1, keepdim=True).repeat(1, most)
        place = torch.arange(len(picture), device=pixel.device)
        index[picture, place - (counts.cumsum(0) - counts)[picture]] = pixel

        def taken(values: Tensor) -> Tensor:
            return values.flatten(1).gather(1, index)[:, None]

        weights = torch.stack([taken(share) for share in raster.weights.unbind(-1)], -1)
        flat = Raster(taken(raster.face), weights, taken(raster.depth))
        height, width = raster.face.shape[1:]
        return cls(index, flat, (height, width))

    def taken(self, values: Tensor) -> Tensor:
        """What whole pictures (N, C, H, W) have there, (N, C, P)."""
        index = self.index[:, None].expand(-1, values.shape[1], -1)
        return values.flatten(2).gather(2, index)

    def laid(self, values: Tensor, around: Tensor | float) -> Tensor:
        """Whole pictures (N, C, H, W) of what these pixels have (N, C, P), and of what is around
        them."""
        shape = (*values.shape[:2], *self.size)
        whole = around if isinstance(around, Tensor) else values.new_full(shape, around)
        beside = self.taken(around) if isinstance(around, Tensor) else around
        values = torch.where(self.raster.covered, values, beside)  # in a picture without any
        index = self.index[:, None].expand_as(values)
        return whole.flatten(2).scatter(2, index, values).view(shape)


@dataclass(frozen=True, slots=True, eq=False)
class _Shown:
    """The triangles that can be seen, in the order of pictures and faces."""

    face: Tensor
    """(M,) int64"""
    above: Tensor
    """(M,) int64: pixels in the pictures before."""
    corners: Tensor
    """(2, 3, M) float64: x and y in steps, the uppermost first, clockwise as seen."""
    planes: Tensor
    """(3, 3, M) float64: shares of the first two corners, and depth, as planes over the picture:
    what they are at the centre of the first pixel, and their growth by column and by row."""


def _shown(
    positions: Tensor, triangles: Tensor, size: tuple[int, int], sides: Sides
) -> tuple[_Shown, Tensor]:
    """The triangles that can be seen, and the pixels (M,) in the boxes around them."""
    height, width = size
    places = (positions[..., :2].double() * STEPS).round().flatten(0, 1).T.contiguous()
    picture = torch.arange(len(positions), device=positions.device)[:, None]
    corners = (triangles.T[:, None] + picture * positions.shape[1]).flatten(1)  # (3, N F)
    x, y = torch.stack(_taken(places, corners.flatten())).view(2, 3, -1)
    area = _cross(x[1] - x[0], y[1] - y[0], x[2] - x[0], y[2] - y[0])
    columns = _first(_most(x) + 1, width) - _first(-_most(-x), width)
    boxes = columns * (_first(_most(y), height) - _first(-_most(-y), height))
    facing = area < 0 if sides == "front" else area != 0
    some = torch.nonzero(facing & (boxes > 0))[:, 0]
    x, y, corners = (torch.stack(_taken(at, some)) for at in (x, y, corners))
    area, boxes = area.index_select(0, some), boxes.index_select(0, some)
    depths = positions[..., 2].double().flatten().index_select(0, corners.flatten()).view(3, -1)
    picture = some.div(len(triangles), rounding_mode="floor")
    shown = _Shown(
        some - picture * len(triangles), picture * (height * width),
        _clockwise(x, y, area), _planes(x, y, depths, area),
    )  # fmt: skip
    return shown, boxes.long()


def _taken(rows: Tensor, index: Tensor) -> list[Tensor]:
    """Columns of rows (R, M). One row after another: four times as fast as all at once."""
    return [row.index_select(0, index) for row in rows]


def _first(place: Tensor, count: int) -> Tensor:
    """The first of some rows or columns whose centre does not lie before a place."""
    return (place / STEPS - 0.5).ceil_().clamp_(0, count)


def _most(corners: Tensor) -> Tensor:
    return torch.maximum(torch.maximum(corners[0], corners[1]), corners[2])


def _cross(ax: Tensor, ay: Tensor, bx: Tensor, by: Tensor) -> Tensor:
    return ax * by - ay * bx


def _clockwise(x: Tensor, y: Tensor, area: Tensor) -> Tensor:
    """The corners (2, 3, M), the uppermost first."""
    a, b, c = torch.stack([x, y], 1)
    b, c = torch.where(area > 0, b, c), torch.where(area > 0, c, b)
    second, third = (b[1] < a[1]) & (b[1] <= c[1]), (c[1] < a[1]) & (c[1] < b[1])
    turned = (
        torch.where(second, q, torch.where(third, r, p))
        for p, q, r in ((a, b, c), (b, c, a), (c, a, b))
    )
    return torch.stack(list(turned), 1)


def _planes(x: Tensor, y: Tensor, depths: Tensor, area: Tensor) -> Tensor:
    one, two = (_edge(x, y, a, b) / area for a, b in ((1, 2), (2, 0)))
    depth = one * (depths[0] - depths[2]) + two * (depths[1] - depths[2])
    depth[0] += depths[2]
    return torch.stack([one, two, depth])


def _edge(x: Tensor, y: Tensor, a: int, b: int) -> Tensor:
    """How far inside of an edge of clockwise triangles the first pixel's centre is, and how that
    grows by column and by row, (3, M), whole numbers."""
    right, down = x[b] - x[a], y[b] - y[a]
    at = _cross(right, down, STEPS / 2 - x[a], STEPS / 2 - y[a])
    return torch.stack([at, down * -STEPS, right * STEPS])


def _parts(sizes: Tensor) -> list[slice]:
    """Pieces of rows whose sizes add up to little more than `TRIALS`."""
    ends = sizes.cumsum(0)
    total = int(ends[-1]) if len(ends) else 0
    full = torch.arange(TRIALS, max(total, TRIALS), TRIALS, device=ends.device)
    cuts = [0, *(torch.searchsorted(ends, full) + 1).tolist(), len(ends)]
    return [slice(a, b) for a, b in pairwise(cuts) if a < b]


def _covered(shown: _Shown, part: slice, size: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """The pixels that triangles cover: their numbers through all pictures, the depths there, and
    the triangles (rows of `shown`)."""
    x, y = shown.corners[..., part]
    one, two, three = (_edge(x, y, a, b) for a, b in ((0, 1), (1, 2), (2, 0)))
    right_is_cut = y[1] < y[2]
    left = torch.cat([three, torch.where(right_is_cut, three, two)], 1)
    right = torch.cat([one, torch.where(right_is_cut, two, one)], 1)
    # Rows of the upper pieces of all triangles, then of their lower ones.
    ends = (y[0], torch.minimum(y[1], y[2]), torch.maximum(y[1], y[2]))
    top, middle, bottom = (_first(end, size[0]) for end in ends)
    counts = torch.cat([middle - top, bottom - middle]).long()
    piece = torch.repeat_interleave(counts)
    row = torch.cat([top, middle]).long() - (counts.cumsum(0) - counts)
    row = row.index_select(0, piece) + torch.arange(len(piece), device=piece.device)
    # Centres on a left edge are inside, those on a right edge, one step of the numbers on, are not.
    at, by_column, by_row = _taken(left, piece)
    low = ((at + by_row * row) / -by_column).ceil_().clamp_min_(0)
    at, by_column, by_row = _taken(right, piece)
    high = ((at + by_row * row - 1) / -by_column).floor_().clamp_max_(size[1] - 1)
    counts = (high - low + 1).clamp_min_(0).long()
    span = torch.repeat_interleave(counts)
    column = low.long() - (counts.cumsum(0) - counts)
    column = column.index_select(0, span) + torch.arange(len(span), device=span.device)
    triangle = torch.arange(len(top), device=piece.device).repeat(2).index_select(0, piece)
    before = shown.above[part].index_select(0, triangle) + row * size[1]
    at, by_column, by_row = _taken(shown.planes[2, :, part], triangle)
    at = at + by_row * row
    depth = at.index_select(0, span) + by_column.index_select(0, span) * column
    return (
        before.index_select(0, span) + column,
        depth.float(),
        (triangle + part.start).index_select(0, span),
    )


def _ordered(depth: Tensor) -> Tensor:
    """Whole numbers in the order of float32 ones: their bits, those of negative ones turned."""
    bits = (depth + 0.0).view(torch.int32)  # + 0.0: minus zero is zero
    return (bits ^ ((bits >> 31) & 0x7FFFFFFF)).long()


def _resolved(nearest: Tensor, shown: _Shown) -> Raster:
    """Faces, shares and depths of what won at every pixel."""
    nowhere = shown.planes.new_zeros(3, 3, 1)
    nowhere[2, 0] = torch.inf
    faces = torch.cat([shown.face, shown.face.new_full((1,), -1)])
    won = (nearest & 0xFFFFFFFF).clamp_max_(len(shown.face)).flatten()
    face = faces.index_select(0, won).view(nearest.shape)
    row, column = (
        torch.arange(length, dtype=torch.float64, device=won.device) for length in nearest.shape[1:]
    )
    values = []
    for plane in torch.cat([shown.planes, nowhere], 2):
        at, by_column, by_row = (taken.view(nearest.shape) for taken in _taken(plane, won))
        values.append((at + by_row * row[:, None]).add_(by_column * column).float())
    one, two, depth = values
    weights = torch.stack([one, two, (face >= 0).float() - one - two])
    return Raster(face, weights.movedim(0, -1), depth)
