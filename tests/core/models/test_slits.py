"""Mouth and eyes as slits: what lies where, what is bared, and that lips part."""

import pytest
import torch
from torch import Tensor

from reenact_core.models.carry_over import expression_difference, shape_difference
from reenact_core.models.face_points import load_face_points
from reenact_core.models.slits import FACING_EDGES, SLITS, bared, closed_at_most, find

MOUTH = SLITS[0]
UPPER, LOWER = (61, 62, 63), (65, 66, 67)
ABOVE, BELOW = tuple(range(49, 54)), tuple(range(55, 60))


@pytest.fixture(scope="module")
def closed() -> Tensor:
    """The average head, whose mouth is closed, (1, 79, 3)."""
    return load_face_points().mean_head[None].clone()


def parted(shape: Tensor, by: float) -> Tensor:
    """The same face with its lips apart by a distance in head units."""
    shape = shape.clone()
    shape[:, UPPER + ABOVE, 1] -= by / 4
    shape[:, LOWER + BELOW, 1] += by * 3 / 4
    return shape


def grid_about(shape: Tensor, point: int, reach: float = 0.3, size: int = 61) -> Tensor:
    """Places (1, size, size, 3) about a landmark, at its depth."""
    line = torch.linspace(-reach, reach, size)
    y, x = torch.meshgrid(line, line, indexing="ij")
    places = torch.stack([x, y, torch.zeros_like(x)], -1)
    return places[None] + shape[:, point][:, None, None]


def test_a_slit_has_two_sides_and_an_inside(closed: Tensor) -> None:
    shape = parted(closed, 0.2)
    middle = (shape[:, 62] + shape[:, 66]) / 2
    offsets = torch.tensor([[0.0, -0.3, 0], [0.0, 0.0, 0], [0.0, 0.3, 0], [2.0, 0.3, 0]])
    found = find(SLITS[0], (middle + offsets)[None, None], shape)
    assert torch.allclose(found.side[0, 0], torch.tensor([0, 0.5, 1, 0.5]), atol=0.02)
    assert found.inside[0, 0].tolist() == [0, 1, 0, 0]
    assert float(found.width[0, 0, 1]) == pytest.approx(0.2, abs=0.01)


def test_lips_part_and_do_not_average(closed: Tensor) -> None:
    """Each lip comes from its own place in the source; a field that spreads over both cannot."""
    opened = parted(closed, 0.24)
    lips = opened[:, None, [*UPPER, *LOWER]]
    wanted = (closed - opened)[:, [*UPPER, *LOWER], 1]
    place = grid_about(opened, 62, 0.4, 321)

    def at_lips(field: Tensor) -> Tensor:
        nearest = (place[0].flatten(0, 1)[:, None] - lips[0]).norm(dim=-1).argmin(0)
        return field[0].flatten(0, 1)[nearest, 1]

    parts = at_lips(expression_difference(place, opened, closed))
    averages = at_lips(shape_difference(place, opened, closed))
    assert (parts - wanted).abs().max() < 0.25 * wanted.abs().max()
    assert (averages - wanted).abs().max() > 0.5 * wanted.abs().max()


def test_what_a_closed_source_cannot_show_is_bared(closed: Tensor) -> None:
    opened, place = parted(closed, 0.2), grid_about(closed, 66, 0.2)
    assert bared(MOUTH, place, opened, closed).max() == 1
    assert bared(MOUTH, place, opened, opened).max() == 0
    assert bared(MOUTH, place, closed, opened).max() == 0
    shown = bared(MOUTH, place, opened, closed)[0]
    upper, lower = (float(opened[0, point, 1]) for point in (62, 66))
    outside = (place[0, ..., 1] < upper - 0.02) | (place[0, ..., 1] > lower + 0.02)
    assert shown[outside].max() == 0


def test_lips_and_lids_never_pass_through_each_other(closed: Tensor) -> None:
    strewn = closed + 0.2 * torch.randn(closed.shape, generator=torch.Generator().manual_seed(0))
    kept = closed_at_most(strewn)
    upper, lower = (list(side) for side in zip(*FACING_EDGES, strict=True))
    assert (kept[:, lower, 1] - kept[:, upper, 1]).min() > -1e-6
    apart = strewn[:, lower, 1] >= strewn[:, upper, 1]
    assert torch.equal(kept[:, upper][apart], strewn[:, upper][apart])
    assert torch.equal(closed_at_most(parted(closed, 0.1)), parted(closed, 0.1))
