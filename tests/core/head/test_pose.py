"""Poses: there and back."""

import torch

from reenact_core.head.pose import project, to_head
from reenact_core.head.sampling import pixel_grid
from tests.core.heads import pose


def test_pixel_grid_has_its_first_centre_half_a_pixel_from_the_edge() -> None:
    assert torch.allclose(pixel_grid(4, torch.zeros(1))[0, 0], torch.tensor([-0.75, -0.75]))


def test_landmarks_in_the_picture_come_back_from_head_coordinates() -> None:
    head = torch.randn(1, 7, 3, generator=torch.Generator().manual_seed(0))
    turned = pose(25, 15)
    camera = (head @ turned.rotation.mT) * turned.scale[:, None, None]
    points = torch.cat([camera[..., :2] + turned.offset[:, None], camera[..., 2:]], -1)
    assert torch.allclose(to_head(points, turned), head, atol=1e-4)
    assert torch.allclose(project(head, turned), points[..., :2], atol=1e-6)
