"""The rasteriser, against a loop over pixels and triangles."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from reenact_core.head.rasterise import (
    FULL_ROW,
    STEPS,
    CoveredPixels,
    Raster,
    interpolate,
    rasterise,
)


def slow(
    positions: NDArray[Any], triangles: NDArray[Any], size: tuple[int, int], front: bool
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Faces and depths of one mesh, in fractions, one pixel and triangle after another."""
    faces, depths = np.full(size, -1), np.full(size, np.inf)
    places = [[Fraction(round(float(v) * STEPS), STEPS) for v in p[:2]] for p in positions]
    for index, (i, j, k) in enumerate(triangles):
        a, b, c = places[i], places[j], places[k]
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if area == 0 or (front and area > 0):
            continue
        order = (i, j, k) if area > 0 else (i, k, j)
        for row in range(size[0]):
            for column in range(size[1]):
                x, y, shares, inside = column + Fraction(1, 2), row + Fraction(1, 2), {}, True
                for s in range(3):
                    first, second, third = order[(s + 1) % 3], order[(s + 2) % 3], order[s]
                    p, q = places[first], places[second]
                    edge = (q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0])
                    left_or_top = q[1] < p[1] or (q[1] == p[1] and q[0] > p[0])
                    inside &= edge > 0 or (edge == 0 and left_or_top)
                    shares[third] = float(edge / abs(area))
                if inside:
                    depth = np.float32(sum(shares[v] * float(positions[v, 2]) for v in order))
                    if depth < depths[row, column]:
                        faces[row, column], depths[row, column] = index, depth
    return faces, depths


def soup(seed: int, count: int, size: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Triangles anywhere, some beyond the picture, some of no area."""
    chance = torch.Generator().manual_seed(seed)
    middle = torch.rand(count, 1, 2, generator=chance) * size
    reach = torch.rand(count, 1, 1, generator=chance) ** 3 * size
    corners = middle + (torch.rand(count, 3, 2, generator=chance) - 0.5) * reach
    corners[0, 2] = corners[0, 1]
    depth = torch.randn(count, 3, 1, generator=chance)
    positions = torch.cat([corners, depth], -1).view(1, -1, 3)
    return positions, torch.arange(count * 3).view(count, 3)


@pytest.mark.parametrize("sides", ["both", "front"])
def test_it_shows_what_a_slow_loop_shows(sides: Any) -> None:
    first, triangles = soup(3, 40, 14.0)
    second, _ = soup(4, 40, 14.0)
    positions = torch.cat([first, second])
    raster = rasterise(positions, triangles, (13, 17), sides=sides)
    for k in range(2):
        faces, depths = slow(
            positions[k].numpy(), triangles.numpy(), (13, 17), front=sides == "front"
        )
        assert np.array_equal(raster.face[k].numpy(), faces)
        assert np.allclose(raster.depth[k].numpy(), depths, atol=1e-5)


def test_corners_far_from_the_picture_are_as_exact() -> None:
    positions, triangles = soup(9, 30, 14.0)
    positions[:, ::3, :2] = (positions[:, ::3, :2] - 7) * 2000
    raster = rasterise(positions, triangles, (13, 17))
    faces, _ = slow(positions[0].numpy(), triangles.numpy(), (13, 17), front=False)
    assert raster.covered.float().mean() > 0.4
    assert np.array_equal(raster.face[0].numpy(), faces)


def test_pieces_show_what_the_whole_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    positions = torch.cat([soup(seed, 60, 30.0)[0] for seed in range(2)])
    triangles = soup(0, 60, 30.0)[1]
    whole = rasterise(positions, triangles, (30, 30))
    monkeypatch.setattr("reenact_core.head.rasterise.TRIALS", 50)
    pieces = rasterise(positions, triangles, (30, 30))
    assert torch.equal(whole.face, pieces.face)
    assert torch.equal(whole.weights, pieces.weights)


def test_a_pixel_on_a_shared_edge_belongs_to_exactly_one_triangle() -> None:
    """A grid whose edges run through the centres of pixels, each cell cut into two triangles."""
    y, x = torch.meshgrid(torch.arange(5), torch.arange(5), indexing="ij")
    points = torch.stack([x * 2 + 0.5, y * 2 + 0.5, torch.zeros_like(x)], -1).view(1, -1, 3)
    cells = [
        (r * 5 + c, r * 5 + c + 1, r * 5 + c + 6, r * 5 + c + 5) for r in range(4) for c in range(4)
    ]
    triangles = torch.tensor([t for a, b, c, d in cells for t in ((a, b, c), (a, c, d))])
    pixels = torch.zeros(10, 10, dtype=torch.int64)
    for triangle in triangles:
        pixels += rasterise(points.float(), triangle[None], (10, 10)).covered[0]
    assert torch.equal(pixels[:8, :8], torch.ones(8, 8, dtype=torch.int64))
    assert pixels.sum() == 64


def test_of_equally_near_triangles_the_first_is_shown() -> None:
    corners = torch.tensor([[[0.0, 0, 1], [8, 0, 1], [0, 8, 1]] * 2])
    triangles = torch.arange(6).view(2, 3)
    assert rasterise(corners, triangles, (8, 8)).face.max() == 0
    assert rasterise(corners, triangles.flip(0), (8, 8)).face.max() == 0


def test_interpolation_gives_places_back() -> None:
    positions, triangles = soup(5, 25, 20.0)
    raster = rasterise(positions, triangles, (20, 20))
    places = interpolate(raster, positions, triangles)
    row, column = torch.nonzero(raster.covered[0], as_tuple=True)
    seen = places[0, row, column]
    centres = torch.stack([column + 0.5, row + 0.5], -1)
    # Rounding to 1/256 of a pixel moves a corner by half of that.
    assert (seen[:, :2] - centres).abs().max() < 0.51 / STEPS * 2
    assert torch.allclose(seen[:, 2], raster.depth[0, row, column], atol=1e-5)
    assert places[0][~raster.covered[0]].abs().max() == 0
    same = interpolate(raster, positions[0], triangles)
    assert torch.equal(same, places)


def test_a_batch_shows_what_each_alone_shows() -> None:
    positions = torch.cat([soup(seed, 60, 30.0)[0] for seed in range(3)])
    triangles = soup(0, 60, 30.0)[1]
    together = rasterise(positions, triangles, (30, 30))
    for k in range(3):
        alone = rasterise(positions[k : k + 1], triangles, (30, 30))
        assert torch.equal(together.face[k], alone.face[0])
        assert torch.equal(together.weights[k], alone.weights[0])


def test_the_back_of_a_triangle_can_be_left_out() -> None:
    corners = torch.tensor([[[1.0, 1, 0], [1, 7, 0], [7, 1, 0]]])
    one = torch.tensor([[0, 1, 2]])
    assert rasterise(corners, one, (8, 8), sides="front").covered.any()
    assert not rasterise(corners, one.flip(1), (8, 8), sides="front").covered.any()
    assert rasterise(corners, one.flip(1), (8, 8)).covered.any()


def test_places_that_are_not_finite_are_refused() -> None:
    positions, triangles = soup(1, 2, 8.0)
    positions[0, 0, 0] = torch.nan
    with pytest.raises(ValueError, match="finite"):
        rasterise(positions, triangles, (8, 8))


@pytest.mark.gpu
def test_cuda_shows_what_the_cpu_shows() -> None:
    positions, triangles = soup(6, 500, 100.0)
    here: Raster = rasterise(positions, triangles, (100, 100))
    there = rasterise(positions.cuda(), triangles.cuda(), (100, 100))
    assert torch.equal(here.face, there.face.cpu())


def test_covered_pixels_alone_have_what_whole_pictures_have_there() -> None:
    positions, triangles = soup(5, 20, 24.0)
    positions = torch.cat([positions, positions - 1000])  # the second one shows nothing
    raster = rasterise(positions, triangles, (24, 32))
    covered = raster.covered[:, None]
    assert covered[0].any() and not covered[1].any()
    alone = CoveredPixels.of(raster)
    assert alone.index.shape[1] % FULL_ROW == 0
    whole = interpolate(raster, positions, triangles).movedim(-1, 1)
    some = interpolate(alone.raster, positions, triangles)[:, 0].mT
    torch.testing.assert_close(alone.taken(whole)[0], some[0])
    torch.testing.assert_close(alone.laid(some, 7.0), torch.where(covered, whole, 7.0))
    noise = torch.rand_like(whole)
    torch.testing.assert_close(alone.laid(some, noise), torch.where(covered, whole, noise))
