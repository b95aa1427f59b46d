"""Which triangle of a mesh each pixel shows, for many meshes at once, in torch alone.

Meshes here are small and their triangles a few pixels wide: every triangle is tried on the window
of pixels around it, triangles with windows of like size side by side.

Convention:
    positions: (N, V, 3): x, y in pixels, (0.5, 0.5) is the centre of the first one; the third is
        depth, smaller is nearer
    places are rounded to 1/256 of a pixel, and whether a pixel's centre lies inside is decided
        in whole numbers: on an edge that two triangles share it belongs to exactly one
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Sides = Literal["both", "front"]
"""Which triangles are shown: all, or those whose corners go counter-clockwise as seen."""

STEPS = 256
"""Places within a pixel."""
WINDOWS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128, 256, 512, 1024, 2048, 4096)
SMALL = 32
"""Triangles of windows up to this size are worked out in 32 bits; they reach little farther."""
TRIALS = 1 << 22
"""Pixels that are tried at once: bounds the memory."""
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
    count, (height, width) = positions.shape[0], size
    grid = (positions[..., :2].double() * STEPS).round().long()[:, triangles]  # (N, F, 3, 2)
    area = _cross(grid[..., 1, :] - grid[..., 0, :], grid[..., 2, :] - grid[..., 0, :])
    # The first and the last pixel whose centre is not left or right of the triangle.
    low = torch.div(grid.amin(2) + STEPS // 2 - 1, STEPS, rounding_mode="floor").clamp_min(0)
    high = torch.div(grid.amax(2) - STEPS // 2, STEPS, rounding_mode="floor")
    high = torch.minimum(high, high.new_tensor([width - 1, height - 1]))
    spans = (high - low + 1).amax(-1)
    # What reaches far beyond the picture counts as large: its numbers are.
    far = (grid.amax(2) - grid.amin(2)).amax(-1) > 2 * SMALL * STEPS
    spans = torch.where(far, spans.clamp_min(SMALL + 1), spans)
    shown = (area < 0 if sides == "front" else area != 0) & ((high - low) >= 0).all(-1)
    nearest = torch.full((count * height * width,), NOTHING, device=positions.device)
    planes = _planes(grid, positions[..., 2].double()[:, triangles], area)
    smaller = 0
    for window in WINDOWS:
        picture, face = torch.nonzero(shown & (spans > smaller) & (spans <= window), as_tuple=True)
        smaller = window
        for part in _parts(len(face), TRIALS // window**2):
            n, f = picture[part], face[part]
            first = low[n, f]
            triangle, row, column = _inside(grid[n, f], first, high[n, f], window)
            row, column = row + first[triangle, 1], column + first[triangle, 0]
            depth = _at(planes[n, f, 2][triangle], column, row)
            pixel = (n * height)[triangle].add_(row).mul_(width).add_(column)
            key = (_ordered(depth.float()) << 32) | f[triangle]
            nearest.scatter_reduce_(0, pixel, key, "amin")
    return _resolved(nearest.view(count, height, width), planes)


def interpolate(raster: Raster, attributes: Tensor, triangles: Tensor) -> Tensor:
    """What the vertices have, at every pixel (N, H, W, C); 0 where there is no triangle.

    Args:
        attributes: (V, C), or (N, V, C) where the pictures differ
    """
    corners = triangles[raster.face.clamp_min(0)]  # (N, H, W, 3)
    if attributes.ndim == 2:
        values = attributes[corners]
    else:
        picture = torch.arange(len(attributes), device=corners.device)
        values = attributes[picture[:, None, None, None], corners]
    return (raster.weights[..., None].to(values.dtype) * values).sum(-2)


def _parts(count: int, length: int) -> list[slice]:
    """Pieces of at most some length of `count` rows."""
    step = max(1, length)
    return [slice(first, first + step) for first in range(0, count, step)]


def _cross(a: Tensor, b: Tensor) -> Tensor:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _planes(grid: Tensor, depths: Tensor, area: Tensor) -> Tensor:
    """Shares of the first two corners, and depth, as planes over the picture (N, F, 3, 3): what
    they are at the centre of the first pixel, and their growth by column and by row."""
    corner, area = grid.double(), torch.where(area == 0, 1, area).double()
    shares = []
    for a, b in ((1, 2), (2, 0)):
        along = corner[..., b, :] - corner[..., a, :]
        at = _cross(along, STEPS / 2 - corner[..., a, :])
        whole = torch.stack([at, -along[..., 1] * STEPS, along[..., 0] * STEPS], -1)
        shares.append(whole / area[..., None])
    one, two = shares
    by = (depths[..., :2] - depths[..., 2:])[..., None]
    depth = one * by[..., 0, :] + two * by[..., 1, :]
    depth[..., 0] += depths[..., 2]
    return torch.stack([one, two, depth], -2)


def _at(plane: Tensor, column: Tensor, row: Tensor) -> Tensor:
    """What planes (..., 3) are at pixels."""
    return plane[..., 0] + plane[..., 1] * column + plane[..., 2] * row


def _inside(
    corners: Tensor, low: Tensor, high: Tensor, window: int
) -> tuple[Tensor, Tensor, Tensor]:
    """All covered pixels: triangle (row of `corners`), row and column in its window."""
    whole = torch.int32 if window <= SMALL else torch.int64
    area = _cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    sign = area.sign()
    centre = low * STEPS + STEPS // 2
    steps = torch.arange(window, device=corners.device)
    inside = (steps <= (high - low)[:, 1:])[:, :, None] & (steps <= (high - low)[:, :1])[:, None]
    for a, b in ((1, 2), (2, 0), (0, 1)):
        # Turned so that the inside is positive; centres on a left or upper edge are inside.
        along = (corners[:, b] - corners[:, a]) * sign[:, None]
        first = _cross(along, centre - corners[:, a])
        owner = (along[:, 1] < 0) | ((along[:, 1] == 0) & (along[:, 0] > 0))
        first = first - torch.where(owner, 0, 1)
        by_row = (first[:, None] + steps * (along[:, :1] * STEPS)).to(whole)
        by_column = (steps * (along[:, 1:] * STEPS)).to(whole)
        inside &= by_row[:, :, None] >= by_column[:, None]
    triangle, row, column = torch.nonzero(inside, as_tuple=True)
    return triangle, row, column


def _ordered(depth: Tensor) -> Tensor:
    """Whole numbers in the order of float32 ones: their bits, those of negative ones turned."""
    bits = (depth + 0.0).view(torch.int32).long()  # + 0.0: minus zero is zero
    return torch.where(bits < 0, -(bits & 0x7FFFFFFF), bits)


def _resolved(nearest: Tensor, planes: Tensor) -> Raster:
    """Faces and shares of what won at every pixel."""
    face = torch.where(nearest == NOTHING, -1, nearest & 0xFFFFFFFF)
    picture, row, column = torch.nonzero(face >= 0, as_tuple=True)
    won = planes[picture, face[picture, row, column]]
    one, two, far = _at(won, column[:, None], row[:, None]).unbind(1)
    weights = torch.zeros((*face.shape, 3), dtype=torch.float32, device=face.device)
    depth = torch.full(face.shape, torch.inf, dtype=torch.float32, device=face.device)
    weights[picture, row, column] = torch.stack([one, two, 1 - one - two], -1).float()
    depth[picture, row, column] = far.float()
    return Raster(face, weights, depth)
