"""Dense motion by its parts."""

import torch

from reenact_core.models.dense_motion import (
    SMALLEST_DETERMINANT,
    heat_differences,
    inverse,
    sparse_motions,
)
from reenact_core.models.keypoint_detector import Keypoints
from reenact_core.models.layers import coordinate_grid, low_pass_kernel, warp

GRID = coordinate_grid(9, 7)


def some(count: int, seed: int) -> Keypoints:
    generator = torch.Generator().manual_seed(seed)
    value = torch.rand(count, 3, 2, generator=generator) - 0.5
    return Keypoints(value, torch.eye(2) + 0.2 * torch.randn(count, 3, 2, 2, generator=generator))


def test_the_background_rests_and_keypoints_meet() -> None:
    source, driving = some(2, 1), some(2, 2)
    motions = sparse_motions(GRID, source, driving)
    assert motions.shape == (2, 4, 9, 7, 2)
    assert torch.equal(motions[:, 0], GRID.expand(2, 9, 7, 2))
    at_keypoints = sparse_motions(driving.value[0, :, None], source[:1], driving[:1])
    for k in range(3):  # T_k(p_D,k) = p_S,k
        torch.testing.assert_close(at_keypoints[0, k + 1, k, 0], source.value[0, k])


def test_the_same_keypoints_move_nothing() -> None:
    still = some(1, 1)
    motions = sparse_motions(GRID, still, still)
    torch.testing.assert_close(motions, GRID.expand(1, 4, 9, 7, 2), rtol=0, atol=1e-5)
    assert torch.equal(heat_differences(GRID, still, still, 0.01), torch.zeros(1, 4, 9, 7))


def test_a_turned_local_frame_turns_the_motion() -> None:
    quarter = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
    source = Keypoints(torch.zeros(1, 1, 2), quarter[None, None])
    driving = Keypoints(torch.zeros(1, 1, 2), torch.eye(2)[None, None])
    motions = sparse_motions(GRID, source, driving)
    torch.testing.assert_close(motions[0, 1, 4, 6], torch.tensor([0.0, 1.0]))  # from (1, 0)


def test_inverses_are_those_of_linear_algebra_and_always_finite() -> None:
    matrices = some(4, 3).jacobian
    assert matrices is not None
    torch.testing.assert_close(inverse(matrices), torch.linalg.inv(matrices))
    singular = torch.tensor([[1.0, 2.0], [2.0, 4.0]])
    expected = torch.tensor([[4.0, -2.0], [-2.0, 1.0]]) / SMALLEST_DETERMINANT
    torch.testing.assert_close(inverse(singular), expected)


def test_the_grid_puts_the_corners_at_one() -> None:
    assert GRID[0, 0].tolist() == [-1, -1]
    assert GRID[8, 6].tolist() == [1, 1]
    torch.testing.assert_close(GRID[4, 3], torch.zeros(2))


def test_the_grid_leaves_a_picture_when_corners_are_aligned_and_shrinks_it_else() -> None:
    picture = torch.rand(1, 3, 9, 7)
    field = GRID[None]
    torch.testing.assert_close(warp(picture, field, align_corners=True), picture)
    assert (warp(picture, field, align_corners=False) - picture).abs().max() > 0.05


def test_low_pass_kernels_have_the_sides_of_the_published_files() -> None:
    sides = {scale: len(low_pass_kernel(scale)) for scale in (0.5, 0.25, 0.125)}
    assert sides == {0.5: 5, 0.25: 13, 0.125: 29}
    assert torch.isclose(low_pass_kernel(0.25).sum(), torch.tensor(1.0))
