"""Relative motion and the movement scale."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reenact_core.models.keypoint_detector import Keypoints
from reenact_core.models.relative_motion import (
    carry_over,
    convex_hull,
    hull_area,
    movement_scale,
)

Points = list[tuple[float, float]]
WHOLE = st.integers(-20, 20).map(float)
POINTS = st.lists(st.tuples(WHOLE, WHOLE), min_size=3, max_size=12)


def area_of_the_slow_method(points: Points) -> float:
    """An edge belongs to the hull if no point lies to its right; the edges' shoelace sum."""
    corners = set(points)
    doubled = 0.0
    for (ax, ay), (bx, by) in itertools.permutations(corners, 2):
        sides = [(bx - ax) * (y - ay) - (by - ay) * (x - ax) for x, y in corners]
        on_line = [p for p, side in zip(corners, sides, strict=True) if side == 0]
        along = [(x - ax) * (bx - ax) + (y - ay) * (by - ay) for x, y in on_line]
        whole = min(along) == 0 and max(along) == (bx - ax) ** 2 + (by - ay) ** 2
        if min(sides) >= 0 and whole:
            doubled += ax * by - bx * ay
    return doubled / 2


@given(POINTS)
def test_the_hull_has_the_area_of_the_slow_method(points: Points) -> None:
    assert hull_area(points) == pytest.approx(area_of_the_slow_method(points))


@given(POINTS)
def test_the_order_of_points_does_not_matter(points: Points) -> None:
    shuffled = sorted(points, key=lambda point: (point[1], -point[0]))
    assert convex_hull(shuffled) == convex_hull(points)


def test_a_square_with_a_point_inside_has_four_corners() -> None:
    square = [(0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0), (1.0, 1.0), (1.0, 0.0)]
    assert len(convex_hull(square)) == 4
    assert hull_area(square) == 4


def test_points_on_a_line_have_no_area() -> None:
    assert hull_area([(0.0, 0.0), (1.0, 1.0), (2.0, 2.0)]) == 0
    assert hull_area([(1.0, 1.0), (1.0, 1.0)]) == 0


def some_keypoints(count: int, seed: int = 0) -> Keypoints:
    generator = torch.Generator().manual_seed(seed)
    value = torch.rand(count, 5, 2, generator=generator) * 2 - 1
    jacobian = torch.eye(2) + 0.2 * torch.randn(count, 5, 2, 2, generator=generator)
    return Keypoints(value, jacobian)


def test_a_face_twice_as_large_moves_twice_as_far() -> None:
    initial = some_keypoints(3)
    source = Keypoints(initial.value * 2 + 0.3, initial.jacobian)
    torch.testing.assert_close(movement_scale(source, initial), torch.full((3,), 2.0))


def test_a_face_without_area_is_not_scaled() -> None:
    flat = Keypoints(torch.zeros(1, 5, 2))
    assert movement_scale(some_keypoints(1), flat).tolist() == [1.0]
    assert movement_scale(flat, some_keypoints(1)).tolist() == [1.0]


def test_the_first_frame_leaves_the_source_where_it_is() -> None:
    source, initial = some_keypoints(1), some_keypoints(1, seed=1)
    moved = carry_over(source, initial, initial, scale=3.0)
    torch.testing.assert_close(moved.value, source.value)
    torch.testing.assert_close(moved.jacobian, source.jacobian)


def test_a_driver_who_is_the_source_hands_over_his_own_keypoints() -> None:
    source, driving = some_keypoints(1), some_keypoints(4, seed=1)
    moved = carry_over(source, source, driving)
    torch.testing.assert_close(moved.value, driving.value)
    torch.testing.assert_close(moved.jacobian, driving.jacobian, rtol=1e-4, atol=1e-4)


def test_each_frame_may_have_a_scale_of_its_own() -> None:
    source, initial, driving = some_keypoints(2), some_keypoints(2, 1), some_keypoints(2, 2)
    both = carry_over(source, initial, driving, torch.tensor([1.0, 2.0]))
    second = carry_over(source[1:], initial[1:], driving[1:], 2.0)
    torch.testing.assert_close(both.value[1:], second.value)
