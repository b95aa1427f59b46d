"""Mouth and eyes as slits: what lies above them, below them, and between their edges.

A face is torn at its slits: the upper lip can rise while the lower one falls. A motion spread from
landmarks must not be averaged across them, and what a slit bares may be nowhere in the source.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

EDGE = 0.012
"""Head units over which one side of a slit passes into the other: about a pixel."""
CORNER = 0.1
"""Head units beyond a corner over which the two sides become one again."""
ENOUGH = (0.2, 0.5)
"""Width of the source's slit, as a share of the new one, below which nothing of what is bared can
be shown, and from which on all of it can."""
BARED = (0.02, 0.05)
"""Width in head units at which a slit begins to bare anything, and from which on it does wholly."""


@dataclass(frozen=True, slots=True)
class Slit:
    """Landmarks of one slit, `face_points`.

    Convention:
        upper, lower: its edges from image left to right, corners included
        above, below: landmarks that move with either edge; between: those inside
    """

    upper: tuple[int, ...]
    lower: tuple[int, ...]
    above: tuple[int, ...] = ()
    below: tuple[int, ...] = ()
    between: tuple[int, ...] = ()


SLITS = (
    Slit((48, 60, 61, 62, 63, 64, 54), (48, 60, 67, 66, 65, 64, 54),
         above=(61, 62, 63, *range(49, 54)), below=(65, 66, 67, *range(55, 60))),
    Slit((36, 37, 38, 39), (36, 41, 40, 39), above=(37, 38), below=(40, 41), between=(77,)),
    Slit((42, 43, 44, 45), (42, 47, 46, 45), above=(43, 44), below=(46, 47), between=(78,)),
)  # fmt: skip
FACING_EDGES = ((61, 67), (62, 66), (63, 65), (37, 41), (38, 40), (43, 47), (44, 46))
"""Landmarks of upper edges with those of the lower ones across."""
OPENING = {
    -0.2: (50, 51, 52, 61, 62, 63),
    0.4: (55, 59, 6, 10),
    0.6: (7, 8, 9),
    0.8: (56, 57, 58, 65, 66, 67),
}
"""Landmarks that move when a mouth opens, by their share of the opening; below 0: upwards."""


@dataclass(frozen=True, slots=True, eq=False)
class InSlit:
    """Where places of a head lie in a slit, each (B, H, W).

    Convention:
        side: 0 above, 1 below, in between as a share of the way; 0.5 far beyond the corners
        inside: 1 between the edges, 0 elsewhere
        width: of the slit at the place's x, head units
    """

    side: Tensor
    inside: Tensor
    width: Tensor


def find(slit: Slit, head: Tensor, shape: Tensor) -> InSlit:
    """Where places (B, H, W, 3) lie in a slit of faces with landmarks (B, 79, 3)."""
    x, y = head[..., 0], head[..., 1]
    top, bottom = edge_height(x, shape[:, slit.upper]), edge_height(x, shape[:, slit.lower])
    width = (bottom - top).clamp_min(0)
    share = ((y - top + EDGE / 2) / (width + EDGE)).clamp(0, 1)
    left, right = shape[:, slit.upper[0], 0], shape[:, slit.upper[-1], 0]
    beyond = torch.maximum(left[:, None, None] - x, x - right[:, None, None]).clamp_min(0)
    side = 0.5 + (share - 0.5) * torch.exp(-((beyond / CORNER) ** 2))
    inside = (torch.minimum(y - top, bottom - y) / EDGE + 0.5).clamp(0, 1) * (beyond == 0)
    return InSlit(side, inside, width)


def edge_height(x: Tensor, knots: Tensor) -> Tensor:
    """Height of a polyline with knots (B, K, 3), left to right, at x (B, ...)."""
    lines = knots.view(*knots.shape[:2], *[1] * (x.dim() - 1), 3)
    at, height = lines[..., 0], lines[..., 1]
    run = (at[:, 1:] - at[:, :-1]).clamp_min(1e-3)
    slope = (height[:, 1:] - height[:, :-1]) / run
    edge = height[:, 0].expand_as(x)
    for part in range(knots.shape[1] - 1):  # one by one: all at once is ten times slower
        way = (x - at[:, part]).clamp_min(0)
        edge = torch.addcmul(edge, torch.minimum(way, run[:, part]), slope[:, part])
    return edge


def bared(slit: Slit, head: Tensor, new: Tensor, source: Tensor) -> Tensor:
    """What an opened slit bares that the source's does not show, (B, H, W) in [0, 1].

    Convention:
        head: (B, H, W, 3), places on the new face; new, source: landmarks (B, 79, 3) of both
    """
    return bared_in(find(slit, head, new), find(slit, head, source))


def bared_in(new: InSlit, source: InSlit) -> Tensor:
    """`bared`, of a slit that was found."""
    share = source.width / new.width.clamp_min(1e-4)
    lacking = ((ENOUGH[1] - share) / (ENOUGH[1] - ENOUGH[0])).clamp(0, 1)
    open_now = ((new.width - BARED[0]) / (BARED[1] - BARED[0])).clamp(0, 1)
    return new.inside * lacking * open_now


def mouth_width(shape: Tensor) -> Tensor:
    """How far the middle of the inner lips is apart, of landmarks (B, 79, 3), head units, (B,)."""
    upper, lower = (list(side) for side in zip(*FACING_EDGES[:3], strict=True))
    return (shape[:, lower, 1] - shape[:, upper, 1]).mean(1)


def open_mouth(shape: Tensor, by: Tensor) -> Tensor:
    """Landmarks (B, 79, 3) whose mouth is opened further by distances (B,): jaw and lips move."""
    shape = shape.clone()
    for share, points in OPENING.items():
        shape[:, list(points), 1] += share * by[:, None]
    return shape


def eye_openings(shape: Tensor) -> Tensor:
    """How far lids are apart, of landmarks (B, 79, 3): two places an eye, (B, 4), head units."""
    upper, lower = (list(side) for side in zip(*FACING_EDGES[3:], strict=True))
    return shape[:, lower, 1] - shape[:, upper, 1]


def with_eye_openings(shape: Tensor, openings: Tensor) -> Tensor:
    """Landmarks (B, 79, 3) whose upper lids leave openings (B, 4)."""
    upper, lower = (list(side) for side in zip(*FACING_EDGES[3:], strict=True))
    shape = shape.clone()
    shape[:, upper, 1] = shape[:, lower, 1] - openings
    return shape


def closed_at_most(shape: Tensor) -> Tensor:
    """Landmarks (B, 79, 3) whose lips and lids do not pass through each other."""
    upper, lower = (list(side) for side in zip(*FACING_EDGES, strict=True))
    over = (shape[:, upper, 1] - shape[:, lower, 1]).clamp_min(0) / 2
    shape = shape.clone()
    shape[:, upper, 1] -= over
    shape[:, lower, 1] += over
    return shape
