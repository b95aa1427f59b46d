"""Known warps."""

import torch

from reenact_core.models.keypoint_detector import Keypoints
from reenact_core.models.layers import coordinate_grid
from reenact_training.equivariance import RandomWarp, equivariance


def a_warp(count: int = 2) -> RandomWarp:
    return RandomWarp.draw(count, generator=torch.Generator().manual_seed(0))


def test_jacobians_are_the_derivatives_of_the_points() -> None:
    warp = a_warp()
    points = torch.rand(2, 3, 2, generator=torch.Generator().manual_seed(1)) * 2 - 1
    slow = torch.func.jacrev(warp.points)(points)
    for b in range(2):
        for n in range(3):
            torch.testing.assert_close(warp.jacobians(points)[b, n], slow[b, n, :, b, n])


def test_no_warp_leaves_the_frame() -> None:
    still = RandomWarp(torch.eye(2, 3)[None], torch.zeros(1, 25, 2))
    frames = torch.rand(1, 3, 8, 8)
    torch.testing.assert_close(still.frames(frames), frames)


def test_a_warped_frame_shows_at_z_what_stood_at_t_of_z() -> None:
    warp = a_warp(1)
    grid = coordinate_grid(33, 33)
    shown = warp.frames(grid.permute(2, 0, 1)[None])  # a picture of its own coordinates
    centre = torch.zeros(1, 1, 2)
    torch.testing.assert_close(shown[0, :, 16, 16], warp.points(centre)[0, 0])


def test_keypoints_that_follow_cost_nothing() -> None:
    warp = a_warp()
    points = torch.rand(2, 4, 2) * 1.6 - 0.8
    frames = torch.eye(2) + 0.1 * torch.randn(2, 4, 2, 2)
    warped = Keypoints(points, frames)
    found = Keypoints(warp.points(points), warp.jacobians(points) @ frames)
    assert equivariance(found, warped, warp) < 1e-5
    assert equivariance(warped, warped, warp) > 1e-3


def test_keypoints_without_jacobians_are_compared_by_place() -> None:
    warp, points = a_warp(), torch.rand(2, 4, 2)
    assert equivariance(Keypoints(warp.points(points)), Keypoints(points), warp) == 0
