"""Volumes of convex hulls."""

import itertools
import math
import random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reenact_core.models.hull_volume import Vector, convex_hull, hull_volume, volume_scale
from reenact_core.models.keypoint_detector import Keypoints

CUBE: list[Vector] = [
    (float(x), float(y), float(z)) for x, y, z in itertools.product((0, 2), repeat=3)
]


def test_a_cube_has_its_volume_whatever_lies_inside_it() -> None:
    inside: list[Vector] = [(1, 1, 1), (0, 1, 1), (1, 0, 0.5), (2, 2, 1)]
    assert hull_volume(CUBE) == pytest.approx(8)
    assert hull_volume(inside + CUBE + CUBE) == pytest.approx(8)


def test_an_octahedron_has_its_volume() -> None:
    corners: list[Vector] = [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)]
    assert hull_volume(corners) == pytest.approx(4 / 3)


@pytest.mark.parametrize("count", [0, 1, 3, 4, 9])
def test_flat_points_have_none(count: int) -> None:
    flat: list[Vector] = [(math.sin(i), math.cos(2 * i), 0.25) for i in range(count)]
    assert hull_volume(flat) == 0


def test_points_that_are_no_numbers_have_none() -> None:
    assert hull_volume([*CUBE, (math.nan, 0, 0)]) == 0


@given(seed=st.integers(0, 10_000), count=st.integers(4, 40))
def test_no_point_is_outside_and_the_volume_is_that_of_six_views(seed: int, count: int) -> None:
    """The hull of random points holds them all, and order and place change nothing."""
    numbers = random.Random(seed)
    points: list[Vector] = [
        (numbers.uniform(-1, 1), numbers.uniform(-1, 1), numbers.gauss(0, 1)) for _ in range(count)
    ]
    expected = hull_volume(points)
    assert expected > 0
    faces = convex_hull(points)
    assert len(faces) == 2 * len({i for face in faces for i in face}) - 4  # Euler
    moved: list[Vector] = [(z + 3, x - 1, y) for x, y, z in reversed(points)]
    assert hull_volume(moved) == pytest.approx(expected, rel=1e-9)


def test_the_scale_is_a_square_root_of_volumes() -> None:
    small = Keypoints(torch.tensor([CUBE]))
    large = Keypoints(3 * torch.tensor([CUBE, CUBE]))
    flat = Keypoints(torch.zeros(1, 8, 3))
    assert volume_scale(large, small).tolist() == pytest.approx([math.sqrt(27)] * 2)
    assert volume_scale(large, flat).tolist() == [1, 1]
