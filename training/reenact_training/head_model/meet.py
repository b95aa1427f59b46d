"""Lips and lids that meet when they are shut, whoever's they are."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from reenact_training.head_model.kit import NARROW_FACE, POINTS_68, Floats, Ints, Kit

STEP = 0.12
"""Width of the columns in which the edges of lips and lids are looked for, cm."""
SMOOTH = 0.2
"""Over how much of an edge, to both sides, its height is averaged, cm."""
OVERLAP = 0.05
"""How far they go past each other, cm: a coarse mesh's edges are straight between vertices."""
LIDS_OVERLAP = 0.08
LIPS_REACH, LIDS_REACH = 0.45, 0.3
"""How far around the edges the surface goes along, cm."""


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Vertices where two edges meet when shut, from the image's left to its right."""

    upper: Ints
    lower: Ints


def lip_edges(kit: Kit) -> Edges:
    """The image-left half of the lips, the middle included."""
    line = (
        kit.neutral[list(POINTS_68[60:65])]
        + kit.neutral[[POINTS_68[i] for i in (60, 67, 66, 65, 64)]]
    )
    near = _near(kit, POINTS_68[48:60], 0.9)
    near = near[(kit.neutral[near, 0] < 1e-3) & (kit.neutral[near, 0] > line[0, 0] / 2 + 0.02)]
    return _edges(kit.neutral, near, line / 2)


def lid_edges(kit: Kit) -> Edges:
    """The lids at the image's left."""
    corners = kit.neutral[[POINTS_68[36], POINTS_68[39]]]
    near = _near(kit, POINTS_68[36:42], 0.25)
    x = kit.neutral[near, 0]
    near = near[(x > corners[0, 0] + 0.05) & (x < corners[1, 0] - 0.05)]
    shut = kit.neutral + kit.expression[kit.names.index("eyeBlink_R")]
    return _edges(shut, near, corners, kit.neutral)


def _near(kit: Kit, points: tuple[int, ...], reach: float) -> Ints:
    """Vertices near the closed line through some points."""
    corners = kit.neutral[[*points, points[0]]]
    steps = np.linspace(0, 1, 8)[:, None, None]
    line = (corners[:-1] + (corners[1:] - corners[:-1]) * steps).reshape(-1, 3)
    return np.flatnonzero(KDTree(line).query(kit.neutral[:NARROW_FACE])[0] < reach)


def _edges(shut: Floats, near: Ints, line: Floats, open_: Floats | None = None) -> Edges:
    """In every column the lowest vertex of what is above a line, and the highest below."""
    sorted_by = shut if open_ is None else open_
    above = sorted_by[near, 1] < np.interp(sorted_by[near, 0], line[:, 0], line[:, 1])
    found = []
    for part, sign in ((near[above], 1), (near[~above], -1)):
        column = np.floor(shut[part, 0] / STEP).astype(int)
        best = [
            part[column == c][np.argmax(sign * shut[part[column == c], 1])]
            for c in np.unique(column)
        ]
        found.append(np.array(sorted(best, key=lambda v: shut[v, 0])))
    return Edges(*found)


def gap(
    edges: Edges, place: Floats, shapes: Floats, at: Floats, upper_smooth: float = SMOOTH
) -> Floats:
    """How far apart shapes (K, V, 3) bring the two edges, at places x: (K, len(at))."""
    upper, lower = (
        np.array([_smooth(at, place[side, 0], shape[side, 1], by) for shape in shapes])
        for side, by in ((edges.upper, upper_smooth), (edges.lower, SMOOTH))
    )
    return np.asarray(lower - upper)


def _smooth(at: Floats, x: Floats, y: Floats, by: float) -> Floats:
    """An edge's height at places x, averaged a little along it."""
    near = np.linspace(-by, by, 7)
    return np.asarray(np.interp(at[:, None] + near, x, y).mean(1))


def close_to(edges: Edges, place: Floats, reach: float) -> tuple[Floats, Floats]:
    """How much vertices go along with the upper edge, and with the lower one."""
    out = []
    for side in (edges.upper, edges.lower):
        apart = np.linalg.norm(place[:, None] - place[side], axis=-1)
        out.append(np.exp(-((apart.min(1) / reach) ** 2)) * (apart.min(1) < 2.5 * reach))
    return out[0], out[1]


def fade(edges: Edges, place: Floats, width: float = 0.25) -> Floats:
    """1 between the ends of the edges, 0 beyond them."""
    x = place[:, 0]
    ends = place[edges.upper, 0]
    inner = np.minimum(x - ends.min(), ends.max() - x)
    return np.asarray(np.clip(inner / width + 1, 0, 1))
