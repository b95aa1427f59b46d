"""Masks of polygons, against areas known by hand."""

import pytest
import torch

from reenact_core.models.face_regions import polygon_mask, region_masks


def square(half: float) -> torch.Tensor:
    return torch.tensor([[[-half, -half], [half, -half], [half, half], [-half, half]]])


@pytest.mark.parametrize("half", [0.25, 0.5, 1.0])
def test_a_square_covers_its_area(half: float) -> None:
    mask = polygon_mask(square(half), 32)
    assert mask.mean().item() == pytest.approx(half * half, abs=1e-3)
    assert mask[0, 16, 16] == 1


def test_corners_in_the_other_sense_give_the_same(half: float = 0.5) -> None:
    assert torch.equal(polygon_mask(square(half).flip(1), 16), polygon_mask(square(half), 16))


def test_a_closed_mouth_has_no_inside() -> None:
    points = torch.zeros(1, 79, 2)
    points[:, 60:68, 0] = torch.linspace(-0.3, 0.3, 8)
    assert region_masks(points, 16)[:, 0].max() == 0
