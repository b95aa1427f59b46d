"""The head's chart: there and back, the ellipsoid's front, what faces the viewer."""

import math

import torch
from torch import Tensor

from reenact_core.models.head_chart import (
    CENTRE,
    SEMI_AXES,
    Pose,
    facing,
    head_ellipsoid,
    pixel_grid,
    project,
    to_head,
    unproject,
)


def pose(yaw: float = 0.0, pitch: float = 0.0) -> Pose:
    """One head, turned by degrees."""
    a, b = math.radians(yaw), math.radians(pitch)
    turn = torch.tensor([[math.cos(a), 0, -math.sin(a)], [0, 1, 0], [math.sin(a), 0, math.cos(a)]])
    nod = torch.tensor([[1, 0, 0], [0, math.cos(b), -math.sin(b)], [0, math.sin(b), math.cos(b)]])
    return Pose((nod @ turn)[None], torch.tensor([0.4]), torch.tensor([[0.05, -0.1]]))


def grid() -> Tensor:
    return pixel_grid(24, torch.zeros(1))[None]


def test_pixel_grid_has_its_first_centre_half_a_pixel_from_the_edge() -> None:
    assert torch.allclose(pixel_grid(4, torch.zeros(1))[0, 0], torch.tensor([-0.75, -0.75]))


def test_projecting_undoes_unprojecting_on_and_beside_the_head() -> None:
    for turned in (pose(), pose(50, -20), pose(-85, 30)):
        head, _ = unproject(grid(), turned)
        assert torch.allclose(project(head, turned), grid(), atol=1e-5)


def test_places_inside_the_outline_lie_on_the_ellipsoid_s_front() -> None:
    turned = pose(40, 10)
    head, inside = unproject(grid(), turned)
    centre, axes = head_ellipsoid(head)
    on_surface = ((head - centre) / axes).square().sum(-1)
    assert torch.allclose(on_surface[inside > 0], torch.ones(()), atol=1e-4)
    assert (facing(head, turned)[inside > 0.01] > 0).all()


def test_inside_is_one_in_the_middle_and_falls_to_zero_on_the_outline() -> None:
    straight = Pose(torch.eye(3)[None], torch.ones(1), torch.zeros(1, 2))
    middle = torch.tensor([[CENTRE[:2]]])
    rim = middle + torch.tensor([SEMI_AXES[0], 0.0])
    assert math.isclose(unproject(middle, straight)[1].item(), 1.0, abs_tol=1e-5)
    assert math.isclose(unproject(rim, straight)[1].item(), 0.0, abs_tol=1e-5)


def test_landmarks_in_the_picture_come_back_from_head_coordinates() -> None:
    head = torch.randn(1, 7, 3, generator=torch.Generator().manual_seed(0))
    turned = pose(25, 15)
    camera = (head @ turned.rotation.mT) * turned.scale[:, None, None]
    points = torch.cat([camera[..., :2] + turned.offset[:, None], camera[..., 2:]], -1)
    assert torch.allclose(to_head(points, turned), head, atol=1e-5)
