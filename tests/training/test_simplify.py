"""Coarser meshes: what stays, what goes, what may not happen."""

import numpy as np
import pytest

from reenact_training.head_model.simplify import Coarse, Floats, Ints, Mesh, simplify

SIDE = 12


def grid() -> tuple[Floats, Ints]:
    """A flat square of SIDE x SIDE cells, two triangles each, counter-clockwise from above."""
    y, x = np.meshgrid(np.arange(SIDE + 1.0), np.arange(SIDE + 1.0), indexing="ij")
    points = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], 1)
    triangles = []
    for row in range(SIDE):
        for column in range(SIDE):
            a = row * (SIDE + 1) + column
            b, c, d = a + 1, a + SIDE + 2, a + SIDE + 1
            triangles += [(a, b, c), (a, c, d)]
    return points, np.array(triangles)


def mesh(
    moves: Floats | None = None, lines: Ints | None = None, pinned: Ints | None = None
) -> Mesh:
    points, triangles = grid()
    flat = np.zeros(len(triangles), int)
    return Mesh(
        points if moves is None else np.concatenate([points, moves[:, None]], 1), points[None],
        triangles, triangles, flat if lines is None else lines, flat if lines is None else lines,
        np.ones(len(triangles)), np.zeros(0, int) if pinned is None else pinned,
    )  # fmt: skip


def area(coarse: Coarse) -> float:
    """Signed, so that a triangle that turned over would count against it."""
    a, b, c = (grid()[0][coarse.triangles[:, i]] for i in range(3))
    return float(np.cross(b - a, c - a)[:, 2].sum() / 2)


@pytest.mark.parametrize("count", [100, 40, 12])
def test_a_square_stays_the_same_square(count: int) -> None:
    coarse = simplify(mesh(), count)
    assert len(np.unique(coarse.triangles)) == count
    assert area(coarse) == pytest.approx(SIDE**2)
    assert np.array_equal(coarse.triangles, coarse.corners)


def test_vertices_stay_where_the_mesh_moves_unevenly() -> None:
    points = grid()[0]
    moves = np.where(points[:, 0] > 8, np.sin(points[:, 1] * 2) * 3, 0.0)
    left = np.unique(simplify(mesh(moves), 60).triangles)
    kept = np.isin(np.arange(len(points)), left)
    assert kept[points[:, 0] >= 8].mean() > 2 * kept[points[:, 0] < 8].mean()


def test_pinned_vertices_stay() -> None:
    pinned = np.array([30, 61, 84])
    assert set(pinned) <= set(np.unique(simplify(mesh(pinned=pinned), 20).triangles).tolist())


def test_a_line_between_groups_stays_a_line() -> None:
    points, triangles = grid()
    group = (points[triangles][:, :, 0].mean(1) > 5).astype(int)
    coarse = simplify(mesh(lines=group), 24)
    x = points[coarse.triangles][:, :, 0]
    assert x[coarse.groups == 0].max() == 5
    assert x[coarse.groups == 1].min() == 5
